import { beforeEach, describe, expect, it } from 'vitest';
import type { MemorySnapshotStore } from '../../storage/memory/snapshot-store.ts';
import { MemoryStateStore } from '../../storage/memory/state-store.ts';
import type { SlotId, SlotLease } from '../../storage/ports.ts';
import { aCommit, aSlot, after } from '../../storage/slot-factory.contract.ts';
import type { StoredSnapshot } from '../../storage/snapshot-ports.ts';
import { rebuildPartition } from './rebuild.ts';
import type { PartitionRebuildDeps, RebuildReport, RebuildSource } from './rebuild.ts';
import { fillSlot, fromArray, withHeader, writerDeps } from './snapshot-factory.contract.ts';
import { writeSnapshot } from './write-snapshot.ts';

const EVERYTHING = ['position', 'meta', 'values', 'rows', 'due', 'outbox'] as const;

let slot: SlotId;
let snapshots: MemorySnapshotStore;
/** newest first, at positions 400 and 300 */
let kept: StoredSnapshot[];
let dumps: Map<number, Uint8Array>;
let lost: MemoryStateStore;

beforeEach(async () => {
  const store = new MemoryStateStore();
  slot = aSlot();
  let lease: SlotLease = await fillSlot(store, slot, 20);
  const deps = writerDeps(store);
  snapshots = deps.snapshots;
  dumps = new Map();
  for (const position of [300, 400]) {
    await store.commit(aCommit(slot, lease, { position, due: [{ key: 'next', dueMs: position }] }));
    lease = after(lease);
    await writeSnapshot(deps, slot, lease);
    dumps.set(position, store.dump(slot, EVERYTHING));
  }
  kept = await snapshots.list(slot.group, slot.topic);
  lost = new MemoryStateStore();
});

function rebuild(
  source: RebuildSource = { kind: 'newest' },
  log = { low: 0, high: 1_000 },
  changes: Partial<PartitionRebuildDeps> & { force?: boolean } = {},
): Promise<RebuildReport> {
  const { force = false, ...deps } = changes;
  const readsVersion = (version: number): boolean => version === 1;
  return rebuildPartition({ store: lost, snapshots, readsVersion, ...deps }, slot, log, source, { force });
}

function expectRestored(position: number): void {
  expect(Buffer.compare(lost.dump(slot, EVERYTHING), dumps.get(position) ?? Buffer.alloc(0))).toBe(0);
}

describe('rebuildPartition', () => {
  it('restores the newest snapshot and says what is left to replay', async () => {
    expect(await rebuild()).toEqual({
      partition: 0,
      snapshot: { place: kept[0]?.place, takenAtMs: kept[0]?.takenAtMs },
      skipped: [],
      position: 400,
      toReplay: 600,
      missing: 0,
    });
    expectRestored(400);
  });

  it('passes over one that is damaged, of an unknown version or beyond the log, and says so', async () => {
    const [first] = kept;
    if (first === undefined) throw new Error('no snapshot');
    const good = snapshots.content(first);
    for (const bad of [
      good.subarray(0, good.length - 20),
      await withHeader(good, { stateVersion: 9 }),
      await withHeader(good, { format: 9 }),
      await withHeader(good, { slot: { ...slot, partition: 4 } }),
    ]) {
      snapshots.write(first, bad);
      lost = new MemoryStateStore();
      const { position, skipped } = await rebuild();
      expect({ position, skipped: skipped.map(({ place }) => place) }).toEqual({
        position: 300,
        skipped: [first.place],
      });
      expectRestored(300);
    }
    snapshots.write(first, good);
    lost = new MemoryStateStore();
    expect((await rebuild({ kind: 'newest' }, { low: 0, high: 350 })).skipped[0]?.why).toContain(
      'another log',
    );
    expectRestored(300);
  });

  it('uses none that the log does not continue', async () => {
    await expect(rebuild({ kind: 'newest' }, { low: 401, high: 1_000 })).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/--from-log/) as string,
    });
    expect((await rebuild({ kind: 'newest' }, { low: 400, high: 400 })).toReplay).toBe(0);
  });

  it('says that there is none', async () => {
    await expect(rebuild({ kind: 'newest' }, undefined, { snapshots: null })).rejects.toMatchObject({
      code: 'not-found',
    });
    slot = aSlot();
    await expect(rebuild()).rejects.toMatchObject({ code: 'not-found', message: /there is none/ });
  });

  it('uses the one that is named, and no other instead', async () => {
    const [, older] = kept;
    if (older === undefined) throw new Error('no snapshot');
    const content = snapshots.content(older);
    const source = (bytes: Buffer): RebuildSource => ({
      kind: 'given',
      place: 'a file',
      open: () => fromArray([bytes]),
    });
    await expect(rebuild(source(content.subarray(0, 99)))).rejects.toMatchObject({ code: 'store-corrupt' });
    await expect(rebuild(source(content), { low: 301, high: 1_000 })).rejects.toMatchObject({
      code: 'position-out-of-range',
    });
    expect((await lost.readHead(slot)).position).toBeNull();
    expect(await rebuild(source(content))).toMatchObject({ position: 300, snapshot: { place: 'a file' } });
    expectRestored(300);
  });

  it('begins at the log, whole or by force', async () => {
    expect(await rebuild({ kind: 'log' })).toEqual({
      partition: 0,
      snapshot: null,
      skipped: [],
      position: 0,
      toReplay: 1_000,
      missing: 0,
    });
    const cut = { low: 50, high: 1_000 };
    await expect(rebuild({ kind: 'log' }, cut)).rejects.toMatchObject({ code: 'position-out-of-range' });
    expect(await rebuild({ kind: 'log' }, cut, { force: true })).toMatchObject({ position: 50, missing: 50 });
    expect((await lost.readHead(slot)).position).toBe(50);
  });
});
