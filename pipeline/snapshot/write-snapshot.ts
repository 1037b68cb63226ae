import { AppError } from '../../schemas/errors.ts';
import type { SlotId, SlotLease, StateStore } from '../../storage/ports.ts';
import type { SnapshotStore, StoredSnapshot } from '../../storage/snapshot-ports.ts';
import { SNAPSHOT_FORMAT, encodeSnapshot } from './format.ts';
import type { SnapshotHeader, SnapshotPart } from './format.ts';
import { compressed } from './gzip.ts';
import { requireRebuilt } from './rebuilding.ts';

/** Snapshots a slot that are kept: the older one serves where the newer one turns out to be damaged. */
const KEPT = 2;
/** Items of one frame; the store's chunks are as large. */
const CHUNK = 1_000;

export interface SnapshotWriterDeps {
  store: Pick<StateStore, 'holds' | 'readHead' | 'readOutbox' | 'loadValues' | 'loadRows' | 'loadDue'>;
  snapshots: SnapshotStore;
  /** version of the values that this program writes; kept in the header */
  stateVersion: number;
  /** the log's clock, ms since 1970 UTC */
  nowMs: () => number;
}

/**
 * Writes everything that a slot holds to a new snapshot, and deletes all but two of the slot once that is durable.
 * Memory: a chunk of 1,000 values, besides the slot's head, due entries and outbox.
 *
 * The caller guarantees that nothing is committed meanwhile. Delivered outbox entries may go: restored, they meet the ledger.
 *
 * @returns null for a slot without any commit: there is nothing to keep
 * @throws AppError 'store-rejected' (retriable) when the lease does not hold before or after reading: nothing is kept;
 *   'conflict' for a slot that is being rebuilt; what the stores throw. A failure to delete old ones comes last: the new
 *   snapshot is kept then.
 */
export async function writeSnapshot(
  deps: SnapshotWriterDeps,
  slot: SlotId,
  lease: SlotLease,
): Promise<StoredSnapshot | null> {
  const { store, snapshots } = deps;
  await requireHeld(store, slot, lease);
  const { position, meta } = await store.readHead(slot);
  if (position === null) return null;
  requireRebuilt(slot, meta);
  const older = await snapshots.list(slot.group, slot.topic, slot.partition);
  // Their order by time is the order in which they were written, also when a clock was set back.
  const takenAtMs = Math.max(deps.nowMs(), (older[0]?.takenAtMs ?? -1) + 1);
  const { stateVersion } = deps;
  const header = { format: SNAPSHOT_FORMAT, stateVersion, slot, position, takenAtMs, epoch: lease.epoch };
  const written = await snapshots.put({ slot, position, takenAtMs }, contentOf(store, header, meta, lease));
  for (const old of older.slice(KEPT - 1)) await snapshots.delete(old);
  return written;
}

function contentOf(
  store: SnapshotWriterDeps['store'],
  header: SnapshotHeader,
  meta: ReadonlyMap<string, Uint8Array>,
  lease: SlotLease,
): AsyncIterable<Uint8Array> {
  return compressed(encodeSnapshot(header, partsOf(store, header.slot, meta, lease)));
}

/** In an order that a commit could write them in: the outbox first, meta last. */
async function* partsOf(
  store: SnapshotWriterDeps['store'],
  slot: SlotId,
  meta: ReadonlyMap<string, Uint8Array>,
  lease: SlotLease,
): AsyncGenerator<SnapshotPart> {
  for (const items of slices(await store.readOutbox(slot))) yield { kind: 'outbox', items };
  for await (const items of store.loadRows(slot)) yield { kind: 'rows', items };
  for (const items of slices(await store.loadDue(slot))) yield { kind: 'due', items };
  for await (const items of store.loadValues(slot)) yield { kind: 'values', items };
  const fields = [...meta].map(([field, value]) => ({ field, value }));
  for (const items of slices(fields)) yield { kind: 'meta', items };
  // Before the end is written: what fails here leaves nothing behind.
  await requireHeld(store, slot, lease);
}

function* slices<T>(items: readonly T[]): Generator<T[]> {
  for (let from = 0; from < items.length; from += CHUNK) yield items.slice(from, from + CHUNK);
}

async function requireHeld(
  store: SnapshotWriterDeps['store'],
  slot: SlotId,
  lease: SlotLease,
): Promise<void> {
  if (await store.holds(slot, lease)) return;
  throw new AppError(
    'store-rejected',
    `partition ${String(slot.partition)} of ${slot.topic} was committed to or taken while its snapshot was written`,
    { retriable: true },
  );
}
