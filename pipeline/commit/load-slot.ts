import { AppError } from '../../schemas/errors.ts';
import type { ActionIntent } from '../../schemas/action.ts';
import type { PartitionMarks, SlotHead, SlotId, StateStore } from '../../storage/ports.ts';
import type { OneShotRow } from '../fold/effects.ts';
import { countPopulation, emptySlot, subscriberOf } from '../fold/slot-state.ts';
import type { FoldSettings, SlotState } from '../fold/slot-state.ts';
import { decodeCatalogue, decodeCore, decodeOneShot, decodeWindow } from './slot-codec.ts';
import { decodeCold, decodeHot } from './subscriber-codec.ts';

/** Meta fields of a slot besides the catalogue. */
export const CORE_FIELD = 'core';
export const FLUSHED_FIELD = 'flushed';
/** Group of one-shot rows; windows have a group each. */
export const ONE_SHOT_GROUP = 'o';

export function windowGroup(startMs: number): string {
  return `w:${startMs}`;
}

/** Fields of a subscriber's two values in its bucket. */
export function hotField(subscriberId: string): string {
  return `h${subscriberId}`;
}
export function coldField(subscriberId: string): string {
  return `c${subscriberId}`;
}

/** A slot as it was stored. */
export interface LoadedSlot {
  state: SlotState;
  /** all rows with version <= this are in analytics */
  flushedThrough: number;
  oneShots: { key: string; row: OneShotRow }[];
  /** undelivered intents, by n */
  outbox: { n: number; intent: ActionIntent }[];
}

/**
 * Loads everything of a slot after its acquisition. An empty slot begins at the partition's low watermark.
 * Throws 'partition-count-changed', 'store-corrupt', 'state-version-unknown'.
 */
export async function loadSlot(
  store: StateStore,
  slot: SlotId,
  head: SlotHead,
  settings: FoldSettings,
  marks: PartitionMarks,
): Promise<LoadedSlot> {
  const state = emptySlot(slot.partition, settings, head.position ?? marks.low);
  const core = head.meta.get(CORE_FIELD);
  if (core !== undefined) decodeCore(core, state);
  if (state.settings.partitionCount !== settings.partitionCount) {
    throw new AppError(
      'partition-count-changed',
      `topic ${slot.topic} has ${settings.partitionCount} partitions, its state was made with ${state.settings.partitionCount}: ` +
        'keys now hash to other partitions; move to a new topic instead',
    );
  }
  decodeCatalogue(head.meta, state);
  const outbox = head.outbox.map(({ n, bytes }) => ({
    n,
    intent: JSON.parse(Buffer.from(bytes).toString('utf8')) as ActionIntent,
  }));
  // After a torn write the outbox is ahead of the core: its numbers must not be given again.
  state.outboxNext = Math.max(state.outboxNext, (outbox.at(-1)?.n ?? 0) + 1);
  await loadSubscribers(store, slot, state);
  state.population = { subscribers: 0, openSessions: 0, throttled: 0 };
  for (const subscriber of state.subscribers.values()) countPopulation(state, subscriber);
  const oneShots = await loadRows(store, slot, state);
  // Not from the stored due entries: after a torn write they are ahead of the values, and work would be skipped.
  for (const { id, dueMs } of state.subscribers.values()) state.due.set(id, dueMs);
  return { state, flushedThrough: readFlushed(head), oneShots, outbox };
}

async function loadSubscribers(store: StateStore, slot: SlotId, state: SlotState): Promise<void> {
  for await (const chunk of store.loadValues(slot)) {
    for (const { field, value } of chunk) {
      const subscriber = subscriberOf(state, field.slice(1));
      if (field.startsWith('h')) decodeHot(value, subscriber);
      else decodeCold(value, subscriber);
    }
  }
}

async function loadRows(store: StateStore, slot: SlotId, state: SlotState): Promise<LoadedSlot['oneShots']> {
  const oneShots: LoadedSlot['oneShots'] = [];
  for await (const chunk of store.loadRows(slot)) {
    for (const { group, field, value } of chunk) {
      if (group === ONE_SHOT_GROUP) {
        oneShots.push({ key: field, row: decodeOneShot(value) });
        continue;
      }
      const startMs = Number(group.slice(2));
      const rows = state.windows.get(startMs) ?? new Map();
      rows.set(field, decodeWindow(startMs, field, value));
      state.windows.set(startMs, rows);
    }
  }
  return oneShots;
}

function readFlushed(head: SlotHead): number {
  const bytes = head.meta.get(FLUSHED_FIELD);
  return bytes === undefined ? 0 : Number(Buffer.from(bytes).toString('utf8'));
}
