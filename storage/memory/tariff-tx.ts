import { isDeepStrictEqual } from 'node:util';
import { ownAccount } from '../../schemas/billing.ts';
import type { BillingItem } from '../../schemas/billing.ts';
import { AppError } from '../../schemas/errors.ts';
import type { PoolProfile } from '../../schemas/pool.ts';
import type { PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';
import type {
  Account,
  AddOnTerms,
  BoughtTopUp,
  Dated,
  PlanTerms,
  SubscriberRows,
} from '../../schemas/tariff.ts';
import { deriveProfile, endOfTopUp } from '../derive-profile.ts';
import { groupBy } from '../group-by.ts';
import { STAYS_WORDS } from '../import-ports.ts';
import { isMember } from '../tariff-changes/pool-cycle.ts';
import { newAccount, newRows } from '../tariff-changes/subscribers.ts';
import { asGiven } from '../tariff-changes/rows.ts';
import type { ChangeContext, ImportLine, StoredPlan } from '../tariff-ports.ts';
import type {
  KeptAnswer,
  PoolAlone,
  RequestKey,
  StoredSubscriber,
  StoredTopUp,
  TariffTx,
} from '../tariff-transaction.ts';
import { CycleBook, cyclesOfNumber } from './cycle-book.ts';
import type { CycleStore } from './cycle-book.ts';
import { cycleStoreOf, rowsOf } from './tariff-state.ts';
import type { MemorySubscriber, TariffState } from './tariff-state.ts';

/** What ended so long before the last one began is not told any more, ms. */
const POOL_KEPT_MS = 120 * 86_400_000;

/** One transaction on tariffs in memory: a copy of the state that takes its place at the end. */
export class MemoryTariffTx implements TariffTx {
  readonly state: TariffState;
  readonly #store: CycleStore;
  readonly #cycles: CycleBook;
  readonly #layout: number | null;
  readonly #defaultCurrency: string;

  constructor(
    state: TariffState,
    { layout, defaultCurrency }: { layout: number | null; defaultCurrency: string },
  ) {
    this.state = state;
    this.#store = cycleStoreOf(() => state);
    this.#cycles = new CycleBook(this.#store, () => Date.now());
    this.#layout = layout;
    this.#defaultCurrency = defaultCurrency;
  }

  layout(): Promise<number | null> {
    return Promise.resolve(this.#layout);
  }

  answered({ keyId, key }: RequestKey): Promise<KeptAnswer | null> {
    return Promise.resolve(this.state.answers.get(`${keyId} ${key}`) ?? null);
  }

  answer({ keyId, key, route, requestHash }: RequestKey, body: unknown): Promise<void> {
    this.state.answers.set(`${keyId} ${key}`, { route, requestHash, body: structuredClone(body) });
    return Promise.resolve();
  }

  audit(entry: { who: string; action: string; subject: string; content: unknown }): Promise<void> {
    this.state.audit.push({
      ...structuredClone(entry),
      id: String(this.state.audit.length + 1),
      atMs: Date.now(),
    });
    return Promise.resolve();
  }

  plan(planId: string): Promise<StoredPlan | null> {
    return Promise.resolve(this.state.plans.get(planId) ?? null);
  }

  putPlan(plan: StoredPlan): Promise<void> {
    this.state.plans.set(plan.planId, plan);
    return Promise.resolve();
  }

  planVersions(planId: string): Promise<PlanTerms[]> {
    const versions = this.state.planVersions.get(planId) ?? [];
    return Promise.resolve(versions.flatMap(({ terms }) => (terms === null ? [] : [terms])));
  }

  knownVersions(planId: string): Promise<{ version: number; effectiveFromMs: number | null }[]> {
    const versions = this.state.planVersions.get(planId) ?? [];
    const known = versions.map(({ content, terms }) => ({
      version: content.version,
      effectiveFromMs: terms?.effectiveFromMs ?? null,
    }));
    return Promise.resolve(known);
  }

  addPlanVersion(terms: PlanTerms, content: PlanVersion): Promise<void> {
    const versions = [...(this.state.planVersions.get(terms.planId) ?? []), { content, terms }];
    this.state.planVersions.set(
      terms.planId,
      versions.sort((a, b) => a.content.version - b.content.version),
    );
    this.state.controls.push({ kind: 'plan-version', plan: content });
    return Promise.resolve();
  }

  otherCurrency(planId: string, currency: string): Promise<string | null> {
    const charged = [...this.state.subscribers.values()]
      .map((one) => rowsOf(this.state, one))
      .filter(({ assignments }) => assignments.some((one) => one.planId === planId && one.toMs === null));
    const other = charged.find(({ account }) => account.currency !== currency);
    return Promise.resolve(other?.account.currency ?? null);
  }

  addOnVersions(addOnId: string): Promise<AddOnTerms[]> {
    return Promise.resolve(this.state.addOns.get(addOnId) ?? []);
  }

  addAddOnVersion(terms: AddOnTerms): Promise<void> {
    const versions = [...(this.state.addOns.get(terms.addOnId) ?? []), terms];
    this.state.addOns.set(
      terms.addOnId,
      versions.sort((a, b) => a.version - b.version),
    );
    return Promise.resolve();
  }

  account(accountId: string): Promise<Account | null> {
    return Promise.resolve(this.state.accounts.get(accountId) ?? null);
  }

  putAccount(account: Account): Promise<void> {
    this.state.accounts.set(account.accountId, account);
    return Promise.resolve();
  }

  hasItems(accountId: string): Promise<boolean> {
    return Promise.resolve([...this.state.items.values()].some((item) => item.accountId === accountId));
  }

  subscribersOf(accountId: string): Promise<StoredSubscriber[]> {
    const all = [...this.state.subscribers.values()].filter((one) => one.accountId === accountId);
    return Promise.resolve(all.map((one) => ({ no: one.no, rows: rowsOf(this.state, one) })));
  }

  subscriber(subscriberId: string): Promise<StoredSubscriber | null> {
    const found = this.state.subscribers.get(subscriberId);
    return Promise.resolve(found === undefined ? null : { no: found.no, rows: rowsOf(this.state, found) });
  }

  putRows(before: StoredSubscriber | null, after: SubscriberRows): Promise<StoredSubscriber> {
    const { subscriberId } = after;
    const rows = this.#named(after);
    this.#check(rows);
    const no = before?.no ?? ++this.state.lastNo;
    const profile = this.state.subscribers.get(subscriberId)?.profile ?? null;
    const stored: MemorySubscriber = { no, accountId: rows.account.accountId, rows, profile };
    this.state.subscribers.set(subscriberId, stored);
    return Promise.resolve({ no, rows });
  }

  #named(rows: SubscriberRows): SubscriberRows {
    const named = <T extends Dated & { id: string }>(all: readonly T[]): T[] =>
      [...all].sort(byTime).map((row) => (row.id === '' ? { ...row, id: String(++this.state.lastId) } : row));
    return {
      ...rows,
      assignments: named(rows.assignments),
      addOns: named(rows.addOns),
      holds: named(rows.holds),
      pools: [...rows.pools].sort(byTime),
      credentials: [...rows.credentials].sort((a, b) => byTime(a, b) || (a.userName < b.userName ? -1 : 1)),
      topUps: [...rows.topUps].sort((a, b) => a.fromMs - b.fromMs || (a.id < b.id ? -1 : 1)),
    };
  }

  /** What a database refuses by its constraints. */
  #check(rows: SubscriberRows): void {
    for (const other of this.state.subscribers.values()) {
      if (other.rows.subscriberId === rows.subscriberId) continue;
      if (rows.externalId !== null && other.rows.externalId === rows.externalId)
        throw new AppError('conflict', 'another subscriber has this external id');
      for (const mine of rows.credentials.filter(({ exclusive }) => exclusive))
        for (const theirs of other.rows.credentials.filter(({ exclusive }) => exclusive))
          if (mine.userName === theirs.userName && overlap(mine, theirs))
            throw new AppError('conflict', 'another subscriber has this user name');
    }
    const names = [...groupBy(rows.credentials, ({ userName }) => userName).values()];
    const addOns = [...groupBy(rows.addOns, ({ addOnId }) => addOnId).values()];
    const holds = [...groupBy(rows.holds, ({ kind }) => kind).values()];
    for (const all of [rows.assignments, rows.pools, ...names, ...addOns, ...holds]) checkApart(all);
  }

  tell(subscriberIds: readonly string[]): Promise<SubscriberProfile[]> {
    const profiles: SubscriberProfile[] = [];
    for (const id of subscriberIds) {
      const stored = this.state.subscribers.get(id);
      if (stored === undefined) continue;
      const rows = rowsOf(this.state, stored);
      const profile = deriveProfile(rows, (addOnId) => this.state.addOns.get(addOnId) ?? []);
      profiles.push(profile);
      if (isDeepStrictEqual({ ...profile, asOfMs: 0 }, { ...stored.profile, asOfMs: 0 })) continue;
      this.state.subscribers.set(id, { ...stored, profile });
      this.state.controls.push({ kind: 'subscriber-profile', profile });
    }
    return Promise.resolve(profiles);
  }

  async tellMany(subscriberIds: readonly string[]): Promise<void> {
    await this.tell(subscriberIds);
  }

  topUp(topUpId: string): Promise<StoredTopUp | null> {
    for (const [subscriberId, { rows }] of this.state.subscribers) {
      const topUp = rows.topUps.find(({ id }) => id === topUpId);
      if (topUp !== undefined) return Promise.resolve({ topUp, owner: { subscriberId } });
    }
    for (const [poolId, { topUps }] of this.state.pools) {
      const topUp = topUps.find(({ id }) => id === topUpId);
      if (topUp !== undefined) return Promise.resolve({ topUp, owner: { poolId } });
    }
    return Promise.resolve(null);
  }

  pool(poolId: string): Promise<PoolAlone | null> {
    const pool = this.state.pools.get(poolId);
    if (pool === undefined) return Promise.resolve(null);
    const { profile, accountId, revision } = pool;
    return Promise.resolve({ profile, accountId, revision });
  }

  hasMembers(poolId: string, atMs: number): Promise<boolean> {
    const all = [...this.state.subscribers.values()].flatMap(({ rows }) => rows.pools);
    return Promise.resolve(
      all.some((one) => one.poolId === poolId && (one.toMs === null || one.toMs > atMs)),
    );
  }

  putPool(profile: Omit<PoolProfile, 'topUps'>, revision: number): Promise<void> {
    const before = this.state.pools.get(profile.poolId);
    const pool = { accountId: null, topUps: [], ...before, revision };
    this.#tellPool({ ...pool, profile: before?.profile ?? null }, profile);
    return Promise.resolve();
  }

  putPoolTopUp(poolId: string, topUp: BoughtTopUp): Promise<PoolProfile> {
    const pool = this.state.pools.get(poolId);
    if (pool === undefined) throw new AppError('not-found', 'no pool is called so');
    const topUps = [...pool.topUps.filter(({ id }) => id !== topUp.id), topUp];
    return Promise.resolve(this.#tellPool({ ...pool, topUps }, pool.profile));
  }

  #tellPool(
    pool: { profile: PoolProfile | null; accountId: string | null; topUps: BoughtTopUp[]; revision: number },
    said: Omit<PoolProfile, 'topUps'>,
  ): PoolProfile {
    const kept = Math.max(...pool.topUps.map(({ fromMs }) => fromMs)) - POOL_KEPT_MS;
    const live = pool.topUps
      .map((one) => ({ id: one.id, bytes: one.bytes ?? 0, fromMs: one.fromMs, expiresMs: endOfTopUp(one) }))
      .filter(({ fromMs, expiresMs }) => expiresMs > fromMs && expiresMs > kept)
      .sort((a, b) => a.expiresMs - b.expiresMs || a.fromMs - b.fromMs || (a.id < b.id ? -1 : 1));
    const base: PoolProfile = { ...said };
    delete base.topUps;
    const profile: PoolProfile = live.length > 0 ? { ...base, topUps: live } : base;
    this.state.pools.set(profile.poolId, { ...pool, profile });
    if (!isDeepStrictEqual(profile, pool.profile))
      this.state.controls.push({ kind: 'pool-profile', pool: profile });
    return profile;
  }

  // Async, so that what they throw is a rejection as in Postgres.
  async settle({ no }: StoredSubscriber, atMs: number): Promise<BillingItem[]> {
    return this.#cycles.settle(no, atMs);
  }

  async leave({ no }: StoredSubscriber, atMs: number): Promise<BillingItem[]> {
    return this.#cycles.leave(no, atMs);
  }

  book(items: readonly BillingItem[]): Promise<string[]> {
    return Promise.resolve(this.#store.add(items));
  }

  item(key: string): Promise<BillingItem | null> {
    return Promise.resolve(this.state.items.get(key) ?? null);
  }

  forgetIntents(): Promise<number> {
    return Promise.resolve(0);
  }

  forget(stored: StoredSubscriber): Promise<Record<string, number>> {
    const { rows } = stored;
    const gone = { credentials: rows.credentials.length, externalIds: rows.externalId === null ? 0 : 1 };
    const after = { ...rows, credentials: [], externalId: null, revision: rows.revision + 1 };
    return this.putRows(stored, after).then(() => ({
      ...gone,
      importLines: 0,
      deadLetters: 0,
      keptAnswers: 0,
    }));
  }

  async importLines(
    importId: string,
    lines: readonly ImportLine[],
    context: ChangeContext,
  ): Promise<string[] | null> {
    const last = lines.at(-1);
    if (last === undefined || (this.state.imports.get(importId) ?? 0) >= last.line) return null;
    this.state.imports.set(importId, last.line);
    await this.#giveUpNames(lines);
    const ids = new Set<string>();
    for (const { content } of lines) {
      ids.add(content.subscriberId);
      const stored = await this.subscriber(content.subscriberId);
      const asOfMs =
        this.#layout === null || this.#layout >= 5 ? context.atMs : (stored?.rows.asOfMs ?? null);
      if ('planId' in content) {
        if (stored === null)
          throw new AppError('not-found', `no subscriber is called ${content.subscriberId}`);
        const planned = this.#withPlan(stored.rows, content);
        await this.putRows(stored, { ...planned, asOfMs, revision: stored.rows.revision + 1 });
        continue;
      }
      const accountId =
        content.accountId ?? stored?.rows.account.accountId ?? ownAccount(content.subscriberId);
      const account = this.state.accounts.get(accountId) ?? newAccount(accountId, this.#defaultCurrency);
      this.state.accounts.set(account.accountId, account);
      if (
        stored !== null &&
        accountId !== stored.rows.account.accountId &&
        this.#isCharged(stored, context.atMs)
      )
        throw new AppError('conflict', `${content.subscriberId}: ${STAYS_WORDS}`);
      const before = stored?.rows ?? newRows(content.subscriberId, account);
      const given = asGiven(before, { ...before, ...content, accountId });
      const rows = content.plan === undefined ? given : this.#withPlan(given, content.plan);
      await this.putRows(stored, { ...rows, account, asOfMs, revision: rows.revision + 1 });
    }
    return [...ids];
  }

  /** Names that a chunk gives anew may go from one of its subscribers to another. */
  async #giveUpNames(lines: readonly ImportLine[]): Promise<void> {
    for (const { content } of lines) {
      const stored = await this.subscriber(content.subscriberId);
      if (stored === null || 'planId' in content) continue;
      const { rows } = stored;
      const externalId = content.externalId === undefined ? rows.externalId : null;
      const credentials = content.credentials === undefined ? rows.credentials : [];
      await this.putRows(stored, { ...rows, externalId, credentials });
    }
  }

  #isCharged({ no, rows: { assignments, addOns, pools } }: StoredSubscriber, atMs: number): boolean {
    const isOwed = cyclesOfNumber(this.state.cycles, no).some(({ payer }) => payer === null);
    return isOwed || assignments.length > 0 || addOns.length > 0 || isMember(pools, atMs);
  }

  /** @throws AppError 'not-found' */
  #withPlan(rows: SubscriberRows, { planId, fromMs, toMs }: Dated & { planId: string }): SubscriberRows {
    if (!this.state.plans.has(planId)) throw new AppError('not-found', `no plan is called ${planId}`);
    const isThere = rows.assignments.some(
      (one) => one.planId === planId && one.fromMs === fromMs && one.toMs === toMs,
    );
    const assigned = { id: '', planId, fromMs, toMs, source: 'import' } as const;
    return isThere ? rows : { ...rows, assignments: [...rows.assignments, assigned] };
  }
}

function byTime(a: Dated, b: Dated): number {
  return a.fromMs - b.fromMs;
}

function overlap(a: Dated, b: Dated): boolean {
  return a.fromMs < (b.toMs ?? Number.POSITIVE_INFINITY) && b.fromMs < (a.toMs ?? Number.POSITIVE_INFINITY);
}

function checkApart(rows: readonly Dated[]): void {
  for (const [index, row] of rows.entries())
    if (rows.slice(index + 1).some((later) => overlap(row, later)))
      throw new AppError('conflict', 'overlap: two of one kind at one time');
}
