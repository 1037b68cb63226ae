import type { SlotCommit, SlotId, SlotLease } from '../../storage/ports.ts';
import type { BatchEffects, OneShotRow } from '../fold/effects.ts';
import type { SlotState } from '../fold/slot-state.ts';
import { ALLOWED_LATENESS_MS, WINDOW_MS } from '../window/spread.ts';
import { coldField, CORE_FIELD, FLUSHED_FIELD, hotField, ONE_SHOT_GROUP, windowGroup } from './load-slot.ts';
import { encodeFeed } from './feed-codec.ts';
import { encodeCatalogue, encodeCore, encodeOneShot, encodeWindow } from './slot-codec.ts';
import { encodeCold, encodeHot } from './subscriber-codec.ts';

/** What of a slot's rows is stored in analytics and can go. */
export interface Retention {
  /** all rows with version <= this are stored */
  flushedThrough: number;
  /** written to the slot already */
  committedFlushed: number;
  /** one-shot rows held, oldest first */
  oneShots: { key: string; row: OneShotRow }[];
}

/** The one atomic write of a batch: absolute values of all that changed, and the new position. */
export function buildCommit(
  slot: SlotId,
  lease: SlotLease,
  commitId: string,
  state: SlotState,
  effects: BatchEffects,
  retention: Retention,
  outbox: SlotCommit['outbox'],
): SlotCommit {
  const meta = [{ field: CORE_FIELD, value: encodeCore(state) }];
  // With the position: what is learned of a NAS decides about time, and must not be ahead of it.
  for (const feed of effects.feeds) meta.push({ field: `feed:${feed.nasId}`, value: encodeFeed(feed) });
  for (const field of effects.catalogue) meta.push({ field, value: encodeCatalogue(state, field) });
  // Rows leave when analytics has taken more: while it is away their number grows, and nothing is looked through.
  const flushed = retention.flushedThrough > retention.committedFlushed;
  if (flushed) {
    meta.push({ field: FLUSHED_FIELD, value: Buffer.from(String(retention.flushedThrough), 'utf8') });
  }
  return {
    slot,
    token: lease.token,
    seq: lease.seq + 1,
    commitId,
    position: state.position,
    outbox,
    rows: rowsOf(effects, state.blobVersion),
    deletedGroups: flushed ? dropStoredWindows(state, retention.flushedThrough).map(windowGroup) : [],
    deletedRows: flushed
      ? dropStoredOneShots(retention).map((key) => ({ group: ONE_SHOT_GROUP, field: key }))
      : [],
    due: [...effects.due].map(([key, dueMs]) => ({ key, dueMs })),
    values: valuesOf(effects, state.blobVersion),
    meta,
  };
}

function rowsOf(effects: BatchEffects, version: number): SlotCommit['rows'] {
  const rows: SlotCommit['rows'] = [];
  let [startMs, group] = [Number.NaN, ''];
  for (const total of effects.windows) {
    // Records come in about the order of time: one text serves for many.
    if (total.startMs !== startMs) [startMs, group] = [total.startMs, windowGroup(total.startMs)];
    rows.push({ group, field: total.key, value: encodeWindow(total, version) });
  }
  for (const { key, row } of effects.oneShots) {
    rows.push({ group: ONE_SHOT_GROUP, field: key, value: encodeOneShot(row, version) });
  }
  return rows;
}

function valuesOf(effects: BatchEffects, version: number): SlotCommit['values'] {
  const values: SlotCommit['values'] = [];
  for (const subscriber of effects.hot) {
    values.push({
      bucket: subscriber.bucket,
      field: hotField(subscriber.id),
      value: encodeHot(subscriber, version),
    });
  }
  for (const subscriber of effects.cold) {
    values.push({
      bucket: subscriber.bucket,
      field: coldField(subscriber.id),
      value: encodeCold(subscriber, version),
    });
  }
  return values;
}

/** Windows that take no more bytes and whose rows are all in analytics leave the slot. */
function dropStoredWindows(state: SlotState, flushedThrough: number): number[] {
  const gone = [...state.windows]
    .filter(
      ([startMs, version]) =>
        version <= flushedThrough && startMs + WINDOW_MS + ALLOWED_LATENESS_MS <= state.watermarkMs,
    )
    .map(([startMs]) => startMs);
  for (const startMs of gone) state.windows.delete(startMs);
  return gone;
}

function dropStoredOneShots(retention: Retention): string[] {
  const { oneShots, flushedThrough } = retention;
  const stored = oneShots.filter(({ row }) => versionOf(row) <= flushedThrough);
  if (stored.length > 0) retention.oneShots = oneShots.filter(({ row }) => versionOf(row) > flushedThrough);
  return stored.map(({ key }) => key);
}

/** offset + 1 of the input that made a row. */
export function versionOf(row: OneShotRow): number {
  switch (row.kind) {
    case 'late':
      return row.offset + 1;
    case 'session':
      return row.version;
    case 'feed':
      return row.row.version;
  }
}
