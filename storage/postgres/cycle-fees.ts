import type pg from 'pg';
import { BLOCK_LINE } from '../../rules/tariff/blocks.ts';
import { billingCycleAt, pricedFrom } from '../../rules/tariff/timeline.ts';
import type { PlanLookup } from '../../rules/tariff/timeline.ts';
import type { BillingItem } from '../../schemas/billing.ts';
import { AppError } from '../../schemas/errors.ts';
import type { Span } from '../../schemas/tariff.ts';
import { cyclesLeft, openCyclesAt } from '../cycle-bounds.ts';
import type { OpenCycles } from '../cycle-bounds.ts';
import { feeItems } from '../cycle-money.ts';
import type { BookedItem } from '../cycle-money.ts';
import { groupBy } from '../group-by.ts';
import { readTerms, readTimelines } from './billed-timelines.ts';
import type { BilledTimeline } from './billed-timelines.ts';
import {
  closeCycleRows,
  closedThroughOf,
  dropCycleRows,
  lastCyclesOf,
  leaveCycleRows,
  openCycleRows,
  overlappingCycles,
  rowsOf,
} from './cycle-rows.ts';
import type { NumberedCycle } from './cycle-rows.ts';
import { bookItems } from './item-rows.ts';
import { storable } from './storable.ts';

/** $1 numbers. In order, as everybody locks them. */
const LOCK = `
  select subscriber_id as id, subscriber_no as "no" from subscriber where subscriber_no = any($1::bigint[])
  order by subscriber_no for no key update`;

/** $1 subscribers, $2 starts and $3 ends in ms. What counts is where the item's own cycle began: by another rule it may have been another one. */
const BOOKED = `
  select t.place::int as place, i.key, i.line, i.amount_minor::float8 as "amountMinor", i.quantity::float8 as quantity,
    i.currency, i.account_id as "accountId", i.tax_class as "taxClass",
    (extract(epoch from i.cycle_start) * 1000)::float8 as "cycleStartMs"
  from unnest($1::text[], $2::float8[], $3::float8[]) with ordinality as t(id, start_ms, end_ms, place)
    join billing_item i on i.subscriber_id = t.id and i.cycle_start >= to_timestamp(t.start_ms / 1000)
      and i.cycle_start < to_timestamp(t.end_ms / 1000)
  order by i.seq`;

/** $1 subscribers, $2 instants in ms. The last cycle that its slot closed and that began before. */
const TOLD_BEFORE = `
  select t.place::int as place, (extract(epoch from cc.cycle_start) * 1000)::float8 as "startMs",
    (cc.content ->> 'cycleEndMs')::float8 as "endMs"
  from unnest($1::text[], $2::float8[]) with ordinality as t(id, start_ms, place) cross join lateral (
    select * from closed_cycle x where x.subscriber_id = t.id and x.cycle_start < to_timestamp(t.start_ms / 1000)
    order by x.cycle_start desc limit 1) cc`;

/** A subscriber that is locked, and who has what. */
interface Locked {
  subscriberId: string;
  subscriberNo: number;
  billed: BilledTimeline;
}

/** A cycle whose fees are brought to what they come to. */
export interface FeeUnit extends Locked, NumberedCycle {
  which: 'advance' | 'all';
}

/** Where the last closed cycle ends, ms, by number of the subscriber; null = none is closed. */
export type ClosedThrough = ReadonlyMap<number, number | null>;

/** What settling the fees of running cycles gave. */
export interface SettledFees {
  items: BillingItem[];
  /** numbers that nobody has */
  unknown: number;
  /** for them the instant is in a cycle that is closed: left as they are */
  closed: number;
  /** cycles that are open now and had no row */
  opened: number;
}

/**
 * Brings the fees in advance of the cycles that run at an instant, and of those before whose bounds have moved, to what they come
 * to, and gives them their rows. Who is on no account costs nothing.
 *
 * @param closedThrough as it stands in this transaction, all of them being locked; absent = nobody asked yet
 */
export async function settleFees(
  client: pg.ClientBase,
  subscriberNos: readonly number[],
  atMs: number,
  closedThrough?: ClosedThrough,
): Promise<SettledFees> {
  const { found, unknown, closed, plans } = await openCyclesOf(client, subscriberNos, atMs, closedThrough);
  const units = found.flatMap(({ open: { running, missing }, ...who }) => {
    const others = missing.filter(({ startMs }) => startMs !== running.startMs);
    return [...others, running].map((cycle): FeeUnit => {
      return { ...who, cycle, which: 'advance' };
    });
  });
  const items = await itemiseFees(client, units, plans);
  await storeOpen(client, found);
  const opened = found.reduce((sum, { open }) => sum + open.missing.length, 0);
  return { items, unknown, closed, opened };
}

/**
 * Ends what an account pays for a subscriber: of the cycles that are not closed it is charged, or credited, what was had until the
 * instant, in arrears too, and they are closed there. Afterwards another rule may say how long they would have been. Rows note who
 * paid them.
 *
 * @param closedThrough as for `settleFees`
 */
export async function settleLeaving(
  client: pg.ClientBase,
  subscriberNo: number,
  atMs: number,
  closedThrough?: ClosedThrough,
): Promise<BillingItem[]> {
  const { found, plans } = await openCyclesOf(client, [subscriberNo], atMs, closedThrough);
  await storeOpen(client, found);
  const rows = (await lastCyclesOf(client, [subscriberNo])).get(subscriberNo) ?? [];
  const units = found.flatMap((who) => {
    const left = cyclesLeft(rows, who.closedThroughMs, atMs);
    return left.map((cycle): FeeUnit => ({ ...who, cycle, which: 'all' }));
  });
  const items = await itemiseFees(client, units, plans);
  // The row of the running one ends where it does.
  await closeCycleRows(
    client,
    units.map((unit) => ({ ...unit, termsDiffer: false })),
  );
  await leaveCycleRows(client, subscriberNo, atMs);
  return items;
}

/** A cycle that no slot has closed. */
export interface UntoldCycle {
  subscriberId: string;
  subscriberNo: number;
  cycle: Span;
}

/** Closes cycles by what their fees come to. Returns how many: one that is closed meanwhile is left as it is. */
export async function closeUntold(client: pg.ClientBase, cycles: readonly UntoldCycle[]): Promise<number> {
  const numbers = [...new Set(cycles.map(({ subscriberNo }) => subscriberNo))];
  await client.query(LOCK, [numbers]);
  const rows = await overlappingCycles(client, cycles);
  const timelines = await readTimelines(client, numbers);
  const units = cycles.flatMap((one, place): FeeUnit[] => {
    const billed = timelines.get(one.subscriberNo);
    const row = rows.get(place)?.find(({ startMs, wasClosed, hasFailed }) => {
      return startMs === one.cycle.startMs && !wasClosed && !hasFailed;
    });
    if (billed === undefined || row === undefined) return [];
    return [{ ...one, billed, cycle: { ...one.cycle, payer: row.payer }, which: 'all' }];
  });
  await itemiseFees(client, units, await readTerms(client, timelines.values()));
  await closeCycleRows(
    client,
    units.map((unit) => ({ ...unit, termsDiffer: false })),
  );
  return units.length;
}

async function openCyclesOf(
  client: pg.ClientBase,
  subscriberNos: readonly number[],
  atMs: number,
  closedThrough?: ClosedThrough,
) {
  const locked = await client.query<{ id: string; no: number }>(LOCK, [subscriberNos]);
  const timelines = await readTimelines(client, subscriberNos);
  const rows = await lastCyclesOf(client, subscriberNos);
  // Not with the lock: a statement that waited for it would look at what was before.
  const ends = closedThrough ?? (await closedThroughOf(client, subscriberNos));
  let closed = 0;
  const found = locked.rows.flatMap(({ id: subscriberId, no: subscriberNo }) => {
    const billed = timelines.get(subscriberNo);
    if (billed === undefined || billed.bill === null) return [];
    const closedThroughMs = ends.get(subscriberNo) ?? null;
    if (closedThroughMs !== null && atMs < closedThroughMs) {
      closed += 1;
      return [];
    }
    const open = openCyclesAt(billed.bill.timeline, rows.get(subscriberNo) ?? [], closedThroughMs, atMs);
    return [{ subscriberId, subscriberNo, billed, closedThroughMs, open }];
  });
  const plans = await readTerms(client, timelines.values());
  return { found, plans, closed, unknown: subscriberNos.length - locked.rows.length };
}

async function storeOpen(
  client: pg.ClientBase,
  found: readonly { subscriberNo: number; open: OpenCycles }[],
): Promise<void> {
  const changed = found.map(({ subscriberNo, open }) => ({ subscriberNo, ...open }));
  await dropCycleRows(client, changed.flatMap(rowsOf('gone')));
  await openCycleRows(client, changed.flatMap(rowsOf('missing')));
}

/** Items of the fees of cycles of locked subscribers, stored. */
export async function itemiseFees(
  client: pg.ClientBase,
  units: readonly FeeUnit[],
  plans: PlanLookup,
): Promise<BillingItem[]> {
  const booked = await readBooked(client, units);
  const told = await toldBeforeStubs(client, units);
  const items = units.flatMap((unit, index) => {
    const { subscriberId, billed, cycle, which } = unit;
    if (billed.bill === null) return [];
    const stored = { subscriberId, ...billed, booked: booked.get(index) ?? [], waiting: [] };
    const pricedFromMs = pricedFrom(billed.bill.timeline, cycle.startMs, told.get(unit) ?? null);
    return feeItems(stored, { ...cycle, pricedFromMs }, plans, which);
  });
  await bookMade(client, items);
  return items;
}

/** What slots closed before parts of cycles: whole ones, which are most, do not need it. */
async function toldBeforeStubs(
  client: pg.ClientBase,
  units: readonly FeeUnit[],
): Promise<Map<FeeUnit, Span>> {
  const stubs = units.filter(({ billed: { bill }, cycle: { startMs } }) => {
    return bill !== null && billingCycleAt(bill.timeline, startMs).startMs < startMs;
  });
  if (stubs.length === 0) return new Map();
  const found = await client.query<Span & { place: number }>(TOLD_BEFORE, [
    stubs.map(({ subscriberId }) => storable(subscriberId)),
    stubs.map(({ cycle }) => cycle.startMs),
  ]);
  return new Map(
    found.rows.flatMap(({ place, startMs, endMs }) => {
      const unit = stubs[place - 1];
      return unit === undefined ? [] : [[unit, { startMs, endMs }] as const];
    }),
  );
}

/** Items that stand in cycles, by the place of the cycle, from 0. */
export async function readBooked(
  client: pg.ClientBase,
  cycles: readonly { subscriberId: string; cycle: Span }[],
): Promise<Map<number, BookedItem[]>> {
  if (cycles.length === 0) return new Map();
  const found = await client.query<BookedItem & { place: number }>(BOOKED, [
    cycles.map(({ subscriberId }) => storable(subscriberId)),
    cycles.map(({ cycle }) => cycle.startMs),
    cycles.map(({ cycle }) => cycle.endMs),
  ]);
  return groupBy(found.rows, ({ place }) => place - 1);
}

/**
 * Books items that were just reckoned.
 *
 * @throws AppError 'store-corrupt' where one of them stands under another content: what was answered would not be what is stored.
 *   A block alone may be there, where its action was carried out meanwhile
 */
export async function bookMade(client: pg.ClientBase, items: readonly BillingItem[]): Promise<void> {
  const booked = new Set(await bookItems(client, items));
  const lost = items.find(({ key, line }) => line !== BLOCK_LINE && !booked.has(storable(key)));
  if (lost !== undefined)
    throw new AppError('store-corrupt', `an item of ${lost.line} has the key of another: ${lost.key}`);
}
