import { expect, it } from 'vitest';
import type { StateStore } from './ports.ts';
import { aSlot, collect, owned, utf8 } from './slot-factory.contract.ts';

/** What a slot's parts are read with, whoever owns it. */
export function slotReadsContract(store: () => StateStore): void {
  singleEntries(store);
  wholeBuckets(store);
  rowsOfGroups(store);

  it('gives the outbox to readers, by number', async () => {
    const { slot, commit } = await owned(store());
    const ns = Array.from({ length: 2_345 }, (_, i) => 2_345 - i);
    await commit({ outbox: ns.map((n) => ({ n, bytes: utf8(String(n)) })) });
    await store().removeOutbox(slot, [1, 3]);
    const outbox = await store().readOutbox(slot);
    expect(outbox.map(({ n }) => n)).toEqual(ns.toReversed().filter((n) => n !== 1 && n !== 3));
    expect(outbox.every(({ n, bytes }) => text(bytes) === String(n))).toBe(true);
    expect(await store().readOutbox(aSlot())).toEqual([]);
  });
}

function singleEntries(store: () => StateStore): void {
  it('answers readValues in the order asked, null where there is none', async () => {
    const { slot, commit } = await owned(store());
    await commit({
      values: [
        { bucket: 1, field: 'a', value: utf8('1a') },
        { bucket: 2, field: 'a', value: utf8('2a') },
      ],
    });
    const asked = [
      { bucket: 2, field: 'a' },
      { bucket: 9, field: 'a' },
      { bucket: 1, field: 'a' },
      { bucket: 1, field: 'z' },
      { bucket: 2, field: 'a' },
    ];
    expect((await store().readValues(slot, asked)).map(text)).toEqual(['2a', null, '1a', null, '2a']);
    expect(await store().readValues(slot, [])).toEqual([]);
    expect(await store().readValues(aSlot(), [{ bucket: 1, field: 'a' }])).toEqual([null]);
  });

  it('answers readRows in the order asked, null where there is none', async () => {
    const { slot, commit } = await owned(store());
    await commit({
      rows: [
        { group: 'w:1', field: 'a', value: utf8('1a') },
        { group: 'w:2', field: 'a', value: utf8('2a') },
        { group: 'w:2', field: '', value: utf8('no name') },
      ],
    });
    const asked = [
      { group: 'w:2', field: 'a' },
      { group: 'w:9', field: 'a' },
      { group: 'w:2', field: '' },
      { group: 'w:1', field: 'a' },
      { group: 'w:1', field: 'z' },
      { group: 'w:2', field: 'a' },
    ];
    expect((await store().readRows(slot, asked)).map(text)).toEqual([
      '2a',
      null,
      'no name',
      '1a',
      null,
      '2a',
    ]);
    expect(await store().readRows(slot, [])).toEqual([]);
    expect(await store().readRows(aSlot(), [{ group: 'w:1', field: 'a' }])).toEqual([null]);
  });

  it('reads as many single entries as a batch may touch', async () => {
    const { slot, commit } = await owned(store());
    const fields = Array.from({ length: 12_000 }, (_, i) => `f${String(i)}`);
    await commit({
      values: fields.map((field) => ({ bucket: 1, field, value: utf8(field) })),
      rows: fields.map((field) => ({ group: 'w', field, value: utf8(field) })),
    });
    const asked = fields.toReversed();
    const values = await store().readValues(
      slot,
      asked.map((field) => ({ bucket: 1, field })),
    );
    const rows = await store().readRows(
      slot,
      asked.map((field) => ({ group: 'w', field })),
    );
    expect(values.map(text)).toEqual(asked);
    expect(rows.map(text)).toEqual(asked);
  });
}

function wholeBuckets(store: () => StateStore): void {
  it('reads some buckets whole, each once', async () => {
    const { slot, commit } = await owned(store());
    const named = Array.from({ length: 100 }, (_, bucket) =>
      ['a', 'nul\0', '__proto__'].map((field) => ({ bucket, field })),
    ).flat();
    await commit({
      values: named.map((name) => ({ ...name, value: utf8(`${String(name.bucket)}${name.field}`) })),
    });
    const buckets = Array.from({ length: 80 }, (_, i) => i + 10);
    const found = await store().readBuckets(slot, [...buckets, 10, 4_711]);
    const expected = named.filter(({ bucket }) => buckets.includes(bucket));
    expect(
      found.map(({ bucket, field, value }) => JSON.stringify([bucket, field, text(value)])).sort(),
    ).toEqual(
      expected
        .map(({ bucket, field }) => JSON.stringify([bucket, field, `${String(bucket)}${field}`]))
        .sort(),
    );
    found[0]?.value.fill(0);
    const [again] = await store().readBuckets(slot, [found[0]?.bucket ?? 0]);
    expect(again && text(again.value)).not.toMatch(/^\0/);
    expect(await store().readBuckets(slot, [])).toEqual([]);
    expect(await store().readBuckets(aSlot(), [1])).toEqual([]);
  });
}

function rowsOfGroups(store: () => StateStore): void {
  it('loads the rows of some groups only, in bounded chunks', async () => {
    const { slot, commit } = await owned(store());
    const named = ['', 'w:1', 'w:10', 'w:2', 'o'].flatMap((group) =>
      Array.from({ length: group === 'w:1' ? 2_500 : 2 }, (_, i) => ({
        group,
        // also the shortest names: none, and one that is the start of the next
        field: '\0'.repeat(i % 2) + String(i < 2 ? '' : i),
      })),
    );
    await commit({ rows: named.map((name) => ({ ...name, value: utf8('x') })) });
    for (const groups of [['w:1'], ['w:2', 'w:1', 'w:2', 'unknown'], ['', 'o'], []]) {
      const chunks = await collect(store().loadRows(slot, groups));
      const names = chunks.flat().map(({ group, field }) => JSON.stringify([group, field]));
      const expected = named.filter(({ group }) => groups.includes(group));
      expect(names.sort()).toEqual(expected.map(({ group, field }) => JSON.stringify([group, field])).sort());
      for (const chunk of chunks) {
        expect(chunk.length).toBeGreaterThan(0);
        expect(chunk.length).toBeLessThanOrEqual(1_000);
      }
    }
    expect(await collect(store().loadRows(aSlot(), ['w:1']))).toEqual([]);
  });
}

function text(value: Uint8Array | null): string | null {
  return value === null ? null : Buffer.from(value).toString('utf8');
}
