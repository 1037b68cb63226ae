import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aSlot, utf8 } from '../slot-factory.contract.ts';
import { snapshotStoreContract } from '../snapshot-store.contract.ts';
import { FolderSnapshotStore } from './snapshot-store.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-snapshots-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

snapshotStoreContract('folder', () => new FolderSnapshotStore(join(folder, 'made', 'at', 'need')));

async function* one(text: string): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield utf8(text);
}

describe('FolderSnapshotStore', () => {
  it('names a file by group, topic, partition, time and position; nobody else may read it', async () => {
    const store = new FolderSnapshotStore(folder);
    const slot = { group: 'weir', topic: 'accounting', partition: 3 };
    const takenAtMs = Date.UTC(2025, 1, 28, 6, 0, 1, 42);
    const { place } = await store.put({ slot, position: 77, takenAtMs }, one('x'));
    expect(place).toBe(join(folder, 'weir/accounting/3/20250228T060001.042Z-77.snapshot.gz'));
    expect((await stat(place)).mode & 0o077).toBe(0);
  });

  it('passes over what is no snapshot, and removes what a killed writer left long ago', async () => {
    const store = new FolderSnapshotStore(folder);
    const slot = aSlot();
    const place = join(folder, slot.group, slot.topic, '0');
    await mkdir(place, { recursive: true });
    for (const name of ['notes.txt', 'old.unfinished', 'new.unfinished'])
      await writeFile(join(place, name), 'x');
    await utimes(join(place, 'old.unfinished'), 1_000, 1_000);
    await mkdir(join(folder, slot.group, slot.topic, 'no-partition'));
    await store.put({ slot, position: 1, takenAtMs: 0 }, one('x'));
    expect(await store.list(slot.group, slot.topic)).toHaveLength(1);
    expect((await readdir(place)).sort()).toEqual([
      '19700101T000000.000Z-1.snapshot.gz',
      'new.unfinished',
      'notes.txt',
    ]);
  });

  it('says which folder cannot be written', async () => {
    await writeFile(join(folder, 'a-file'), 'x');
    const store = new FolderSnapshotStore(join(folder, 'a-file'));
    await expect(store.put({ slot: aSlot(), position: 1, takenAtMs: 0 }, one('x'))).rejects.toMatchObject({
      code: 'snapshot-failed',
      retriable: true,
      message: expect.stringContaining('a-file') as string,
    });
  });
});
