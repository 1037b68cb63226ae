import { isZone } from '../../rules/cycle.ts';
import { AppError } from '../../schemas/errors.ts';
import type { PoolProfile } from '../../schemas/pool.ts';
import type { Dated, SubscriberRows } from '../../schemas/tariff.ts';
import type { ChangeContext, PoolGiven } from '../tariff-ports.ts';
import type { TariffTx } from '../tariff-transaction.ts';
import { checkPoolCycles, cyclesOf } from './pool-cycle.ts';
import { checkRevision, needLayout } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import { inPool } from './rows.ts';
import { changeSubscriber } from './subscribers.ts';

/**
 * Adds a pool or says anew what it is; top-ups and dated changes of its cycle stay.
 *
 * @throws AppError 'conflict' for cycles of another length than its members have
 */
export async function putPool(
  tx: TariffTx,
  given: PoolGiven,
  context: ChangeContext,
): Promise<Outcome<PoolProfile>> {
  if (!isZone(given.zone)) throw new AppError('invalid-input', `${given.zone} is not a known time zone`);
  const before = await tx.pool(given.poolId);
  checkRevision(context, before?.revision ?? 0);
  await needLayout(tx, given.cycle === undefined ? null : 'cycle of a pool');
  const cycleChanges = before?.profile.cycleChanges;
  if (before !== null && (await tx.hasMembers(given.poolId, context.atMs)))
    checkPoolCycles(
      cyclesOf(before.profile),
      { ...cyclesOf(given), cycleChanges: cycleChanges ?? [] },
      context.atMs,
    );
  const revision = (before?.revision ?? 0) + 1;
  await tx.putPool({ ...given, ...(cycleChanges === undefined ? {} : { cycleChanges }) }, revision);
  const after = await tx.pool(given.poolId);
  if (after === null) throw new AppError('store-corrupt', 'a pool that was stored is not there');
  return { value: after.profile, revision, items: [], subject: given.poolId, content: { ...given } };
}

/** @throws AppError 'conflict' where the pool's cycles have another length than the account's */
export async function joinPool(
  tx: TariffTx,
  poolId: string,
  subscriberId: string,
  span: Dated,
  context: ChangeContext,
): Promise<Outcome<SubscriberRows>> {
  const pool = await tx.pool(poolId);
  if (pool === null) throw new AppError('not-found', 'no pool is called so');
  return changeSubscriber(tx, subscriberId, context, { poolId, ...span }, (rows) => {
    checkPoolCycles(rows.account, cyclesOf(pool.profile), context.atMs);
    return inPool(rows, poolId, span);
  });
}
