import type { HealthView, PartitionView } from '../../schemas/views.ts';

/** A partition with lag whose position has not moved for this long is stuck. */
export const STUCK_AFTER_MS = 60_000;

/**
 * Health by progress of offsets, not by answering: remembers when each partition last moved.
 * A process can answer every request and still meter nothing.
 */
export class ProgressHealth {
  private readonly moved = new Map<number, { position: number; atMs: number }>();

  /** Takes the partitions as they are now; says what is wrong. */
  check(partitions: readonly PartitionView[], nowMs: number): HealthView {
    const problems: string[] = [];
    for (const { partition, position, lag, status, reason } of partitions) {
      const before = this.moved.get(partition);
      if (before === undefined || before.position !== position || lag === 0) {
        this.moved.set(partition, { position, atMs: nowMs });
      } else if (nowMs - before.atMs > STUCK_AFTER_MS) {
        const seconds = Math.round((nowMs - before.atMs) / 1000);
        problems.push(
          `partition ${partition} has not moved from offset ${position} for ${seconds} s, lag ${lag}`,
        );
      }
      // Loading takes its time after every rebalance; one that never ends is stuck.
      if (status === 'halted' || status === 'egress-held')
        problems.push(`partition ${partition} ${status}: ${reason ?? ''}`);
    }
    const present = new Set(partitions.map(({ partition }) => partition));
    for (const partition of this.moved.keys()) if (!present.has(partition)) this.moved.delete(partition);
    return { ok: problems.length === 0, problems };
  }
}
