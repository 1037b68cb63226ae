import { FLAGS, OUTCOMES } from '../../schemas/outcome.ts';
import type { Flag, OutcomeCounts } from '../../schemas/outcome.ts';
import type { Metrics } from './metrics.ts';

/** The counters of a slot, as its state has them: totals since the state began. */
export interface SlotTotals {
  partition: number;
  counts: OutcomeCounts;
  flags: Record<Flag, number>;
  controlsFolded: number;
}

interface Seen {
  counts: OutcomeCounts;
  flags: Record<Flag, number>;
  controlsFolded: number;
}

/**
 * Turns the totals of slots into counters of this process: each rise counts once, by the process that committed it,
 * however often the slot moves or is loaded again. `opened` sets the base, `committed` counts what came on top.
 */
export class SlotCounters {
  readonly #metrics: Pick<Metrics, 'records' | 'flags' | 'controls'>;
  readonly #seen = new Map<number, Seen>();

  constructor(metrics: Pick<Metrics, 'records' | 'flags' | 'controls'>) {
    this.#metrics = metrics;
  }

  /** The slot was loaded: what it holds was counted by whoever committed it. */
  opened(slot: SlotTotals): void {
    const { counts, flags, controlsFolded } = slot;
    this.#seen.set(slot.partition, { counts: { ...counts }, flags: { ...flags }, controlsFolded });
  }

  /** A commit was applied: counts the rise since the call before. */
  committed(slot: SlotTotals): void {
    const seen = this.#seen.get(slot.partition);
    this.opened(slot);
    if (seen === undefined) return;
    for (const outcome of OUTCOMES) {
      const rise = slot.counts[outcome] - seen.counts[outcome];
      if (rise > 0) this.#metrics.records.inc({ outcome }, rise);
    }
    for (const flag of FLAGS) {
      const rise = slot.flags[flag] - seen.flags[flag];
      if (rise > 0) this.#metrics.flags.inc({ flag }, rise);
    }
    const controls = slot.controlsFolded - seen.controlsFolded;
    if (controls > 0) this.#metrics.controls.inc(controls);
  }
}
