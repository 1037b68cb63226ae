import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Between the two looks at a file; whoever writes slower than this in one go shows another size or time. */
const SETTLE_MS = 100;
/** Files that are looked at; a folder that holds more is not meant. */
const MAX_FILES = 1_000;
/** Largest file that is read: a larger one is refused by its size. */
export const MAX_FILE_BYTES = 256 * 1024;

/** A file's identity at one look, by name: what changes when somebody writes it. */
export type FolderLook = ReadonlyMap<string, string>;

/** What a folder of policies holds. */
export interface FolderFiles {
  look: FolderLook;
  /** content by name, in order; null = larger than is read */
  files: ReadonlyMap<string, Buffer | null>;
  /** being written at this moment: nothing is known of them */
  unsettled: string[];
}

/** Looks at a folder's JSON files without reading them. A folder that does not exist is empty. */
export async function lookAt(folder: string): Promise<FolderLook> {
  const look = new Map<string, string>();
  for (const name of await jsonFiles(folder)) {
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
 * read, is left out. Throws what the file system throws besides "not there".
 */
export async function readFolder(folder: string): Promise<FolderFiles> {
  const first = await lookAt(folder);
  await delay(SETTLE_MS);
  const look = await lookAt(folder);
  const files = new Map<string, Buffer | null>();
  const unsettled = [...first.keys()].filter((name) => !look.has(name));
  for (const [name, mark] of look) {
    const content = first.get(name) === mark ? await readWhole(join(folder, name), mark) : undefined;
    if (content === undefined) unsettled.push(name);
    else files.set(name, content);
  }
  return { look, files, unsettled };
}

/** undefined = it changed meanwhile. */
async function readWhole(path: string, mark: string): Promise<Buffer | null | undefined> {
  if (Number(mark.split(' ')[0]) > MAX_FILE_BYTES) return null;
  try {
    const content = await readFile(path);
    return (await markOf(path)) === mark ? content : undefined;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Size first; null = it is not there, or is no file. */
async function markOf(path: string): Promise<string | null> {
  try {
    const { size, mtimeMs, ino, isFile } = await statOf(path);
    return isFile ? `${size} ${mtimeMs} ${ino}` : null;
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

async function statOf(
  path: string,
): Promise<{ size: number; mtimeMs: number; ino: number; isFile: boolean }> {
  const found = await stat(path);
  const { size, mtimeMs, ino } = found;
  return { size, mtimeMs, ino, isFile: found.isFile() };
}

async function jsonFiles(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    // Editors keep their copies under names with a dot before them.
    return names
      .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
      .sort()
      .slice(0, MAX_FILES);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
