import type pg from 'pg';
import { postgresError } from './postgres-error.ts';

/** How the billing cycles of all subscribers stand, by the server's clock. */
export interface CycleCounts {
  /** they run */
  open: number;
  /** they ended, and their close has not come */
  ended: number;
  /** they closed, and could not be itemised */
  failed: number;
  /** they closed, and who had what differs from what was metered */
  termsDiffer: number;
  /** since the oldest of those that ended did, seconds */
  oldestEndedSeconds: number;
}

/** By partial indexes: closed cycles, most of the table, are not looked at. */
const COUNTS = `
  select count(*) filter (where end_at > now() and failed_at is null)::float8 as open,
    count(*) filter (where end_at <= now() and failed_at is null)::float8 as ended,
    count(failed_at)::float8 as failed,
    (select count(*) from cycle where terms_differ)::float8 as "termsDiffer",
    coalesce(extract(epoch from now() - min(end_at) filter (where end_at <= now())), 0)::float8 as "oldestEndedSeconds"
  from cycle where status <> 'closed'`;

/** Throws as `postgresError` translates. */
export async function countCycles(pool: pg.Pool): Promise<CycleCounts> {
  try {
    const { rows } = await pool.query<CycleCounts>(COUNTS);
    const none = { open: 0, ended: 0, failed: 0, termsDiffer: 0, oldestEndedSeconds: 0 };
    return rows[0] ?? none;
  } catch (error) {
    throw postgresError(error);
  }
}
