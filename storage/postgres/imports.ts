import type pg from 'pg';
import { AppError, isAppError } from '../../schemas/errors.ts';
import type {
  ImportFault,
  ImportJob,
  ImportKind,
  Imports,
  ImportState,
  StagedRecord,
} from '../import-ports.ts';
import type { ImportLine } from '../tariff-ports.ts';
import { int8Array, textArray } from './binary-array.ts';
import { CHECK, CHECK_BY_KEY } from './import-check.ts';
import { inTransaction } from './pool.ts';
import { postgresError } from './postgres-error.ts';
import { storable } from './storable.ts';

/** How the audit log names an import. */
const NAMED = `json_build_object('kind', kind, 'contentHash', hash, 'records', rows_total, 'applied', rows_applied)`;

const COLUMNS = `import_id as "importId", kind, encode(content_hash, 'hex') as "contentHash", dry_run as "dryRun", state,
  rows_total::float8 as "rowsTotal", rows_applied::float8 as "rowsApplied", chunk_rows as "chunkRows", coalesce(who, '') as by,
  reason, floor(extract(epoch from created_at) * 1000)::float8 as "createdMs",
  floor(extract(epoch from moved_at) * 1000)::float8 as "movedMs",
  floor(extract(epoch from ended_at) * 1000)::float8 as "endedMs"`;

/** Records as arrays: a statement of 2,000 rows is parsed once. */
const STAGE = `
  with going as (update import_job set moved_at = clock_timestamp() where import_id = $1)
  insert into import_line (import_id, line, content, fault)
  select $1, record, content::json, fault from unnest($2::bigint[], $3::text[], $4::text[]) as t(record, content, fault)`;

/**
 * $1 import, $2 states, $3 state, $4 reason, $5 who and $6 what of the audit log, null = none. One row where it was in such a state,
 * and nothing else of its kind goes in where it is to. What begins to overtakes all others of its kind: no content of theirs is the
 * last one any more, and none is gone on with.
 */
const BECOME = `
  with moved as (
    update import_job j set state = $3::text, reason = $4::text, moved_at = clock_timestamp(),
      ended_at = case when $3::text in ('refused', 'done', 'stopped', 'expired') then clock_timestamp() end
    where import_id = $1 and state = any ($2::text[]) and ($3::text <> 'applying' or not exists (
      select from import_job o where o.kind = j.kind and o.state = 'applying' and o.import_id <> j.import_id))
    returning import_id, kind, encode(content_hash, 'hex') as hash, rows_total, rows_applied
  ), told as (insert into audit (who, action, subject, content) select $5::text, $6::text, import_id, ${NAMED} from moved where $6::text is not null
  ), overtaken as (
    update import_job o set overtaken = true, state = case o.state when 'stopped' then 'expired' else o.state end,
      reason = case o.state when 'stopped' then 'another file of its kind came in after it: send this one again' else o.reason end
    from moved where $3::text = 'applying' and 'checking' = any ($2::text[]) and o.kind = moved.kind
      and o.import_id <> moved.import_id and not o.overtaken and o.state <> 'checking')
  select from moved`;

/** $1 import. One row where it can be forgotten: nobody goes on with it from here on. */
const LEAVE = `
  update import_job set state = case when state in ('checking', 'stopped') then 'expired' else state end
  where import_id = $1 and state <> 'applying'
    and (state <> 'checking' or moved_at < clock_timestamp() - interval '1 hour')`;

/** $1 import, $2 who. */
const REMOVE = `
  with gone as (
    delete from import_job where import_id = $1 and state not in ('checking', 'applying')
    returning import_id, kind, encode(content_hash, 'hex') as hash, rows_total, rows_applied
  ), told as (insert into audit (who, action, subject, content) select $2::text, 'import-forget', import_id, ${NAMED} from gone)
  select from gone`;

/** Records of one statement: far below the longest it may take. */
const PIECE = 20_000;
const DROP_LINES = `
  delete from import_line where import_id = $1 and line in (select line from import_line where import_id = $1 order by line limit $2)`;

/** Imports in Postgres. Errors are as `postgresError` translates them. */
export class PostgresImports implements Imports {
  readonly #pool: pg.Pool;
  readonly #defaultCurrency: string;

  /** @param defaultCurrency of accounts that are not there */
  constructor(pool: pg.Pool, defaultCurrency: string) {
    this.#pool = pool;
    this.#defaultCurrency = defaultCurrency;
  }

  async begin({ importId, kind, dryRun, chunkRows, by }: Parameters<Imports['begin']>[0]): Promise<void> {
    await this.#query(
      `insert into import_job (import_id, kind, content_hash, dry_run, state, chunk_rows, who)
       values ($1, $2, '', $3, 'checking', $4, $5)`,
      [importId, kind, dryRun, chunkRows, storable(by)],
    );
  }

  async stage(importId: string, records: readonly StagedRecord[]): Promise<void> {
    if (records.length === 0) return;
    await this.#query(STAGE, [
      importId,
      int8Array(records.map(({ record }) => record)),
      textArray(records.map(({ content }) => (content === null ? null : JSON.stringify(content)))),
      textArray(records.map(({ fault }) => (fault === null ? null : storable(fault)))),
    ]);
  }

  async check(importId: string, nowMs: number, after: number, last: number): Promise<number> {
    let against = 0;
    for (let at = after; at < last; at += PIECE) {
      const values = [importId, at, Math.min(at + PIECE, last), nowMs, this.#defaultCurrency];
      against += await inTransaction(this.#pool, async (client) => {
        await client.query(CHECK_BY_KEY);
        return (await client.query<{ against: number }>(CHECK, values)).rows[0]?.against ?? 0;
      }).catch((error: unknown) => {
        // Noted twice is noted once.
        if (!isAppError(error, 'store-unknown-outcome')) throw error;
        throw new AppError('unreachable', error.message, { retriable: true, cause: error });
      });
    }
    return against;
  }

  async read(importId: string, contentHash: string, rowsTotal: number): Promise<void> {
    await this.#query(
      `update import_job set content_hash = decode($2, 'hex'), rows_total = $3 where import_id = $1`,
      [importId, contentHash, rowsTotal],
    );
  }

  async become(
    importId: string,
    from: readonly ImportState[],
    state: ImportState,
    { reason, audit }: Parameters<Imports['become']>[3] = {},
  ): Promise<boolean> {
    const why = reason === undefined ? null : storable(reason);
    const who = audit === undefined ? null : storable(audit.who);
    const values = [importId, from, state, why, who, audit?.act ?? null];
    return (await this.#query(BECOME, values)).rowCount === 1;
  }

  async find(importId: string): Promise<ImportJob | null> {
    const { rows } = await this.#query<ImportJob>(`select ${COLUMNS} from import_job where import_id = $1`, [
      storable(importId),
    ]);
    return rows[0] ?? null;
  }

  async ofContent(kind: ImportKind, contentHash: string): Promise<ImportJob | null> {
    const { rows } = await this.#query<ImportJob>(
      `select ${COLUMNS} from import_job where kind = $1 and content_hash = decode($2, 'hex') and not dry_run
         and not overtaken and state not in ('checking', 'refused', 'expired') limit 1`,
      [kind, contentHash],
    );
    return rows[0] ?? null;
  }

  async stale(forMs: number): Promise<ImportJob[]> {
    const { rows } = await this.#query<ImportJob>(
      `select ${COLUMNS} from import_job
       where state = 'applying' and moved_at <= clock_timestamp() - $1::float8 * interval '1 ms' order by created_at`,
      [forMs],
    );
    return rows;
  }

  async list(limit: number, after: string | null): Promise<ImportJob[]> {
    const { rows } = await this.#query<ImportJob>(
      `select ${COLUMNS} from import_job
       where $2::text is null or (created_at, import_id) < (select created_at, import_id from import_job where import_id = $2)
       order by import_job.created_at desc, import_job.import_id desc limit $1`,
      [limit, after === null ? null : storable(after)],
    );
    return rows;
  }

  async records(importId: string, after: number, limit: number): Promise<ImportLine[]> {
    const { rows } = await this.#query<ImportLine>(
      `select line::float8 as line, content from import_line
       where import_id = $1 and line > $2 and content is not null order by import_line.line limit $3`,
      [importId, after, limit],
    );
    return rows;
  }

  async applied(importId: string, record: number): Promise<void> {
    await this.#query(
      'update import_job set rows_applied = greatest(rows_applied, $2), moved_at = clock_timestamp() where import_id = $1',
      [importId, record],
    );
  }

  async absolve(importId: string): Promise<void> {
    await this.#query(
      'update import_line set fault = null where import_id = $1 and fault is not null and content is not null',
      [importId],
    );
  }

  async faults(importId: string, after: number, limit: number): Promise<ImportFault[]> {
    const { rows } = await this.#query<ImportFault>(
      `select line::float8 as record, fault from import_line
       where import_id = $1 and line > $2 and fault is not null order by import_line.line limit $3`,
      [importId, after, limit],
    );
    return rows;
  }

  async givesPlans(importId: string): Promise<boolean> {
    const found = await this.#query(
      `select from import_line join import_job using (import_id)
       where import_id = $1 and line > rows_applied and content -> 'plan' is not null limit 1`,
      [importId],
    );
    return found.rowCount === 1;
  }

  async discard(importId: string): Promise<void> {
    await this.#dropLines(importId);
    await this.#query(`delete from import_job where import_id = $1 and state = 'checking'`, [importId]);
  }

  async remove(importId: string, who: string): Promise<boolean> {
    if ((await this.#query(LEAVE, [storable(importId)])).rowCount !== 1) return false;
    await this.#dropLines(importId);
    return (await this.#query(REMOVE, [importId, storable(who)])).rowCount === 1;
  }

  async #dropLines(importId: string): Promise<void> {
    while ((await this.#query(DROP_LINES, [importId, PIECE])).rowCount === PIECE);
  }

  async #query<Row extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[],
  ): Promise<pg.QueryResult<Row>> {
    try {
      return await this.#pool.query<Row>(text, [...values]);
    } catch (error) {
      throw postgresError(error);
    }
  }
}
