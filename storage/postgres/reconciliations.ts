import type pg from 'pg';
import type {
  Reconciliation,
  ReconciliationDifference,
  ReconciliationKind,
  ReconciliationSummary,
} from '../../schemas/billing.ts';
import { AppError } from '../../schemas/errors.ts';
import type { Reconciliations } from '../billing-ports.ts';
import type { Page } from '../tariff-ports.ts';
import { inTransaction } from './pool.ts';
import { postgresError } from './postgres-error.ts';
import { storable } from './storable.ts';

const COLUMNS = `id::text as id, kind, (extract(epoch from from_at) * 1000)::float8 as "fromMs",
  (extract(epoch from to_at) * 1000)::float8 as "toMs",
  floor(extract(epoch from started_at) * 1000)::float8 as "startedMs",
  floor(extract(epoch from ended_at) * 1000)::float8 as "endedMs", summary`;

/** $1 id, $2 classes, $3 subjects, $4 ours, $5 theirs, in order; the comparison's row is locked. */
const ADD = `
  insert into reconciliation_difference (id, n, class, subject, ours, theirs)
  select $1, coalesce((select max(n) from reconciliation_difference where id = $1), 0) + place::int, class, subject,
    ours::json, theirs::json
  from unnest($2::text[], $3::text[], $4::text[], $5::text[]) with ordinality as t(class, subject, ours, theirs, place)`;

/** Comparisons with the billing system in Postgres. Errors are as `postgresError` translates them. */
export class PostgresReconciliations implements Reconciliations {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async begin(kind: ReconciliationKind, fromMs: number, toMs: number): Promise<string> {
    const [begun] = await this.#query<{ id: string }>(
      `insert into reconciliation (kind, from_at, to_at)
       values ($1, to_timestamp($2::float8 / 1000), to_timestamp($3::float8 / 1000)) returning id::text as id`,
      [kind, fromMs, toMs],
    );
    if (begun === undefined) throw new AppError('store-rejected', 'an inserted row was not given back');
    return begun.id;
  }

  add(id: string, differences: readonly ReconciliationDifference[]): Promise<void> {
    return this.#whileItRuns(id, async (client) => {
      if (differences.length === 0) return;
      await client.query(ADD, [
        id,
        differences.map((difference) => difference.class),
        differences.map(({ subject }) => storable(subject)),
        differences.map(({ ours }) => JSON.stringify(ours ?? null)),
        differences.map(({ theirs }) => JSON.stringify(theirs ?? null)),
      ]);
    });
  }

  end(id: string, summary: ReconciliationSummary): Promise<void> {
    return this.#whileItRuns(id, async (client) => {
      await client.query(
        'update reconciliation set ended_at = clock_timestamp(), summary = $2 where id = $1',
        [id, JSON.stringify(summary)],
      );
    });
  }

  async find(id: string): Promise<Reconciliation | null> {
    if (!isId(id)) return null;
    const [found] = await this.#query<Reconciliation>(`select ${COLUMNS} from reconciliation where id = $1`, [
      id,
    ]);
    return found ?? null;
  }

  async list(
    kind: ReconciliationKind | null,
    limit: number,
    after: string | null,
  ): Promise<Page<Reconciliation>> {
    checkAfter(after);
    const rows = await this.#query<Reconciliation>(
      `select ${COLUMNS} from reconciliation
       where ($1::text is null or kind = $1) and ($2::bigint is null or id < $2) order by reconciliation.id desc limit $3`,
      [kind, after, limit + 1],
    );
    return pageOf(rows, limit, ({ id }) => id);
  }

  async differences(
    id: string,
    limit: number,
    after: string | null,
  ): Promise<Page<ReconciliationDifference>> {
    checkAfter(after);
    if (!isId(id)) return { items: [], next: null };
    const rows = await this.#query<ReconciliationDifference & { n: number }>(
      `select n, class, subject, ours, theirs from reconciliation_difference
       where id = $1 and n > coalesce($2::bigint, 0) order by n limit $3`,
      [id, after, limit + 1],
    );
    const page = pageOf(rows, limit, ({ n }) => String(n));
    return { items: page.items.map(({ n: _, ...difference }) => difference), next: page.next };
  }

  /** Holds the comparison's row, so that one that ended gets nothing more. */
  #whileItRuns(id: string, work: (client: pg.PoolClient) => Promise<void>): Promise<void> {
    return inTransaction(this.#pool, async (client) => {
      const found = isId(id)
        ? await client.query<{ ended: boolean }>(
            'select ended_at is not null as ended from reconciliation where id = $1 for update',
            [id],
          )
        : { rows: [] };
      const [row] = found.rows;
      if (row === undefined) throw new AppError('not-found', 'there is no such comparison');
      if (row.ended) throw new AppError('conflict', 'the comparison has ended');
      await work(client);
    });
  }

  async #query<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<R[]> {
    try {
      return (await this.#pool.query<R>(text, values)).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }
}

function isId(id: string): boolean {
  return /^\d{1,18}$/.test(id);
}

function checkAfter(after: string | null): void {
  if (after !== null && !isId(after)) throw new AppError('invalid-input', 'a list goes on after a number');
}

/** @param rows one more than the page, where there are */
function pageOf<T>(rows: readonly T[], limit: number, keyOf: (row: T) => string): Page<T> {
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  return { items: rows.slice(0, limit), next: last === undefined ? null : keyOf(last) };
}
