import type { ActionIntent } from '../schemas/action.ts';
import type { BillingItem } from '../schemas/billing.ts';
import type { PoolProfile } from '../schemas/pool.ts';
import type { CycleRule, Hold } from '../schemas/profile.ts';
import type {
  Account,
  AddOnTerms,
  BoughtTopUp,
  Dated,
  Money,
  PlanTerms,
  SubscriberRows,
} from '../schemas/tariff.ts';

/* ---------- What people change of tariffs (Postgres) ---------- */

/** Who changes something, when, and what they know of it. */
export interface ChangeContext {
  /** for the audit: a name, which others may have too */
  by: string;
  /** for the audit: id of the API key, where one was used */
  keyId?: string;
  /** the log's clock, ms since 1970 UTC: what is in force at it decides */
  atMs: number;
  /** for the audit; '' = none given */
  reason: string;
  /** what is changed must be of this revision, 0 = not be there yet; absent = of any */
  revision?: number;
  /** answers a repeat of the request with what it did the first time */
  idempotency?: { keyId: string; key: string; route: string; requestHash: Uint8Array };
  /** everything is done and taken back: the answer is a preview */
  dryRun?: boolean;
  /** source of the rows that it makes; absent = 'api' */
  source?: 'api' | 'billing';
}

/** What a change did. */
export interface Changed<T> {
  value: T;
  revision: number;
  /** made by it, in order */
  items: BillingItem[];
  /** it was done by an earlier request with the same idempotency key */
  replayed: boolean;
}

/** When a change takes effect. */
export type When =
  /** at the context's instant */
  | { at: 'now' }
  /** at the end of the running cycle */
  | { at: 'cycle-end' }
  /** at or after now, within 400 days */
  | { at: 'time'; ms: number }
  /** a local midnight within the running cycle, after the last change in it */
  | { at: 'back'; ms: number };

/**
 * Changes of plans, accounts, subscribers and pools. Every call is one transaction: rows, items, audit, the control for
 * the log and the answer for its idempotency key, or nothing of them. Throws 'conflict' (overlap, a later change, a closed
 * cycle, another currency, a layout that is too old), 'not-found', 'precondition-failed', 'idempotency-mismatch',
 * 'invalid-input'; 'unreachable', 'timeout' (retriable); 'store-unknown-outcome': ask again with the same idempotency key.
 */
export interface TariffStore {
  /** What a request with this idempotency key was answered; null = it was not, or has none. Throws 'idempotency-mismatch'. */
  answered<T>(context: ChangeContext): Promise<Changed<T> | null>;
  putPlanVersion(terms: PlanTerms, context: ChangeContext): Promise<Changed<PlanTerms>>;
  putAddOnVersion(terms: AddOnTerms, context: ChangeContext): Promise<Changed<AddOnTerms>>;
  /** What is not named stays. Who has an archived plan keeps it; nobody else gets it ('conflict'). */
  changePlan(
    planId: string,
    change: { name?: string; archived?: boolean },
    context: ChangeContext,
  ): Promise<Changed<StoredPlan>>;
  /** By version; those without terms (metering alone) are left out. */
  planVersions(planId: string): Promise<PlanTerms[]>;
  /** @param saysCurrency false = its currency is told as it was read; absent = somebody says it: it is not assumed any more */
  putAccount(
    account: Omit<Account, 'revision' | 'cycleChanges'>,
    context: ChangeContext,
    saysCurrency?: boolean,
  ): Promise<Changed<Account>>;
  /** From the end of the running cycle on. */
  changeCycle(accountId: string, cycle: CycleRule, context: ChangeContext): Promise<Changed<Account>>;
  putSubscriber(given: SubscriberGiven, context: ChangeContext): Promise<Changed<SubscriberRows>>;
  /** @param replaceLater changes stored for after that instant go; false = 'conflict' where there are any */
  assign(
    subscriberId: string,
    planId: string,
    when: When,
    replaceLater: boolean,
    context: ChangeContext,
  ): Promise<Changed<SubscriberRows>>;
  terminate(subscriberId: string, when: When, context: ChangeContext): Promise<Changed<SubscriberRows>>;
  hold(
    subscriberId: string,
    kind: Hold['kind'],
    span: Dated,
    context: ChangeContext,
  ): Promise<Changed<SubscriberRows>>;
  endHold(subscriberId: string, holdId: string, context: ChangeContext): Promise<Changed<SubscriberRows>>;
  buyTopUp(
    subject: { subscriberId: string } | { poolId: string },
    topUp: BoughtTopUp,
    price: Money,
    context: ChangeContext,
  ): Promise<Changed<BoughtTopUp>>;
  /**
   * What a policy bought, once by the action's id.
   *
   * @returns 'expired' where it is over at `nowMs` already, 'currency' where the account is charged in another one: nothing is
   *   charged, nothing given
   */
  bookPolicyTopUp(intent: ActionIntent, nowMs: number): Promise<BookedTopUp>;
  /**
   * Ends it. It is credited where nothing of it was used: where it has not begun, or the caller knows it.
   *
   * @param isUnused the fold has used none of it; absent = not known
   */
  cancelTopUp(topUpId: string, context: ChangeContext, isUnused?: boolean): Promise<Changed<BoughtTopUp>>;
  addAddOn(
    subscriberId: string,
    addOnId: string,
    when: When,
    context: ChangeContext,
  ): Promise<Changed<SubscriberRows>>;
  endAddOn(
    subscriberId: string,
    addOnAssignmentId: string,
    when: When,
    context: ChangeContext,
  ): Promise<Changed<SubscriberRows>>;
  putPool(pool: PoolGiven, context: ChangeContext): Promise<Changed<PoolProfile>>;
  joinPool(
    poolId: string,
    subscriberId: string,
    span: Dated,
    context: ChangeContext,
  ): Promise<Changed<SubscriberRows>>;
  leavePool(
    poolId: string,
    subscriberId: string,
    when: When,
    context: ChangeContext,
  ): Promise<Changed<SubscriberRows>>;
  bookOneOff(
    subscriberId: string,
    amount: Money,
    description: string,
    context: ChangeContext,
  ): Promise<Changed<BillingItem>>;
  /** Forgets who a terminated subscriber was; what was billed stays. Returns how many values went, by what they were. */
  erase(subscriberId: string, context: ChangeContext): Promise<Record<string, number>>;
  /** One chunk of a checked import, all or nothing. */
  applyImport(importId: string, lines: readonly ImportLine[], context: ChangeContext): Promise<void>;
}

/** A subscriber as it is given whole: what it does not name goes, plans and purchases stay. */
export interface SubscriberGiven {
  subscriberId: string;
  accountId: string;
  externalId: string | null;
  segment: string;
  tags: string[];
  zone: string;
  overageConsent: boolean;
  credentials: (Dated & { userName: string })[];
}

export type PoolGiven = Omit<PoolProfile, 'topUps' | 'cycleChanges'>;

/** A subscriber of a file, and a plan that it gets: what it does not say stays as it is. */
export type SubscriberOfFile = Pick<SubscriberGiven, 'subscriberId' | 'zone'> &
  Partial<SubscriberGiven> & { plan?: Dated & { planId: string } };

/** A plan of a subscriber as a file says it. */
export type AssignmentOfFile = Dated & { subscriberId: string; planId: string };

/** A line of an import: a subscriber, or a plan of one. */
export interface ImportLine {
  /** from 1 */
  line: number;
  content: SubscriberOfFile | AssignmentOfFile;
}

/* ---------- What people look at ---------- */

/**
 * Part of a list, in the order of its keys. `next` is what the next part begins after; null = there is no more. A part looks at
 * so much at most: one that is short, or empty, may have a next one.
 */
export interface Page<T> {
  items: T[];
  next: string | null;
}

/** Tariffs as they are stored; one snapshot a call. Throws 'unreachable', 'timeout' (retriable). */
export interface TariffReads {
  plan(planId: string): Promise<StoredPlan | null>;
  plans(limit: number, after: string | null): Promise<Page<StoredPlan>>;
  /** By version; nothing where nobody made one. */
  addOnVersions(addOnId: string): Promise<AddOnTerms[]>;
  rows(subscriberId: string): Promise<SubscriberRows | null>;
  /**
   * By subscriber id, as all lists by id: in byte order. Throws 'invalid-input' where thousands begin with the text that is
   * looked for.
   */
  list(filter: SubscriberFilter, limit: number, after: string | null): Promise<Page<SubscriberSummary>>;
  account(accountId: string): Promise<Account | null>;
  accounts(filter: AccountFilter, limit: number, after: string | null): Promise<Page<Account>>;
  pool(poolId: string): Promise<StoredPool | null>;
  pools(limit: number, after: string | null): Promise<Page<PoolProfile>>;
  /** By subscriber, the latest first. */
  cycles(filter: CycleFilter, limit: number, after: string | null): Promise<Page<CycleRow>>;
  /** The last first. */
  audit(filter: AuditFilter, limit: number, after: string | null): Promise<Page<AuditEntry>>;
  /** Controls that wait for the log, counted up to 5,001. */
  outboxBacklog(): Promise<number>;
}

/** A plan as a whole; what it costs and gives stands in its versions. */
export interface StoredPlan {
  planId: string;
  /** for people; '' = none */
  name: string;
  /** by the log's clock; null = it can be given out */
  archivedMs: number | null;
  revision: number;
}

/** Which accounts; what is null does not restrict. */
export interface AccountFilter {
  status: string | null;
  /** only those that have an id of their own in the billing system */
  hasBillingRef?: boolean;
}

/** Which subscribers; what is null does not restrict. */
export interface SubscriberFilter {
  accountId: string | null;
  segment: string | null;
  /** in force at `atMs` */
  planId: string | null;
  poolId: string | null;
  status: SubscriberStatus | null;
  /** beginning of an id, external id or user name */
  text: string | null;
  atMs: number;
}

export type SubscriberStatus = 'active' | 'held' | 'terminated';

export interface SubscriberSummary {
  subscriberId: string;
  accountId: string;
  segment: string;
  planId: string | null;
  status: SubscriberStatus;
  revision: number;
}

export interface StoredPool {
  profile: PoolProfile;
  members: (Dated & { subscriberId: string })[];
  revision: number;
}

/** Which cycles; what is null does not restrict. */
export interface CycleFilter {
  subscriberId: string | null;
  status: CycleRow['status'] | null;
  endBeforeMs: number | null;
}

/** What became of a top-up that a policy bought. */
export type BookedTopUp = 'added' | 'known' | 'no-subscriber' | 'expired' | 'currency';

/** A billing cycle of a subscriber. */
export interface CycleRow {
  subscriberId: string;
  startMs: number;
  endMs: number;
  status: 'open' | 'closing' | 'closed';
  closedMs: number | null;
  /** what was metered and who had what differ */
  termsDiffer: boolean;
}

/** Which entries; what is null does not restrict. */
export interface AuditFilter {
  subject: string | null;
  who: string | null;
  action: string | null;
  fromMs: number | null;
  toMs: number | null;
}

/** A row of the append-only audit. */
export interface AuditEntry {
  id: string;
  atMs: number;
  /** null = the system */
  who: string | null;
  action: string;
  subject: string;
  content: unknown;
}

/** Everything that is stored of a person. */
export interface SubjectExport {
  /**
   * Rows by what they are, as they are stored: what a person is told of has no other form. Nothing where nobody is called
   * so. Of what is too much a part, with a row of kind 'cut' after it. One snapshot, noted in the audit. Throws 'unreachable', 'timeout' (retriable).
   *
   * @param by who asks, for the audit
   */
  rows(subscriberId: string, by: string): AsyncIterable<{ of: string; row: unknown }>;
}
