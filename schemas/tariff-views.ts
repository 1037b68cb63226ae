import type { Effect, Speed } from './action.ts';
import type { ItemType } from './billing.ts';
import type { CountedDirection, CycleRule, Hold, SubscriberProfile } from './profile.ts';
import type { Money, RowSource, TierMode, TopUpKind } from './tariff.ts';
import type { BytesView } from './views.ts';

/* What the API tells of tariffs. Octets are decimal text, instants ISO 8601 UTC. */

/** From an instant on up to another; `from` null = ever since, `to` null = open. */
export interface DatedView {
  from: string | null;
  to: string | null;
}

/** A list in parts: `next` is sent as `after`, null = there is no more. */
export interface ListView<T> {
  items: T[];
  next: string | null;
}

/* ---------- Plans ---------- */

/** What a version of a plan costs and gives. Amounts are minor units of `currency`. */
export interface PlanTermsView {
  name: string;
  currency: string;
  taxClass: string;
  recurring: { feeMinor: number; when: 'advance' | 'arrears' } | null;
  usage: { mode: TierMode; tiers: TierView[]; includedBytes: string } | null;
  heldPerMille: Record<Hold['kind'], number>;
  metering: MeteringView;
}

export interface TierView {
  toBytes: string | null;
  unitBytes: string;
  priceMicro: number;
}

/** What metering and policies are told of a plan. */
export interface MeteringView {
  family: string;
  capBytes: string | null;
  counted: CountedDirection;
  downBps: number;
  upBps: number;
  overage: { blockBytes: string; blockPriceMinor: number; maxBlocks: number | null } | null;
  classFactors: Record<string, number>;
  offPeakFactors: Record<string, number>;
  capProration: 'whole' | 'prorated';
  usedBefore: 'counts' | 'fresh';
  carryOver: { limitBytes: string } | null;
  throttled: Speed | null;
}

export interface PlanVersionView {
  planId: string;
  version: number;
  /** null = at once, for everybody */
  effectiveFrom: string | null;
  terms: PlanTermsView;
}

/** A plan in a list. */
export interface PlanSummaryView {
  planId: string;
  name: string;
  archived: boolean;
  revision: number;
}

export interface PlanView extends PlanSummaryView {
  /** of cycles that begin now; null = none is in force, or it is metered alone */
  current: PlanVersionView | null;
  upcoming: PlanVersionView[];
}

export interface AddOnVersionView {
  addOnId: string;
  version: number;
  name: string;
  currency: string;
  feeMinor: number;
  when: 'advance' | 'arrears';
  capBytes: string;
  prorated: boolean;
  effectiveFrom: string;
}

/* ---------- Accounts and subscribers ---------- */

export interface AccountView {
  accountId: string;
  currency: string;
  taxClass: string;
  cycle: CycleRule;
  cycleChanges: { from: string; cycle: CycleRule; source: RowSource }[];
  billingStatus: SubscriberProfile['billingStatus'];
  billingRef: string | null;
  revision: number;
}

/** A change of an account's billing cycle. */
export interface CycleChangeView {
  account: AccountView;
  /** the new rule holds from here on; null = it held already */
  from: string | null;
  /** the cycle between the two rules, by the zone of the account's first service; null = there is none */
  stub: { start: string; end: string } | null;
  items: ItemView[];
  sum: Money | null;
}

export interface SubscriberSummaryView {
  subscriberId: string;
  accountId: string;
  segment: string;
  planId: string | null;
  status: 'active' | 'held' | 'terminated';
  revision: number;
}

/** What one subscriber has, and who pays for it. */
export interface SubscriberTariffView {
  account: AccountView;
  externalId: string | null;
  segment: string;
  tags: string[];
  zone: string;
  overageConsent: boolean;
  credentials: (DatedView & { userName: string })[];
  assignments: (DatedView & { id: string; planId: string; source: RowSource })[];
  addOns: (DatedView & { id: string; addOnId: string })[];
  topUps: TopUpView[];
  holds: (DatedView & { id: string; kind: Hold['kind']; source: RowSource })[];
  pools: (DatedView & { poolId: string; source: RowSource })[];
  /** running billing cycle */
  cycle: { start: string; end: string };
  terminatedAt: string | null;
  revision: number;
}

export interface TopUpView {
  id: string;
  kind: TopUpKind;
  bytes: string | null;
  speed: Speed | null;
  from: string | null;
  expires: string | null;
  source: RowSource;
  productId: string | null;
  cancelled: string | null;
}

/** A line of an invoice to be. */
export interface ItemView {
  key: string;
  type: ItemType;
  accountId: string;
  subscriberId: string;
  poolId: string | null;
  amount: Money;
  quantity: number;
  taxClass: string;
  line: string;
  description: string;
  cycleStart: string;
  cycleEnd: string | null;
  periodFrom: string | null;
  periodTo: string | null;
}

/** What a change of a subscriber did. */
export interface SubscriberChangeView {
  subscriberId: string;
  /** of the row that it made or ended; null = of none */
  id: string | null;
  items: ItemView[];
  sum: Money | null;
  tariff: SubscriberTariffView;
}

export interface TopUpChangeView {
  topUp: TopUpView;
  items: ItemView[];
  sum: Money | null;
}

/** What a change would do. */
export interface PreviewView {
  items: ItemView[];
  sum: Money | null;
  /** what the running cycle may carry for nothing, null = no limit or not known */
  allowance: { before: string | null; after: string | null };
  /** what of the running cycle counts against it, by the rules of the plan before and after; null = not known */
  countedBytes: { before: string | null; after: string | null };
  cycle: { start: string; end: string };
}

export interface ErasureView {
  subscriberId: string;
  /** values that went, by what they were */
  erased: Record<string, number>;
}

/* ---------- Pools ---------- */

export interface PoolSummaryView {
  poolId: string;
  allowanceBytes: string | null;
  zone: string;
  anchorDay: number;
  /** null = monthly on anchorDay */
  cycle: CycleRule | null;
  segment: string;
  planId: string | null;
  overageConsent: boolean;
  billTo: string;
}

/** A pool with who is in it and how it stands. */
export interface PoolView extends PoolSummaryView {
  revision: number;
  topUps: { id: string; bytes: string; from: string | null; expires: string | null }[];
  members: (DatedView & { subscriberId: string })[];
  /** null = its worker knows nothing of it yet */
  usage: PoolUsageView | null;
}

/** A pool as of its worker's last commit. */
export interface PoolUsageView {
  cycle: { start: string; end: string } | null;
  usedBytes: string;
  allowanceBytes: string | null;
  /** null = no allowance */
  usedPercent: number | null;
  members: { subscriberId: string; usedBytes: string; left: boolean }[];
  rules: { policyId: string; rule: string; policyVersion: string; state: Effect['state'] }[];
}

/* ---------- Cycles ---------- */

export interface CycleSummaryView {
  subscriberId: string;
  start: string;
  end: string;
  status: 'open' | 'closing' | 'closed';
  closedAt: string | null;
  /** what was metered and who had what differ: somebody has to look */
  termsDiffer: boolean;
}

/** One of a subscriber's cycles; what is known since its close is null before it. */
export interface CycleView extends CycleSummaryView {
  totals: BytesView | null;
  /** stretches with one plan version each */
  parts: CyclePartView[] | null;
  allowance: CycleAllowanceView | null;
  overage: { blocks: number; soldBytes: string; overBytes: string; correctedBytes: string } | null;
  /** of the items that are of it */
  items: number;
  sum: Money | null;
}

export interface CyclePartView {
  from: string;
  to: string;
  planId: string;
  version: number;
  unlimited: boolean;
  countedBytes: string;
}

export interface CycleAllowanceView {
  baseBytes: string | null;
  carryInBytes: string;
  carryOutBytes: string;
  topUps: { id: string; usedBytes: string }[];
}
