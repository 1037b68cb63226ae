import { describe, expect, it } from 'vitest';
import { MemorySnapshotStore } from '../../storage/memory/snapshot-store.ts';
import { MemoryStateStore } from '../../storage/memory/state-store.ts';
import type { StateStore } from '../../storage/ports.ts';
import { aCommit, aSlot, after, utf8 } from '../../storage/slot-factory.contract.ts';
import { checkSnapshot } from './read-snapshot.ts';
import { REBUILDING_FIELD } from './rebuilding.ts';
import { fillSlot, writerDeps } from './snapshot-factory.contract.ts';
import { writeSnapshot } from './write-snapshot.ts';

describe('writeSnapshot', () => {
  it('writes everything that the slot holds, with what it is of', async () => {
    const store = new MemoryStateStore();
    const slot = aSlot({ partition: 5 });
    const lease = await fillSlot(store, slot);
    const deps = writerDeps(store);
    const written = await writeSnapshot(deps, slot, lease);
    expect(written).toMatchObject({
      slot,
      position: lease.seq * 100,
      takenAtMs: Date.UTC(2025, 0, 31, 0, 0, 1),
    });
    const { header, counts } = await checkSnapshot(() => deps.snapshots.open(written ?? never()));
    expect(header).toMatchObject({ format: 1, stateVersion: 1, slot, epoch: 1, position: lease.seq * 100 });
    expect(counts).toEqual({ meta: 4, values: 2_501, rows: 834, due: 2_500, outbox: 3 });
  });

  it('writes nothing of a slot without any commit', async () => {
    const store = new MemoryStateStore();
    const slot = aSlot();
    const { lease } = await store.acquire(slot);
    const deps = writerDeps(store);
    expect(await writeSnapshot(deps, slot, lease)).toBeNull();
    expect(await deps.snapshots.list(slot.group, slot.topic)).toEqual([]);
  });

  it('keeps the last two, also when the clock was set back', async () => {
    const store = new MemoryStateStore();
    const slot = aSlot();
    const other = aSlot({ topic: slot.topic, partition: 1 });
    let lease = await fillSlot(store, slot, 10);
    let nowMs = 0;
    const deps = { ...writerDeps(store), nowMs: () => nowMs };
    await writeSnapshot(deps, other, await fillSlot(store, other, 10));
    for (nowMs of [1_000, 5_000, 9_000, 3_000]) {
      await store.commit(aCommit(slot, lease));
      lease = after(lease);
      await writeSnapshot(deps, slot, lease);
    }
    const kept = await deps.snapshots.list(slot.group, slot.topic);
    expect(kept.map((one) => [one.slot.partition, one.takenAtMs])).toEqual([
      [0, 9_001],
      [0, 9_000],
      [1, 0],
    ]);
  });

  it('deletes no older one before the new one is kept', async () => {
    const store = new MemoryStateStore();
    const slot = aSlot();
    const lease = await fillSlot(store, slot, 10);
    const deps = writerDeps(store);
    await writeSnapshot(deps, slot, lease);
    await writeSnapshot(deps, slot, lease);
    const before = await deps.snapshots.list(slot.group, slot.topic);
    deps.snapshots.put = () => Promise.reject(new Error('full'));
    await expect(writeSnapshot(deps, slot, lease)).rejects.toThrow('full');
    expect(await deps.snapshots.list(slot.group, slot.topic)).toEqual(before);
  });

  it('refuses one whose lease does not hold', async () => {
    const store = new MemoryStateStore();
    const slot = aSlot();
    const lease = await fillSlot(store, slot, 10);
    await store.acquire(slot);
    await expect(writeSnapshot(writerDeps(store), slot, lease)).rejects.toMatchObject({
      code: 'store-rejected',
      retriable: true,
    });
  });

  it.each([
    ['committed to', (store: StateStore, commit: ReturnType<typeof aCommit>) => store.commit(commit)],
    ['taken', (store: StateStore, { slot }: ReturnType<typeof aCommit>) => store.acquire(slot)],
  ])('throws away what was read while the slot was %s', async (_name, disturb) => {
    const store = new MemoryStateStore();
    const slot = aSlot();
    const lease = await fillSlot(store, slot, 1_500);
    const deps = writerDeps(disturbed(store, () => disturb(store, aCommit(slot, lease))));
    await expect(writeSnapshot(deps, slot, lease)).rejects.toMatchObject({ code: 'store-rejected' });
    expect(await deps.snapshots.list(slot.group, slot.topic)).toEqual([]);
  });

  it('refuses a slot that is being rebuilt', async () => {
    const store = new MemoryStateStore();
    const slot = aSlot();
    const { lease } = await store.acquire(slot);
    await store.commit(aCommit(slot, lease, { meta: [{ field: REBUILDING_FIELD, value: utf8('1') }] }));
    await expect(writeSnapshot(writerDeps(store), slot, after(lease))).rejects.toMatchObject({
      code: 'conflict',
    });
  });

  it('holds a chunk of the values at a time', async () => {
    const store = new MemoryStateStore();
    const slot = aSlot();
    const lease = await fillSlot(store, slot, 20_000);
    // The reader must be held back by the writer: it may run ahead by what the streams between buffer.
    let [read, ahead] = [0, 0];
    const counting = disturbed(store, () => void (read += 1));
    const slow = new MemorySnapshotStore();
    const put = slow.put.bind(slow);
    slow.put = (name, content) =>
      put(
        name,
        (async function* () {
          for await (const chunk of content) {
            const before = read;
            for (let i = 0; i < 20; i += 1) await new Promise(setImmediate);
            ahead = Math.max(ahead, read - before);
            yield chunk;
          }
        })(),
      );
    await writeSnapshot({ ...writerDeps(counting), snapshots: slow }, slot, lease);
    expect(read).toBe(21);
    expect(ahead).toBeLessThan(12);
  });
});

/** The store, with something done before each chunk of values but the first. */
function disturbed(store: StateStore, disturb: () => unknown): StateStore {
  const changed = Object.create(store) as StateStore;
  for (const name of ['holds', 'readHead', 'readOutbox', 'loadRows', 'loadDue'] as const) {
    Object.assign(changed, { [name]: store[name].bind(store) });
  }
  changed.loadValues = async function* (slot) {
    for await (const chunk of store.loadValues(slot)) {
      yield chunk;
      await disturb();
    }
  };
  return changed;
}

function never(): never {
  throw new Error('nothing was written');
}
