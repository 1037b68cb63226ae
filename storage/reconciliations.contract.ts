import { beforeEach, describe, expect, it } from 'vitest';
import type { ReconciliationDifference, ReconciliationSummary } from '../schemas/billing.ts';
import type { Reconciliations } from './billing-ports.ts';

const [FROM, TO] = [Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 2)];
const SUMMARY: ReconciliationSummary = {
  ...{ ours: 3, theirs: 4, leftOut: 1, differences: { amount: 2 }, truncated: false, failure: null },
};

function aDifference(subject: string): ReconciliationDifference {
  return { class: 'amount', subject, ours: { amountMinor: 5 }, theirs: null };
}

/** What every Reconciliations does. @param open gives it empty before each test */
export function reconciliationsContract(name: string, open: () => Promise<Reconciliations>): void {
  describe(`Reconciliations: ${name}`, () => {
    let store: Reconciliations;
    beforeEach(async () => {
      store = await open();
    });

    it('keeps a comparison from its beginning to its end', async () => {
      const id = await store.begin('billing-items', FROM, TO);
      const begun = { id, kind: 'billing-items', fromMs: FROM, toMs: TO, endedMs: null, summary: null };
      expect(await store.find(id)).toMatchObject(begun);
      await store.end(id, SUMMARY);
      const ended = await store.find(id);
      expect(ended).toMatchObject({ ...begun, endedMs: ended?.endedMs, summary: SUMMARY });
      expect(ended?.endedMs).toBeGreaterThanOrEqual(ended?.startedMs ?? Infinity);
    });

    it('keeps differences in the order in which they were found, part by part', async () => {
      const [id, other] = [
        await store.begin('billing-items', FROM, TO),
        await store.begin('usage', FROM, TO),
      ];
      await store.add(id, [aDifference('a'), aDifference('z')]);
      await store.add(other, [aDifference('other')]);
      await store.add(id, []);
      await store.add(id, [aDifference('b')]);
      const first = await store.differences(id, 2, null);
      expect(first.items).toEqual([aDifference('a'), aDifference('z')]);
      expect(await store.differences(id, 2, first.next)).toEqual({ items: [aDifference('b')], next: null });
      expect(await store.differences('77', 2, null)).toEqual({ items: [], next: null });
    });

    it('lists the last first, of one kind or all', async () => {
      const ids: string[] = [];
      for (const kind of ['billing-items', 'billing-cycles', 'billing-items'] as const)
        ids.push(await store.begin(kind, FROM, TO));
      const [a, b, c] = ids;
      const first = await store.list(null, 2, null);
      expect(first.items.map(({ id }) => id)).toEqual([c, b]);
      const rest = await store.list(null, 2, first.next);
      expect([rest.items.map(({ id }) => id), rest.next]).toEqual([[a], null]);
      expect((await store.list('billing-items', 9, null)).items.map(({ id }) => id)).toEqual([c, a]);
      expect(await store.list('usage', 9, null)).toEqual({ items: [], next: null });
    });

    it('adds nothing to one that has ended or is not there', async () => {
      const id = await store.begin('billing-items', FROM, TO);
      await store.end(id, SUMMARY);
      await expect(store.add(id, [aDifference('a')])).rejects.toMatchObject({ code: 'conflict' });
      await expect(store.end(id, SUMMARY)).rejects.toMatchObject({ code: 'conflict' });
      for (const nobody of ['999', 'x'])
        await expect(store.add(nobody, [aDifference('a')])).rejects.toMatchObject({ code: 'not-found' });
      expect(await store.find('x')).toBeNull();
      await expect(store.list(null, 1, 'x')).rejects.toMatchObject({ code: 'invalid-input' });
    });

    it('keeps texts that databases dislike', async () => {
      const id = await store.begin('billing-items', FROM, TO);
      const odd = {
        class: 'missing-here' as const,
        subject: 'k',
        ours: null,
        theirs: { text: 'nul\u0000 \u{1F600}' },
      };
      await store.add(id, [odd]);
      expect((await store.differences(id, 1, null)).items).toEqual([odd]);
    });
  });
}
