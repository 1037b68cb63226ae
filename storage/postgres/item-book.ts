import type pg from 'pg';
import { billingCycleAt } from '../../rules/tariff/timeline.ts';
import type { TariffTimeline } from '../../rules/tariff/timeline.ts';
import type { BillingItem } from '../../schemas/billing.ts';
import { AppError } from '../../schemas/errors.ts';
import type { Span } from '../../schemas/tariff.ts';
import type { ClosedCycle, UsageAdjustment } from '../../schemas/usage-record.ts';
import type { ItemBook } from '../billing-ports.ts';
import { feeItems } from '../cycle-money.ts';
import type { BookedItem } from '../cycle-money.ts';
import { groupBy } from '../group-by.ts';
import { readTerms, readTimelines } from './billed-timelines.ts';
import { BOOKED, closeCycles, lateUnits } from './cycle-close.ts';
import { makeRoom, openCycleRows, overlappingCycles } from './cycle-rows.ts';
import { bookItems } from './item-rows.ts';

/** $1 numbers. In order, as everybody locks them. */
const LOCK = `
  select subscriber_id as id, subscriber_no as "no" from subscriber where subscriber_no = any($1::bigint[])
  order by subscriber_no for no key update`;

/**
 * Items in Postgres, within the transaction of whoever asks. Subscribers' rows are locked in order of their numbers before
 * anything is read, so whichever of two comes second sees what the first one made.
 */
export class PostgresItemBook implements ItemBook<pg.PoolClient> {
  /** Throws AppError 'not-found' where nobody has that number, 'conflict' where the cycle is closed. */
  async settleCycle(
    tx: pg.PoolClient,
    subscriberNo: number,
    cycle: Span,
    which: 'advance' | 'all',
  ): Promise<BillingItem[]> {
    const settled = await settleFees(tx, [subscriberNo], () => cycle, which);
    if (settled.unknown > 0) throw new AppError('not-found', 'no subscriber has this number');
    if (settled.closed > 0)
      throw new AppError('conflict', 'the cycle is closed: what it costs changes by adjustments alone');
    return settled.items;
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

/** What settling the fees of cycles gave. */
export interface SettledFees {
  items: BillingItem[];
  /** numbers that nobody has */
  unknown: number;
  /** cycles that are closed: left as they are */
  closed: number;
  /** cycles that are open now */
  opened: number;
}

/**
 * Brings the fees of one cycle of each of these subscribers to what they come to, and opens the cycle's row.
 *
 * @param cycleOf the cycle of a subscriber; null = none. Without an account nothing is asked and nothing done
 */
export async function settleFees(
  client: pg.ClientBase,
  subscriberNos: readonly number[],
  cycleOf: (timeline: TariffTimeline) => Span | null,
  which: 'advance' | 'all',
): Promise<SettledFees> {
  const locked = await client.query<{ id: string; no: number }>(LOCK, [subscriberNos]);
  const timelines = await readTimelines(client, subscriberNos);
  const known = locked.rows.flatMap(({ id, no }) => {
    const billed = timelines.get(no);
    const bill = billed?.bill ?? null;
    const cycle = bill === null ? null : cycleOf(bill.timeline);
    return billed === undefined || cycle === null
      ? []
      : [{ subscriberId: id, subscriberNo: no, billed, cycle }];
  });
  const rows = await overlappingCycles(client, known);
  const closed = new Set(
    rows.flatMap(({ place, startMs, wasClosed }) => {
      return wasClosed && known[place - 1]?.cycle.startMs === startMs ? [place] : [];
    }),
  );
  const plans = await readTerms(client, timelines.values());
  const booked = await client.query<BookedItem & { place: number }>(BOOKED, [
    known.map(({ subscriberId }) => subscriberId),
    known.map(({ cycle }) => cycle.startMs),
    known.map(({ cycle }) => cycle.endMs),
  ]);
  const byPlace = groupBy(booked.rows, ({ place }) => place);
  const items = known.flatMap(({ subscriberId, billed, cycle }, index) => {
    if (closed.has(index + 1)) return [];
    const stored = { subscriberId, ...billed, booked: byPlace.get(index + 1) ?? [], waiting: [] };
    return feeItems(stored, cycle, plans, which);
  });
  await bookItems(client, items);
  const open = (await makeRoom(client, known, rows)).filter((each) => !closed.has(known.indexOf(each) + 1));
  await openCycleRows(client, open);
  const unknown = subscriberNos.length - locked.rows.length;
  return { items, unknown, closed: closed.size, opened: open.length };
}

/** The cycle that contains an instant. */
export function cycleAround(atMs: number): (timeline: TariffTimeline) => Span {
  return (timeline) => billingCycleAt(timeline, atMs);
}
