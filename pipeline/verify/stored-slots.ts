import type { OutboxRecord } from '../../schemas/outbox.ts';
import type { BucketValue, SlotId, StateStore } from '../../storage/ports.ts';
import type { SlotReader, StoredHead, StoredLine, StoredWindow } from '../../verify/readers.ts';
import { CORE_FIELD } from '../commit/load-slot.ts';
import { decodeOutbox } from '../commit/outbox-codec.ts';
import { decodeCatalogue, decodeCore, decodeWindow } from '../commit/slot-codec.ts';
import { decodeCold, decodeHot } from '../commit/subscriber-codec.ts';
import { bucketOf, emptySlot, newSubscriber } from '../fold/slot-state.ts';
import type { FoldSettings, SlotState, Subscriber } from '../fold/slot-state.ts';
import { requireRebuilt } from '../snapshot/rebuilding.ts';

/** Buckets read at once: both values of a subscriber lie in one, so each is read as of one moment. */
const BUCKETS_A_READ = 16;
const WINDOW_GROUP = 'w:';

type Readable = Pick<StateStore, 'readHead' | 'readBuckets' | 'loadRows' | 'readOutbox'>;

/** What slots hold, read without owning them. */
export class StoredSlots implements SlotReader {
  readonly #store: Readable;
  readonly #slotOf: (partition: number) => SlotId;

  constructor(store: Readable, names: { group: string; topic: string }) {
    this.#store = store;
    this.#slotOf = (partition) => ({ ...names, partition });
  }

  /** @throws AppError 'conflict' while the slot is being rebuilt */
  async head(partition: number): Promise<StoredHead | null> {
    const slot = this.#slotOf(partition);
    const { position, meta } = await this.#store.readHead(slot);
    requireRebuilt(slot, meta);
    return position === null ? null : headOf(partition, position, meta);
  }

  async *lines(partition: number, onlySubscriber: string | null): AsyncGenerator<StoredLine[]> {
    const slot = this.#slotOf(partition);
    const settings = (await this.head(partition))?.settings;
    if (settings === undefined) return;
    const all = Array.from({ length: settings.bucketCount }, (_, bucket) => bucket);
    const buckets = onlySubscriber === null ? all : [bucketOf(onlySubscriber, settings)];
    for (let from = 0; from < buckets.length; from += BUCKETS_A_READ) {
      const values = await this.#store.readBuckets(slot, buckets.slice(from, from + BUCKETS_A_READ));
      const lines = subscribersOf(values, settings, new Map());
      yield onlySubscriber === null ? lines : lines.filter(({ id }) => id === onlySubscriber);
    }
  }

  async *windows(partition: number): AsyncGenerator<StoredWindow[]> {
    for await (const rows of this.#store.loadRows(this.#slotOf(partition))) yield windowsOf(rows);
  }

  async outbox(partition: number): Promise<OutboxRecord[]> {
    return (await this.#store.readOutbox(this.#slotOf(partition))).map(({ bytes }) => decodeOutbox(bytes));
  }
}

/** What a slot's meta says, at a position. */
export function headOf(
  partition: number,
  position: number,
  meta: ReadonlyMap<string, Uint8Array>,
): StoredHead {
  const state: SlotState = emptySlot(partition, REPLACED, position);
  const core = meta.get(CORE_FIELD);
  if (core !== undefined) decodeCore(core, state);
  decodeCatalogue(meta, state);
  return { ...state, position, feeds: [...state.feeds.all()] };
}

/** Subscribers from their values, both of each; `due` has the due times of the slot, which go before those of values. */
export function subscribersOf(
  values: readonly Pick<BucketValue, 'field' | 'value'>[],
  settings: FoldSettings,
  due: ReadonlyMap<string, number>,
): Subscriber[] {
  const found = new Map<string, Subscriber>();
  for (const { field, value } of values) {
    const id = field.slice(1);
    const subscriber = found.get(id) ?? newSubscriber(id, settings);
    found.set(id, subscriber);
    if (field.startsWith('h')) decodeHot(value, subscriber);
    else decodeCold(value, subscriber);
  }
  for (const subscriber of found.values()) subscriber.dueMs = due.get(subscriber.id) ?? subscriber.dueMs;
  return [...found.values()];
}

/** Windows among a slot's rows. */
export function windowsOf(
  rows: readonly { group: string; field: string; value: Uint8Array }[],
): StoredWindow[] {
  return rows
    .filter(({ group }) => group.startsWith(WINDOW_GROUP))
    .map(({ group, field, value }) => decodeWindow(Number(group.slice(WINDOW_GROUP.length)), field, value));
}

/** A slot has settings of its own from its first commit on. */
const REPLACED: FoldSettings = {
  partitionCount: 1,
  bucketCount: 1,
  defaultZone: 'UTC',
  acceptLatenessMs: 0,
  cycleCloseGraceMs: 0,
};
