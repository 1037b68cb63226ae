import type pg from 'pg';

/**
 * Most attempts that may fail in one call: one bad row of 500 takes nine. Beyond it the fault is not in a row, and whoever
 * waits for the transaction must not wait for hundreds of attempts in vain.
 */
const MOST_FAILURES = 60;

/** A wait for a lock or a statement may take so long, less once something failed: other work is in the same transaction. */
const FIRST = `savepoint attempt; set local lock_timeout = '3s'; set local statement_timeout = '10s'`;
const LATER = `savepoint attempt; set local lock_timeout = '100ms'; set local statement_timeout = '3s'`;
const DONE = `set local lock_timeout to default; set local statement_timeout to default; release savepoint attempt`;
const BACK = `rollback to savepoint attempt; release savepoint attempt`;

/** What could not be done, and why. */
export interface Failed<T> {
  unit: T;
  error: unknown;
}

/**
 * Does work for many within a transaction that goes on when some of it fails: each attempt is in a savepoint, and a batch that
 * fails is tried in halves, down to those that fail alone. What fails leaves nothing behind.
 *
 * @param run does all of a batch, or throws
 * @param inLockOrder sorts them as everybody locks, before the first halves are made: locks of a half that went well are kept,
 *   and the next one asks for more. Absent = they are in that order.
 * @returns those that failed
 * @throws what was thrown, where the connection is gone and nothing can go on
 */
export async function inHalves<T>(
  client: pg.ClientBase,
  units: readonly T[],
  run: (batch: readonly T[]) => Promise<void>,
  inLockOrder: (units: readonly T[]) => Promise<readonly T[]> = (all) => Promise.resolve(all),
): Promise<Failed<T>[]> {
  const failed: Failed<T>[] = [];
  let left = MOST_FAILURES;
  let last: unknown = null;
  const attempt = async (batch: readonly T[]): Promise<void> => {
    if (batch.length === 0) return;
    if (left <= 0) {
      for (const unit of batch) failed.push({ unit, error: last });
      return;
    }
    const error = await inSavepoint(client, left === MOST_FAILURES ? FIRST : LATER, () => run(batch));
    if (error === null) return;
    left -= 1;
    last = error.thrown;
    const [unit] = batch;
    if (batch.length === 1 && unit !== undefined) {
      failed.push({ unit, error: last });
      return;
    }
    const sorted = batch === units ? await inLockOrder(batch) : batch;
    const middle = Math.ceil(sorted.length / 2);
    await attempt(sorted.slice(0, middle));
    await attempt(sorted.slice(middle));
  };
  await attempt(units);
  return failed;
}

/** Null where it went well. */
async function inSavepoint(
  client: pg.ClientBase,
  begin: string,
  run: () => Promise<void>,
): Promise<{ thrown: unknown } | null> {
  await client.query(begin);
  try {
    await run();
    await client.query(DONE);
    return null;
  } catch (error) {
    try {
      await client.query(BACK);
    } catch {
      // The connection is gone, and the transaction with it; the first error is the one to report.
      throw error;
    }
    return { thrown: error };
  }
}
