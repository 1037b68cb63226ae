import type pg from 'pg';
import type { PoolProfile } from '../../schemas/pool.ts';
import type { Account, AddOnTerms, SubscriberRows } from '../../schemas/tariff.ts';
import type {
  AccountFilter,
  AuditEntry,
  AuditFilter,
  CycleFilter,
  CycleRow,
  Page,
  StoredPlan,
  StoredPool,
  SubscriberFilter,
  SubscriberSummary,
  TariffReads,
} from '../tariff-ports.ts';
import { PostgresAuditLog } from './audit-log.ts';
import { postgresError } from './postgres-error.ts';
import { storable } from './storable.ts';
import { listCycles } from './cycle-list.ts';
import { listSubscribers } from './subscriber-list.ts';
import { ACCOUNT, readRow } from './tariff-rows.ts';
import * as sql from './tariff-statements.ts';

/** What people look at of tariffs in Postgres. Lists read one row more than they give, to know whether there is more. */
export class PostgresTariffReads implements TariffReads {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async plan(planId: string): Promise<StoredPlan | null> {
    const [row] = await this.#rows<StoredPlan>(`${sql.PLAN} where plan_id = $1`, [storable(planId)]);
    return row ?? null;
  }

  async plans(limit: number, after: string | null): Promise<Page<StoredPlan>> {
    const text = `${sql.PLAN} where $1::text is null or plan_id > $1 order by plan_id limit $2`;
    const rows = await this.#rows<StoredPlan>(text, [textOf(after), limit + 1]);
    return pageOf(rows, limit, ({ planId }) => planId);
  }

  async addOnVersions(addOnId: string): Promise<AddOnTerms[]> {
    const rows = await this.#rows<{ content: AddOnTerms }>(sql.ADD_ON_VERSIONS, [storable(addOnId)]);
    return rows.map(({ content }) => content);
  }

  /** Null also of one that the program before wrote and nobody has taken apart. */
  async rows(subscriberId: string): Promise<SubscriberRows | null> {
    try {
      const row = await readRow(this.#pool, storable(subscriberId));
      return row === null || row.accountId === null ? null : row.rows;
    } catch (error) {
      throw postgresError(error);
    }
  }

  list(filter: SubscriberFilter, limit: number, after: string | null): Promise<Page<SubscriberSummary>> {
    return listSubscribers((text, values) => this.#rows(text, values), filter, limit, after);
  }

  async account(accountId: string): Promise<Account | null> {
    const text = `select ${ACCOUNT} as account from account a where account_id = $1`;
    const [row] = await this.#rows<{ account: Account }>(text, [storable(accountId)]);
    return row?.account ?? null;
  }

  async accounts(filter: AccountFilter, limit: number, after: string | null): Promise<Page<Account>> {
    const rows = await this.#rows<{ account: Account }>(
      `select ${ACCOUNT} as account from account a
       where ($1::text is null or billing_status = $1) and (not $2::boolean or billing_ref is not null)
         and ($3::text is null or account_id > $3)
       order by account_id limit $4`,
      [filter.status, filter.hasBillingRef === true, textOf(after), limit + 1],
    );
    const accounts = rows.map(({ account }) => account);
    return pageOf(accounts, limit, ({ accountId }) => accountId);
  }

  async pool(poolId: string): Promise<StoredPool | null> {
    const [row] = await this.#rows<StoredPool>(sql.POOL, [storable(poolId)]);
    return row ?? null;
  }

  async pools(limit: number, after: string | null): Promise<Page<PoolProfile>> {
    const rows = await this.#rows<{ profile: PoolProfile }>(
      `select profile from pool where $1::text is null or pool_id collate "C" > $1 order by pool_id collate "C" limit $2`,
      [textOf(after), limit + 1],
    );
    const profiles = rows.map(({ profile }) => profile);
    return pageOf(profiles, limit, ({ poolId }) => poolId);
  }

  cycles(filter: CycleFilter, limit: number, after: string | null): Promise<Page<CycleRow>> {
    return listCycles((text, values) => this.#rows(text, values), filter, limit, after);
  }

  audit(filter: AuditFilter, limit: number, after: string | null): Promise<Page<AuditEntry>> {
    return new PostgresAuditLog(this.#pool).audit(filter, limit, after);
  }

  async outboxBacklog(): Promise<number> {
    const [row] = await this.#rows<{ waiting: number }>(
      'select count(*)::float8 as waiting from (select from control_outbox limit 5001) waiting',
      [],
    );
    return row?.waiting ?? 0;
  }

  async #rows<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<R[]> {
    try {
      return (await this.#pool.query<R>(text, values)).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }
}

function textOf(text: string | null): string | null {
  return text === null ? null : storable(text);
}

function pageOf<T>(rows: readonly T[], limit: number, keyOf: (row: T) => string): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rows.length > limit && last !== undefined ? keyOf(last) : null };
}
