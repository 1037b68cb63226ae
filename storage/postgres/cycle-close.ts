import type pg from 'pg';
import type { ActionIntent } from '../../schemas/action.ts';
import type { ClosedCycle, UsageAdjustment } from '../../schemas/usage-record.ts';
import { BLOCK_LINE } from '../cycle-blocks.ts';
import { closeItems } from '../cycle-money.ts';
import type { BookedItem } from '../cycle-money.ts';
import { readTerms, readTimelines } from './billed-timelines.ts';
import type { CycleRowFound } from './cycle-rows.ts';
import { closeCycleRows, failCycleRows, makeRoom, overlappingCycles } from './cycle-rows.ts';
import { inHalves } from './in-halves.ts';
import { bookItems } from './item-rows.ts';
import { storable } from './storable.ts';

/** A closed cycle to be itemised. */
export interface CloseUnit {
  closed: ClosedCycle;
  /** it is looked at again, because something came after its close: it must have been itemised before */
  isLate: boolean;
}

/** A unit with what its subscriber is called in tables. */
interface Known extends CloseUnit {
  subscriberNo: number;
  cycle: { startMs: number; endMs: number };
}

/** $1 subscribers. In order of number, as everybody locks them. */
const LOCK = `
  select subscriber_id as id, subscriber_no as "no" from subscriber where subscriber_id = any($1::text[])
  order by subscriber_no for no key update`;

/** $1 subscribers, $2 starts in ms. */
const STORED = `
  select c.content from unnest($1::text[], $2::float8[]) as t(id, start_ms)
    join closed_cycle c on c.subscriber_id = t.id and c.cycle_start = to_timestamp(t.start_ms / 1000)`;

/** $1 subscribers, $2 starts and $3 ends in ms. An anchor that was corrected leaves items of other starts in a cycle. */
export const BOOKED = `
  select t.place::int as place, i.key, i.type, i.line, i.amount_minor::float8 as "amountMinor",
    i.quantity::float8 as quantity
  from unnest($1::text[], $2::float8[], $3::float8[]) with ordinality as t(id, start_ms, end_ms, place)
    join billing_item i on i.subscriber_id = t.id and i.cycle_start >= to_timestamp(t.start_ms / 1000)
      and i.cycle_start < to_timestamp(t.end_ms / 1000)
  order by i.seq`;

/** $1 subscribers, $2 starts in ms. */
const ADJUSTMENTS = `
  select t.place::int as place, a.content
  from unnest($1::text[], $2::float8[]) with ordinality as t(id, start_ms, place)
    join usage_adjustment a on a.subscriber_id = t.id and a.cycle_start = to_timestamp(t.start_ms / 1000)
  order by a.seq`;

/** $1 subscribers. Blocks that were asked for and have no item. */
const WAITING = `
  select a.intent from action a
  where a.subscriber_id = any($1::text[]) and a.kind = 'overage'
    and not exists (select from billing_item i where i.key = a.id)
  order by a.seq`;

/** Units of cycles that these adjustments are of, and that closed; those of open cycles are in the close to come. */
export async function lateUnits(
  client: pg.ClientBase,
  adjustments: readonly UsageAdjustment[],
  except: readonly ClosedCycle[] = [],
): Promise<CloseUnit[]> {
  const taken = new Set(except.map(({ subscriberId, cycleStartMs }) => nameOf(subscriberId, cycleStartMs)));
  const cycles = new Map<string, UsageAdjustment>();
  for (const adjustment of adjustments) {
    const name = nameOf(adjustment.subscriberId, adjustment.cycleStartMs);
    if (!taken.has(name)) cycles.set(name, adjustment);
  }
  if (cycles.size === 0) return [];
  const found = await client.query<{ content: ClosedCycle }>(STORED, [
    [...cycles.values()].map(({ subscriberId }) => storable(subscriberId)),
    [...cycles.values()].map(({ cycleStartMs }) => cycleStartMs),
  ]);
  return found.rows.map(({ content }) => ({ closed: content, isLate: true }));
}

function nameOf(subscriberId: string, cycleStartMs: number): string {
  return JSON.stringify([storable(subscriberId), cycleStartMs]);
}

/**
 * Makes the items of closed cycles within a transaction and notes that they are closed: all of them or, by what it throws,
 * none. Subscribers that are not known have nothing to pay. Repeating it makes nothing.
 */
export async function closeCycles(client: pg.ClientBase, units: readonly CloseUnit[]): Promise<void> {
  const locked = await client.query<{ id: string; no: number }>(LOCK, [
    units.map(({ closed }) => storable(closed.subscriberId)),
  ]);
  const numbers = new Map(locked.rows.map(({ id, no }) => [id, no]));
  const all = units.flatMap((unit): Known[] => {
    const { subscriberId, cycleStartMs: startMs, cycleEndMs: endMs } = unit.closed;
    const subscriberNo = numbers.get(storable(subscriberId));
    return subscriberNo === undefined ? [] : [{ ...unit, subscriberNo, cycle: { startMs, endMs } }];
  });
  const rows = all.length === 0 ? [] : await overlappingCycles(client, all);
  const overlapping = byPlace(rows, (row) => row);
  const own = new Map(
    all.map((unit, index) => {
      const { startMs } = unit.cycle;
      return [unit, overlapping.get(index + 1)?.find((row) => row.startMs === startMs)];
    }),
  );
  const known = all.filter((unit) => {
    const row = own.get(unit);
    // Closed before there were items, or while it was on no account: what comes late is no reason to charge all of it.
    return !unit.isLate || row?.wasClosed === true || row?.hasFailed === true;
  });
  if (known.length === 0) return;
  const items = [];
  const closed = [];
  const { timelines, plans, booked, adjustments, waiting } = await readAll(client, known);
  for (const [index, unit] of known.entries()) {
    const { subscriberId } = unit.closed;
    const billed = timelines.get(unit.subscriberNo) ?? { bill: null, overageConsent: false };
    const stored = {
      ...{
        subscriberId,
        ...billed,
        booked: booked.get(index + 1) ?? [],
        waiting: waiting.get(index + 1) ?? [],
      },
    };
    const wasClosed = own.get(unit)?.wasClosed === true;
    const money = closeItems(stored, unit.closed, adjustments.get(index + 1) ?? [], plans, wasClosed);
    items.push(...money.items);
    closed.push({ ...unit, termsDiffer: money.termsDiffer });
  }
  await bookItems(client, items);
  await closeCycleRows(client, await makeRoom(client, closed, rowsOf(known, all, rows)));
}

/** Rows with places in `known` instead of in `all`. */
function rowsOf(
  known: readonly Known[],
  all: readonly Known[],
  rows: readonly CycleRowFound[],
): CycleRowFound[] {
  if (known.length === all.length) return [...rows];
  return rows.flatMap((row) => {
    const unit = all[row.place - 1];
    const at = unit === undefined ? -1 : known.indexOf(unit);
    return at === -1 ? [] : [{ ...row, place: at + 1 }];
  });
}

/** Everything that items of these cycles depend on, a statement a kind. */
async function readAll(client: pg.ClientBase, known: readonly Known[]) {
  const ids = known.map(({ closed }) => storable(closed.subscriberId));
  const starts = known.map(({ cycle }) => cycle.startMs);
  const timelines = await readTimelines(
    client,
    known.map(({ subscriberNo }) => subscriberNo),
  );
  const metered = known.flatMap(({ closed }) => [
    closed.planId,
    ...(closed.parts ?? []).map(({ planId }) => planId),
  ]);
  const plans = await readTerms(client, timelines.values(), [...new Set(metered)].map(storable));
  const ends = known.map(({ cycle }) => cycle.endMs);
  const items = await client.query<BookedItem & { place: number }>(BOOKED, [ids, starts, ends]);
  const booked = byPlace(items.rows, (row) => row);
  const told = await client.query<{ place: number; content: UsageAdjustment }>(ADJUSTMENTS, [ids, starts]);
  const adjustments = byPlace(told.rows, ({ content }) => content);
  const waiting = await readWaiting(client, known, booked);
  return { timelines, plans, booked, adjustments, waiting };
}

/** Blocks that the slot sold and that have no item yet: the ledger gives them out later, or never did. */
async function readWaiting(
  client: pg.ClientBase,
  known: readonly Known[],
  booked: ReadonlyMap<number, readonly BookedItem[]>,
): Promise<Map<number, ActionIntent[]>> {
  const short = known.flatMap((unit, index) => {
    const blocks = (booked.get(index + 1) ?? []).filter(({ line }) => line === BLOCK_LINE).length;
    return (unit.closed.overage?.blocks ?? 0) > blocks ? [{ unit, place: index + 1 }] : [];
  });
  if (short.length === 0) return new Map();
  const ids = short.map(({ unit }) => storable(unit.closed.subscriberId));
  const { rows } = await client.query<{ intent: ActionIntent }>(WAITING, [ids]);
  return new Map(
    short.map(({ unit: { closed, cycle }, place }) => {
      const own = rows.filter(({ intent: { subscriberId, cycleStartMs } }) => {
        return (
          subscriberId === closed.subscriberId && cycleStartMs >= cycle.startMs && cycleStartMs < cycle.endMs
        );
      });
      return [place, own.map(({ intent }) => intent)];
    }),
  );
}

function byPlace<R extends { place: number }, V>(rows: readonly R[], value: (row: R) => V): Map<number, V[]> {
  const found = new Map<number, V[]>();
  for (const row of rows) {
    const known = found.get(row.place);
    if (known === undefined) found.set(row.place, [value(row)]);
    else known.push(value(row));
  }
  return found;
}

/** What the items of a cycle failed by. */
export type OnCloseFault = (error: unknown, cycle: ClosedCycle) => void;

/**
 * Itemises closed cycles in the transaction that stores them. A cycle whose items cannot be made is stored without them, its
 * row says 'closing', and a job tries again: a defect in money never stops actions.
 */
export class CycleClose {
  readonly #onFault: OnCloseFault;

  constructor(onFault: OnCloseFault) {
    this.#onFault = onFault;
  }

  /**
   * @param cycles stored by this transaction and not before
   * @param adjustments as `cycles`
   * @returns how many could not be itemised
   * @throws what broke the connection, nothing else
   */
  async settle(
    client: pg.ClientBase,
    cycles: readonly ClosedCycle[],
    adjustments: readonly UsageAdjustment[],
  ): Promise<number> {
    const units = [
      ...cycles.map((closed) => ({ closed, isLate: false })),
      ...(await lateUnits(client, adjustments, cycles)),
    ];
    return this.settleUnits(client, units);
  }

  /** As `settle`, for what is stored already. */
  async settleUnits(client: pg.ClientBase, units: readonly CloseUnit[]): Promise<number> {
    const failed = await inHalves(client, units, (batch) => closeCycles(client, batch));
    for (const { unit, error } of failed) this.#onFault(error, unit.closed);
    // Where not even that can be noted, the cycle's row stays open, and the alarm for cycles that do not close finds it.
    await inHalves(client, failed, (batch) =>
      failCycleRows(
        client,
        batch.map(({ unit: { closed }, error }) => ({
          subscriberId: closed.subscriberId,
          cycle: { startMs: closed.cycleStartMs, endMs: closed.cycleEndMs },
          fault: error instanceof Error ? error.message : String(error),
        })),
      ),
    );
    return failed.length;
  }
}
