import type { PoolProfile } from '../../schemas/pool.ts';
import type { Account, AddOnTerms, Dated, SubscriberRows } from '../../schemas/tariff.ts';
import type {
  AccountFilter,
  AuditEntry,
  AuditFilter,
  CycleRow,
  Page,
  StoredPlan,
  StoredPool,
  SubscriberFilter,
  SubscriberStatus,
  SubscriberSummary,
  TariffReads,
} from '../tariff-ports.ts';
import { rowsOf } from './tariff-state.ts';
import type { TariffState } from './tariff-state.ts';

/** Counted so far. */
const MOST_WAITING = 5_001;

/** What people look at of tariffs in memory. */
export class MemoryTariffReads implements TariffReads {
  readonly #state: () => TariffState;

  constructor(state: () => TariffState) {
    this.#state = state;
  }

  plan(planId: string): Promise<StoredPlan | null> {
    return Promise.resolve(this.#state().plans.get(planId) ?? null);
  }

  plans(limit: number, after: string | null): Promise<Page<StoredPlan>> {
    return Promise.resolve(pageOf([...this.#state().plans.values()], ({ planId }) => planId, limit, after));
  }

  addOnVersions(addOnId: string): Promise<AddOnTerms[]> {
    return Promise.resolve(this.#state().addOns.get(addOnId) ?? []);
  }

  rows(subscriberId: string): Promise<SubscriberRows | null> {
    const found = this.#state().subscribers.get(subscriberId);
    return Promise.resolve(found === undefined ? null : rowsOf(this.#state(), found));
  }

  list(filter: SubscriberFilter, limit: number, after: string | null): Promise<Page<SubscriberSummary>> {
    const state = this.#state();
    const found = [...state.subscribers.values()]
      .map((one) => rowsOf(state, one))
      .filter((rows) => isMeant(rows, filter))
      .map((rows) => summaryOf(rows, filter.atMs));
    return Promise.resolve(pageOf(found, ({ subscriberId }) => subscriberId, limit, after));
  }

  account(accountId: string): Promise<Account | null> {
    return Promise.resolve(this.#state().accounts.get(accountId) ?? null);
  }

  accounts(filter: AccountFilter, limit: number, after: string | null): Promise<Page<Account>> {
    const found = [...this.#state().accounts.values()].filter(
      ({ billingStatus, billingRef }) =>
        (filter.status === null || filter.status === billingStatus) &&
        (filter.hasBillingRef !== true || billingRef !== null),
    );
    return Promise.resolve(pageOf(found, ({ accountId }) => accountId, limit, after));
  }

  pool(poolId: string): Promise<StoredPool | null> {
    const state = this.#state();
    const pool = state.pools.get(poolId);
    if (pool === undefined) return Promise.resolve(null);
    const members = [...state.subscribers.values()].flatMap(({ rows }) =>
      rows.pools
        .filter((one) => one.poolId === poolId)
        .map(({ fromMs, toMs }) => ({ subscriberId: rows.subscriberId, fromMs, toMs })),
    );
    members.sort((a, b) => compare(a.subscriberId, b.subscriberId) || a.fromMs - b.fromMs);
    return Promise.resolve({ profile: pool.profile, members, revision: pool.revision });
  }

  pools(limit: number, after: string | null): Promise<Page<PoolProfile>> {
    const found = [...this.#state().pools.values()].map(({ profile }) => profile);
    return Promise.resolve(pageOf(found, ({ poolId }) => poolId, limit, after));
  }

  /** Cycles are opened by billing: there are none here. */
  cycles(): Promise<Page<CycleRow>> {
    return Promise.resolve({ items: [], next: null });
  }

  audit(filter: AuditFilter, limit: number, after: string | null): Promise<Page<AuditEntry>> {
    const found = this.#state()
      .audit.filter((entry) => isAsked(entry, filter) && (after === null || Number(entry.id) < Number(after)))
      .reverse();
    const items = found.slice(0, limit);
    return Promise.resolve({ items, next: found.length > limit ? (items.at(-1)?.id ?? null) : null });
  }

  outboxBacklog(): Promise<number> {
    return Promise.resolve(Math.min(this.#state().controls.length, MOST_WAITING));
  }
}

function isAsked(entry: AuditEntry, { subject, who, action, fromMs, toMs }: AuditFilter): boolean {
  return (
    (subject === null || subject === entry.subject) &&
    (who === null || who === entry.who) &&
    (action === null || action === entry.action) &&
    (fromMs === null || entry.atMs >= fromMs) &&
    (toMs === null || entry.atMs < toMs)
  );
}

function isMeant(rows: SubscriberRows, filter: SubscriberFilter): boolean {
  const { accountId, segment, planId, poolId, status, text, atMs } = filter;
  return (
    (accountId === null || rows.account.accountId === accountId) &&
    (segment === null || rows.segment === segment) &&
    (planId === null || rows.assignments.some((one) => one.planId === planId && isIn(one, atMs))) &&
    (poolId === null || rows.pools.some((one) => one.poolId === poolId && isIn(one, atMs))) &&
    (status === null || statusOf(rows, atMs) === status) &&
    (text === null || namesOf(rows).some((name) => name.startsWith(text)))
  );
}

function namesOf({ subscriberId, externalId, credentials }: SubscriberRows): string[] {
  return [subscriberId, externalId ?? '', ...credentials.map(({ userName }) => userName)];
}

function summaryOf(rows: SubscriberRows, atMs: number): SubscriberSummary {
  const { subscriberId, account, segment, assignments, revision } = rows;
  const planId = assignments.find((one) => isIn(one, atMs))?.planId ?? null;
  const { accountId } = account;
  return { subscriberId, accountId, segment, planId, status: statusOf(rows, atMs), revision };
}

function statusOf({ terminatedMs, holds }: SubscriberRows, atMs: number): SubscriberStatus {
  if (terminatedMs !== null && terminatedMs <= atMs) return 'terminated';
  return holds.some((one) => isIn(one, atMs)) ? 'held' : 'active';
}

function isIn({ fromMs, toMs }: Dated, atMs: number): boolean {
  return fromMs <= atMs && (toMs === null || toMs > atMs);
}

function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function pageOf<T>(
  all: readonly T[],
  keyOf: (one: T) => string,
  limit: number,
  after: string | null,
): Page<T> {
  const left = all
    .filter((one) => after === null || compare(keyOf(one), after) > 0)
    .sort((a, b) => compare(keyOf(a), keyOf(b)));
  const items = left.slice(0, limit);
  const last = items.at(-1);
  return { items, next: left.length > limit && last !== undefined ? keyOf(last) : null };
}
