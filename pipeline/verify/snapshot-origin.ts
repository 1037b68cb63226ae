import type { BucketValue, RowValue } from '../../storage/ports.ts';
import type { SnapshotStore } from '../../storage/snapshot-ports.ts';
import type { Origin } from '../../verify/readers.ts';
import { checkSnapshot, readParts } from '../snapshot/read-snapshot.ts';
import { headOf, subscribersOf, windowsOf } from './stored-slots.ts';

/**
 * The newest snapshot of a partition, taken at or before a time of the log where one is given, as a place to begin
 * recomputing from. Null = there is none. The whole of it is in memory while it is used.
 *
 * @throws AppError 'store-corrupt', 'state-version-unknown', 'snapshot-failed'
 */
export async function snapshotOrigin(
  snapshots: SnapshotStore,
  names: { group: string; topic: string },
  partition: number,
  beforeMs: number | null,
): Promise<Origin | null> {
  const kept = await snapshots.list(names.group, names.topic, partition);
  const chosen = kept.find(({ takenAtMs }) => beforeMs === null || takenAtMs <= beforeMs);
  if (chosen === undefined) return null;
  const checked = await checkSnapshot(() => snapshots.open(chosen));
  const meta = new Map<string, Uint8Array>();
  const values: BucketValue[] = [];
  const rows: RowValue[] = [];
  const due = new Map<string, number>();
  for await (const part of readParts(checked)) {
    if (part.kind === 'meta') for (const { field, value } of part.items) meta.set(field, value);
    else if (part.kind === 'values') values.push(...part.items);
    else if (part.kind === 'rows') rows.push(...part.items);
    else if (part.kind === 'due') for (const { key, dueMs } of part.items) due.set(key, dueMs);
  }
  const head = headOf(partition, checked.header.position, meta);
  return {
    name: `the snapshot ${chosen.place} of ${new Date(chosen.takenAtMs).toISOString()}`,
    head,
    lines: () => once(() => subscribersOf(values, head.settings, due)),
    windows: () => once(() => windowsOf(rows)),
  };
}

async function* once<T>(read: () => T[]): AsyncGenerator<T[]> {
  await Promise.resolve();
  yield read();
}
