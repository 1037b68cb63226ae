import { partitionOfText } from '../../schemas/partitioning.ts';
import type { StateStore } from '../../storage/ports.ts';
import { coldField, CORE_FIELD, hotField } from '../commit/load-slot.ts';
import { decodeCatalogue, decodeCore } from '../commit/slot-codec.ts';
import { decodeCold, decodeHot } from '../commit/subscriber-codec.ts';
import type { SlotState, Subscriber } from '../fold/slot-state.ts';
import { bucketOf, emptySlot, subscriberOf, UNREAD_SETTINGS } from '../fold/slot-state.ts';

/** Where the state of subscribers lies. */
export interface StateReader {
  store: Pick<StateStore, 'readHead' | 'readValues'>;
  group: string;
  topic: string;
  partitionCount: () => Promise<number>;
}

/** One subscriber as of the last commit, with its slot's settings and catalogue and no other subscriber. */
export interface StoredSubscriber {
  state: SlotState;
  subscriber: Subscriber;
}

/** Reads one subscriber from committed state, without ownership; null where nothing is known of it. */
export async function readStoredSubscriber(
  reader: StateReader,
  id: string,
): Promise<StoredSubscriber | null> {
  const partitionCount = await reader.partitionCount();
  const slot = { group: reader.group, topic: reader.topic, partition: partitionOfText(id, partitionCount) };
  const head = await reader.store.readHead(slot);
  const core = head.meta.get(CORE_FIELD);
  if (core === undefined) return null;
  const state = emptySlot(slot.partition, UNREAD_SETTINGS, head.position ?? 0);
  decodeCore(core, state);
  decodeCatalogue(head.meta, state);
  const bucket = bucketOf(id, state.settings);
  const [hot, cold] = await reader.store.readValues(slot, [
    { bucket, field: hotField(id) },
    { bucket, field: coldField(id) },
  ]);
  if (!hot && !cold) return null;
  const subscriber = subscriberOf(state, id);
  if (hot) decodeHot(hot, subscriber);
  if (cold) decodeCold(cold, subscriber);
  return { state, subscriber };
}
