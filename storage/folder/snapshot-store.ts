import { createReadStream } from 'node:fs';
import type { Dirent, Stats } from 'node:fs';
import { access, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import { AppError } from '../../schemas/errors.ts';
import type { SlotId } from '../ports.ts';
import type { SnapshotName, SnapshotStore, StoredSnapshot } from '../snapshot-ports.ts';

const SUFFIX = '.snapshot.gz';
const UNFINISHED = '.unfinished';
/** What a process left that was killed while writing; nobody writes for so long. */
const ABANDONED_AFTER_MS = 6 * 3_600_000;

/**
 * Snapshots in a folder: `<group>/<topic>/<partition>/<time>-<position>.snapshot.gz`. Several processes may share it;
 * a partition has one writer. Written under another name, synced, renamed: what carries the right name is whole.
 */
export class FolderSnapshotStore implements SnapshotStore {
  readonly #root: string;

  /** @param root made at the first put; relative to the working folder, or absolute */
  constructor(root: string) {
    this.#root = resolve(root);
  }

  async put(name: SnapshotName, content: AsyncIterable<Uint8Array>): Promise<StoredSnapshot> {
    const place = this.#pathOf(name);
    try {
      await mkdir(dirname(place), { recursive: true, mode: 0o700 });
      await this.#removeAbandoned(dirname(place));
      if (await exists(place)) throw new AppError('conflict', `there is a snapshot ${place} already`);
      const bytes = await writeWhole(place, content);
      await syncFolder(dirname(place));
      return { ...name, bytes, place };
    } catch (error) {
      throw failure(error, `cannot write the snapshot ${place}`);
    }
  }

  async list(group: string, topic: string, partition?: number): Promise<StoredSnapshot[]> {
    const folder = join(this.#root, safeName(group), safeName(topic));
    const partitions =
      partition === undefined
        ? (await entriesOf(folder)).filter((entry) => entry.isDirectory()).map((entry) => entry.name)
        : [String(partition)];
    const found: StoredSnapshot[] = [];
    for (const part of partitions.filter((text) => /^\d{1,6}$/.test(text))) {
      found.push(...(await this.#listOne({ group, topic, partition: Number(part) })));
    }
    return found.sort((a, b) => b.takenAtMs - a.takenAtMs || b.position - a.position);
  }

  open(name: SnapshotName): AsyncIterable<Uint8Array> {
    return readSnapshotFile(this.#pathOf(name));
  }

  async delete(name: SnapshotName): Promise<void> {
    const place = this.#pathOf(name);
    try {
      await rm(place, { force: true });
    } catch (error) {
      throw failure(error, `cannot delete the snapshot ${place}`);
    }
  }

  async #listOne(slot: SlotId): Promise<StoredSnapshot[]> {
    const folder = this.#folderOf(slot);
    const found: StoredSnapshot[] = [];
    for (const entry of await entriesOf(folder)) {
      const name = parseFileName(slot, entry.name);
      if (name === null) continue;
      const place = join(folder, entry.name);
      const stats = await statsOf(place);
      if (stats !== null) found.push({ ...name, bytes: stats.size, place });
    }
    return found;
  }

  async #removeAbandoned(folder: string): Promise<void> {
    for (const { name } of await entriesOf(folder)) {
      if (!name.endsWith(UNFINISHED)) continue;
      const path = join(folder, name);
      const stats = await statsOf(path);
      if (stats !== null && Date.now() - stats.mtimeMs > ABANDONED_AFTER_MS) await rm(path, { force: true });
    }
  }

  #folderOf({ group, topic, partition }: SlotId): string {
    return join(this.#root, safeName(group), safeName(topic), String(partition));
  }

  #pathOf(name: SnapshotName): string {
    return join(this.#folderOf(name.slot), fileName(name));
  }
}

/** A snapshot file's bytes, wherever it lies. Throws 'not-found', 'snapshot-failed' (retriable) while it is read. */
export async function* readSnapshotFile(path: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk as Buffer;
  } catch (error) {
    throw failure(error, `cannot read the snapshot ${path}`);
  }
}

/** Time first, so that names sort by age. ISO 8601 in its basic form: a colon is no part of names on every system. */
function fileName({ takenAtMs, position }: SnapshotName): string {
  return `${new Date(takenAtMs).toISOString().replace(/[:-]/g, '')}-${String(position)}${SUFFIX}`;
}

const FILE_NAME = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d\.\d{3})Z-(\d{1,16})\.snapshot\.gz$/;

/** Null for a file that is no snapshot. */
function parseFileName(slot: SlotId, text: string): SnapshotName | null {
  const [, year, month, day, hour, minute, second, position] = FILE_NAME.exec(text) ?? [];
  if (year === undefined) return null;
  const iso = `${year}-${String(month)}-${String(day)}T${String(hour)}:${String(minute)}:${String(second)}Z`;
  const takenAtMs = Date.parse(iso);
  return Number.isNaN(takenAtMs) ? null : { slot, position: Number(position), takenAtMs };
}

/** Names of groups and topics are Kafka's, which fit; whatever else must not lead out of the folder. */
function safeName(text: string): string {
  const encoded = encodeURIComponent(text);
  return /^\.+$/.test(encoded) || encoded === '' ? `%${encoded.replaceAll('.', '%2E')}` : encoded;
}

async function writeWhole(place: string, content: AsyncIterable<Uint8Array>): Promise<number> {
  const unfinished = `${place}.${randomUUID()}${UNFINISHED}`;
  try {
    const bytes = await writeSynced(unfinished, content);
    await rename(unfinished, place);
    return bytes;
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

async function writeSynced(path: string, content: AsyncIterable<Uint8Array>): Promise<number> {
  const file = await open(path, 'wx', 0o600);
  try {
    let bytes = 0;
    for await (const chunk of content) {
      await file.writeFile(chunk);
      bytes += chunk.length;
    }
    await file.sync();
    return bytes;
  } finally {
    await file.close();
  }
}

/** The rename lasts only when its folder is on disk too. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    // Nothing was written yet.
    if (codeOf(error) === 'ENOENT') return [];
    throw failure(error, `cannot list the snapshots in ${folder}`);
  }
}

/** Null: whoever wrote it removed it in this moment. */
async function statsOf(path: string): Promise<Stats | null> {
  try {
    return await stat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw failure(error, `cannot look at the snapshot ${path}`);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** The one translation of what the file system throws; everything else is the content's own error. */
function failure(error: unknown, doing: string): unknown {
  if (error instanceof AppError) return error;
  const code = codeOf(error);
  if (code === null || !/^E[A-Z0-9]+$/.test(code)) return error;
  if (code === 'ENOENT') return new AppError('not-found', `${doing}: there is none`, { cause: error });
  const why = error instanceof Error ? error.message : code;
  return new AppError('snapshot-failed', `${doing}: ${why}`, { retriable: true, cause: error });
}

function codeOf(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : null;
}
