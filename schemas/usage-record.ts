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
  partition: number;
  offset: number;
}

/** Totals of a billing cycle when it closed. Identity: subscriber and cycle start. */
export interface ClosedCycle {
  subscriberId: string;
  cycleStartMs: number;
  cycleEndMs: number;
  planId: string;
  /** measured octets by service class, '' is the default class */
  classes: { serviceClass: string; downBytes: number; upBytes: number }[];
  /** signed, part of neither */
  adjustedDownBytes: number;
  adjustedUpBytes: number;
  partition: number;
  offset: number;
}
