import type { Analytics, AnalyticsBatch } from '../../storage/analytics-ports.ts';

/** How an insert ends: stored, refused, stored without the caller hearing of it, or stored by half and failed. */
export type InsertEnd = 'stored' | 'refused' | 'acknowledgement lost' | 'half stored';

/** Analytics for tests, whose inserts wait until the test ends them and then go to `store` or not. */
export class HeldAnalytics<Store extends Pick<Analytics, 'insert'>> implements Pick<Analytics, 'insert'> {
  readonly store: Store;
  /** batches in the order of the calls */
  readonly batches: AnalyticsBatch[] = [];
  #held: { batch: AnalyticsBatch; resolve: () => void; reject: (error: Error) => void } | null = null;

  constructor(store: Store) {
    this.store = store;
  }

  insert(batch: AnalyticsBatch): Promise<void> {
    if (this.#held !== null) throw new Error('two inserts at once');
    this.batches.push(batch);
    return new Promise((resolve, reject) => {
      this.#held = { batch, resolve, reject };
    });
  }

  get busy(): boolean {
    return this.#held !== null;
  }

  /** Ends the insert in hand and lets its caller hear of it. @returns false if there is none */
  async end(how: InsertEnd): Promise<boolean> {
    const held = this.#held;
    if (held === null) return false;
    this.#held = null;
    const { windows, late, sessions, feeds } = held.batch;
    if (how === 'half stored') {
      await this.store.insert({
        windows: windows.slice(0, windows.length / 2),
        late: [],
        sessions: [],
        feeds: [],
      });
    } else if (how !== 'refused') {
      await this.store.insert({ windows, late, sessions, feeds });
    }
    if (how === 'stored') held.resolve();
    else held.reject(new Error(how));
    await new Promise((resolve) => setImmediate(resolve));
    return true;
  }
}
