import type pg from 'pg';
import { closingCycle } from '../cycle-bounds.ts';
import type { KnownCycle, PaidSpan } from '../cycle-bounds.ts';
import type { Span } from '../../schemas/tariff.ts';
import { groupBy } from '../group-by.ts';
import { storable } from './storable.ts';

/** Longest fault that is kept, characters. */
const MAX_FAULT_CHARACTERS = 500;

/** A cycle of a subscriber by its number. */
export interface NumberedCycle {
  subscriberNo: number;
  cycle: PaidSpan;
}

interface NumberedSpan {
  subscriberNo: number;
  cycle: Span;
}

const BOUNDS = `(extract(epoch from c.start_at) * 1000)::float8 as "startMs",
  (extract(epoch from c.end_at) * 1000)::float8 as "endMs", c.closed_at is not null as "wasClosed",
  c.failed_at is not null as "hasFailed", (select json_build_object('accountId', p.account_id, 'taxClass', p.tax_class)
    from account p where p.account_id = c.account_id) as payer`;

/** Rows of one subscriber that are looked at, the last first: those that are not closed, and one that is, are among them. */
const LOOKED_AT = 100;

/** $1 numbers. */
const LAST_OF = `
  select t.no, ${BOUNDS} from unnest($1::bigint[]) as t(no) cross join lateral (
    select * from cycle x where x.subscriber_no = t.no order by x.start_at desc limit ${LOOKED_AT}) c`;

/** Where the last closed cycle of a subscriber ends, ms, also one that has no row; `s` has its id and number. */
export const CLOSED_THROUGH = `greatest(
    (select extract(epoch from c.end_at) * 1000 from cycle c
      where c.subscriber_no = s.subscriber_no and (c.closed_at is not null or c.failed_at is not null)
      order by c.start_at desc limit 1),
    (select (cc.content ->> 'cycleEndMs')::numeric from closed_cycle cc where cc.subscriber_id = s.subscriber_id
      order by cc.cycle_start desc limit 1))::float8`;

/** $1 numbers. */
const CLOSED_THROUGH_OF = `
  select s.subscriber_no as "no", ${CLOSED_THROUGH} as "closedThroughMs" from subscriber s where s.subscriber_no = any($1::bigint[])`;

/** $1 numbers, $2 starts and $3 ends in ms. With those before that are not closed. */
const OVERLAPPING = `
  select t.place::int as place, ${BOUNDS}
  from unnest($1::bigint[], $2::float8[], $3::float8[]) with ordinality as t(no, start_ms, end_ms, place)
    join cycle c on c.subscriber_no = t.no and c.start_at < to_timestamp(t.end_ms / 1000)
      and (c.end_at > to_timestamp(t.start_ms / 1000) or c.status <> 'closed')`;

/** $1 numbers, $2 starts and $3 ends in ms. */
const TOLD = `
  select t.place::int as place
  from unnest($1::bigint[], $2::float8[], $3::float8[]) with ordinality as t(no, start_ms, end_ms, place)
    join subscriber s on s.subscriber_no = t.no join lateral (
      select * from closed_cycle x where x.subscriber_id = s.subscriber_id and x.cycle_start < to_timestamp(t.end_ms / 1000)
      order by x.cycle_start desc limit 1) cc on (cc.content ->> 'cycleEndMs')::float8 >= t.end_ms`;

/** $1 numbers, $2 starts in ms, of rows that were not closed. */
const DROP = `
  delete from cycle c using unnest($1::bigint[], $2::float8[]) as t(no, start_ms)
  where c.subscriber_no = t.no and c.start_at = to_timestamp(t.start_ms / 1000) and c.closed_at is null`;

/** $1 numbers, $2 starts and $3 ends in ms, $4 accounts that were left, $5 terms differ. */
const CLOSE = `
  insert into cycle as c (subscriber_no, start_at, end_at, account_id, status, closed_at, terms_differ)
  select no, to_timestamp(start_ms / 1000), to_timestamp(end_ms / 1000), account, 'closed', clock_timestamp(), differ
  from unnest($1::bigint[], $2::float8[], $3::float8[], $4::text[], $5::boolean[]) as t(no, start_ms, end_ms, account, differ)
  on conflict (subscriber_no, start_at) do update set end_at = excluded.end_at, status = 'closed',
    closed_at = coalesce(c.closed_at, excluded.closed_at), terms_differ = excluded.terms_differ, failed_at = null, fault = null`;

/** $1 numbers, $2 starts and $3 ends in ms, $4 accounts that were left. Fees in advance of these are itemised. */
const OPEN = `
  insert into cycle as c (subscriber_no, start_at, end_at, account_id, advance_at)
  select no, to_timestamp(start_ms / 1000), to_timestamp(end_ms / 1000), account, clock_timestamp()
  from unnest($1::bigint[], $2::float8[], $3::float8[], $4::text[]) as t(no, start_ms, end_ms, account)
  on conflict (subscriber_no, start_at) do nothing`;

/** $1 numbers, $2 starts and $3 ends in ms, $4 accounts that were left, $5 what went wrong. */
const FAIL = `
  insert into cycle (subscriber_no, start_at, end_at, account_id, status, failed_at, fault)
  select no, to_timestamp(start_ms / 1000), to_timestamp(end_ms / 1000), account, 'closing', clock_timestamp(), fault
  from unnest($1::bigint[], $2::float8[], $3::float8[], $4::text[], $5::text[]) as t(no, start_ms, end_ms, account, fault)
  on conflict (subscriber_no, start_at) do update set status = 'closing', failed_at = excluded.failed_at,
    fault = excluded.fault`;

/** $1 the number, $2 now in ms. What no account was left for yet is for the one that is left now. */
const LEAVE = `
  update cycle c set account_id = s.account_id from subscriber s
  where s.subscriber_no = $1 and c.subscriber_no = $1 and c.account_id is null
    and (c.start_at < to_timestamp($2::float8 / 1000) or c.closed_at is not null or c.failed_at is not null)`;

/** $1 subscribers. */
const NUMBERS = `select subscriber_id as id, subscriber_no as "no" from subscriber where subscriber_id = any($1::text[])`;

/** The last rows of each of these subscribers, by number. */
export async function lastCyclesOf(
  client: pg.ClientBase,
  subscriberNos: readonly number[],
): Promise<Map<number, (KnownCycle & { no: number })[]>> {
  const found = await client.query<KnownCycle & { no: number }>(LAST_OF, [subscriberNos]);
  return groupBy(found.rows, ({ no }) => no);
}

/** Where the last closed cycle of each of these subscribers ends, ms, by number; null = none is closed. */
export async function closedThroughOf(
  client: pg.ClientBase,
  subscriberNos: readonly number[],
): Promise<Map<number, number | null>> {
  const found = await client.query<{ no: number; closedThroughMs: number | null }>(CLOSED_THROUGH_OF, [
    subscriberNos,
  ]);
  return new Map(found.rows.map(({ no, closedThroughMs }) => [no, closedThroughMs]));
}

/** Rows that overlap these, and those before them that are not closed, by the place of what they overlap, from 0. */
export async function overlappingCycles(
  client: pg.ClientBase,
  cycles: readonly NumberedSpan[],
): Promise<Map<number, KnownCycle[]>> {
  if (cycles.length === 0) return new Map();
  const found = await client.query<KnownCycle & { place: number }>(OVERLAPPING, arraysOf(cycles));
  return groupBy(found.rows, ({ place }) => place - 1);
}

/** Of rows that are not closed those that a slot has not closed either, by place: the others are to be itemised yet. */
export async function withoutTold(
  client: pg.ClientBase,
  cycles: readonly NumberedCycle[],
): Promise<NumberedCycle[]> {
  if (cycles.length === 0) return [];
  const found = await client.query<{ place: number }>(TOLD, arraysOf(cycles));
  const told = new Set(found.rows.map(({ place }) => place - 1));
  return cycles.filter((_, place) => !told.has(place));
}

/** Rows that were not closed go: cycles of other bounds take their place. */
export async function dropCycleRows(client: pg.ClientBase, cycles: readonly NumberedCycle[]): Promise<void> {
  if (cycles.length === 0) return;
  const [numbers, starts] = arraysOf(cycles);
  await client.query(DROP, [numbers, starts]);
}

/** These are closed, their items are made. */
export async function closeCycleRows(
  client: pg.ClientBase,
  cycles: readonly (NumberedCycle & { termsDiffer: boolean })[],
): Promise<void> {
  if (cycles.length === 0) return;
  await client.query(CLOSE, [
    ...arraysOf(cycles),
    payersOf(cycles),
    cycles.map(({ termsDiffer }) => termsDiffer),
  ]);
}

/** These have begun, their fees in advance are itemised. */
export async function openCycleRows(client: pg.ClientBase, cycles: readonly NumberedCycle[]): Promise<void> {
  if (cycles.length > 0) await client.query(OPEN, [...arraysOf(cycles), payersOf(cycles)]);
}

/** Its subscriber leaves the account that it is with: whatever comes to cycles of before is for that. */
export async function leaveCycleRows(
  client: pg.ClientBase,
  subscriberNo: number,
  atMs: number,
): Promise<void> {
  await client.query(LEAVE, [subscriberNo, atMs]);
}

/** Items of these could not be made: a job tries again. What is left of rows that they lie over stays open. */
export async function failCycleRows(
  client: pg.ClientBase,
  cycles: readonly { subscriberId: string; cycle: Span; fault: string }[],
): Promise<void> {
  const ids = cycles.map(({ subscriberId }) => storable(subscriberId));
  const { rows } = await client.query<{ id: string; no: number }>(NUMBERS, [ids]);
  const numbers = new Map(rows.map(({ id, no }) => [id, no]));
  const known = cycles.flatMap(({ subscriberId, cycle, fault }) => {
    const subscriberNo = numbers.get(storable(subscriberId));
    return subscriberNo === undefined ? [] : [{ subscriberNo, cycle, fault }];
  });
  const overlapping = await overlappingCycles(client, known);
  const failed = known.map(({ subscriberNo, cycle, fault }, place) => {
    return { subscriberNo, fault, ...closingCycle(cycle, overlapping.get(place) ?? []) };
  });
  await dropCycleRows(client, failed.flatMap(rowsOf('gone')));
  const spans = failed.map(({ subscriberNo, span }) => ({ subscriberNo, cycle: span }));
  const faults = failed.map(({ fault }) => storable(fault).slice(0, MAX_FAULT_CHARACTERS));
  await client.query(FAIL, [...arraysOf(spans), payersOf(spans), faults]);
  const beside = failed.map(({ passed, left, ...of }) => ({ ...of, beside: [...passed, ...left] }));
  await openCycleRows(client, beside.flatMap(rowsOf('beside')));
}

/** Rows of one kind of what concerns a subscriber. */
export function rowsOf<K extends string>(
  kind: K,
): (one: { subscriberNo: number } & Record<K, readonly PaidSpan[]>) => NumberedCycle[] {
  return (one) => one[kind].map((cycle) => ({ subscriberNo: one.subscriberNo, cycle }));
}

function payersOf(cycles: readonly NumberedCycle[]): (string | null)[] {
  return cycles.map(({ cycle }) => cycle.payer?.accountId ?? null);
}

function arraysOf(cycles: readonly NumberedSpan[]): [number[], number[], number[]] {
  return [
    cycles.map(({ subscriberNo }) => subscriberNo),
    cycles.map(({ cycle }) => cycle.startMs),
    cycles.map(({ cycle }) => cycle.endMs),
  ];
}
