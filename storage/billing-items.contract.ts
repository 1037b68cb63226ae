import { beforeEach, describe, expect, it } from 'vitest';
import type { BillingItem } from '../schemas/billing.ts';
import type { BillingItems } from './people-ports.ts';

const JANUARY = Date.UTC(2026, 0, 1);

/** An item of subscriber 's-1'. */
export function anItem(key: string, over: Partial<BillingItem> = {}): BillingItem {
  return {
    key,
    type: 'overage',
    accountId: 'acct-7',
    subscriberId: 's-1',
    poolId: null,
    amountMinor: 500,
    currency: 'EUR',
    quantity: 1,
    taxClass: 'standard',
    line: 'overage:data',
    description: 'block 1',
    cycleStartMs: JANUARY,
    cycleEndMs: null,
    periodFromMs: null,
    periodToMs: null,
    source: { actionId: key, policyId: 'blocks', policyVersion: 'v1', rule: 'pay', what: 'block 1' },
    ...over,
  };
}

/** What every BillingItems does. @param open gives it empty before each test */
export function billingItemsContract(name: string, open: () => Promise<BillingItems>): void {
  describe(`BillingItems: ${name}`, () => {
    let items: BillingItems;
    beforeEach(async () => {
      items = await open();
    });

    it('keeps an item as it was first, once by its key', async () => {
      expect(await items.charge(anItem('k1'))).toBe(true);
      expect(await items.charge(anItem('k1', { amountMinor: 9 }))).toBe(false);
      expect(await items.charge(anItem('k2', { subscriberId: 's-2' }))).toBe(true);
      expect(await items.ofSubscriber('s-1', 10)).toEqual([anItem('k1')]);
    });

    it('keeps a credit with its period', async () => {
      const credit = anItem('k1', {
        ...{
          type: 'proration',
          amountMinor: -250,
          quantity: -1,
          line: 'plan:home',
          poolId: 'p-1',
          taxClass: 'reduced',
        },
        ...{ cycleEndMs: JANUARY + 100, periodFromMs: JANUARY + 1, periodToMs: JANUARY + 2 },
      });
      await items.charge(credit);
      expect(await items.ofSubscriber('s-1', 1)).toEqual([credit]);
    });

    it('lists the last first, as many as asked for', async () => {
      for (const key of ['k1', 'k2', 'k3']) await items.charge(anItem(key));
      expect((await items.ofSubscriber('s-1', 2)).map(({ key }) => key)).toEqual(['k3', 'k2']);
    });

    it('sums what cycles came to', async () => {
      const february = Date.UTC(2026, 1, 1);
      await items.charge(anItem('k1'));
      await items.charge(anItem('k2', { amountMinor: -200, quantity: -1 }));
      await items.charge(anItem('k3', { cycleStartMs: february }));
      await items.charge(anItem('k4', { cycleStartMs: JANUARY + 1 }));
      await items.charge(anItem('k5', { subscriberId: 's-2' }));
      expect(await items.cycleSums('s-1', [JANUARY, february, 5])).toEqual([
        { cycleStartMs: JANUARY, items: 2, amountMinor: 300, currency: 'EUR' },
        { cycleStartMs: february, items: 1, amountMinor: 500, currency: 'EUR' },
      ]);
      expect(await items.cycleSums('s-1', [])).toEqual([]);
    });
  });
}
