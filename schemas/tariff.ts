import type { Speed } from './action.ts';
import type { CycleRule, Hold, PlanVersion, SubscriberProfile } from './profile.ts';

/** Minor units of a currency, net of tax. */
export interface Money {
  amountMinor: number;
  /** ISO 4217 */
  currency: string;
}

/** [startMs, endMs) in ms since 1970 UTC. */
export interface Span {
  startMs: number;
  endMs: number;
}

/** From an instant on, up to another; ms since 1970 UTC, `toMs` null = open. */
export interface Dated {
  fromMs: number;
  toMs: number | null;
}

/**
 * How tiers make a price: each byte by the tier that it falls into; all bytes by the tier that the total reaches; or a
 * flat price for each started unit of the tier reached.
 */
export type TierMode = 'graduated' | 'volume' | 'package';

/** One step of a price for usage; a total at the boundary belongs to the lower one. */
export interface Tier {
  /** null = no end */
  toBytes: number | null;
  unitBytes: number;
  /** price of `unitBytes` in millionths of a minor unit */
  priceMicro: number;
}

/** One immutable version of a plan with what it costs; money in minor units of `currency`. */
export interface PlanTerms {
  planId: string;
  version: number;
  name: string;
  currency: string;
  taxClass: string;
  /**
   * It holds for a subscriber from the first cycle or assignment that begins at or after this instant, ms since 1970
   * UTC; null = whenever it began
   */
  effectiveFromMs: number | null;
  /** fee of a whole cycle, null = none */
  recurring: { feeMinor: number; when: 'advance' | 'arrears' } | null;
  /** price of what is carried, null = none; `includedBytes` are in the fee */
  usage: { mode: TierMode; tiers: Tier[]; includedBytes: number } | null;
  /** share of the fees that is charged while the service is on hold, per mille */
  heldPerMille: Record<Hold['kind'], number>;
  /** what the fold is told */
  metering: Omit<PlanVersion, 'planId' | 'version' | 'effectiveFromMs'>;
}

/** One immutable version of an add-on: bytes on top of the plan's cap, every cycle, for a fee. */
export interface AddOnTerms {
  addOnId: string;
  version: number;
  name: string;
  currency: string;
  feeMinor: number;
  when: 'advance' | 'arrears';
  /** 0 = it adds no bytes */
  capBytes: number;
  /** a part of a cycle gives a part of the bytes */
  prorated: boolean;
  effectiveFromMs: number;
}

/** Who is billed, and when. */
export interface Account {
  accountId: string;
  currency: string;
  taxClass: string;
  cycle: CycleRule;
  /** ordered; each rule holds from its instant on */
  cycleChanges: { fromMs: number; cycle: CycleRule; source: RowSource }[];
  billingStatus: SubscriberProfile['billingStatus'];
  /** its id in the billing system; null = ours */
  billingRef: string | null;
  /** grows with every change */
  revision: number;
}

/** Where a row came from. Rows of the directory are replaced by its next import, all others never. */
export type RowSource = 'directory' | 'api' | 'import' | 'policy' | 'billing';

/** What was bought on top of a plan; of the kinds each says what it needs: `bytes`, or for a boost `speed`. */
export interface BoughtTopUp {
  id: string;
  kind: TopUpKind;
  bytes: number | null;
  speed: Speed | null;
  fromMs: number;
  expiresMs: number;
  source: RowSource;
  productId: string | null;
  cancelledMs: number | null;
}

/** Bytes beyond the cap, a speed for a time, or a time in which nothing counts against the cap. */
export type TopUpKind = 'bytes' | 'boost' | 'unlimited';

/** Everything that a subscriber's profile is derived from. Ids are those of the store. */
export interface SubscriberRows {
  subscriberId: string;
  account: Account;
  /** its id in the provider's own system */
  externalId: string | null;
  segment: string;
  tags: string[];
  zone: string;
  overageConsent: boolean;
  /** brought along from another system; `untilMs` null = it counts in every cycle */
  openingCarry: { bytes: number; untilMs: number | null };
  /** instant of the last change by the log's clock */
  asOfMs: number | null;
  terminatedMs: number | null;
  /** where its last closed cycle ends: what it cost before changes by adjustments alone. Null = none is closed */
  closedThroughMs: number | null;
  /** grows with every change */
  revision: number;
  credentials: (Dated & { userName: string; exclusive: boolean })[];
  assignments: (Dated & { id: string; planId: string; source: RowSource })[];
  addOns: (Dated & { id: string; addOnId: string })[];
  topUps: BoughtTopUp[];
  holds: (Dated & { id: string; kind: Hold['kind']; source: RowSource })[];
  pools: (Dated & { poolId: string; source: RowSource })[];
}
