import type pg from 'pg';
import type { BillingItem } from '../../schemas/billing.ts';
import { AppError } from '../../schemas/errors.ts';
import type { ClosedCycle, UsageAdjustment } from '../../schemas/usage-record.ts';
import type { ItemBook } from '../billing-ports.ts';
import { closeCycles, lateUnits } from './cycle-close.ts';
import { settleFees, settleLeaving } from './cycle-fees.ts';
import type { ClosedThrough } from './cycle-fees.ts';
import { bookItems } from './item-rows.ts';

/**
 * Items in Postgres, within the transaction of whoever asks. Subscribers' rows are locked in order of their numbers before
 * anything is read, so whichever of two comes second sees what the first one made.
 */
export class PostgresItemBook implements ItemBook<pg.PoolClient> {
  async settle(
    tx: pg.PoolClient,
    subscriberNo: number,
    atMs: number,
    closedThroughMs?: number | null,
  ): Promise<BillingItem[]> {
    const settled = await settleFees(tx, [subscriberNo], atMs, known(subscriberNo, closedThroughMs));
    if (settled.unknown > 0) throw new AppError('not-found', 'no subscriber has this number');
    if (settled.closed > 0)
      throw new AppError('conflict', 'the cycle is closed: what it costs changes by adjustments alone');
    return settled.items;
  }

  leave(
    tx: pg.PoolClient,
    subscriberNo: number,
    atMs: number,
    closedThroughMs?: number | null,
  ): Promise<BillingItem[]> {
    return settleLeaving(tx, subscriberNo, atMs, known(subscriberNo, closedThroughMs));
  }

  async close(tx: pg.PoolClient, cycles: readonly ClosedCycle[]): Promise<void> {
    if (cycles.length === 0) return;
    await closeCycles(
      tx,
      cycles.map((closed) => ({ closed, isLate: false })),
    );
  }

  async adjust(tx: pg.PoolClient, adjustments: readonly UsageAdjustment[]): Promise<void> {
    const units = await lateUnits(tx, adjustments);
    if (units.length > 0) await closeCycles(tx, units);
  }

  book(tx: pg.PoolClient, items: readonly BillingItem[]): Promise<string[]> {
    return bookItems(tx, items);
  }
}

function known(subscriberNo: number, closedThroughMs: number | null | undefined): ClosedThrough | undefined {
  return closedThroughMs === undefined ? undefined : new Map([[subscriberNo, closedThroughMs]]);
}
