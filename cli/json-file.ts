import { readFile } from 'node:fs/promises';
import { AppError } from '../schemas/errors.ts';

/**
 * What a JSON file holds.
 *
 * @throws AppError 'invalid-input' that names the file
 */
export async function jsonOf(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as unknown;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('invalid-input', `cannot read ${file}: ${why}`, { cause });
  }
}
