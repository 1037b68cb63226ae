import type { BillingItem } from '../../schemas/billing.ts';
import type { Control } from '../../schemas/control.ts';
import type { PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';
import { TariffChanges } from '../tariff-changes/tariff-changes.ts';
import type { TariffSettings } from '../tariff-changes/tariff-changes.ts';
import type { TariffDatabase, TariffTx } from '../tariff-transaction.ts';
import { MemoryTariffReads } from './tariff-reads.ts';
import { MemoryTariffTx } from './tariff-tx.ts';
import type { CycleStore } from './cycle-book.ts';
import { copyOf, cycleStoreOf, emptyState } from './tariff-state.ts';
import type { TariffState } from './tariff-state.ts';

/** How tariffs in memory are made. */
export interface MemoryTariffOptions extends Partial<TariffSettings> {
  /** what readers of the log understand; default null = everything */
  layout?: number | null;
}

/** Tariffs in memory: changes (`store`), what people look at (`reads`) and what a test may want to know. Nothing survives. */
export class MemoryTariffs implements TariffDatabase {
  readonly store: TariffChanges;
  readonly reads: MemoryTariffReads;
  readonly #options: { layout: number | null; defaultCurrency: string };
  #state: TariffState = emptyState();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: MemoryTariffOptions = {}) {
    const { defaultCurrency = 'EUR', layout = null, onChange, onBought } = options;
    this.#options = { layout, defaultCurrency };
    this.store = new TariffChanges(this, {
      defaultCurrency,
      ...(onChange === undefined ? {} : { onChange }),
      ...(onBought === undefined ? {} : { onBought }),
    });
    this.reads = new MemoryTariffReads(() => this.#state);
  }

  /** Told to the log so far, in order. */
  get controls(): readonly Control[] {
    return this.#state.controls;
  }

  /** Items by key, in the order in which they were made. */
  get items(): readonly BillingItem[] {
    return [...this.#state.items.values()];
  }

  /** Items and cycles, for a book that closes them; what it changes is kept at once. */
  get cycleStore(): CycleStore {
    return cycleStoreOf(() => this.#state);
  }

  /** Null = nobody is called so. */
  numberOf(subscriberId: string): number | null {
    return this.#state.subscribers.get(subscriberId)?.no ?? null;
  }

  /** Of all subscribers, ascending. */
  numbers(): number[] {
    return [...this.#state.subscribers.values()].map(({ no }) => no).sort((a, b) => a - b);
  }

  /** As the log was told of a subscriber last; null = never. */
  profile(subscriberId: string): SubscriberProfile | null {
    return this.#state.subscribers.get(subscriberId)?.profile ?? null;
  }

  /** A version of a plan that is metered and costs nothing, as a directory gives it. */
  putMeteredPlan(content: PlanVersion): void {
    const { planId } = content;
    const versions = this.#state.planVersions.get(planId) ?? [];
    this.#state.planVersions.set(planId, [...versions, { content, terms: null }]);
    if (!this.#state.plans.has(planId))
      this.#state.plans.set(planId, { planId, name: '', archivedMs: null, revision: 1 });
  }

  transaction<T>(fn: (tx: TariffTx) => Promise<T>, keeps: boolean): Promise<T> {
    const turn = this.#turn.then(async () => {
      const state = copyOf(this.#state);
      const value = await fn(new MemoryTariffTx(state, this.#options));
      if (keeps) this.#state = state;
      return value;
    });
    // The next one comes whatever became of this one, whose caller is told.
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}
