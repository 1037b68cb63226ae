import { expect, it } from 'vitest';
import type { SlotCommit, SlotLease, StateStore } from './ports.ts';
import { aCommit, aSlot, after, headText, utf8, viewOf } from './slot-factory.contract.ts';

const EMPTY = { position: null, meta: {}, values: [], rows: [], due: [] };

const CONTENT: Partial<SlotCommit> = {
  values: [{ bucket: 1, field: 'a', value: utf8('v') }],
  rows: [{ group: 'w', field: 'a', value: utf8('r') }],
  due: [{ key: 'k', dueMs: 1 }],
  outbox: [{ n: 1, bytes: utf8('o') }],
  meta: ['core', 'plan:a'].map((field) => ({ field, value: utf8('m') })),
};

/** How a slot is emptied for a rebuild. */
export function slotClearContract(store: () => StateStore): void {
  it('clears everything of a slot but its epoch, and ends the lease', async () => {
    const slot = aSlot();
    const other = { ...slot, partition: 1 };
    const first = (await store().acquire(slot)).lease;
    await store().commit(aCommit(slot, first, CONTENT));
    await store().commit(aCommit(other, (await store().acquire(other)).lease, CONTENT));
    const untouched = await viewOf(store(), other);
    const last = aCommit(slot, after(first));
    await store().commit(last);
    const lease = after(after(first));

    expect(await store().clear(slot, lease)).toBe(true);
    expect(await viewOf(store(), slot)).toEqual(EMPTY);
    expect(await store().readOutbox(slot)).toEqual([]);
    for (const ended of [lease, { ...lease, seq: 0 }, { epoch: 0, token: '', seq: 0 }]) {
      expect(await store().holds(slot, ended)).toBe(false);
      expect(await store().commit(aCommit(slot, ended))).toBe('rejected');
      expect(await store().clear(slot, ended)).toBe(false);
    }
    expect(await viewOf(store(), slot)).toEqual(EMPTY);

    const head = await store().acquire(slot);
    expect(headText(head)).toEqual({ epoch: 2, seq: 0, position: null, meta: {}, outbox: [] });
    expect(await store().commit(aCommit(slot, head.lease, { commitId: last.commitId }))).toBe('applied');
    expect(await viewOf(store(), slot)).toEqual({ ...EMPTY, position: 100 });
    expect(await viewOf(store(), other)).toEqual(untouched);
  });

  it('clears a slot that holds nothing yet', async () => {
    const slot = aSlot();
    const { lease } = await store().acquire(slot);
    expect(await store().clear(slot, lease)).toBe(true);
    expect(await store().commit(aCommit(slot, lease))).toBe('rejected');
    expect((await store().acquire(slot)).lease).toMatchObject({ epoch: 2, seq: 0 });
  });

  it.each<[string, (lease: SlotLease) => SlotLease]>([
    ['another token', (lease) => ({ ...lease, token: '0'.repeat(32) })],
    ['an older seq', (lease) => ({ ...lease, seq: lease.seq - 1 })],
    ['a seq that was never given', (lease) => after(lease)],
  ])('clears nothing for %s', async (_, change) => {
    const slot = aSlot();
    const { lease } = await store().acquire(slot);
    await store().commit(aCommit(slot, lease, CONTENT));
    const before = await viewOf(store(), slot);
    expect(await store().clear(slot, change(after(lease)))).toBe(false);
    expect(await store().clear(aSlot(), lease)).toBe(false);
    expect(await viewOf(store(), slot)).toEqual(before);
    expect(await store().holds(slot, after(lease))).toBe(true);
  });

  it('clears a slot that takes several steps', async () => {
    const slot = aSlot();
    const { lease } = await store().acquire(slot);
    await store().commit(aCommit(slot, lease, large()));
    expect(await store().clear(slot, after(lease))).toBe(true);
    expect(await viewOf(store(), slot)).toEqual(EMPTY);
    expect(headText(await store().acquire(slot))).toEqual({
      epoch: 2,
      seq: 0,
      position: null,
      meta: {},
      outbox: [],
    });
  });

  it('stops before the head of a slot that somebody else acquires meanwhile', async () => {
    const slot = aSlot();
    const { lease } = await store().acquire(slot);
    await store().commit(aCommit(slot, lease, large()));
    const [cleared, head] = await Promise.all([
      store().clear(slot, after(lease)),
      store()
        .acquire(slot)
        .then(async (taken) => {
          const value = { bucket: 1, field: 'new', value: utf8('v') };
          expect(await store().commit(aCommit(slot, taken.lease, { values: [value] }))).toBe('applied');
          return taken;
        }),
    ]);
    expect(head.position).toBe(cleared ? null : 100);
    expect(await store().readValues(slot, [{ bucket: 1, field: 'new' }])).not.toEqual([null]);
    expect(await store().holds(slot, after(head.lease))).toBe(true);
  });
}

/** More buckets and groups than a step removes on Redis, more values than one on Postgres. */
function large(): Partial<SlotCommit> {
  const values = Array.from({ length: 20_001 }, (_, i) => ({
    bucket: i % 1_201,
    field: String(i),
    value: utf8('v'),
  }));
  const rows = Array.from({ length: 1_201 }, (_, i) => ({
    group: `w:${String(i)}`,
    field: 'f',
    value: utf8('r'),
  }));
  return { ...CONTENT, values, rows };
}
