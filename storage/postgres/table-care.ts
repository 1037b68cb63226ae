import type pg from 'pg';
import { postgresError } from './postgres-error.ts';

/** Tables beyond are worth partitions. */
const MANY_ROWS = 10_000_000;
/** Rows that are dead and not cleared away: more than so many, and than half of those that live. */
const MANY_DEAD = 100_000;

/** What of the tables needs a person. Rows are estimates of the server. */
export interface TableReport {
  large: { table: string; rows: number }[];
  bloated: { table: string; rows: number; dead: number }[];
  /** constraints that rows from before may break */
  unvalidated: { table: string; constraint: string }[];
}

const REPORT = `
  with tables as (
    select s.relname as "table", greatest(c.reltuples, s.n_live_tup)::float8 as rows, s.n_dead_tup::float8 as dead
    from pg_stat_user_tables s join pg_class c on c.oid = s.relid where s.schemaname = current_schema()
  )
  select
    (select coalesce(json_agg(json_build_object('table', "table", 'rows', rows) order by rows desc), '[]')
      from tables where rows > $1) as large,
    (select coalesce(json_agg(json_build_object('table', "table", 'rows', rows, 'dead', dead) order by dead desc), '[]')
      from tables where dead > $2 and dead > rows / 2) as bloated,
    (select coalesce(json_agg(json_build_object('table', conrelid::regclass::text, 'constraint', conname) order by conname), '[]')
      from pg_constraint where not convalidated and connamespace = current_schema()::regnamespace) as unvalidated`;

/** Looks at the tables of the database. It changes nothing: no table has partitions, since none was worth them yet. */
export async function reportTables(pool: pg.Pool): Promise<TableReport> {
  try {
    const { rows } = await pool.query<TableReport>(REPORT, [MANY_ROWS, MANY_DEAD]);
    return rows[0] ?? { large: [], bloated: [], unvalidated: [] };
  } catch (error) {
    throw postgresError(error);
  }
}
