import { open, readFile, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { planVersion } from '../pipeline/decode/profile-shape.ts';
import { MAX_FILE_BYTES } from '../rules/lint/json-text.ts';
import type { NamedFile } from '../rules/lint/lint-folder.ts';
import { isLinted } from '../rules/lint/lint-folder.ts';
import { AppError } from '../schemas/errors.ts';
import type { PlanVersion } from '../schemas/profile.ts';

/** Files that one command looks at in a folder. */
const MAX_FILES = 1_000;

/** What lies in one folder, and which of it was asked for; names are paths as they were given. */
export interface FilesOfFolder {
  files: NamedFile[];
  wanted: Set<string>;
}

/**
 * Reads what paths mean: of a folder everything that the linter looks at, of a file the same with that one wanted, because
 * a policy is checked beside its neighbours and its provider.json.
 *
 * @throws AppError `invalid-input` where a path leads nowhere, or to nothing that is checked
 */
export async function lintFilesAt(paths: readonly string[]): Promise<FilesOfFolder[]> {
  const wantedIn = new Map<string, Set<string>>();
  for (const path of paths) {
    const isFolder = await isDirectory(path);
    // `a`, `a/` and `./a` are one folder.
    const folder = dirname(isFolder ? join(path, 'file') : join(path));
    const wanted = isFolder ? await namesIn(folder) : [basename(path)];
    if (wanted.length === 0) throw new AppError('invalid-input', `${path} holds no policies (*.json)`);
    if (!isFolder && !isLinted(path))
      throw new AppError(
        'invalid-input',
        `${path} is no policy: those are *.json; weir policy test takes *.test.json`,
      );
    wantedIn.set(folder, new Set([...(wantedIn.get(folder) ?? []), ...wanted]));
  }
  return Promise.all([...wantedIn].map(([folder, wanted]) => readFolder(folder, wanted)));
}

async function readFolder(folder: string, wanted: ReadonlySet<string>): Promise<FilesOfFolder> {
  // A file that was named is read even where the folder's listing leaves it out.
  const names = [...new Set([...(await namesIn(folder)), ...wanted])].sort();
  if (names.length > MAX_FILES)
    throw new AppError('invalid-input', `${folder} holds more than ${MAX_FILES} files`);
  const files: NamedFile[] = [];
  for (const name of names)
    files.push({ name: join(folder, name), bytes: await readStart(join(folder, name)) });
  return { files, wanted: new Set([...wanted].map((name) => join(folder, name))) };
}

async function namesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter(
      (entry) =>
        (entry.isFile() || entry.isSymbolicLink()) && isLinted(entry.name) && !entry.name.startsWith('.'),
    )
    .map(({ name }) => name);
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    throw new AppError('invalid-input', `there is no file or folder ${path}`, { cause });
  }
}

/** One byte more than a file may have is enough to see that it is too large. */
async function readStart(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(
        Buffer.alloc(MAX_FILE_BYTES + 1),
        0,
        MAX_FILE_BYTES + 1,
        0,
      );
      return Uint8Array.from(buffer.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new AppError('invalid-input', `${path} cannot be read`, { cause });
  }
}

/** Plans of a file: a JSON list, or an object with `plans`. @throws AppError `invalid-input` where it is none */
export async function plansIn(path: string): Promise<PlanVersion[]> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('invalid-input', `${path} is no JSON file of plans: ${why}`, { cause });
  }
  const list: unknown = typeof value === 'object' && value !== null && 'plans' in value ? value.plans : value;
  if (!Array.isArray(list)) throw new AppError('invalid-input', `${path} must be a JSON list of plans`);
  list.forEach((plan: unknown, i) => {
    const fault = planVersion(plan, `plan ${i + 1}`);
    if (fault !== null) throw new AppError('invalid-input', `${path}: ${fault}`);
  });
  return list as PlanVersion[];
}
