import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ApiKeys } from '../storage/people-ports.ts';

/**
 * Sees to it that there is a key with which everything can be done: makes one at the first start, when there is no key
 * yet, and puts it into a file with mode 0600. The key is in no log and in no answer. Idempotent.
 *
 * @param file absolute or relative to the working folder; its folder is created with mode 0700
 * @param options.remake make one too if there are other keys but no valid one in the file: right where whoever can
 *   remove the file owns the database as well (the embedded one)
 * @returns 'made' now, 'there' already, or 'elsewhere': the database has keys, and the file holds none of them
 */
export async function ensureAdminKey(
  keys: ApiKeys,
  file: string,
  options: { remake?: boolean } = {},
): Promise<'made' | 'there' | 'elsewhere'> {
  const present = await readKeyFile(file);
  if (present !== null && (await keys.find(present)) !== null) return 'there';
  if (options.remake !== true && (await keys.count()) > 0) return 'elsewhere';
  const { key } = await keys.create('admin', ['admin']);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  // Renamed into place: a reader sees the old key or the new one, and the mode holds from the first byte on.
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, `${key}\n`, { mode: 0o600, flag: 'w' });
  await rename(draft, file);
  return 'made';
}

/** The key in a file, without the line break; null where there is no such file. */
export async function readKeyFile(file: string): Promise<string | null> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
