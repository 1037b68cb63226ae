import type pg from 'pg';
import type { ActionIntent } from '../../schemas/action.ts';
import type { ClosedCycle, UsageAdjustment } from '../../schemas/usage-record.ts';
import { BLOCK_LINE } from '../../rules/tariff/blocks.ts';
import type { PlanLookup } from '../../rules/tariff/timeline.ts';
import type { Span } from '../../schemas/tariff.ts';
import { closingCycle } from '../cycle-bounds.ts';
import type { ClosingCycle } from '../cycle-bounds.ts';
import { closeItems } from '../cycle-money.ts';
import type { BookedItem } from '../cycle-money.ts';
import { groupBy } from '../group-by.ts';
import { readTerms, readTimelines } from './billed-timelines.ts';
import { bookMade, itemiseFees, readBooked } from './cycle-fees.ts';
import type { FeeUnit } from './cycle-fees.ts';
import {
  closeCycleRows,
  dropCycleRows,
  failCycleRows,
  openCycleRows,
  overlappingCycles,
  rowsOf,
  withoutTold,
} from './cycle-rows.ts';
import { inHalves } from './in-halves.ts';
import { storable } from './storable.ts';

/** A closed cycle to be itemised. */
export interface CloseUnit {
  closed: ClosedCycle;
  /** it is looked at again, because something came after its close: it must have been itemised before */
  isLate: boolean;
}

/** A unit with what its subscriber is called in tables, and what rows say of it. */
interface Known extends CloseUnit {
  subscriberId: string;
  subscriberNo: number;
  cycle: Span;
  closing: ClosingCycle;
}

/** $1 subscribers. In order of number, as everybody locks them. */
const LOCK = `
  select subscriber_id as id, subscriber_no as "no" from subscriber where subscriber_id = any($1::text[])
  order by subscriber_no for no key update`;

/** $1 subscribers, $2 starts in ms. */
const STORED = `
  select c.content from unnest($1::text[], $2::float8[]) as t(id, start_ms)
    join closed_cycle c on c.subscriber_id = t.id and c.cycle_start = to_timestamp(t.start_ms / 1000)`;

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
 * none. Subscribers that are not known, or on no account, have nothing to pay and get no row. Repeating it makes nothing.
 */
export async function closeCycles(client: pg.ClientBase, units: readonly CloseUnit[]): Promise<void> {
  // Rows that one cycle lies over may be those of the next: each sees what became of the ones before it.
  for (const round of roundsOf(units)) await closeRound(client, round);
}

/** At most one cycle of a subscriber in each, the earlier first. */
function roundsOf(units: readonly CloseUnit[]): CloseUnit[][] {
  const rounds: CloseUnit[][] = [];
  for (const own of groupBy(units, ({ closed }) => storable(closed.subscriberId)).values()) {
    own.sort((a, b) => a.closed.cycleStartMs - b.closed.cycleStartMs);
    for (const [place, unit] of own.entries()) (rounds[place] ??= []).push(unit);
  }
  return rounds;
}

async function closeRound(client: pg.ClientBase, units: readonly CloseUnit[]): Promise<void> {
  const locked = await client.query<{ id: string; no: number }>(LOCK, [
    units.map(({ closed }) => storable(closed.subscriberId)),
  ]);
  const numbers = new Map(locked.rows.map(({ id, no }) => [id, no]));
  const named = units.flatMap((unit) => {
    const { subscriberId, cycleStartMs: startMs, cycleEndMs: endMs } = unit.closed;
    const subscriberNo = numbers.get(storable(subscriberId));
    return subscriberNo === undefined
      ? []
      : [{ ...unit, subscriberId, subscriberNo, cycle: { startMs, endMs } }];
  });
  const rows = await overlappingCycles(client, named);
  const known = named.flatMap((unit, place): Known[] => {
    const overlapping = rows.get(place) ?? [];
    const closing = closingCycle(unit.cycle, overlapping);
    // Closed before there were items, or while it was on no account: what comes late is no reason to charge all of it.
    const isKnown = !unit.isLate || closing.isDone || overlapping.some(({ hasFailed }) => hasFailed);
    return isKnown ? [{ ...unit, closing }] : [];
  });
  if (known.length === 0) return;
  const items = [];
  const closed = [];
  const { timelines, plans, booked, adjustments, waiting } = await readAll(client, known);
  for (const [index, unit] of known.entries()) {
    const { subscriberId, subscriberNo, closing } = unit;
    const billed = timelines.get(subscriberNo);
    if (billed === undefined || billed.bill === null) continue;
    const of = { booked: booked.get(index) ?? [], waiting: waiting.get(index) ?? [] };
    const stored = { subscriberId, ...billed, ...of };
    const money = closeItems(
      stored,
      unit.closed,
      (adjustments.get(index) ?? []).map(({ content }) => content),
      plans,
      closing,
      unit.isLate,
    );
    items.push(...money.items);
    closed.push({ ...closing, subscriberId, subscriberNo, billed, termsDiffer: money.termsDiffer });
  }
  await bookMade(client, items);
  await dropCycleRows(client, closed.flatMap(rowsOf('gone')));
  await closeCycleRows(
    client,
    closed.map(({ span, ...of }) => ({ ...of, cycle: span })),
  );
  await settleBeside(client, closed, plans);
}

/** What lies beside closed cycles: their items may have begun in what is closed now, or be still to come. */
async function settleBeside(
  client: pg.ClientBase,
  closed: readonly (ClosingCycle & Omit<FeeUnit, 'cycle' | 'which'>)[],
  plans: PlanLookup,
): Promise<void> {
  const passed = closed.flatMap((of) => of.passed.map((cycle): FeeUnit => ({ ...of, cycle, which: 'all' })));
  const over = new Set(await withoutTold(client, passed));
  const left = closed.flatMap((of) => of.left.map((cycle): FeeUnit => ({ ...of, cycle, which: 'advance' })));
  const units = [...passed.filter((unit) => over.has(unit)), ...left];
  if (units.length === 0) return;
  await itemiseFees(client, units, plans);
  await closeCycleRows(
    client,
    [...over].map((cycle) => ({ ...cycle, termsDiffer: false })),
  );
  await openCycleRows(client, [...passed.filter((unit) => !over.has(unit)), ...left]);
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
  const booked = await readBooked(client, known);
  const told = await client.query<{ place: number; content: UsageAdjustment }>(ADJUSTMENTS, [ids, starts]);
  const adjustments = groupBy(told.rows, ({ place }) => place - 1);
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
    const blocks = (booked.get(index) ?? []).filter(({ line }) => line === BLOCK_LINE).length;
    return (unit.closed.overage?.blocks ?? 0) > blocks ? [{ unit, place: index }] : [];
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
    const failed = await inHalves(
      client,
      units,
      (batch) => closeCycles(client, batch),
      (all) => byNumber(client, all),
    );
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

const NUMBERS = `
  select subscriber_id as id, subscriber_no as "no" from subscriber where subscriber_id = any ($1::text[])`;

/** In the order in which subscribers are locked. */
async function byNumber(client: pg.ClientBase, units: readonly CloseUnit[]): Promise<CloseUnit[]> {
  const ids = units.map(({ closed }) => storable(closed.subscriberId));
  const { rows } = await client.query<{ id: string; no: number }>(NUMBERS, [ids]);
  const numbers = new Map(rows.map(({ id, no }) => [id, no]));
  const numberOf = ({ closed }: CloseUnit): number => numbers.get(storable(closed.subscriberId)) ?? 0;
  return [...units].sort((a, b) => numberOf(a) - numberOf(b));
}
