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
