import type { BillingItem } from '../schemas/billing.ts';
import type { Control, ControlId, OperatorCommand, ReplayControl } from '../schemas/control.ts';
import type { DeadLetter, DeadLetterReason } from '../schemas/outcome.ts';
import type { PoolProfile } from '../schemas/pool.ts';
import type { FeedProfile, NasProfile, PlanVersion, SubscriberProfile } from '../schemas/profile.ts';
import type { Role } from '../schemas/roles.ts';
import type { ClosedCycle, UsageAdjustment } from '../schemas/usage-record.ts';
import type { NasAccess } from './ports.ts';

/* ---------- What people change (Postgres) ---------- */

/**
 * Subscribers, plans and NAS; policies have a store of their own (policy-ports.ts). Each change writes the row and a `control_outbox` row in one transaction;
 * the relay brings it into the log. Upserts are idempotent: unchanged content makes no control.
 */
export interface Directory {
  putPlans(plans: readonly PlanVersion[]): Promise<void>;
  putSubscribers(profiles: readonly SubscriberProfile[]): Promise<void>;
  /** What pools share; their members are named by the subscribers' profiles. */
  putPools(pools: readonly PoolProfile[]): Promise<void>;
  /** by id */
  pools(): Promise<PoolProfile[]>;
  putNas(nas: readonly { profile: NasProfile; access: NasAccess | null }[]): Promise<void>;
  /** Changes how a NAS's records are read; its access stays. */
  putNasProfile(profile: NasProfile): Promise<void>;
  nasProfiles(): Promise<NasProfile[]>;
  putFeed(feed: FeedProfile): Promise<void>;
  feeds(): Promise<FeedProfile[]>;
  /** Brings a command into the subscriber's log partition; the same one twice is two. */
  command(command: OperatorCommand): Promise<void>;
  /** Raises the layout in which slots are written, once all workers read it. It never goes down: a lower one does nothing. */
  raiseFoldVersion(version: number): Promise<void>;
  /**
   * The layout that every slot is written in, as far as workers said within two minutes: the least one, 4 of those that do
   * not say. Where none spoke lately, what it was raised to, else 4. Null where no worker ever was: a new installation,
   * whose slots begin with the newest.
   */
  foldVersion(): Promise<number | null>;
  subscriber(subscriberId: string): Promise<SubscriberProfile | null>;
  plan(planId: string): Promise<PlanVersion | null>;
  /** The newest version of each, by id. */
  plans(): Promise<PlanVersion[]>;
  counts(): Promise<{ subscribers: number; plans: number; nas: number }>;
}

/** Who a user name belongs to; RADIUS servers know no other name. */
export interface SubscriberLookup {
  /**
   * Subscriber id of each user name (case sensitive, no NUL) that exactly one profile has; others are not in the answer.
   * One read for all. Throws 'unreachable', 'timeout' (retriable).
   */
  subscriberIdsOf(userNames: readonly string[]): Promise<Map<string, string>>;
}

/** A control waiting for the log, with the number the relay gives it. */
export interface PendingControl {
  id: ControlId;
  control: Control;
  /** position of the cursor after this control */
  cursor: { xid: string; rowId: string };
}

/**
 * The relay's side of `control_outbox`. Rows come in (xid, row id) order and only below the oldest running transaction,
 * so a transaction that commits late is never skipped; n is dense in that order, hence the same on every retry.
 */
export interface ControlOutbox {
  /** Becomes the single relay; null while another process is. */
  lead(): Promise<RelayLeadership | null>;
}

export interface RelayLeadership {
  /** @param after what was read already and not passed by the cursor yet; absent = from the cursor on */
  next(limit: number, after?: PendingControl): Promise<PendingControl[]>;
  /** Moves the cursor past the last of these, after their durable append. Throws 'conflict' when leadership was lost. */
  advance(last: PendingControl): Promise<void>;
  release(): Promise<void>;
}

/* ---------- Usage records ---------- */

/** What the slots told billing (through the ledger), each once. */
export interface UsageRecords {
  /** Of one subscriber, the last stored first. */
  adjustments(subscriberId: string, limit: number): Promise<UsageAdjustment[]>;
  /** Of one subscriber, the latest cycle first. */
  closedCycles(subscriberId: string, limit: number): Promise<ClosedCycle[]>;
  /** All, in pages of bounded size, by id in byte order; not one snapshot: what is added meanwhile may be missing. */
  allAdjustments(): AsyncIterable<UsageAdjustment[]>;
  /** All, in pages of bounded size, by subscriber in byte order and cycle start; as `allAdjustments`. */
  allClosedCycles(): AsyncIterable<ClosedCycle[]>;
}

/* ---------- Billing items ---------- */

/** What billing will put on invoices, each once by its key. Calls throw 'unreachable', 'timeout' (retriable). */
export interface BillingItems {
  /** False where it is there already: it stays as it is. Throws 'conflict' where the account is charged in another currency. */
  charge(item: BillingItem): Promise<boolean>;
  /** The last stored first. */
  ofSubscriber(subscriberId: string, limit: number): Promise<BillingItem[]>;
  /** Of cycles of one subscriber that begin at these instants; nothing of a cycle that has no items. */
  cycleSums(subscriberId: string, cycleStartsMs: readonly number[]): Promise<CycleSum[]>;
}

/** What the items of one cycle and currency come to. */
export interface CycleSum {
  cycleStartMs: number;
  items: number;
  /** rounded where it is beyond 2^53 */
  amountMinor: number;
  currency: string;
}

/* ---------- API keys ---------- */

/** Who a request comes from. */
export interface ApiKey {
  id: string;
  name: string;
  roles: Role[];
  /** requests a minute; null = the configured limit */
  rateLimit: number | null;
}

/** A key as it is listed; the key itself is nowhere. Instants are ms since 1970 UTC. */
export interface ListedApiKey extends ApiKey {
  /** first characters of the key, by which people know it; null = made before they were kept */
  prefix: string | null;
  createdMs: number;
  /** who made it; null = the first one, or made before this was kept */
  createdBy: string | null;
  /** null = it works until it is revoked */
  expiresMs: number | null;
  /** to the minute or so; null = never */
  lastUsedMs: number | null;
  revokedMs: number | null;
}

/** What a key may be limited to. */
export interface ApiKeyLimits {
  /** ms since 1970 UTC */
  expiresMs?: number;
  /** requests a minute, from 1 */
  rateLimit?: number;
  /** who makes it */
  by?: string;
}

/**
 * Keys are 256 random bits; only their SHA-256 and first characters are stored. Expiry goes by the store's clock. Who made
 * and revoked one is written to the audit. Calls throw 'unreachable', 'timeout' (retriable).
 */
export interface ApiKeys {
  /** The key is given out here and never again. Throws 'invalid-input' without a role. */
  create(
    name: string,
    roles: readonly Role[],
    limits?: ApiKeyLimits,
  ): Promise<{ id: string; key: string; prefix: string }>;
  /** Null where nobody has it, it is revoked, or its time is over. */
  find(key: string): Promise<ApiKey | null>;
  /** Those that work. */
  count(): Promise<number>;
  /** All, also those that work no more; the last made first. */
  list(): Promise<ListedApiKey[]>;
  /**
   * False where no key is called so, or it is revoked already.
   *
   * @param by who revokes it
   */
  revoke(id: string, by?: string): Promise<boolean>;
  /** Notes that these were used just now. */
  touch(ids: readonly string[]): Promise<void>;
}

/* ---------- Dead letters ---------- */

/** Which letters; what is null does not restrict. Times are append times, ms since 1970 UTC. */
export interface DeadLetterFilter {
  reason: DeadLetterReason | null;
  partition: number | null;
  nasId: string | null;
  fromMs: number | null;
  toMs: number | null;
  /** true = only those that were replayed, false = only those that were not */
  replayed: boolean | null;
}

/** A letter as it is kept. `id` is `<partition>:<offset>`. */
export interface StoredDeadLetter extends DeadLetter {
  id: string;
  /** when its replay was asked for, ms since 1970 UTC; null = never */
  replayedAtMs: number | null;
}

/** Letters that the slots put aside (through the ledger). */
export interface DeadLetters {
  /** Newest first; `before` is the id that the page before ended with. */
  list(filter: DeadLetterFilter, limit: number, before: string | null): Promise<StoredDeadLetter[]>;
  get(id: string): Promise<StoredDeadLetter | null>;
  counts(): Promise<{ reason: DeadLetterReason; letters: number }[]>;
  /**
   * Notes that these are replayed and writes their controls for the log, in one transaction. Returns the ids that
   * were not replayed before.
   */
  replay(controls: readonly ReplayControl[]): Promise<string[]>;
  /**
   * Deletes letters kept for longer than `olderThanMs`, and the oldest ones beyond `maxRows`. Returns how many went.
   * Idempotent.
   */
  trim(olderThanMs: number, maxRows: number): Promise<number>;
}
