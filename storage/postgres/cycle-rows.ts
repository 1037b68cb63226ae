import type pg from 'pg';
import type { Span } from '../../schemas/tariff.ts';
import { storable } from './storable.ts';

/** Longest fault that is kept, characters. */
const MAX_FAULT_CHARACTERS = 500;

/** A cycle of a subscriber by its number. */
export interface NumberedCycle {
  subscriberNo: number;
  cycle: Span;
}

/** A row of `cycle` that overlaps one that is asked for. */
export interface CycleRowFound {
  /** of the one that was asked for */
  place: number;
  startMs: number;
  endMs: number;
  status: 'open' | 'closing' | 'closed';
  /** its items were made when it closed */
  wasClosed: boolean;
  /** its items could not be made */
  hasFailed: boolean;
}

/** $1 numbers, $2 starts and $3 ends in ms. */
const OVERLAPPING = `
  select t.place::int as place, (extract(epoch from c.start_at) * 1000)::float8 as "startMs",
    (extract(epoch from c.end_at) * 1000)::float8 as "endMs", c.status, c.closed_at is not null as "wasClosed",
    c.failed_at is not null as "hasFailed"
  from unnest($1::bigint[], $2::float8[], $3::float8[]) with ordinality as t(no, start_ms, end_ms, place)
    join cycle c on c.subscriber_no = t.no and c.start_at < to_timestamp(t.end_ms / 1000)
      and c.end_at > to_timestamp(t.start_ms / 1000)`;

/** $1 numbers, $2 starts in ms, of rows that were not closed. */
const DROP = `
  delete from cycle c using unnest($1::bigint[], $2::float8[]) as t(no, start_ms)
  where c.subscriber_no = t.no and c.start_at = to_timestamp(t.start_ms / 1000) and c.closed_at is null`;

/** $1 numbers, $2 starts and $3 ends in ms, $4 terms differ. */
const CLOSE = `
  insert into cycle as c (subscriber_no, start_at, end_at, status, closed_at, terms_differ)
  select no, to_timestamp(start_ms / 1000), to_timestamp(end_ms / 1000), 'closed', clock_timestamp(), differ
  from unnest($1::bigint[], $2::float8[], $3::float8[], $4::boolean[]) as t(no, start_ms, end_ms, differ)
  on conflict (subscriber_no, start_at) do update set end_at = excluded.end_at, status = 'closed',
    closed_at = coalesce(c.closed_at, excluded.closed_at), terms_differ = excluded.terms_differ, failed_at = null, fault = null`;

/** $1 numbers, $2 starts and $3 ends in ms. Fees in advance of these are itemised. */
const OPEN = `
  insert into cycle as c (subscriber_no, start_at, end_at, advance_at)
  select no, to_timestamp(start_ms / 1000), to_timestamp(end_ms / 1000), clock_timestamp()
  from unnest($1::bigint[], $2::float8[], $3::float8[]) as t(no, start_ms, end_ms)
  on conflict (subscriber_no, start_at) do update set end_at = excluded.end_at, advance_at = excluded.advance_at
  where c.status = 'open' and (c.advance_at is null or c.end_at <> excluded.end_at)`;

/** $1 subscribers, $2 starts and $3 ends in ms. Rows of other bounds that were not closed make room. */
const ROOM_FOR_FAILED = `
  delete from cycle c
  using unnest($1::text[], $2::float8[], $3::float8[]) as t(id, start_ms, end_ms) join subscriber s on s.subscriber_id = t.id
  where c.subscriber_no = s.subscriber_no and c.start_at < to_timestamp(t.end_ms / 1000)
    and c.end_at > to_timestamp(t.start_ms / 1000) and c.start_at <> to_timestamp(t.start_ms / 1000) and c.closed_at is null`;

/** $1 to $3 as above, $4 what went wrong. */
const FAIL = `
  insert into cycle (subscriber_no, start_at, end_at, status, failed_at, fault)
  select s.subscriber_no, to_timestamp(start_ms / 1000), to_timestamp(end_ms / 1000), 'closing', clock_timestamp(), fault
  from unnest($1::text[], $2::float8[], $3::float8[], $4::text[]) as t(id, start_ms, end_ms, fault)
    join subscriber s on s.subscriber_id = t.id
  where not exists (select from cycle c where c.subscriber_no = s.subscriber_no and c.start_at < to_timestamp(t.end_ms / 1000)
    and c.end_at > to_timestamp(t.start_ms / 1000) and c.start_at <> to_timestamp(t.start_ms / 1000))
  on conflict (subscriber_no, start_at) do update set status = 'closing', failed_at = excluded.failed_at,
    fault = excluded.fault`;

/** Rows that overlap these, each with the place of what it overlaps, from 1. */
export async function overlappingCycles(
  client: pg.ClientBase,
  cycles: readonly NumberedCycle[],
): Promise<CycleRowFound[]> {
  return (await client.query<CycleRowFound>(OVERLAPPING, arraysOf(cycles))).rows;
}

/**
 * Makes room for cycles whose bounds a correction of the anchor moved: rows of other bounds that are not closed go. A cycle
 * that would overlap one that is closed is left without a row.
 *
 * @param found as `overlappingCycles` found them
 * @returns those that may have a row
 */
export async function makeRoom<T extends NumberedCycle>(
  client: pg.ClientBase,
  cycles: readonly T[],
  found: readonly CycleRowFound[],
): Promise<T[]> {
  const others = found.filter(({ place, startMs }) => cycles[place - 1]?.cycle.startMs !== startMs);
  if (others.length === 0) return [...cycles];
  const closed = new Set(others.filter(({ wasClosed }) => wasClosed).map(({ place }) => place));
  const open = others.filter(({ wasClosed }) => !wasClosed);
  if (open.length > 0)
    await client.query(DROP, [
      open.map(({ place }) => cycles[place - 1]?.subscriberNo),
      open.map(({ startMs }) => startMs),
    ]);
  return cycles.filter((_, index) => !closed.has(index + 1));
}

/** These are closed, their items are made. */
export async function closeCycleRows(
  client: pg.ClientBase,
  cycles: readonly (NumberedCycle & { termsDiffer: boolean })[],
): Promise<void> {
  if (cycles.length === 0) return;
  await client.query(CLOSE, [...arraysOf(cycles), cycles.map(({ termsDiffer }) => termsDiffer)]);
}

/** These have begun, their fees in advance are itemised. Closed ones stay closed. */
export async function openCycleRows(client: pg.ClientBase, cycles: readonly NumberedCycle[]): Promise<void> {
  if (cycles.length > 0) await client.query(OPEN, arraysOf(cycles));
}

/** Items of these could not be made: a job tries again. */
export async function failCycleRows(
  client: pg.ClientBase,
  cycles: readonly { subscriberId: string; cycle: Span; fault: string }[],
): Promise<void> {
  const bounds = [
    cycles.map(({ subscriberId }) => storable(subscriberId)),
    cycles.map(({ cycle }) => cycle.startMs),
    cycles.map(({ cycle }) => cycle.endMs),
  ];
  await client.query(ROOM_FOR_FAILED, bounds);
  await client.query(FAIL, [
    ...bounds,
    cycles.map(({ fault }) => storable(fault).slice(0, MAX_FAULT_CHARACTERS)),
  ]);
}

function arraysOf(cycles: readonly NumberedCycle[]): [number[], number[], number[]] {
  return [
    cycles.map(({ subscriberNo }) => subscriberNo),
    cycles.map(({ cycle }) => cycle.startMs),
    cycles.map(({ cycle }) => cycle.endMs),
  ];
}
