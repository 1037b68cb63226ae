import { loadSlot } from '../../pipeline/commit/load-slot.ts';
import { StoredValues } from '../../pipeline/commit/stored-values.ts';
import { UNREAD_SETTINGS } from '../../pipeline/fold/slot-state.ts';
import type { SlotState } from '../../pipeline/fold/slot-state.ts';
import { RedisStateStore } from '../../storage/redis/state-store.ts';

/** Reads what a program has committed to Redis, from outside. */
export class SlotReader {
  readonly #store: RedisStateStore;
  readonly #group: string;
  readonly #topic: string;
  readonly #partitions: number;

  constructor(redisUrl: string, group: string, topic: string, partitions: number) {
    this.#store = new RedisStateStore({ url: redisUrl, log: { warn: () => undefined } });
    this.#group = group;
    this.#topic = topic;
    this.#partitions = partitions;
  }

  /** Connects. */
  open(): Promise<void> {
    return this.#store.verify();
  }

  /** Next offset of each partition; 0 where nothing is committed. Takes no ownership. */
  async positions(): Promise<number[]> {
    const heads = this.#slots().map(async (slot) => (await this.#store.readHead(slot)).position ?? 0);
    return Promise.all(heads);
  }

  /** Every slot as its next owner would load it. Takes ownership: only when no program runs. */
  async states(): Promise<SlotState[]> {
    return Promise.all(
      this.#slots().map(async (slot) => {
        const head = await this.#store.acquire(slot);
        const settings = { ...UNREAD_SETTINGS, partitionCount: this.#partitions };
        const marks = { low: 0, high: head.position ?? 0, groupOffset: null };
        const { state } = await loadSlot(this.#store, slot, head, settings, marks);
        const stored = new StoredValues(this.#store, slot, state);
        for (let bucket = 0; bucket < state.settings.bucketCount; bucket += 1) await stored.buckets([bucket]);
        return state;
      }),
    );
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  #slots(): { group: string; topic: string; partition: number }[] {
    return Array.from({ length: this.#partitions }, (_, partition) => ({
      group: this.#group,
      topic: this.#topic,
      partition,
    }));
  }
}
