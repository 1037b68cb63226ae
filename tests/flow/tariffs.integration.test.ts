import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../pipeline/config/secret.ts';
import { BillingClient } from '../../pipeline/dispatch/billing/client.ts';
import { beginItemReconciliation } from '../../pipeline/reconcile/reconcile-items.ts';
import type { ReconciliationSummary } from '../../schemas/billing.ts';
import type { DeliveredItemView } from '../../schemas/billing-views.ts';
import { PostgresInvoiceLedger } from '../../storage/postgres/invoice-ledger.ts';
import { PostgresReconciliations } from '../../storage/postgres/reconciliations.ts';
import { owed } from './tariff-reckoning.ts';
import type { Owed } from './tariff-reckoning.ts';
import type { TariffRun } from './tariff-run.ts';
import { EACH, SUBSCRIBERS, TariffStory } from './tariff-story.ts';

const HOUR_MS = 3_600_000;

/** What is looked at of an item, here or there. */
type Line = Pick<DeliveredItemView, 'type' | 'line' | 'amount'>;

describe('a billing cycle over workers, leaders and dispatchers that are killed', () => {
  let story: TariffStory;
  let items: DeliveredItemView[];
  let reconciled: ReconciliationSummary | null;

  beforeAll(async () => {
    story = await TariffStory.open();
    await story.fill();
    await story.crossCaps();
    await story.close();
    await story.end();
    const page = await story.run.granted('GET', '/v1/billing-items?limit=500');
    ({ items } = page as { items: DeliveredItemView[] });
    reconciled = await reconcile(story.run);
  }, 240_000);

  afterAll(async () => {
    await story.run.close();
  });

  it('ends with the items that plain arithmetic says, each once, here and at the billing system', () => {
    const there = story.run.billing.books.items as readonly unknown[] as ({ subscriber: string } & Line)[];
    const { fromMs, toMs } = story.cycle;
    for (const { id, of } of SUBSCRIBERS) {
      const wanted = sorted(owed(of, { from: fromMs / 1_000, to: toMs / 1_000 }, changedAt(id)));
      const here = items.filter(({ subscriberId }) => subscriberId === id).map(owedBy);
      const told = there.filter(({ subscriber }) => subscriber === id).map(owedBy);
      expect({ id, here: sorted(here), there: sorted(told) }).toEqual({ id, here: wanted, there: wanted });
    }
    const keys = story.run.billing.books.items.map(({ key }) => key);
    expect(keys.toSorted()).toEqual(items.map(({ key }) => key).toSorted());
    expect(items.filter(({ state }) => state !== 'delivered')).toEqual([]);
    expect(story.run.billing.defects).toEqual([]);
  });

  /** Second since 1970 in which the second plan of a subscriber began; 0 where there is none. */
  function changedAt(id: string): number {
    const second = SUBSCRIBERS.find((one) => one.id === id)?.of.second;
    const made = story.changes.find(({ subscriberId }) => subscriberId === id)?.changed.tariff;
    const assigned = made?.assignments.find(({ planId }) => planId === second);
    return assigned === undefined ? 0 : Math.floor(Date.parse(assigned.from) / 1_000);
  }

  it.each([
    ['faster-0', ['adjustment overage', 'overage overage', 'proration plan', 'recurring plan']],
    ['metered-2', ['adjustment usage', 'recurring plan', 'usage usage']],
    ['topped-1', ['recurring plan', 'topup top-up']],
    ['fresh-1', ['adjustment overage', 'overage overage', 'recurring plan']],
  ])('says what each item of %s is', (id, types) => {
    const own = items.filter(({ subscriberId }) => subscriberId === id);
    expect([...new Set(own.map(kindOf))].toSorted()).toEqual(types);
  });

  it('charges what the preview showed', () => {
    expect(story.changes).toHaveLength(4 * EACH);
    for (const { subscriberId, previewed, changed } of story.changes) {
      // As the previews were: without the state of a delivery.
      const booked = changed.items.map(({ key }) => items.find((item) => item.key === key));
      expect(booked).toEqual(changed.items.map((item) => expect.objectContaining(item) as unknown));
      const isDated = SUBSCRIBERS.some(
        (one) => one.id === subscriberId && one.isDated && one.of.second !== null,
      );
      // A change of now may come a second after its preview, which can be a cent.
      if (isDated) expect(previewed.items).toEqual(changed.items);
      else expect(previewed.items.map(kindOf)).toEqual(changed.items.map(kindOf));
    }
  });

  it('has closed every cycle, by the terms that were in force', async () => {
    const { rows } = await story.run.pool.query('select status, failed_at, terms_differ from cycle');
    expect(rows).toEqual(SUBSCRIBERS.map(() => ({ status: 'closed', failed_at: null, terms_differ: false })));
  });

  it('finds no difference when it is reconciled', () => {
    expect(reconciled).toEqual({
      ...{ ours: items.length, theirs: items.length, leftOut: 0 },
      ...{ differences: {}, truncated: false, failure: null },
    });
  });
});

/** As the job does it, but an hour from now: it leaves out what is younger than a quarter of one. */
async function reconcile({ pool, peer: { url, key } }: TariffRun): Promise<ReconciliationSummary | null> {
  const peer = new BillingClient({
    ...{ url: new Secret(url), key: new Secret(key) },
    ...{ timeoutMs: 5_000, maxConnections: 4 },
  });
  const defects: unknown[] = [];
  try {
    const store = new PostgresReconciliations(pool);
    const sides = { ledger: new PostgresInvoiceLedger(pool), store, peer, nowMs: () => Date.now() + HOUR_MS };
    const window = { fromMs: Date.now() - 24 * HOUR_MS, toMs: Date.now() + HOUR_MS };
    const { done } = await beginItemReconciliation(sides, window, new AbortController().signal, (defect) =>
      defects.push(defect),
    );
    const summary = await done;
    expect(defects).toEqual([]);
    return summary;
  } finally {
    peer.close();
  }
}

/** Parts of cycles and top-ups have names that the arithmetic does not know. */
function owedBy({ line, amount }: Line): Owed[number] {
  return [/^(usage|top-up):/.exec(line)?.[1] ?? line, amount.amountMinor];
}

function kindOf({ type, line }: Line): string {
  return `${type} ${line.split(':')[0] ?? ''}`;
}

function sorted(lines: Owed): string[] {
  return lines.map(([line, amount]) => `${line} ${String(amount)}`).toSorted();
}
