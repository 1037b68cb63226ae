import type { OutboxRecord } from '../../schemas/outbox.ts';
import type { PartitionMarks, SlotHead, SlotId, StateStore } from '../../storage/ports.ts';
import type { OneShotRow } from '../fold/effects.ts';
import { requireRebuilt } from '../snapshot/rebuilding.ts';
import { emptySlot } from '../fold/slot-state.ts';
import type { FoldSettings, SlotState, WindowTotal } from '../fold/slot-state.ts';
import { decodeOutbox } from './outbox-codec.ts';
import { requirePinnedCount } from './partition-count.ts';
import { decodeCatalogue, decodeCore, decodeOneShot, decodeWindow } from './slot-codec.ts';

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
  /** what was not delivered, by n */
  outbox: { n: number; record: OutboxRecord }[];
}

/**
 * Loads of a slot, after its acquisition, what every batch needs: meta, due times, outbox and rows that are written once.
 * Subscribers and window rows follow on demand. An empty slot begins at the partition's low watermark.
 * Throws 'partition-count-changed', 'store-corrupt', 'state-version-unknown', 'state-being-rebuilt'.
 */
export async function loadSlot(
  store: StateStore,
  slot: SlotId,
  head: SlotHead,
  settings: FoldSettings,
  marks: PartitionMarks,
): Promise<LoadedSlot> {
  requireRebuilt(slot, head.meta);
  const state = emptySlot(slot.partition, settings, head.position ?? marks.low);
  const core = head.meta.get(CORE_FIELD);
  if (core !== undefined) decodeCore(core, state);
  const stored = core === undefined ? null : state.settings.partitionCount;
  await requirePinnedCount(store, slot, settings.partitionCount, stored, (meta) => countOf(meta, settings));
  decodeCatalogue(head.meta, state);
  const outbox = head.outbox.map(({ n, bytes }) => ({ n, record: decodeOutbox(bytes) }));
  for (const { key, dueMs } of await store.loadDue(slot)) state.due.set(key, dueMs);
  const oneShots: LoadedSlot['oneShots'] = [];
  for await (const chunk of store.loadRows(slot, [ONE_SHOT_GROUP])) {
    for (const { field, value } of chunk) oneShots.push({ key: field, row: decodeOneShot(value) });
  }
  return { state, flushedThrough: readFlushed(head), oneShots, outbox };
}

/** Window rows that analytics may not have, in chunks. */
export async function* loadUnflushed(
  store: StateStore,
  slot: SlotId,
  state: SlotState,
  flushedThrough: number,
): AsyncGenerator<WindowTotal[]> {
  const groups = [...state.windows].filter(([, version]) => version > flushedThrough);
  for await (const chunk of store.loadRows(
    slot,
    groups.map(([startMs]) => windowGroup(startMs)),
  )) {
    yield chunk
      .map(({ group, field, value }) => decodeWindow(Number(group.slice(2)), field, value))
      .filter(({ version }) => version > flushedThrough);
  }
}

/** All window rows, in chunks, whether or not the slot knows of them. */
export async function* loadAllWindows(store: StateStore, slot: SlotId): AsyncGenerator<WindowTotal[]> {
  for await (const chunk of store.loadRows(slot)) {
    yield chunk
      .filter(({ group }) => group !== ONE_SHOT_GROUP)
      .map(({ group, field, value }) => decodeWindow(Number(group.slice(2)), field, value));
  }
}

/** Partition count that another slot was made with. */
function countOf(meta: ReadonlyMap<string, Uint8Array>, settings: FoldSettings): number | null {
  const core = meta.get(CORE_FIELD);
  if (core === undefined) return null;
  const state = emptySlot(0, settings, 0);
  decodeCore(core, state);
  return state.settings.partitionCount;
}

function readFlushed(head: SlotHead): number {
  const bytes = head.meta.get(FLUSHED_FIELD);
  return bytes === undefined ? 0 : Number(Buffer.from(bytes).toString('utf8'));
}
