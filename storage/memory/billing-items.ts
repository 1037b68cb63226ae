import type { BillingItem } from '../../schemas/billing.ts';
import type { TopUp } from '../../schemas/profile.ts';
import type { BillingItems } from '../people-ports.ts';

/** Billing items in memory; profiles are somebody else's, so a top-up is told to `onTopUp`. Nothing survives. */
export class MemoryBillingItems implements BillingItems {
  readonly #items = new Map<string, BillingItem>();
  readonly #onTopUp: (subscriberId: string, topUp: TopUp) => boolean;

  /** @param onTopUp puts it into the subscriber's profile; false = there is no such subscriber */
  constructor(onTopUp: (subscriberId: string, topUp: TopUp) => boolean = () => true) {
    this.#onTopUp = onTopUp;
  }

  charge(item: BillingItem): Promise<boolean> {
    if (this.#items.has(item.key)) return Promise.resolve(false);
    this.#items.set(item.key, structuredClone(item));
    return Promise.resolve(true);
  }

  async topUp(item: BillingItem, topUp: TopUp): ReturnType<BillingItems['topUp']> {
    if (this.#items.has(item.key)) return 'known';
    if (!this.#onTopUp(item.subscriberId, topUp)) return 'no-subscriber';
    await this.charge(item);
    return 'added';
  }

  ofSubscriber(subscriberId: string, limit: number): Promise<BillingItem[]> {
    const items = [...this.#items.values()].filter((item) => item.subscriberId === subscriberId);
    return Promise.resolve(items.reverse().slice(0, limit));
  }
}
