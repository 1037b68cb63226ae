import type pg from 'pg';
import type {
  ImportFault,
  ImportJob,
  ImportKind,
  Imports,
  ImportState,
  StagedRecord,
} from '../import-ports.ts';
import type { ImportLine } from '../tariff-ports.ts';
import { postgresError } from './postgres-error.ts';
import { storable } from './storable.ts';

const COLUMNS = `import_id as "importId", kind, encode(content_hash, 'hex') as "contentHash", dry_run as "dryRun", state,
  rows_total::float8 as "rowsTotal", rows_applied::float8 as "rowsApplied", chunk_rows as "chunkRows", coalesce(who, '') as by,
  floor(extract(epoch from created_at) * 1000)::float8 as "createdMs",
  floor(extract(epoch from ended_at) * 1000)::float8 as "endedMs"`;

/** Records as arrays: a statement of 2,000 rows is parsed once. */
const STAGE = `
  insert into import_line (import_id, line, content, fault)
  select $1, record, content::json, fault from unnest($2::bigint[], $3::text[], $4::text[]) as t(record, content, fault)`;

const MARK_UNKNOWN = `
  update import_line l set fault = case
      when exists (select from subscriber s where s.subscriber_id = l.content ->> 'subscriberId')
      then 'no plan is called ' || (l.content ->> 'planId')
      else 'no subscriber is called ' || (l.content ->> 'subscriberId') end
  from import_job j
  where j.import_id = $1 and j.kind = 'assignments' and l.import_id = $1 and l.fault is null and not (
    exists (select from subscriber s where s.subscriber_id = l.content ->> 'subscriberId')
    and exists (select from plan p where p.plan_id = l.content ->> 'planId'))`;

const BECOME = `
  update import_job set state = $3,
    ended_at = case when $3 in ('refused', 'done', 'stopped') then clock_timestamp() end
  where import_id = $1 and state = any ($2::text[])`;

/** Imports in Postgres. Errors are as `postgresError` translates them. */
export class PostgresImports implements Imports {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
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
      records.map(({ record }) => record),
      records.map(({ content }) => (content === null ? null : JSON.stringify(content))),
      records.map(({ fault }) => (fault === null ? null : storable(fault))),
    ]);
  }

  async markUnknown(importId: string): Promise<number> {
    return (await this.#query(MARK_UNKNOWN, [importId])).rowCount ?? 0;
  }

  async read(importId: string, contentHash: string, rowsTotal: number): Promise<void> {
    await this.#query(
      `update import_job set content_hash = decode($2, 'hex'), rows_total = $3 where import_id = $1`,
      [importId, contentHash, rowsTotal],
    );
  }

  async become(importId: string, from: readonly ImportState[], state: ImportState): Promise<boolean> {
    return (await this.#query(BECOME, [importId, from, state])).rowCount === 1;
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
         and state in ('applying', 'done', 'stopped') order by created_at desc limit 1`,
      [kind, contentHash],
    );
    return rows[0] ?? null;
  }

  async list(limit: number): Promise<ImportJob[]> {
    const { rows } = await this.#query<ImportJob>(
      `select ${COLUMNS} from import_job order by created_at desc, import_id desc limit $1`,
      [limit],
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
      'update import_job set rows_applied = greatest(rows_applied, $2) where import_id = $1',
      [importId, record],
    );
  }

  async blame(importId: string, record: number, fault: string | null): Promise<void> {
    await this.#query('update import_line set fault = $3 where import_id = $1 and line = $2', [
      importId,
      record,
      fault === null ? null : storable(fault),
    ]);
  }

  async faults(importId: string, after: number, limit: number): Promise<ImportFault[]> {
    const { rows } = await this.#query<ImportFault>(
      `select line::float8 as record, fault from import_line
       where import_id = $1 and line > $2 and fault is not null order by import_line.line limit $3`,
      [importId, after, limit],
    );
    return rows;
  }

  async remove(importId: string): Promise<boolean> {
    const removed = await this.#query(`delete from import_job where import_id = $1 and state <> 'applying'`, [
      storable(importId),
    ]);
    return removed.rowCount === 1;
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
