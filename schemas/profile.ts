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

/** Service held back: still metered, no notices. */
export interface Hold {
  kind: 'non-payment' | 'customer' | 'fraud' | 'legal';
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
}

/** How to read one NAS's records. */
export interface NasProfile {
  nasId: string;
  /** Input means download on this NAS */
  reversed: boolean;
  /** counters are in octets or kilobytes */
  unit: 'octets' | 'kilobytes';
  /** tolerance of the which-session rule, seconds */
  startToleranceSeconds: number;
}

/** What holds for a NAS that nobody described. */
export function defaultNasProfile(nasId: string): NasProfile {
  return { nasId, reversed: false, unit: 'octets', startToleranceSeconds: 120 };
}
