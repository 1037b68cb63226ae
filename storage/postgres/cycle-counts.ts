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

/**
 * Each by an index that holds the answer: nothing else of `cycle` is looked at, of which most is closed, and of what is not
 * most runs. Those that failed are few, and are taken from the others.
 */
const COUNTS = `
  with failed as (
    select count(*) as all, count(*) filter (where status <> 'closed' and end_at > now()) as open,
      count(*) filter (where status <> 'closed' and end_at <= now()) as ended
    from cycle where failed_at is not null)
  select ((select count(*) from cycle where status <> 'closed' and end_at > now()) - failed.open)::float8 as open,
    ((select count(*) from cycle where status <> 'closed' and end_at <= now()) - failed.ended)::float8 as ended,
    failed.all::float8 as failed, (select count(*) from cycle where terms_differ)::float8 as "termsDiffer",
    greatest(coalesce(extract(epoch from now() - (select min(end_at) from cycle where status <> 'closed')), 0), 0)::float8
      as "oldestEndedSeconds"
  from failed`;

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
