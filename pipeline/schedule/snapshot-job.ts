import { AppError } from '../../schemas/errors.ts';
import type { Job, JobContext, JobRun } from '../../storage/job-ports.ts';
import type { StoredSnapshot } from '../../storage/snapshot-ports.ts';

const LOOK_MS = 1_000;
/** Where no snapshot is kept yet: longer than from one look of a worker to its next. */
const FIRST_WAIT_MS = 20_000;
/** A worker looks every 15 s and writes one partition then. */
const WAIT_A_PARTITION_MS = 30_000;
/** The log keeps three intervals: from an older snapshot nothing can be rebuilt. */
const INTERVALS_KEPT = 3;

/** What a run has to go by. */
export interface SnapshotSides {
  /** those of this topic and group, newest first */
  list: () => Promise<StoredSnapshot[]>;
  /** from one snapshot of a partition to its next, by the log's clock */
  intervalMs: number;
  /** resolves after so long, ms */
  pause: (ms: number) => Promise<void>;
}

/** What a run has seen. Instants are ISO 8601, by the log's clock. */
interface Seen {
  /** the note to the workers, ms since 1970 UTC by the log's clock; null = they were not asked */
  askedMs: number | null;
  partitions: number;
  /** of each partition's newest; null = there is none */
  oldest: string | null;
  newest: string | null;
  /** when the oldest one is due again */
  nextDue: string | null;
}

/**
 * Snapshots as a job: workers write them between two commits, each in its own turn, which no other process could. At its
 * time a run looks whether they do; by hand it is a note to the workers, who then write one of each partition, and waits
 * for them.
 *
 * @returns the run; it fails where a partition's newest is older than the log goes back, or not all were written in time
 */
export function snapshotsJob({ list, intervalMs, pause }: SnapshotSides): Job['run'] {
  return async (context): Promise<Seen> => {
    const askedMs = context.byHand ? context.nowMs : null;
    if (askedMs !== null) {
      await context.progress({ askedMs });
      await written(list, askedMs, pause, context);
    }
    const latest = [...newestOf(await list(), context.nowMs + intervalMs)];
    const times = latest.map(([, takenAtMs]) => takenAtMs);
    const oldestMs = times.length === 0 ? null : Math.min(...times);
    const seen: Seen = {
      ...{ askedMs, partitions: latest.length, oldest: instant(oldestMs) },
      newest: instant(times.length === 0 ? null : Math.max(...times)),
      nextDue: instant(oldestMs === null ? null : oldestMs + intervalMs),
    };
    await context.progress(seen);
    const tooOld = latest.filter(([, takenAtMs]) => takenAtMs + INTERVALS_KEPT * intervalMs < context.nowMs);
    if (tooOld.length > 0)
      throw new AppError('snapshot-failed', `no snapshot was written for too long of ${named(tooOld)}`);
    return seen;
  };
}

/**
 * What the workers were asked for last.
 *
 * @param runs of the job, the last first
 * @returns by the log's clock, ms since 1970 UTC; null = nothing
 */
export function askedOf(runs: readonly Pick<JobRun, 'byHand' | 'progress'>[]): number | null {
  const { askedMs } = (runs.find(({ byHand }) => byHand)?.progress ?? {}) as Partial<Seen>;
  return typeof askedMs === 'number' ? askedMs : null;
}

/** Waits until each partition that is known has one that is not older than the note. */
async function written(
  list: SnapshotSides['list'],
  askedMs: number,
  pause: SnapshotSides['pause'],
  { signal }: JobContext,
): Promise<void> {
  for (let waitedMs = 0; !signal.aborted; waitedMs += LOOK_MS) {
    const latest = [...newestOf(await list(), Number.POSITIVE_INFINITY)];
    const missing = latest.filter(([, takenAtMs]) => takenAtMs < askedMs);
    if (missing.length === 0 && (latest.length > 0 || waitedMs >= FIRST_WAIT_MS)) return;
    if (waitedMs >= FIRST_WAIT_MS + latest.length * WAIT_A_PARTITION_MS)
      throw new AppError('snapshot-failed', `no worker has written one of ${named(missing)} in time`);
    await pause(LOOK_MS);
  }
}

/** Partition -> when its newest was taken. @param beforeMs what is later is another clock's, a simulated one */
function newestOf(all: readonly StoredSnapshot[], beforeMs: number): Map<number, number> {
  const newest = new Map<number, number>();
  for (const { slot, takenAtMs } of all)
    if (takenAtMs <= beforeMs)
      newest.set(slot.partition, Math.max(takenAtMs, newest.get(slot.partition) ?? takenAtMs));
  return newest;
}

function named(partitions: readonly (readonly [number, number])[]): string {
  const numbers = partitions.map(([partition]) => partition).sort((a, b) => a - b);
  const more = numbers.length > 10 ? ` and ${numbers.length - 10} more` : '';
  return `partition ${numbers.slice(0, 10).join(', ')}${more}`;
}

function instant(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
