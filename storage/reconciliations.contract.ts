import { beforeEach, describe, expect, it } from 'vitest';
import type { ReconciliationDifference, ReconciliationSummary } from '../schemas/billing.ts';
import type { Reconciliations } from './billing-ports.ts';

const SUMMARY: ReconciliationSummary = {
  ...{ ours: 7, theirs: 6, leftOut: 1, differences: { 'missing-there': 2 }, truncated: false, failure: null },
};

function difference(subject: string): ReconciliationDifference {
  return { class: 'missing-there', subject, ours: { amountMinor: 5 }, theirs: null };
}

/** What every store of reconciliations does. @param open gives an empty one before each test */
export function reconciliationsContract(name: string, open: () => Promise<Reconciliations>): void {
  describe(`Reconciliations: ${name}`, () => {
    let store: Reconciliations;
    beforeEach(async () => {
      store = await open();
    });

    it('keeps a comparison from its begin to its end', async () => {
      const id = await store.begin('billing-items', 1_000, 2_000);
      const begun = await store.find(id);
      expect(begun).toMatchObject({ id, kind: 'billing-items', fromMs: 1_000, toMs: 2_000 });
      expect(begun).toMatchObject({ endedMs: null, summary: null });
      expect(Number.isSafeInteger(begun?.startedMs)).toBe(true);
      await store.end(id, SUMMARY);
      const ended = await store.find(id);
      expect(ended?.summary).toEqual(SUMMARY);
      expect(ended?.endedMs).toBeGreaterThanOrEqual(begun?.startedMs ?? Number.NaN);
    });

    it('gives the differences in the order in which they were found, page by page', async () => {
      const id = await store.begin('billing-items', 1, 2);
      await store.add(id, [difference('a'), difference('b')]);
      await store.add(id, []);
      await store.add(id, [{ ...difference('c'), class: 'twice', ours: null, theirs: { ids: ['x', 'y'] } }]);
      const first = await store.differences(id, 2, null);
      expect(first.items).toEqual([difference('a'), difference('b')]);
      const second = await store.differences(id, 2, first.next);
      expect(second.items).toMatchObject([{ class: 'twice', ours: null, theirs: { ids: ['x', 'y'] } }]);
      expect(second.next).toBe(null);
    });

    it('refuses to go on with one that ended, or never was', async () => {
      const id = await store.begin('billing-cycles', 1, 2);
      await store.end(id, SUMMARY);
      await expect(store.add(id, [difference('a')])).rejects.toMatchObject({ code: 'conflict' });
      await expect(store.end(id, SUMMARY)).rejects.toMatchObject({ code: 'conflict' });
      await expect(store.add('999999', [difference('a')])).rejects.toMatchObject({ code: 'not-found' });
      await expect(store.end('999999', SUMMARY)).rejects.toMatchObject({ code: 'not-found' });
    });

    it('lists the last begun first, of one kind or all', async () => {
      const ids: string[] = [];
      for (const kind of ['billing-items', 'billing-cycles', 'billing-items'] as const)
        ids.push(await store.begin(kind, 1, 2));
      const first = await store.list(null, 2, null);
      expect(first.items.map(({ id }) => id)).toEqual([ids[2], ids[1]]);
      const rest = await store.list(null, 2, first.next);
      expect(rest.items.map(({ id }) => id)).toEqual([ids[0]]);
      expect(rest.next).toBe(null);
      const items = await store.list('billing-items', 9, null);
      expect(items.items.map(({ id }) => id)).toEqual([ids[2], ids[0]]);
    });

    it.each(['', 'x', '1; drop table', '99999999999999999999', '-1'])(
      'knows none of the id %j',
      async (id) => {
        expect(await store.find(id)).toBe(null);
        expect((await store.differences(id, 5, null)).items).toEqual([]);
      },
    );
  });
}
