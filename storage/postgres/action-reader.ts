import type pg from 'pg';
import type { ActionIntent } from '../../schemas/action.ts';
import { postgresError } from './postgres-error.ts';
import { storable } from './storable.ts';

/** Rows a page; about 2 MB. */
const PAGE = 1000;

/**
 * All actions of the ledger, or those of one subscriber, in pages, in the order of insertion. Not one snapshot: what is added
 * meanwhile may be missing. Errors are as `postgresError` translates them.
 */
export async function* allLedgerActions(
  pool: pg.Pool,
  subscriberId: string | null,
): AsyncGenerator<ActionIntent[]> {
  for (let after = '0'; ;) {
    const page = await nextPage(pool, after, subscriberId);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page.map(({ intent }) => intent);
    after = last.seq;
  }
}

async function nextPage(
  pool: pg.Pool,
  after: string,
  subscriberId: string | null,
): Promise<{ seq: string; intent: ActionIntent }[]> {
  const only = subscriberId === null ? '' : 'and subscriber_id = $3';
  const values = [after, PAGE, ...(subscriberId === null ? [] : [storable(subscriberId)])];
  try {
    // Ordered by the column: a bare seq would be the text that is selected, and '1000' comes before '999'.
    const result = await pool.query<{ seq: string; intent: ActionIntent }>(
      `select seq::text, intent from action where seq > $1::bigint ${only} order by action.seq limit $2`,
      values,
    );
    return result.rows;
  } catch (error) {
    throw postgresError(error);
  }
}
