import type { BillingItem } from '../schemas/billing.ts';
import type { PoolProfile } from '../schemas/pool.ts';
import type { PlanVersion, SubscriberProfile } from '../schemas/profile.ts';
import type { Account, AddOnTerms, BoughtTopUp, PlanTerms, SubscriberRows } from '../schemas/tariff.ts';
import type { ChangeContext, ImportLine, StoredPlan, StoredPool } from './tariff-ports.ts';

/** A subscriber within a transaction. */
export interface StoredSubscriber {
  /** the store's own number of it: in the order of these everybody locks */
  no: number;
  rows: SubscriberRows;
}

/** A top-up, and whose it is. */
export interface StoredTopUp {
  topUp: BoughtTopUp;
  owner: { subscriberId: string } | { poolId: string };
}

/** A pool, and who pays; null = who its profile says. */
export type PoolAlone = Omit<StoredPool, 'members'> & { accountId: string | null };

/** The answer to an earlier request with the same key. */
export interface KeptAnswer {
  route: string;
  requestHash: Uint8Array;
  body: unknown;
}

/** The key of a request. */
export type RequestKey = NonNullable<ChangeContext['idempotency']>;

/**
 * What a store of tariffs can do within one transaction; what is to be done is said once, for all stores, by the
 * functions of storage/tariff-changes. Whatever it reads of a subscriber or pool is locked until the end.
 */
export interface TariffTx {
  /** Directory.foldVersion: what readers of the log understand; null = everything */
  layout(): Promise<number | null>;
  answered(key: RequestKey): Promise<KeptAnswer | null>;
  answer(key: RequestKey, body: unknown): Promise<void>;
  audit(entry: { who: string; action: string; subject: string; content: unknown }): Promise<void>;

  plan(planId: string): Promise<StoredPlan | null>;
  putPlan(plan: StoredPlan): Promise<void>;
  /** Those with terms, by version. */
  planVersions(planId: string): Promise<PlanTerms[]>;
  /** Numbers of all versions, also those without terms, and from when those hold that say it. */
  knownVersions(planId: string): Promise<{ version: number; effectiveFromMs: number | null }[]>;
  /** With its control. */
  addPlanVersion(terms: PlanTerms, content: PlanVersion, author: string): Promise<void>;
  /** Another currency of an account that has the plan; null = none has. */
  otherCurrency(planId: string, currency: string): Promise<string | null>;
  /** By version. */
  addOnVersions(addOnId: string): Promise<AddOnTerms[]>;
  addAddOnVersion(terms: AddOnTerms, author: string): Promise<void>;

  account(accountId: string): Promise<Account | null>;
  /** @param saysCurrency false = nobody said its currency just now: one that was assumed goes on to be */
  putAccount(account: Account, saysCurrency: boolean): Promise<void>;
  hasItems(accountId: string): Promise<boolean>;
  /** By number. */
  subscribersOf(accountId: string): Promise<StoredSubscriber[]>;

  subscriber(subscriberId: string): Promise<StoredSubscriber | null>;
  /** Adds or changes what differs of `before`; null = there is none yet. Ids of new rows are given by the store. */
  putRows(before: StoredSubscriber | null, after: SubscriberRows): Promise<StoredSubscriber>;
  /** Brings profiles up to date, with a control for each that changed. Returns them all, in this order. */
  tell(subscriberIds: readonly string[]): Promise<SubscriberProfile[]>;
  /** As `tell`, of many, whose profiles nobody asks for. */
  tellMany(subscriberIds: readonly string[]): Promise<void>;

  topUp(topUpId: string): Promise<StoredTopUp | null>;
  pool(poolId: string): Promise<PoolAlone | null>;
  /** True where a membership is not over at this instant. */
  hasMembers(poolId: string, atMs: number): Promise<boolean>;
  /** All but its top-ups, with a control where it changed. */
  putPool(profile: Omit<PoolProfile, 'topUps'>, revision: number): Promise<void>;
  /** Adds or changes one, with a control. */
  putPoolTopUp(poolId: string, topUp: BoughtTopUp): Promise<PoolProfile>;

  /** As ItemBook.settle, of rows as they stand. */
  settle(stored: StoredSubscriber, atMs: number): Promise<BillingItem[]>;
  /** As ItemBook.leave. */
  leave(stored: StoredSubscriber, atMs: number): Promise<BillingItem[]>;
  /** Returns the keys that were not there before. */
  book(items: readonly BillingItem[]): Promise<string[]>;
  item(key: string): Promise<BillingItem | null>;

  /** Forgets whom actions named; before anything else is locked. Returns how many did. */
  forgetIntents(subscriberId: string): Promise<number>;
  /** Forgets names. Returns how many values went, by what they were. */
  forget(stored: StoredSubscriber): Promise<Record<string, number>>;
  /** Rows of a chunk. Returns subscribers who are still to be told of; null = it was applied before. */
  importLines(
    importId: string,
    lines: readonly ImportLine[],
    context: ChangeContext,
  ): Promise<string[] | null>;
}

/** Where transactions come from: they run one after the other. */
export interface TariffDatabase {
  /** @param keeps false = all of it is taken back at the end, whatever it gave */
  transaction<T>(fn: (tx: TariffTx) => Promise<T>, keeps: boolean): Promise<T>;
}
