import type { SlotId, StateStore } from '../../storage/ports.ts';
import type { Input } from '../decode/input.ts';
import { emptyRow, rowOf } from '../fold/add-usage.ts';
import { takeStored } from '../fold/population.ts';
import type { RowKey } from '../fold/requests.ts';
import type { SlotState, Subscriber } from '../fold/slot-state.ts';
import { newSubscriber } from '../fold/slot-state.ts';
import { oldestOpenWindow, windowStart } from '../window/spread.ts';
import { windowKey } from '../window/window-key.ts';
import { coldField, hotField, windowGroup } from './load-slot.ts';
import { decodeWindow } from './slot-codec.ts';
import { decodeCold, decodeHot } from './subscriber-codec.ts';

/** Brings what a slot's fold needs from the store into its state. Only what is not in memory is read. */
export class StoredValues {
  readonly #store: StateStore;
  readonly #slot: SlotId;
  readonly #state: SlotState;

  constructor(store: StateStore, slot: SlotId, state: SlotState) {
    this.#store = store;
    this.#slot = slot;
    this.#state = state;
  }

  /**
   * Reads ahead what a batch will ask for: its subscribers in one look, and the window rows that their sessions stand at
   * in a second one. What this does not foresee the fold asks for itself.
   */
  async prefetch(inputs: readonly Input[]): Promise<void> {
    const { subscribers, absent } = this.#state;
    const missing = new Set<string>();
    for (const input of inputs) {
      const id = subscriberIdOf(input);
      if (id !== null && !subscribers.has(id) && !absent.has(id)) missing.add(id);
    }
    if (missing.size === 0) return;
    await this.subscribers([...missing]);
    const wanted: { subscriber: Subscriber; key: RowKey }[] = [];
    for (const input of inputs) {
      if (input.kind !== 'usage' || !missing.has(input.event.subscriberId)) continue;
      const subscriber = subscribers.get(input.event.subscriberId);
      if (subscriber === undefined) continue;
      const { sessionId, nasId } = input.event;
      const session = subscriber.sessions.find(
        (open) => open.sessionId === sessionId && open.nasId === nasId,
      );
      if (session === undefined) continue;
      const startMs = windowStart(session.lastEventMs);
      if (startMs < oldestOpenWindow(this.#state.watermarkMs)) continue;
      wanted.push({ subscriber, key: { startMs, serviceClass: session.serviceClass, nasId } });
    }
    await this.#rows(wanted);
  }

  /** Takes what is stored of these subscribers into the state, and notes the others as absent. Known ones are passed over. */
  async subscribers(ids: readonly string[]): Promise<void> {
    const { settings, subscribers, absent } = this.#state;
    const unknown = ids.filter((id) => !subscribers.has(id) && !absent.has(id));
    if (unknown.length === 0) return;
    const fresh = unknown.map((id) => newSubscriber(id, settings));
    const fields = fresh.flatMap(({ id, bucket }) => [
      { bucket, field: hotField(id) },
      { bucket, field: coldField(id) },
    ]);
    const values = await this.#store.readValues(this.#slot, fields);
    fresh.forEach((subscriber, i) => {
      const hot = values[2 * i] ?? null;
      const cold = values[2 * i + 1] ?? null;
      if (hot === null && cold === null) absent.add(subscriber.id);
      else this.#take(subscriber, hot, cold);
    });
  }

  /** Takes whoever is stored in these buckets and not in memory into the state. Returns the ids of all stored ones. */
  async buckets(buckets: readonly number[]): Promise<string[]> {
    const { settings, subscribers } = this.#state;
    const stored = new Map<string, { hot: Uint8Array | null; cold: Uint8Array | null }>();
    for (const { field, value } of await this.#store.readBuckets(this.#slot, buckets)) {
      const id = field.slice(1);
      const entry = stored.get(id) ?? { hot: null, cold: null };
      stored.set(id, entry);
      if (field.startsWith('h')) entry.hot = value;
      else entry.cold = value;
    }
    for (const [id, { hot, cold }] of stored) {
      if (!subscribers.has(id)) this.#take(newSubscriber(id, settings), hot, cold);
    }
    return [...stored.keys()];
  }

  /** Takes what is stored of these window rows into the subscriber. */
  async rows(subscriber: Subscriber, keys: readonly RowKey[]): Promise<void> {
    await this.#rows(keys.map((key) => ({ subscriber, key })));
  }

  async #rows(wanted: readonly { subscriber: Subscriber; key: RowKey }[]): Promise<void> {
    if (wanted.length === 0) return;
    const places = wanted.map(({ subscriber, key: { startMs, serviceClass, nasId } }) => ({
      startMs,
      group: windowGroup(startMs),
      field: windowKey(subscriber.id, serviceClass, nasId),
    }));
    const values = await this.#store.readRows(this.#slot, places);
    wanted.forEach(({ subscriber, key }, i) => {
      const [place, value] = [places[i], values[i] ?? null];
      if (place === undefined) return;
      if (rowOf(subscriber, key.startMs, key.serviceClass, key.nasId) !== null) return;
      // One that is not stored is there too, empty: the fold would ask for it again, alone.
      const row =
        value === null
          ? emptyRow(subscriber.id, key.startMs, key.serviceClass, key.nasId)
          : decodeWindow(place.startMs, place.field, value);
      row.subscriberId = subscriber.id;
      // Not push, which makes room for 16 more: few are ever added.
      subscriber.rows = subscriber.rows.concat(row);
    });
  }

  #take(subscriber: Subscriber, hot: Uint8Array | null, cold: Uint8Array | null): void {
    if (hot !== null) decodeHot(hot, subscriber);
    if (cold !== null) decodeCold(cold, subscriber);
    takeStored(this.#state, subscriber);
  }
}

function subscriberIdOf(input: Input): string | null {
  if (input.kind === 'usage') return input.event.subscriberId === '' ? null : input.event.subscriberId;
  if (input.kind !== 'control') return null;
  const { control } = input;
  switch (control.kind) {
    case 'subscriber-profile':
      return control.profile.subscriberId;
    case 'operator':
      return control.command.subscriberId;
    case 'replay':
      return control.event.subscriberId;
    case 'pool-effect':
      return control.effect.member;
    default:
      return null;
  }
}
