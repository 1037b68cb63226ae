import type { BillingItem } from '../../schemas/billing.ts';
import type { BillingItems, CycleSum } from '../people-ports.ts';

/** Billing items in memory. Nothing survives. */
export class MemoryBillingItems implements BillingItems {
  readonly #items = new Map<string, BillingItem>();

  charge(item: BillingItem): Promise<boolean> {
    if (this.#items.has(item.key)) return Promise.resolve(false);
    this.#items.set(item.key, structuredClone(item));
    return Promise.resolve(true);
  }

  ofSubscriber(subscriberId: string, limit: number): Promise<BillingItem[]> {
    const items = [...this.#items.values()].filter((item) => item.subscriberId === subscriberId);
    return Promise.resolve(items.reverse().slice(0, limit));
  }

  cycleSums(subscriberId: string, cycleStartsMs: readonly number[]): Promise<CycleSum[]> {
    const sums = new Map<string, CycleSum>();
    for (const { cycleStartMs, currency, amountMinor, ...item } of this.#items.values()) {
      if (item.subscriberId !== subscriberId || !cycleStartsMs.includes(cycleStartMs)) continue;
      const key = `${cycleStartMs} ${currency}`;
      const sum = sums.get(key) ?? { cycleStartMs, items: 0, amountMinor: 0, currency };
      sums.set(key, { ...sum, items: sum.items + 1, amountMinor: sum.amountMinor + amountMinor });
    }
    return Promise.resolve([...sums.values()].sort((a, b) => a.cycleStartMs - b.cycleStartMs));
  }
}
