import type { CycleFilter, CycleRow, Page } from '../tariff-ports.ts';
import { storable } from './storable.ts';
import { lastLookedAt } from './subscriber-list.ts';
import type { Ask } from './subscriber-list.ts';
import { ms } from './tariff-rows.ts';

/** Subscribers that one page looks at. */
const LOOKED_AT = 50_000;
/** Before all cycles, ms. */
const BEFORE_ALL = -100_000_000_000_000;

/**
 * $1 to $3 CycleFilter (subscriber, status, ms), $4 and $5 subscriber and start (ms) after which it goes on, $6 limit, $7
 * subscribers that are looked at.
 */
export const CYCLES = `
  select s.subscriber_id as "subscriberId", ${ms('c.start_at')} as "startMs", ${ms('c.end_at')} as "endMs", c.status,
    ${ms('c.closed_at')} as "closedMs", c.terms_differ as "termsDiffer"
  from (select subscriber_no, subscriber_id from subscriber
    where ($1::text is null or subscriber_id collate "C" = $1) and subscriber_id collate "C" >= $4
    order by subscriber_id collate "C" limit $7) s
  cross join lateral (select * from cycle x where x.subscriber_no = s.subscriber_no and ($2::text is null or x.status = $2)
    and ($3::float8 is null or x.end_at < to_timestamp($3 / 1000))
    and (s.subscriber_id <> $4 or x.start_at < to_timestamp($5::float8 / 1000)) offset 0) c
  order by s.subscriber_id collate "C", c.start_at desc limit $6`;

/**
 * Cycles by subscriber, the latest first. What goes on after one is named by its start and subscriber, with a space between. As
 * `listSubscribers` it looks at a bounded part.
 */
export async function listCycles(
  ask: Ask,
  { subscriberId, status, endBeforeMs }: CycleFilter,
  limit: number,
  after: string | null,
  looked: number = LOOKED_AT,
): Promise<Page<CycleRow>> {
  const [, startMs = BEFORE_ALL, id = ''] = /^(-?\d+) (.*)$/s.exec(after ?? '') ?? [];
  const from = storable(id);
  const one = subscriberId === null ? null : storable(subscriberId);
  const rows = await ask<CycleRow>(CYCLES, [one, status, endBeforeMs, from, startMs, limit + 1, looked]);
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  if (rows.length > limit && last !== undefined)
    return { items, next: `${String(last.startMs)} ${last.subscriberId}` };
  const seen = subscriberId === null ? await lastLookedAt(ask, from, looked) : null;
  return { items, next: seen === null ? null : `${String(BEFORE_ALL)} ${seen}` };
}
