import type { Speed } from './action.ts';

/** When billing cycles begin, in the subscriber's zone. */
export type CycleRule =
  /** 1-31; 29-31 falls on the month's last day */
  | { kind: 'month'; anchorDay: number }
  /** ISO day, 1 = Monday to 7 = Sunday */
  | { kind: 'week'; weekday: number }
  /** every so many days, 31 at most, counted from the local date YYYY-MM-DD */
  | { kind: 'days'; days: number; from: string };

/** A rule that holds from an instant on, ms since 1970 UTC: the cycle before ends there. */
export interface CycleChange {
  fromMs: number;
  cycle: CycleRule;
}

/** Plan in force from a time on. Instants are ms since 1970 UTC; `toMs` null = open. */
export interface Assignment {
  planId: string;
  fromMs: number;
  toMs: number | null;
}

/** Bytes bought on top of the cap; consumed earliest expiry first. */
export interface TopUp {
  id: string;
  bytes: number;
  fromMs: number;
  expiresMs: number;
}

/** Service held back: the line carries no traffic, what it carries all the same is metered, and there are no notices. */
export interface Hold {
  kind: 'non-payment' | 'customer' | 'fraud' | 'legal';
  fromMs: number;
  toMs: number | null;
}

/** Speed bought for a time, bit/s. Of several the fastest counts, and none is slower than the plan. */
export interface Boost {
  /** its own within the profile */
  id: string;
  downBps: number;
  upBps: number;
  fromMs: number;
  expiresMs: number;
}

/** A time in which no byte counts against the cap. */
export interface UnlimitedSpan {
  id: string;
  fromMs: number;
  toMs: number;
}

/** Bytes on top of the cap in every cycle of its time. */
export interface AddOn {
  id: string;
  fromMs: number;
  toMs: number | null;
  capBytes: number;
  /** a part of a cycle gives a part of the bytes */
  prorated: boolean;
}

/** Pool that a subscriber is in from a time on. */
export interface PoolMembership {
  poolId: string;
  fromMs: number;
  toMs: number | null;
}

/** All that the fold knows of a subscriber besides usage. Arrives as a control; carries its whole content. */
export interface SubscriberProfile {
  subscriberId: string;
  /** RADIUS User-Name, case sensitive */
  userName: string;
  segment: string;
  tags: string[];
  /** IANA zone */
  zone: string;
  /** day of the month on which the cycle begins, 1-31; 29-31 falls on the month's last day */
  anchorDay: number;
  /** ordered by fromMs, not overlapping */
  assignments: Assignment[];
  topUps: TopUp[];
  carryOverBytes: number;
  holds: Hold[];
  /** absent = none */
  boosts?: Boost[];
  poolId: string | null;
  billingStatus: 'current' | 'overdue' | 'suspended';
  /** the subscriber agreed to paid blocks beyond the cap */
  overageConsent: boolean;
  /**
   * instant of the change that made this content, by the log's clock: what begins at or before it is in force at once;
   * absent = when the watermark gets there
   */
  asOfMs?: number;
  /** absent = monthly on anchorDay */
  cycle?: CycleRule;
  /** ordered by fromMs; absent = none */
  cycleChanges?: CycleChange[];
  /** absent = carryOverBytes counts in every cycle */
  carryOverUntilMs?: number;
  /** absent = none */
  unlimited?: UnlimitedSpan[];
  /** absent = none */
  addOns?: AddOn[];
  /** ordered by fromMs, not overlapping; where it is present, poolId says nothing */
  poolMemberships?: PoolMembership[];
}

/** Which bytes count against the cap. */
export type CountedDirection = 'down' | 'up' | 'both' | 'max';

/** Terms of paid blocks beyond the cap; money in minor units of the currency. */
export interface OverageTerms {
  blockBytes: number;
  blockPriceMinor: number;
  currency: string;
  maxBlocks: number | null;
}

/** One immutable version of a tariff plan, as far as metering and policies need it. Speeds in bit/s. */
export interface PlanVersion {
  planId: string;
  version: number;
  family: string;
  /** null = no cap */
  capBytes: number | null;
  counted: CountedDirection;
  downBps: number;
  upBps: number;
  overage: OverageTerms | null;
  /** share of a service class's bytes that counts against the cap, per mille; a class not named counts in full */
  classFactors: Record<string, number>;
  /** the same for bytes that are carried off-peak, `*` = every class that is not named; a class without one counts as at any time */
  offPeakFactors?: Record<string, number>;
  /**
   * it holds for a subscriber from the first cycle or assignment that begins at or after this instant; absent = at once,
   * for everybody
   */
  effectiveFromMs?: number;
  /** what a part of a cycle gives of the cap; absent = 'whole' */
  capProration?: 'whole' | 'prorated';
  /** on a change to this plan within a cycle, bytes used before count against its cap or do not; absent = 'counts' */
  usedBefore?: 'counts' | 'fresh';
  /** of the cap that is left, into the next cycle alone; absent = none */
  carryOver?: { limitBytes: number };
  /** speed of a line that is throttled for its cap; absent = policies say it */
  throttled?: Speed;
}

/** How the records of a session's parts are read (accounting case 16). */
export type SubSessions =
  /** every session counts; equal totals of siblings are flagged */
  | 'sum'
  /** children are ignored */
  | 'parent'
  /** parents are ignored */
  | 'children'
  /** the parent counts, children say which class its bytes belong to */
  | 'split'
  /** siblings of one multi-session id report one counter: the greatest */
  | 'shared';

/** Service class of records whose service name, or else RADIUS Class, is `match` (accounting case 19). */
export interface ClassMatch {
  match: string;
  serviceClass: string;
}

/** How to read one NAS's records. The id `*` describes every NAS that has no profile of its own. */
export interface NasProfile {
  nasId: string;
  /** Input means download on this NAS (case 17) */
  reversed: boolean;
  /** counters are in octets or kilobytes (case 18) */
  unit: 'octets' | 'kilobytes';
  /** tolerance of the which-session rule, seconds */
  startToleranceSeconds: number;
  /** false = 32-bit counters that wrap and no gigawords (case 3) */
  gigawords: boolean;
  /** a restarted counter begins at 0: charge from 0, not from the first low total (case 7) */
  countersReset: boolean;
  /** NAS of one group continue each other's sessions; null = on its own */
  redundancyGroup: string | null;
  /** what Accounting-On and -Off do to its sessions (case 14) */
  onOff: 'close' | 'ignore';
  /** interim interval, seconds; null = learned, 0 = it sends none (case 13) */
  interimSeconds: number | null;
  subSessions: SubSessions;
  /** IPv6 counters are part of the octets, or come on top of them (case 23) */
  ipv6: 'subset' | 'additive';
  classes: ClassMatch[];
}

/** What holds for a NAS that nobody described. */
export function defaultNasProfile(nasId: string): NasProfile {
  return {
    nasId,
    reversed: false,
    unit: 'octets',
    startToleranceSeconds: 120,
    gigawords: true,
    countersReset: false,
    redundancyGroup: null,
    onOff: 'close',
    interimSeconds: null,
    subSessions: 'sum',
    ipv6: 'subset',
    classes: [],
  };
}

/** How to read one feed's records. */
export interface FeedProfile {
  feedId: string;
  /**
   * Sessions that began before and are unknown are not charged for what they carried before their first record
   * (Weir put on a live network, accounting case 12), ms since 1970 UTC; null = charge all.
   */
  countFromMs: number | null;
}
