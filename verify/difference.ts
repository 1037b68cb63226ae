import type { Amount } from './amount.ts';

/** Where a difference was found. */
export const DIFFERENCE_KINDS = [
  /** the slot's counters, flags and event time */
  'slot',
  /** a subscriber that the slot holds and the log does not give, or the other way round */
  'subscriber',
  'cycle',
  'session',
  'throttle',
  /** parts of cycles, what is carried over, and what is used of top-ups */
  'tariff',
  /** hours, newest window, peak */
  'recent-use',
  /** a window row that the slot holds */
  'held-window',
  /** rows of analytics */
  'window',
  'late-row',
  'session-row',
  'action-row',
  /** the ledger */
  'action',
  'adjustment',
  'closed-cycle',
  'dead-letter',
  /** a NAS event that did not reach every partition */
  'nas-event',
  /** what members told their pool, or it told them */
  'pool',
] as const;
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number];

/** One thing that is not as the log says. Texts are for people. */
export interface Difference {
  kind: DifferenceKind;
  partition: number;
  /** what it is about */
  key: string;
  expected: string;
  found: string;
}

export const NOTHING = 'nothing';

export function bytesText(amount: Amount | undefined): string {
  return amount === undefined ? NOTHING : `${String(amount.down)} down, ${String(amount.up)} up`;
}

/** A JSON array as people read it. */
export function keyText(key: string): string {
  return (JSON.parse(key) as unknown[]).map(String).join(' ');
}

/** An instant of the log, ms since 1970 UTC. */
export function timeText(ms: number): string {
  return ms === 0 ? 'none' : new Date(ms).toISOString();
}
