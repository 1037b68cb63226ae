import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Between the two looks at a file; whoever writes slower than this in one go shows another size or time. */
const SETTLE_MS = 100;
/** Files that are looked at; a folder that holds more is not meant. */
const MAX_FILES = 1_000;
/** Largest file that is read: a larger one is refused by its size. */
export const MAX_FILE_BYTES = 256 * 1024;

/** Name under which a look has the folder itself, where that cannot be read. */
export const FOLDER_ITSELF = '.';
/** Begins the mark of what cannot be read; the error's code follows. */
const UNREADABLE = '! ';

/** A file's identity at one look, by name: what changes when somebody writes it, or why it cannot be read. */
export type FolderLook = ReadonlyMap<string, string>;

/** What a folder of policies holds. */
export interface FolderFiles {
  look: FolderLook;
  /** content by name, in order; null = larger than is read */
  files: ReadonlyMap<string, Buffer | null>;
  /** error codes (EACCES, ELOOP) by name; what is wrong with one file says nothing of the others */
  unreadable: ReadonlyMap<string, string>;
  /** being written at this moment: nothing is known of them */
  unsettled: string[];
}

/** Looks at a folder's JSON files without reading them. A folder that does not exist is empty. */
export async function lookAt(folder: string): Promise<FolderLook> {
  const look = new Map<string, string>();
  const names = await jsonFiles(folder);
  if (typeof names === 'string') return look.set(FOLDER_ITSELF, UNREADABLE + names);
  for (const name of names) {
    const mark = await markOf(join(folder, name));
    if (mark !== null) look.set(name, mark);
  }
  return look;
}

/** True where two looks saw the same. */
export function sameLook(a: FolderLook, b: FolderLook): boolean {
  return a.size === b.size && [...a].every(([name, mark]) => b.get(name) === mark);
}

/**
 * Reads a folder's JSON files, each whole or not at all: a file whose size or time changes between two looks, or while it is
 * read, is left out. What cannot be read is named, and does not throw.
 */
export async function readFolder(folder: string): Promise<FolderFiles> {
  const first = await lookAt(folder);
  await delay(SETTLE_MS);
  const look = await lookAt(folder);
  const files = new Map<string, Buffer | null>();
  const unreadable = new Map<string, string>();
  const unsettled = [...first.keys()].filter((name) => !look.has(name));
  for (const [name, mark] of look) {
    const content = first.get(name) === mark ? await readWhole(join(folder, name), mark) : undefined;
    if (content === undefined) unsettled.push(name);
    else if (typeof content === 'string') unreadable.set(name, content);
    else files.set(name, content);
  }
  return { look, files, unreadable, unsettled };
}

/** undefined = it changed meanwhile; a text = the code of the error. */
async function readWhole(path: string, mark: string): Promise<Buffer | null | string | undefined> {
  if (mark.startsWith(UNREADABLE)) return mark.slice(UNREADABLE.length);
  if (Number(mark.split(' ')[0]) > MAX_FILE_BYTES) return null;
  try {
    const content = await readFile(path);
    return (await markOf(path)) === mark ? content : undefined;
  } catch (error) {
    return isGone(error) ? undefined : codeOf(error);
  }
}

/** Size first, or that it cannot be read; null = it is not there, or is no file. */
async function markOf(path: string): Promise<string | null> {
  try {
    const found = await stat(path);
    return found.isFile() ? `${found.size} ${found.mtimeMs} ${found.ino}` : null;
  } catch (error) {
    return isGone(error) ? null : UNREADABLE + codeOf(error);
  }
}

/** A text = the code of the error. */
async function jsonFiles(folder: string): Promise<string[] | string> {
  try {
    const names = await readdir(folder);
    // Editors keep their copies under names with a dot before them.
    return names
      .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
      .sort()
      .slice(0, MAX_FILES);
  } catch (error) {
    return isGone(error) ? [] : codeOf(error);
  }
}

function isGone(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

/** Errors of the file system have one; any other is a fault of ours and goes on. */
function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  throw error;
}
