import type { OverageTerms } from './profile.ts';

/** What a slot tells billing besides actions. Ids are deterministic: the same log gives the same ones. */

/**
 * Signed change of a cycle's usage that no window shows: an operator's correction, or late usage of a cycle that was
 * closed already. Billing adds it to what it billed. Identity: `id`.
 */
export interface UsageAdjustment {
  /** `<partition>:<offset>:<n>` of the log entry that made it; of a replayed letter `letter:<partition>:<offset>` */
  id: string;
  subscriberId: string;
  cycleStartMs: number;
  cycleEndMs: number;
  serviceClass: string;
  /** signed octets */
  downBytes: number;
  upBytes: number;
  reason: 'late-usage' | 'operator' | 'replay';
  /** one line for people */
  detail: string;
  /** part of the cycle (ClosedCycle.parts) that it belongs to, by its start; absent = the cycle has no parts */
  partFromMs?: number;
  /** the bytes were carried off-peak; absent = they were not, or nobody asks */
  offPeak?: boolean;
  partition: number;
  offset: number;
}

/** Octets of one service class, '' is the default one. */
export interface ClassBytes {
  serviceClass: string;
  downBytes: number;
  upBytes: number;
}

/** A stretch of a cycle with one plan version, unlimited as a whole or not at all. */
export interface ClosedPart {
  fromMs: number;
  toMs: number;
  planId: string;
  version: number;
  unlimited: boolean;
  /** by the rules of its plan; 0 where it is unlimited */
  countedBytes: number;
  classes: ClassBytes[];
  /** of those the bytes that were carried off-peak */
  offPeak: ClassBytes[];
}

/** What a cycle could use for nothing, and what went into it and out of it. */
export interface ClosedAllowance {
  /** null = no cap */
  baseBytes: number | null;
  carryInBytes: number;
  carryOutBytes: number;
  topUps: { id: string; usedBytes: number }[];
}

/** Paid blocks of a cycle as the fold knows them. */
export interface ClosedOverage {
  blocks: number;
  soldBytes: number;
  /** counted beyond the allowance, sold blocks not taken off */
  overBytes: number;
  /** bytes that corrections took away */
  correctedBytes: number;
  /**
   * terms by which a policy sells blocks to this subscriber as the cycle closes, null = none does; absent = the slot does
   * not say, and the plan's hold
   */
  terms?: OverageTerms | null;
}

/** Totals of a billing cycle when it closed. Identity: subscriber and cycle start. */
export interface ClosedCycle {
  subscriberId: string;
  cycleStartMs: number;
  cycleEndMs: number;
  planId: string;
  /** measured octets by service class, '' is the default class */
  classes: ClassBytes[];
  /** signed, part of neither */
  adjustedDownBytes: number;
  adjustedUpBytes: number;
  /** in order; absent = told by a slot of a layout that does not know them */
  parts?: ClosedPart[];
  /** absent as `parts` */
  allowance?: ClosedAllowance;
  /** absent as `parts` */
  overage?: ClosedOverage;
  partition: number;
  offset: number;
}
