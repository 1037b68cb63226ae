import type { BillingItem } from '../../schemas/billing.ts';
import type { BillingItems } from '../people-ports.ts';

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
}
