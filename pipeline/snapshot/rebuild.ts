import { AppError, isAppError } from '../../schemas/errors.ts';
import type { PartitionMarks, SlotId } from '../../storage/ports.ts';
import type { SnapshotStore } from '../../storage/snapshot-ports.ts';
import { checkSnapshot } from './read-snapshot.ts';
import type { CheckedSnapshot, OpenSnapshot } from './read-snapshot.ts';
import { beginAtLog, requireUsable, restoreSlot } from './rebuild-slot.ts';
import type { RebuildDeps, RebuildOptions } from './rebuild-slot.ts';

/** What a slot is rebuilt from. */
export type RebuildSource =
  | { kind: 'newest' }
  /** `open` reads a snapshot that lies anywhere; `place` names it */
  | { kind: 'given'; place: string; open: OpenSnapshot }
  | { kind: 'log' };

/** What became of one partition. */
export interface RebuildReport {
  partition: number;
  /** null = from the log alone */
  snapshot: { place: string; takenAtMs: number } | null;
  /** newer snapshots that could not be used, and why */
  skipped: { place: string; why: string }[];
  position: number;
  /** records and controls that the worker reads again before it has caught up */
  toReplay: number;
  /** offsets that the log no longer holds: what was in them is missing */
  missing: number;
}

export interface PartitionRebuildDeps extends RebuildDeps {
  /** null = none are kept */
  snapshots: SnapshotStore | null;
}

type LogRange = Pick<PartitionMarks, 'low' | 'high'>;

/**
 * Rebuilds one slot. Workers must be stopped; one that acquires the slot meanwhile makes this fail and finds a slot that
 * it refuses.
 *
 * @param log what the partition's log holds now
 * @throws AppError 'not-found' where no snapshot can be used; 'position-out-of-range' where the log cannot go on from it;
 *   what restoreSlot and beginAtLog throw
 */
export async function rebuildPartition(
  deps: PartitionRebuildDeps,
  slot: SlotId,
  log: LogRange,
  source: RebuildSource,
  options: RebuildOptions,
): Promise<RebuildReport> {
  if (source.kind === 'log') return rebuildFromLog(deps, slot, log, options);
  const found =
    source.kind === 'given' ? await given(deps, slot, log, source) : await newest(deps, slot, log);
  await restoreSlot(deps, slot, found.checked, options);
  const { position, takenAtMs } = found.checked.header;
  const { place, skipped } = found;
  const { partition } = slot;
  return {
    partition,
    snapshot: { place, takenAtMs },
    skipped,
    position,
    toReplay: log.high - position,
    missing: 0,
  };
}

interface Found {
  checked: CheckedSnapshot;
  place: string;
  skipped: RebuildReport['skipped'];
}

async function given(
  deps: PartitionRebuildDeps,
  slot: SlotId,
  log: LogRange,
  { open, place }: Extract<RebuildSource, { kind: 'given' }>,
): Promise<Found> {
  const checked = await checkSnapshot(open);
  requireUsable(deps, slot, checked);
  requireWithin(slot, checked.header.position, log);
  return { checked, place, skipped: [] };
}

async function rebuildFromLog(
  deps: PartitionRebuildDeps,
  slot: SlotId,
  { low, high }: LogRange,
  options: RebuildOptions,
): Promise<RebuildReport> {
  if (low > 0 && !options.force) {
    throw new AppError(
      'position-out-of-range',
      `the log of partition ${String(slot.partition)} of ${slot.topic} begins at offset ${String(low)}: what was before is gone, ` +
        'usage, profiles and policies alike; use a snapshot, or add --force to do without it',
    );
  }
  await beginAtLog(deps, slot, low, options);
  const { partition } = slot;
  return { partition, snapshot: null, skipped: [], position: low, toReplay: high - low, missing: low };
}

/** From the newest on: a damaged one, or one that the log cannot continue, is passed over. */
async function newest(deps: PartitionRebuildDeps, slot: SlotId, log: LogRange): Promise<Found> {
  const { snapshots } = deps;
  const skipped: RebuildReport['skipped'] = [];
  if (snapshots === null) throw noneUsable(slot, skipped);
  for (const name of await snapshots.list(slot.group, slot.topic, slot.partition)) {
    const { place } = name;
    try {
      requireWithin(slot, name.position, log);
      const checked = await checkSnapshot(() => snapshots.open(name));
      requireUsable(deps, slot, checked);
      return { checked, place, skipped };
    } catch (error) {
      if (!isAppError(error, ...UNUSABLE)) throw error;
      skipped.push({ place, why: error.message });
    }
  }
  throw noneUsable(slot, skipped);
}

const UNUSABLE = [
  'store-corrupt',
  'state-version-unknown',
  'position-out-of-range',
  'invalid-input',
] as const;

function requireWithin(slot: SlotId, position: number, { low, high }: LogRange): void {
  if (position >= low && position <= high) return;
  throw new AppError(
    'position-out-of-range',
    `the snapshot ends at offset ${String(position)} and the log of partition ${String(slot.partition)} of ${slot.topic} ` +
      `holds ${String(low)} to ${String(high)}: ` +
      (position < low ? 'what lies between is gone' : 'this is another log, or it lost its end'),
  );
}

function noneUsable({ partition, topic }: SlotId, skipped: RebuildReport['skipped']): AppError {
  const reasons = skipped.map(({ place, why }) => `${place}: ${why}`);
  const what = reasons.length === 0 ? 'there is none' : `none can be used: ${reasons.join('; ')}`;
  return new AppError(
    'not-found',
    `no snapshot for partition ${String(partition)} of ${topic}: ${what}; name one by --snapshot, or use --from-log`,
  );
}
