import { describe, expect, it } from 'vitest';
import type { FaultPoint } from '../../storage/memory/state-store.ts';
import { MemoryStateStore } from '../../storage/memory/state-store.ts';
import { AppError } from '../../schemas/errors.ts';
import type { SlotId } from '../../storage/ports.ts';
import { aCommit, aSlot, utf8 } from '../../storage/slot-factory.contract.ts';
import { checkSnapshot } from './read-snapshot.ts';
import type { CheckedSnapshot } from './read-snapshot.ts';
import { beginAtLog, restoreSlot } from './rebuild-slot.ts';
import { isRebuilding, requireRebuilt } from './rebuilding.ts';
import { fillSlot, fromArray, withContent, withHeader, writerDeps } from './snapshot-factory.contract.ts';
import { writeSnapshot } from './write-snapshot.ts';

const EVERYTHING = ['position', 'meta', 'values', 'rows', 'due', 'outbox'] as const;
const readsVersion = (version: number): boolean => version === 1;

/** A filled slot's snapshot and the dump of what it held. */
async function aSnapshot(values = 2_500): Promise<{ slot: SlotId; content: Buffer; dump: Uint8Array }> {
  const store = new MemoryStateStore();
  const slot = aSlot();
  const lease = await fillSlot(store, slot, values);
  const deps = writerDeps(store);
  const written = await writeSnapshot(deps, slot, lease);
  if (written === null) throw new Error('nothing was written');
  return { slot, content: deps.snapshots.content(written), dump: store.dump(slot, EVERYTHING) };
}

/** Not toEqual: that takes a second for a hundred kilobytes. */
function expectSame(a: Uint8Array, b: Uint8Array): void {
  expect(Buffer.compare(a, b)).toBe(0);
}

function checked(content: Buffer): Promise<CheckedSnapshot> {
  return checkSnapshot(() => fromArray([content]));
}

describe('restoreSlot', () => {
  it('makes an empty slot equal byte for byte', async () => {
    const { slot, content, dump } = await aSnapshot();
    const store = new MemoryStateStore();
    await restoreSlot({ store, readsVersion }, slot, await checked(content), { force: false });
    expectSame(store.dump(slot, EVERYTHING), dump);
    requireRebuilt(slot, (await store.readHead(slot)).meta);
  });

  it('never gives numbers of the outbox again: its epoch is above the snapshot’s', async () => {
    const { slot, content } = await aSnapshot(10);
    const old = await withHeader(content, { epoch: 40 });
    const store = new MemoryStateStore();
    await restoreSlot({ store, readsVersion }, slot, await checked(old), { force: false });
    expect((await store.acquire(slot)).lease.epoch).toBeGreaterThan(41);
  });

  it('refuses a slot that holds something, and drops that with force', async () => {
    const { slot, content, dump } = await aSnapshot();
    const store = new MemoryStateStore();
    const { lease } = await store.acquire(slot);
    const values = [{ bucket: 39, field: 'stays?', value: utf8('x') }];
    const due = [{ key: 'stays?', dueMs: 1 }];
    const rows = [{ group: 'w:stays?', field: 'f', value: utf8('x') }];
    await store.commit(aCommit(slot, lease, { values, due, rows, outbox: [{ n: 1, bytes: utf8('x') }] }));
    const before = store.dump(slot, [...EVERYTHING, 'owner']);
    const snapshot = await checked(content);
    await expect(
      restoreSlot({ store, readsVersion }, slot, snapshot, { force: false }),
    ).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('--force') as string,
    });
    expect(store.dump(slot, [...EVERYTHING, 'owner'])).toEqual(before);
    await restoreSlot({ store, readsVersion }, slot, snapshot, { force: true });
    expectSame(store.dump(slot, EVERYTHING), dump);
  });

  it('refuses a version of the state that this program does not read, and another slot’s', async () => {
    const { slot, content } = await aSnapshot(10);
    const store = new MemoryStateStore();
    const deps = { store, readsVersion };
    const newer = await checked(await withHeader(content, { stateVersion: 2 }));
    await expect(restoreSlot(deps, slot, newer, { force: true })).rejects.toMatchObject({
      code: 'state-version-unknown',
    });
    const snapshot = await checked(content);
    for (const other of [{ partition: 1 }, { topic: 'other' }, { group: 'other' }]) {
      await expect(restoreSlot(deps, { ...slot, ...other }, snapshot, { force: true })).rejects.toMatchObject(
        {
          code: 'invalid-input',
        },
      );
    }
    expect(await store.readHead(slot)).toEqual({ position: null, meta: new Map() });
  });

  it('is refused by loading, or leaves the slot empty, wherever it is interrupted; again it succeeds', async () => {
    const { slot, content, dump } = await aSnapshot(300);
    const snapshot = await checked(content);
    const total = await pointsOf(async (fault) => {
      const store = await halfFilled(slot, fault);
      await restoreSlot({ store, readsVersion }, slot, snapshot, { force: true });
    });
    expect(total).toBeGreaterThan(60);
    const unchanged = (await halfFilled(slot)).dump(slot, EVERYTHING);
    for (let broken = 0; broken < total; broken += 1) {
      let point = 0;
      let fail = true;
      const store = await halfFilled(slot, () => {
        if (fail && point++ === broken) throw new AppError('unreachable', 'it broke');
      });
      const deps = { store, readsVersion };
      await expect(restoreSlot(deps, slot, snapshot, { force: true })).rejects.toThrow('it broke');
      fail = false;
      const { position, meta } = await store.readHead(slot);
      if (position !== null && !isRebuilding(meta)) {
        // It can be loaded: nothing was changed yet, or it is whole and only the last answer was lost.
        expectSame(store.dump(slot, EVERYTHING), position === 777 ? unchanged : dump);
      }
      await restoreSlot(deps, slot, snapshot, { force: true });
      expectSame(store.dump(slot, EVERYTHING), dump);
    }
  });

  it('needs no force to begin an interrupted rebuild anew', async () => {
    const { slot, content, dump } = await aSnapshot(300);
    const snapshot = await checked(content);
    let commits = 0;
    const store = new MemoryStateStore({
      fault: (point) => {
        if (point === 'commit' && ++commits === 4) throw new AppError('unreachable', 'it broke');
      },
    });
    const deps = { store, readsVersion };
    await expect(restoreSlot(deps, slot, snapshot, { force: false })).rejects.toThrow('it broke');
    const { meta } = await store.readHead(slot);
    expect(() => {
      requireRebuilt(slot, meta);
    }).toThrow('weir state rebuild');
    await restoreSlot(deps, slot, snapshot, { force: false });
    expectSame(store.dump(slot, EVERYTHING), dump);
  });

  it('gives up where a worker takes the slot meanwhile, which then refuses it', async () => {
    const { slot, content } = await aSnapshot(300);
    let commits = 0;
    const store = new MemoryStateStore({
      fault: (point) => {
        if (point === 'commit' && ++commits === 5) void store.acquire(slot);
      },
    });
    await expect(
      restoreSlot({ store, readsVersion }, slot, await checked(content), { force: false }),
    ).rejects.toMatchObject({
      code: 'store-rejected',
      message: expect.stringContaining('stop the workers') as string,
    });
    expect(isRebuilding((await store.readHead(slot)).meta)).toBe(true);
  });

  it('sends a commit of unknown outcome once more', async () => {
    const { slot, content, dump } = await aSnapshot(300);
    let answers = 0;
    const store = new MemoryStateStore({
      fault: (point) => {
        if (point === 'acknowledge' && ++answers % 4 === 1 && answers !== 5)
          throw new AppError('store-unknown-outcome', 'no answer', { retriable: true });
      },
    });
    await restoreSlot({ store, readsVersion }, slot, await checked(content), { force: false });
    expectSame(store.dump(slot, EVERYTHING), dump);
  });

  it('changes nothing for a snapshot that was damaged after it was checked but for the mark', async () => {
    const { slot, content } = await aSnapshot(300);
    let reads = 0;
    const damaged = await withContent(content, (plain) =>
      plain.fill(1, plain.length / 2, plain.length / 2 + 9),
    );
    const snapshot = await checkSnapshot(() => fromArray([reads++ === 0 ? content : damaged]));
    const store = new MemoryStateStore();
    await expect(
      restoreSlot({ store, readsVersion }, slot, snapshot, { force: false }),
    ).rejects.toMatchObject({
      code: 'store-corrupt',
    });
    expect(isRebuilding((await store.readHead(slot)).meta)).toBe(true);
  });
});

describe('beginAtLog', () => {
  it('empties a slot, so that it begins at offset 0', async () => {
    const store = new MemoryStateStore();
    const slot = aSlot();
    await fillSlot(store, slot, 10);
    await expect(beginAtLog({ store, readsVersion }, slot, 0, { force: false })).rejects.toMatchObject({
      code: 'conflict',
    });
    await beginAtLog({ store, readsVersion }, slot, 0, { force: true });
    expect(await store.readHead(slot)).toEqual({ position: null, meta: new Map() });
  });

  it('stands where the log begins, where that is later', async () => {
    const store = new MemoryStateStore();
    const slot = aSlot();
    await beginAtLog({ store, readsVersion }, slot, 900, { force: true });
    expect(await store.readHead(slot)).toEqual({ position: 900, meta: new Map() });
  });
});

/** A slot with a little in it, at position 777. */
async function halfFilled(
  slot: SlotId,
  fault: (point: FaultPoint) => void = () => undefined,
): Promise<MemoryStateStore> {
  let filled = false;
  const store = new MemoryStateStore({
    newToken: () => 'a token',
    fault: (point) => {
      if (filled) fault(point);
    },
  });
  const { lease } = await store.acquire(slot);
  const values = [{ bucket: 1, field: 'before', value: utf8('x') }];
  await store.commit(aCommit(slot, lease, { position: 777, values, due: [{ key: 'before', dueMs: 1 }] }));
  filled = true;
  return store;
}

/** How many points at which a fault may strike a run passes. */
async function pointsOf(run: (fault: () => void) => Promise<void>): Promise<number> {
  let points = 0;
  await run(() => (points += 1));
  return points;
}
