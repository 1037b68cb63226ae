import type { Logger } from 'pino';
import type { SnapshotStore, StoredSnapshot } from '../../storage/snapshot-ports.ts';
import { every } from '../schedule/every.ts';

/**
 * How often it is looked whether a partition is due, at most; also the least pause between two snapshots of this process.
 * A tenth of the interval where that is shorter: with looks rarer than that, several partitions would not get their turn.
 */
const LOOK_EVERY_MS = 15_000;
/** A partition whose snapshot failed or wrote nothing is passed over for a tenth of the interval, at most so long. */
const LONGEST_REST_MS = 10 * 60_000;

export interface SnapshotRoundsParts {
  snapshots: Pick<SnapshotStore, 'list'>;
  group: string;
  topic: string;
  /** partitions whose slot this process holds now */
  owned: () => readonly number[];
  /** has the worker write one between two commits; null = there was nothing to write; rejects where that failed */
  snapshot: (partition: number) => Promise<StoredSnapshot | null>;
  /** from one snapshot of a partition to its next, by the log's clock */
  intervalMs: number;
  /** since when somebody wants one of each partition, by the log's clock; null = nobody does */
  asked?: () => Promise<number | null>;
  /** the log's clock, ms since 1970 UTC */
  nowMs: () => number;
  log: Pick<Logger, 'info' | 'warn'>;
}

/**
 * Says whose turn it is: the partition of this process whose newest snapshot is the oldest, one at a time. The time of the
 * newest is what the store lists, so restarts and rebalances neither repeat nor skip a turn.
 */
export class SnapshotRounds {
  readonly #parts: SnapshotRoundsParts;
  /** partition -> not before; of those that failed or were empty */
  readonly #resting = new Map<number, number>();
  /** partition -> when this process had it written last */
  readonly #written = new Map<number, number>();

  constructor(parts: SnapshotRoundsParts) {
    this.#parts = parts;
  }

  /** Looks every 15 s, or more often. Returns how to end it: resolves when the snapshot in hand is written. */
  start(): () => Promise<void> {
    const { log, intervalMs } = this.#parts;
    return every(
      Math.min(LOOK_EVERY_MS, intervalMs / 10),
      async () => void (await this.turn()),
      (error) => log.warn({ err: error }, 'snapshots cannot be looked at; tried again'),
    );
  }

  /** One look: has at most one snapshot written. Null where nobody is due. Throws where the snapshots cannot be listed. */
  async turn(): Promise<number | null> {
    const partition = await this.#due();
    if (partition === null) return null;
    const { snapshot, intervalMs, nowMs, log } = this.#parts;
    // Whatever becomes of it, the others get their turn first.
    this.#resting.set(partition, nowMs() + Math.min(LONGEST_REST_MS, intervalMs / 10));
    const startedMs = performance.now();
    try {
      const written = await snapshot(partition);
      if (written === null) return partition;
      this.#written.set(partition, nowMs());
      this.#resting.delete(partition);
      const durationMs = Math.round(performance.now() - startedMs);
      const { position, bytes, place } = written;
      log.info({ partition, position, bytes, place, durationMs }, 'snapshot of the state written');
    } catch (error) {
      log.warn({ err: error, partition }, 'no snapshot of the state could be written; tried again');
    }
    return partition;
  }

  async #due(): Promise<number | null> {
    const { snapshots, group, topic, owned, intervalMs, nowMs } = this.#parts;
    const now = nowMs();
    const newest = new Map(this.#written);
    for (const { slot, takenAtMs } of await snapshots.list(group, topic)) {
      // Of another clock, a simulated one: going by it there would be no snapshot for years.
      if (takenAtMs > now + intervalMs) continue;
      newest.set(slot.partition, Math.max(takenAtMs, newest.get(slot.partition) ?? -Infinity));
    }
    const askedMs = await this.#asked(now);
    const [first] = owned()
      .filter((partition) => (this.#resting.get(partition) ?? -Infinity) <= now)
      .map((partition) => ({ partition, takenAtMs: newest.get(partition) ?? -Infinity }))
      .filter(({ takenAtMs }) => takenAtMs + intervalMs <= now || takenAtMs < askedMs)
      .sort((a, b) => a.takenAtMs - b.takenAtMs || a.partition - b.partition);
    return first?.partition ?? null;
  }

  /** A note of another clock, a simulated one, is none. */
  async #asked(nowMs: number): Promise<number> {
    const { asked, log } = this.#parts;
    try {
      const askedMs = (await asked?.()) ?? -Infinity;
      return askedMs <= nowMs ? askedMs : -Infinity;
    } catch (error) {
      // Their own turns do not need whoever keeps the notes.
      log.warn({ err: error }, 'whether snapshots were asked for cannot be read; tried again');
      return -Infinity;
    }
  }
}
