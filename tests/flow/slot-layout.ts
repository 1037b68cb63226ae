import { randomUUID } from 'node:crypto';
import { CORE_FIELD } from '../../pipeline/commit/load-slot.ts';
import { encodeCore } from '../../pipeline/commit/slot-codec.ts';
import { emptySlot } from '../../pipeline/fold/slot-state.ts';
import type { FoldSettings } from '../../pipeline/fold/slot-state.ts';
import type { BucketValue, SlotCommit, SlotId } from '../../storage/ports.ts';
import { RedisStateStore } from '../../storage/redis/state-store.ts';

/** Layouts of what a slot holds: its core, and how many values and rows there are of each. */
export interface Layouts {
  core: number | undefined;
  values: Record<number, number>;
}

/** The layout, a version byte before everything stored, of the slots of one topic; for programs that do not run. */
export class SlotLayout {
  readonly #store: RedisStateStore;
  readonly #topic: string;

  constructor(redisUrl: string, topic: string) {
    this.#store = new RedisStateStore({ url: redisUrl, log: { warn: () => undefined } });
    this.#topic = topic;
  }

  open(): Promise<void> {
    return this.#store.verify();
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  /** Makes an empty slot as a program of an older layout would. */
  async begin(partition: number, version: number, settings: FoldSettings): Promise<void> {
    const state = { ...emptySlot(partition, settings, 0), blobVersion: version };
    await this.#write(partition, { meta: [{ field: CORE_FIELD, value: encodeCore(state) }] });
  }

  async layouts(partition: number): Promise<Layouts> {
    const slot = this.#slot(partition);
    const { meta } = await this.#store.readHead(slot);
    const values: Record<number, number> = {};
    const count = (bytes: Uint8Array): void => {
      const version = bytes[0] ?? -1;
      values[version] = (values[version] ?? 0) + 1;
    };
    for await (const chunk of this.#store.loadValues(slot)) for (const { value } of chunk) count(value);
    for await (const chunk of this.#store.loadRows(slot)) for (const { value } of chunk) count(value);
    return { core: meta.get(CORE_FIELD)?.[0], values };
  }

  /** Marks the core as of another layout. Returns how to take that back. */
  async markCore(partition: number, version: number): Promise<() => Promise<void>> {
    const { meta } = await this.#store.readHead(this.#slot(partition));
    const value = meta.get(CORE_FIELD) ?? new Uint8Array();
    const write = (bytes: Uint8Array): Promise<void> =>
      this.#write(partition, { meta: [{ field: CORE_FIELD, value: bytes }] });
    await write(marked(value, version));
    return () => write(value);
  }

  /** Marks every subscriber's values as of another layout. Returns how to take that back. */
  async markValues(partition: number, version: number): Promise<() => Promise<void>> {
    const values: BucketValue[] = [];
    for await (const chunk of this.#store.loadValues(this.#slot(partition))) values.push(...chunk);
    const changed = values.map(({ value, ...place }) => ({ ...place, value: marked(value, version) }));
    await this.#write(partition, { values: changed });
    return () => this.#write(partition, { values });
  }

  async #write(partition: number, changes: Partial<Pick<SlotCommit, 'meta' | 'values'>>): Promise<void> {
    const slot = this.#slot(partition);
    const { lease, position } = await this.#store.acquire(slot);
    const result = await this.#store.commit({
      slot,
      token: lease.token,
      seq: lease.seq + 1,
      commitId: randomUUID(),
      position: position ?? 0,
      outbox: [],
      rows: [],
      deletedGroups: [],
      deletedRows: [],
      due: [],
      values: [],
      meta: [],
      ...changes,
    });
    if (result !== 'applied') throw new Error(`the commit was ${result}`);
  }

  #slot(partition: number): SlotId {
    return { group: this.#topic, topic: this.#topic, partition };
  }
}

function marked(bytes: Uint8Array, version: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[0] = version;
  return copy;
}
