import type { Effect } from './action.ts';
import type { CycleChange, CycleRule, TopUp } from './profile.ts';

/** One allowance that several subscribers share, as a household or company does. Arrives as a control, whole. */
export interface PoolProfile {
  poolId: string;
  /** what all members together may use a cycle; null = no limit */
  allowanceBytes: number | null;
  /** IANA zone; members should have the same, and the same anchor */
  zone: string;
  /** day of the month on which the pool's cycle begins, 1-31; 29-31 falls on the month's last day */
  anchorDay: number;
  /** market segment, for the policies' appliesTo */
  segment: string;
  /** plan whose terms hold for paid blocks, and which the policies' appliesTo is asked about; null = none */
  planId: string | null;
  /** whoever pays agreed to paid blocks beyond the allowance */
  overageConsent: boolean;
  /** subscriber that notices and charges of the pool go to */
  billTo: string;
  /** bytes bought on top of the allowance; absent = none */
  topUps?: TopUp[];
  /** absent = monthly on anchorDay */
  cycle?: CycleRule;
  /** ordered by fromMs; absent = none */
  cycleChanges?: CycleChange[];
}

/** What a member has used of one of its cycles while it was a member: the absolute total. Owner of the slot of `member` -> that of the pool. */
export interface PoolContribution {
  poolId: string;
  member: string;
  /** the member's own cycle, ms since 1970 UTC */
  cycleStartMs: number;
  /** grows with every contribution of the member; one that is not greater than the last is ignored */
  seq: number;
  countedBytes: number;
  /** the last one of this membership: what it says stays */
  leaving: boolean;
}

/** One rule of a pool's policies that is in force. */
export interface PoolRule {
  policyId: string;
  rule: string;
  policyVersion: string;
  effect: Effect;
}

/** How a pool stands, told to one member: all that holds now, so a newer one replaces the older. */
export interface PoolEffect {
  poolId: string;
  member: string;
  /** grows with every change that is told; one that is not greater than the last is ignored */
  seq: number;
  usedBytes: number;
  allowanceBytes: number | null;
  rules: PoolRule[];
}
