import { expect, it } from 'vitest';
import type { BucketValue, SlotCommit, StateStore } from './ports.ts';
import { aSlot, collect, owned, utf8, viewOf } from './slot-factory.contract.ts';

/** Most values that a store may give in one chunk. */
const LARGEST_CHUNK = 1_000;

/** What commits do to the content of a slot, whatever the adapter. */
export function slotContentContract(store: () => StateStore): void {
  absoluteValues(store);
  deletions(store);
  metaFields(store);
  order(store);
  bytes(store);
  size(store);
  isolation(store);
}

function absoluteValues(store: () => StateStore): void {
  it('replaces what is written again and keeps the rest', async () => {
    const { slot, commit } = await owned(store());
    await commit({
      values: ['a', 'b'].map((field) => ({ bucket: 1, field, value: utf8(`${field}1`) })),
      rows: ['a', 'b'].map((field) => ({ group: 'w', field, value: utf8(`${field}1`) })),
      due: ['a', 'b'].map((key) => ({ key, dueMs: 10 })),
      meta: ['a', 'b'].map((field) => ({ field, value: utf8(`${field}1`) })),
      outbox: [1, 2].map((n) => ({ n, bytes: utf8(`${String(n)}1`) })),
    });
    await commit({
      values: [{ bucket: 1, field: 'b', value: utf8('b2') }],
      rows: [{ group: 'w', field: 'b', value: utf8('b2') }],
      due: [{ key: 'b', dueMs: 5 }],
      meta: [{ field: 'b', value: utf8('b2') }],
      outbox: [{ n: 2, bytes: utf8('22') }],
    });
    expect(await viewOf(store(), slot)).toEqual({
      position: 200,
      meta: { a: 'a1', b: 'b2' },
      values: ['[1,"a","a1"]', '[1,"b","b2"]'],
      rows: ['["w","a","a1"]', '["w","b","b2"]'],
      due: [
        { key: 'b', dueMs: 5 },
        { key: 'a', dueMs: 10 },
      ],
    });
    const { outbox } = await store().acquire(slot);
    expect(outbox.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(['11', '22']);
  });

  it('takes the last of what one commit names twice', async () => {
    const { slot, commit } = await owned(store());
    await commit({
      values: ['x', 'y'].map((text) => ({ bucket: 1, field: 'f', value: utf8(text) })),
      rows: ['x', 'y'].map((text) => ({ group: 'w', field: 'f', value: utf8(text) })),
      due: [
        { key: 'gone', dueMs: 1 },
        { key: 'gone', dueMs: null },
        { key: 'kept', dueMs: null },
        { key: 'kept', dueMs: 2 },
      ],
    });
    const view = await viewOf(store(), slot);
    expect(view.values).toEqual(['[1,"f","y"]']);
    expect(view.rows).toEqual(['["w","f","y"]']);
    expect(view.due).toEqual([{ key: 'kept', dueMs: 2 }]);
  });
}

function deletions(store: () => StateStore): void {
  it('deletes groups, single rows and due times; deletion comes after writing', async () => {
    const { slot, commit } = await owned(store());
    const rows = ['w:1', 'w:2', 'w:3'].flatMap((group) =>
      ['a', 'b'].map((field) => ({ group, field, value: utf8('x') })),
    );
    await commit({ rows, due: [{ key: 'k', dueMs: 1 }] });
    await commit({
      rows: [{ group: 'w:1', field: 'c', value: utf8('x') }],
      deletedGroups: ['w:1', 'unknown'],
      deletedRows: [
        { group: 'w:2', field: 'a' },
        { group: 'w:2', field: 'unknown' },
        { group: 'w:3', field: 'a' },
        { group: 'w:3', field: 'b' },
        { group: 'unknown', field: 'a' },
      ],
      due: [
        { key: 'k', dueMs: null },
        { key: 'unknown', dueMs: null },
      ],
    });
    const view = await viewOf(store(), slot);
    expect(view.rows).toEqual(['["w:2","b","x"]']);
    expect(view.due).toEqual([]);
    await commit({ rows: [{ group: 'w:1', field: 'z', value: utf8('again') }] });
    expect((await viewOf(store(), slot)).rows).toEqual(['["w:1","z","again"]', '["w:2","b","x"]']);
  });

  it('removes delivered intents, as often as it is asked', async () => {
    const { slot, commit } = await owned(store());
    await commit({ outbox: [1, 2, 3].map((n) => ({ n, bytes: utf8(String(n)) })) });
    await store().removeOutbox(slot, [1, 3]);
    await store().removeOutbox(slot, [3, 1, 99]);
    await store().removeOutbox(slot, []);
    await store().removeOutbox(aSlot(), [1]);
    await commit({});
    expect((await store().acquire(slot)).outbox.map(({ n }) => n)).toEqual([2]);
  });
}

function metaFields(store: () => StateStore): void {
  it('removes a meta field that is written with an empty value', async () => {
    const { slot, commit } = await owned(store());
    const none = new Uint8Array();
    await commit({ meta: ['core', 'plan:a', 'plan:b'].map((field) => ({ field, value: utf8('1') })) });
    await commit({
      meta: [
        { field: 'plan:a', value: none },
        { field: 'plan:unknown', value: none },
      ],
    });
    expect((await viewOf(store(), slot)).meta).toEqual({ core: '1', 'plan:b': '1' });
    await commit({
      meta: [
        { field: 'plan:a', value: none },
        { field: 'plan:a', value: utf8('2') },
        { field: 'plan:b', value: utf8('2') },
        { field: 'plan:b', value: none },
      ],
    });
    expect((await viewOf(store(), slot)).meta).toEqual({ core: '1', 'plan:a': '2' });
    const { meta, position } = await store().acquire(slot);
    expect([[...meta.keys()].sort(), position]).toEqual([['core', 'plan:a'], 300]);
  });

  it('takes more meta fields than one Redis call', async () => {
    const { slot, commit } = await owned(store());
    const names = Array.from({ length: 9_001 }, (_, i) => `nas:${String(i)}`);
    const put = (value: string): SlotCommit['meta'] => names.map((field) => ({ field, value: utf8(value) }));
    await commit({ meta: [...put('1'), { field: 'core', value: utf8('c') }] });
    const { meta } = await store().readHead(slot);
    expect([...meta.keys()].sort()).toEqual(['core', ...names].sort());
    await commit({ meta: put('') });
    expect((await viewOf(store(), slot)).meta).toEqual({ core: 'c' });
  });
}

function order(store: () => StateStore): void {
  it('gives the outbox by number, not by text', async () => {
    const { slot, commit } = await owned(store());
    const ns = [10, 9, 1, 100, 2, Number.MAX_SAFE_INTEGER];
    await commit({ outbox: ns.map((n) => ({ n, bytes: utf8('x') })) });
    const { outbox } = await store().acquire(slot);
    expect(outbox.map(({ n }) => n)).toEqual([1, 2, 9, 10, 100, Number.MAX_SAFE_INTEGER]);
  });

  it('gives due entries by time, then by the bytes of the key', async () => {
    const { slot, commit } = await owned(store());
    // UTF-16 order puts the last before the one above it; collations ignore punctuation and case.
    const keys = ['', '-b', 'A', 'Z', '_a', 'a', 'ab', 'b', 'é', '\uffee', '\u{1f600}'];
    const late = { key: '0', dueMs: Number.MAX_SAFE_INTEGER };
    const early = { key: 'zz', dueMs: 0 };
    const middle = keys.map((key) => ({ key, dueMs: 1_700_000_000_001 }));
    await commit({ due: [late, ...middle.toReversed(), early] });
    expect(await store().loadDue(slot)).toEqual([early, ...middle, late]);
  });
}

function bytes(store: () => StateStore): void {
  it('keeps all byte values, empty values and odd names', async () => {
    const { slot, commit } = await owned(store());
    const every = Uint8Array.from({ length: 256 }, (_, i) => i);
    const names = [
      'nul\0inside',
      'é\u{1f600}',
      ' "{}:\\\n',
      ...Array.from(every, (b) => String.fromCharCode(b)),
    ];
    const value = (i: number): Uint8Array => (i === 0 ? new Uint8Array() : every.slice(i % 256));
    const notEmpty = (i: number): Uint8Array => (i === 0 ? utf8('m') : value(i));
    await commit({
      values: names.map((field, i) => ({ bucket: 0, field, value: value(i) })),
      rows: names.map((name, i) => ({ group: name, field: name, value: value(i) })),
      due: names.map((key, i) => ({ key, dueMs: i })),
      meta: names.map((field, i) => ({ field, value: notEmpty(i) })),
      outbox: names.map((_, i) => ({ n: i, bytes: value(i) })),
    });
    const expected = names.map((_, i) => Buffer.from(value(i)).toString('hex'));
    const hex = (found: Uint8Array | null | undefined): string | null =>
      found ? Buffer.from(found).toString('hex') : null;
    const read = await store().readValues(
      slot,
      names.map((field) => ({ bucket: 0, field })),
    );
    expect(read.map(hex)).toEqual(expected);
    const loaded = new Map((await collect(store().loadValues(slot))).flat().map((v) => [v.field, v.value]));
    expect(names.map((name) => hex(loaded.get(name)))).toEqual(expected);
    const rows = new Map(
      (await collect(store().loadRows(slot))).flat().map((r) => [r.group + r.field, r.value]),
    );
    expect(names.map((name) => hex(rows.get(name + name)))).toEqual(expected);
    expect((await store().loadDue(slot)).map(({ key }) => key)).toEqual(names);
    const head = await store().acquire(slot);
    expect(names.map((name) => hex(head.meta.get(name)))).toEqual(names.map((_, i) => hex(notEmpty(i))));
    expect(head.outbox.map((entry) => hex(entry.bytes))).toEqual(expected);
  });

  it('shares no memory with the caller', async () => {
    const { slot, commit } = await owned(store());
    const value = Buffer.from('abc');
    await commit({ values: [{ bucket: 1, field: 'f', value }], meta: [{ field: 'm', value }] });
    value.fill(0);
    const asked = [{ bucket: 1, field: 'f' }];
    const [read] = await store().readValues(slot, asked);
    (await store().readHead(slot)).meta.get('m')?.fill(1);
    for (const chunk of await collect(store().loadValues(slot))) for (const item of chunk) item.value.fill(1);
    expect(read && Buffer.from(read).toString()).toBe('abc');
    read?.fill(1);
    const view = await viewOf(store(), slot);
    expect([view.values, view.meta]).toEqual([['[1,"f","abc"]'], { m: 'abc' }]);
  });
}

function size(store: () => StateStore): void {
  it('takes 20,000 values of everything in one commit and loads them in bounded chunks', async () => {
    const { slot, commit } = await owned(store());
    const subscribers = 20_000;
    const values = Array.from({ length: subscribers }, (_, i) => hotValue(i, 64));
    const rows = values.map(({ field, value }, i) => ({ group: `w:${String(i % 3)}`, field, value }));
    await commit({
      values,
      rows,
      due: values.map(({ field }, i) => ({ key: field, dueMs: i })),
      outbox: values.map(({ value }, i) => ({ n: i, bytes: value })),
      meta: Array.from({ length: 2_000 }, (_, i) => ({ field: `plan:${String(i)}`, value: utf8('x') })),
    });
    const text = (field: string, value: Uint8Array): string => `${field}=${Buffer.from(value).toString()}`;
    const expected = values.map(({ field, value }) => text(field, value)).sort();
    for (const chunks of [
      await collect<{ field: string; value: Uint8Array }[]>(store().loadValues(slot)),
      await collect<{ field: string; value: Uint8Array }[]>(store().loadRows(slot)),
    ]) {
      expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(LARGEST_CHUNK);
      expect(Math.min(...chunks.map((chunk) => chunk.length))).toBeGreaterThan(0);
      expect(
        chunks
          .flat()
          .map(({ field, value }) => text(field, value))
          .sort(),
      ).toEqual(expected);
    }
    expect((await store().loadDue(slot)).map(({ key }) => key)).toEqual(values.map(({ field }) => field));
    const head = await store().acquire(slot);
    expect([head.outbox.length, head.meta.size]).toEqual([subscribers, 2_000]);
    await store().removeOutbox(
      slot,
      head.outbox.map(({ n }) => n),
    );
    expect((await store().acquire(slot)).outbox).toEqual([]);
  });

  it('takes a bucket that is larger than one Redis call', async () => {
    const { slot, commit } = await owned(store());
    await commit({ values: Array.from({ length: 9_001 }, (_, i) => hotValue(i, 1)) });
    const chunks = await collect(store().loadValues(slot));
    expect(new Set(chunks.flat().map(({ field }) => field)).size).toBe(9_001);
    expect(chunks.flat()).toHaveLength(9_001);
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(LARGEST_CHUNK);
  });
}

function hotValue(i: number, buckets: number): BucketValue {
  return { bucket: i % buckets, field: `hsub-${String(i)}`, value: utf8(`value ${String(i)}`) };
}

function isolation(store: () => StateStore): void {
  it('keeps slots apart', async () => {
    const base = aSlot({ partition: 1 });
    const slots = [base, { ...base, partition: 11 }, { ...base, group: 'other' }, aSlot({ partition: 1 })];
    const everything = (text: string): Partial<SlotCommit> => ({
      values: [{ bucket: 1, field: 'f', value: utf8(text) }],
      rows: [{ group: 'w', field: 'f', value: utf8(text) }],
      due: [{ key: text, dueMs: 1 }],
      meta: [{ field: 'm', value: utf8(text) }],
      outbox: [{ n: 1, bytes: utf8(text) }],
    });
    const owners = await Promise.all(slots.map((slot) => owned(store(), slot)));
    await Promise.all(owners.map(({ commit }, i) => commit(everything(`slot ${String(i)}`))));
    await owners[0]?.commit({ deletedGroups: ['w'], due: [{ key: 'slot 1', dueMs: null }] });
    await store().removeOutbox(base, [1]);
    for (const [i, slot] of slots.entries()) {
      const own = `slot ${String(i)}`;
      const view = await viewOf(store(), slot);
      expect(view.values).toEqual([`[1,"f","${own}"]`]);
      expect(view.rows).toEqual(i === 0 ? [] : [`["w","f","${own}"]`]);
      expect(view.due).toEqual([{ key: own, dueMs: 1 }]);
      expect(view.meta).toEqual({ m: own });
      const { outbox } = await store().acquire(slot);
      expect(outbox.map(({ bytes: b }) => Buffer.from(b).toString())).toEqual(i === 0 ? [] : [own]);
    }
  });
}
