import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemorySlotMarks } from './memory/slot-marks.ts';
import type { SlotId, SlotLease, StateStore } from './ports.ts';
import { aCommit, aSlot, after, headText, utf8, viewOf } from './slot-factory.contract.ts';
import { slotClearContract } from './slot-clear.contract.ts';
import { slotContentContract } from './slot-content.contract.ts';
import { slotReadsContract } from './slot-reads.contract.ts';

/** A store under test, and what a test does behind its back. */
export interface StateStoreFixture {
  store: StateStore;
  /** Copies the slot as it is stored; the answer puts it back: a server that lost its tail. */
  copySlot(slot: SlotId): Promise<() => Promise<void>>;
  /** Makes commits of the slot that write a value to bucket 7 fail there; the answer heals it. */
  breakHalfway(slot: SlotId): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** What every StateStore does. `make` is called once; tests use slots of their own. */
export function stateStoreContract(name: string, make: () => Promise<StateStoreFixture>): void {
  describe(`StateStore: ${name}`, () => {
    let fixture: StateStoreFixture | undefined;
    const current = (): StateStoreFixture => {
      if (fixture === undefined) throw new Error('used before beforeAll');
      return fixture;
    };
    beforeAll(async () => {
      fixture = await make();
      await fixture.store.verify();
    });
    afterAll(async () => {
      await fixture?.close();
    });
    ownership(current);
    atomicity(current);
    lostTail(current);
    slotContentContract(() => current().store);
    slotReadsContract(() => current().store);
    slotClearContract(() => current().store);
  });
}

function ownership(fixture: () => StateStoreFixture): void {
  it('gives an empty slot as empty', async () => {
    const { store } = fixture();
    const slot = aSlot();
    const empty = { position: null, meta: {}, values: [], rows: [], due: [] };
    expect(await viewOf(store, slot)).toEqual(empty);
    expect(await store.holds(slot, { epoch: 0, token: '', seq: 0 })).toBe(false);
    const head = await store.acquire(slot);
    expect(headText(head)).toEqual({ epoch: 1, seq: 0, position: null, meta: {}, outbox: [] });
    expect(head.lease.token).toMatch(/^[0-9a-f]{32}$/);
    expect(await viewOf(store, slot)).toEqual(empty);
  });

  it('raises the epoch and changes the token with every acquire', async () => {
    const { store } = fixture();
    const slot = aSlot();
    const first = (await store.acquire(slot)).lease;
    await store.commit(aCommit(slot, first));
    const second = (await store.acquire(slot)).lease;
    expect(second).toMatchObject({ epoch: first.epoch + 1, seq: 1 });
    expect(second.token).not.toBe(first.token);
    expect(await store.holds(slot, after(first))).toBe(false);
    expect(await store.holds(slot, second)).toBe(true);
  });

  it('holds while token and seq are the stored ones', async () => {
    const { store } = fixture();
    const slot = aSlot();
    const { lease } = await store.acquire(slot);
    expect(await store.holds(slot, lease)).toBe(true);
    await store.commit(aCommit(slot, lease));
    expect(await store.holds(slot, lease)).toBe(false);
    expect(await store.holds(slot, after(lease))).toBe(true);
    expect(await store.holds(slot, { ...after(lease), token: '0'.repeat(32) })).toBe(false);
  });

  it('rejects a commit without owner', async () => {
    const { store } = fixture();
    const slot = aSlot();
    expect(await store.commit(aCommit(slot, { epoch: 1, token: '', seq: 0 }))).toBe('rejected');
    expect((await viewOf(store, slot)).position).toBeNull();
  });

  it('rejects a stale token, also for a commit that was applied', async () => {
    const { store } = fixture();
    const slot = aSlot();
    const { lease } = await store.acquire(slot);
    const applied = aCommit(slot, lease);
    expect(await store.commit(applied)).toBe('applied');
    await store.acquire(slot);
    const before = await viewOf(store, slot);
    expect(await store.commit(fullCommit(slot, after(lease)))).toBe('rejected');
    expect(await store.commit(applied)).toBe('rejected');
    expect(await viewOf(store, slot)).toEqual(before);
  });

  it.each([
    ['repeated', 2],
    ['older', 1],
    ['skipping', 4],
  ])('rejects a sequence number that is %s', async (_, seq) => {
    const { store } = fixture();
    const slot = aSlot();
    const { lease } = await store.acquire(slot);
    await store.commit(aCommit(slot, lease));
    await store.commit(aCommit(slot, after(lease)));
    const before = await viewOf(store, slot);
    expect(await store.commit({ ...fullCommit(slot, lease), seq })).toBe('rejected');
    expect(await viewOf(store, slot)).toEqual(before);
  });
}

function atomicity(fixture: () => StateStoreFixture): void {
  it('answers already to the same commit again and changes nothing', async () => {
    const { store } = fixture();
    const slot = aSlot();
    const { lease } = await store.acquire(slot);
    const commit = fullCommit(slot, lease);
    expect(await store.commit(commit)).toBe('applied');
    await store.removeOutbox(slot, [1]);
    const before = await viewOf(store, slot);
    expect(await store.commit(commit)).toBe('already');
    expect(await viewOf(store, slot)).toEqual(before);
    expect((await store.acquire(slot)).outbox).toEqual([]);
  });

  it('knows the last commit only', async () => {
    const { store } = fixture();
    const slot = aSlot();
    const { lease } = await store.acquire(slot);
    const first = aCommit(slot, lease);
    await store.commit(first);
    await store.commit(aCommit(slot, after(lease)));
    expect(await store.commit(first)).toBe('rejected');
  });

  it('leaves a commit that failed half-way uncommitted, and takes it when it is sent again', async () => {
    const { store, breakHalfway } = fixture();
    const slot = aSlot();
    const { lease } = await store.acquire(slot);
    await store.commit(aCommit(slot, lease, { meta: [{ field: 'core', value: utf8('before') }] }));
    const heal = await breakHalfway(slot);
    const commit = fullCommit(slot, after(lease));
    await expect(store.commit(commit)).rejects.toThrow();
    expect(await store.readHead(slot)).toEqual({
      position: 100,
      meta: new Map([['core', expect.objectContaining(utf8('before')) as Uint8Array]]),
    });
    expect(await store.holds(slot, after(lease))).toBe(true);
    await heal();
    expect(await store.commit(commit)).toBe('applied');
    expect(await viewOf(store, slot)).toEqual(FULL_VIEW);
  });
}

function lostTail(fixture: () => StateStoreFixture): void {
  it('lets a lost tail be noticed: the old lease no longer holds, the position is below the mark', async () => {
    const { store, copySlot } = fixture();
    const slot = aSlot();
    const marks = new MemorySlotMarks();
    const { lease } = await store.acquire(slot);
    await store.commit(aCommit(slot, lease, { values: [{ bucket: 1, field: 'f', value: utf8('old') }] }));
    const loseTail = await copySlot(slot);
    await store.commit(
      aCommit(slot, after(lease), { values: [{ bucket: 1, field: 'f', value: utf8('new') }] }),
    );
    await marks.raise(slot, 200);
    const held = after(after(lease));
    expect(await store.holds(slot, held)).toBe(true);
    await loseTail();
    expect(await store.holds(slot, held)).toBe(false);
    expect(await store.commit(aCommit(slot, held))).toBe('rejected');
    const position = (await store.acquire(slot)).position;
    expect(position).toBe(100);
    expect(position).toBeLessThan((await marks.read(slot)) ?? 0);
    expect((await viewOf(store, slot)).values).toEqual(['[1,"f","old"]']);
  });

  it('tells two owners apart that a lost tail gave the same epoch', async () => {
    const { store, copySlot } = fixture();
    const slot = aSlot();
    await store.commit(aCommit(slot, (await store.acquire(slot)).lease));
    const loseTail = await copySlot(slot);
    const zombie = (await store.acquire(slot)).lease;
    await loseTail();
    const owner = (await store.acquire(slot)).lease;
    expect([owner.epoch, owner.seq]).toEqual([zombie.epoch, zombie.seq]);
    expect(await store.commit(aCommit(slot, zombie))).toBe('rejected');
    expect(await store.commit(aCommit(slot, owner))).toBe('applied');
  });
}

/** Something of every kind; its value in bucket 7 is what breakHalfway trips over. */
function fullCommit(slot: SlotId, lease: SlotLease): ReturnType<typeof aCommit> {
  return aCommit(slot, lease, {
    outbox: [{ n: 1, bytes: utf8('intent') }],
    rows: [{ group: 'w:1', field: 'a', value: utf8('row') }],
    due: [{ key: 'k', dueMs: 5 }],
    values: [
      { bucket: 3, field: 'a', value: utf8('v3') },
      { bucket: 7, field: 'a', value: utf8('v7') },
    ],
    meta: [{ field: 'core', value: utf8('after') }],
    position: 777,
  });
}

const FULL_VIEW = {
  position: 777,
  meta: { core: 'after' },
  values: ['[3,"a","v3"]', '[7,"a","v7"]'],
  rows: ['["w:1","a","row"]'],
  due: [{ key: 'k', dueMs: 5 }],
};
