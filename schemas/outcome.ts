/** Every record in has exactly one of these; they sum to the records in. Order is the index in stored counters. */
export const OUTCOMES = [
  'metered',
  'zero-delta',
  'duplicate',
  'reordered',
  'baselined',
  'late',
  'nas-event',
  'dead-lettered',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Records in by outcome. */
export type OutcomeCounts = Record<Outcome, number>;

/** Marks that stand beside an outcome, never instead of it. Order is the index in stored counters. */
export const FLAGS = [
  'estimated',
  'skewed',
  'fell',
  'no-start',
  'id-reused',
  'unassigned',
  /** a 32-bit counter without gigawords began anew (accounting case 3) */
  'wrapped',
  /** a counter began anew, charged from the candidate (case 7) */
  'restarted',
  /** more than four times what the line can carry (case 20) */
  'absurd',
  /** a record whose octets its parent, its children or its siblings report (case 16) */
  'sub-session',
  /** siblings report equal totals and nobody said how to read them (case 16) */
  'double-count',
  /** a session that had been closed without a Stop goes on (cases 13, 14) */
  'resurrected',
  /** a session ended without a Stop (cases 13, 14) */
  'missing-stop',
] as const;
export type Flag = (typeof FLAGS)[number];

/** Why a record became a dead letter. */
export const DEAD_LETTER_REASONS = [
  'empty',
  'oversize',
  'unknown-framing',
  'unknown-schema',
  'incompatible-schema',
  'undecodable',
  'missing-field',
  'negative-octets',
  'octets-beyond-2^53',
  'implausible-time',
  'beyond-horizon',
  'misrouted',
  'bad-control',
] as const;
export type DeadLetterReason = (typeof DEAD_LETTER_REASONS)[number];

/** A record that could not be metered, with all that is needed to look at it and to replay it. Identity: topic, partition, offset. */
export interface DeadLetter {
  topic: string;
  partition: number;
  offset: number;
  /** broker's append time, ms since 1970 UTC */
  appendTimeMs: number;
  reason: DeadLetterReason;
  /** what exactly was wrong, one line, no payload */
  detail: string;
  /** as far as the bytes could be read, else null */
  nasId: string | null;
  key: Uint8Array | null;
  /** the bytes as they came, cut at the configured limit */
  value: Uint8Array | null;
}

/** All outcomes at zero. */
export function noOutcomes(): OutcomeCounts {
  return Object.fromEntries(OUTCOMES.map((name) => [name, 0])) as OutcomeCounts;
}
