import { AppError } from '../../schemas/errors.ts';
import type { Page, SubscriberFilter, SubscriberSummary } from '../tariff-ports.ts';
import { storable } from './storable.ts';

/** Runs a statement. Throws as `postgresError` translates. */
export type Ask = <R extends object>(text: string, values: unknown[]) => Promise<R[]>;

/** How much one page looks at. */
export interface ListBounds {
  /** subscribers, where nothing that has an index says which are meant */
  looked: number;
  /** whose id or a name of theirs begins with what is looked for */
  named: number;
}

const BOUNDS: ListBounds = { looked: 50_000, named: 10_000 };
/** Behind all that begin with the same: the last character there is. */
const LAST = '\u{10FFFF}';
const BY_ID = 's.subscriber_id collate "C"';

/** Numbers of whose id or a name begins so, each by its index; $1 and $2 the range, $3 most of each. */
export const NAMED = `
  select subscriber_no from (select subscriber_no from subscriber
    where subscriber_id collate "C" >= $1 and subscriber_id collate "C" < $2 limit $3) ids
  union select subscriber_no from (select subscriber_no from subscriber
    where external_id collate "C" >= $1 and external_id collate "C" < $2 limit $3) others
  union select subscriber_no from (select subscriber_no from credential
    where user_name collate "C" >= $1 and user_name collate "C" < $2 limit $3) names`;

/**
 * Subscribers by id. It looks at a bounded part: a page may be shorter than asked for, or empty, and still have a next one.
 *
 * @throws AppError 'invalid-input' where too many begin with the text
 */
export async function listSubscribers(
  ask: Ask,
  filter: SubscriberFilter,
  limit: number,
  after: string | null,
  bounds: ListBounds = BOUNDS,
): Promise<Page<SubscriberSummary>> {
  const numbers = filter.text === null ? null : await namedSo(ask, filter.text, bounds.named);
  const { text, values, isWalk } = listStatement(filter, numbers, [after, limit + 1, bounds.looked]);
  const rows = await ask<SubscriberSummary>(text, values);
  const items = rows.slice(0, limit);
  if (rows.length > limit) return { items, next: items.at(-1)?.subscriberId ?? null };
  return {
    items,
    next: isWalk
      ? await lastLookedAt(ask, storable(after ?? ''), bounds.looked + (after === null ? 0 : 1))
      : null,
  };
}

async function namedSo(ask: Ask, text: string, most: number): Promise<number[]> {
  const begins = storable(text);
  const rows = await ask<{ subscriber_no: number }>(NAMED, [begins, begins + LAST, most + 1]);
  if (rows.length > most)
    throw new AppError('invalid-input', `more than ${most} subscribers begin so: say more of the name`);
  return rows.map((row) => row.subscriber_no);
}

/** The last subscriber of the part that a page looked at; null = it came to the end. @param from where it began, at or after */
export async function lastLookedAt(ask: Ask, from: string, looked: number): Promise<string | null> {
  const text = `select s.subscriber_id as id from subscriber s where ${BY_ID} >= $1 order by ${BY_ID} offset $2 limit 1`;
  const [row] = await ask<{ id: string }>(text, [from, looked - 1]);
  return row?.id ?? null;
}

/** The statement of a page; exported for a look at its plan. */
export function listStatement(
  filter: SubscriberFilter,
  numbers: readonly number[] | null,
  [after, most, looked]: readonly [after: string | null, most: number, looked: number],
): { text: string; values: unknown[]; isWalk: boolean } {
  const values: unknown[] = [filter.atMs, after === null ? '' : storable(after), most];
  const place = (value: unknown): string => `$${values.push(value)}`;
  const textOf = (value: string): string => place(storable(value));
  const { accountId, segment, planId, poolId, status } = filter;
  const those: string[] = [];
  if (numbers !== null) those.push(`subscriber_no = any (${place(numbers)}::bigint[])`);
  if (accountId !== null) those.push(`account_id = ${textOf(accountId)}`);
  // As an array, so that it is asked for first.
  if (poolId !== null)
    those.push(`subscriber_no = any (array(select subscriber_no from pool_member
      where pool_id = ${textOf(poolId)} and tstzrange(from_at, to_at) @> to_timestamp($1::float8 / 1000)))`);
  const isWalk = those.length === 0;
  const from = isWalk
    ? `(select * from subscriber s where ${BY_ID} > $2 order by ${BY_ID} limit ${place(looked)}) s`
    : `(select * from subscriber s where ${those.join(' and ')} and ${BY_ID} > $2 offset 0) s`;
  const meant = ['s.account_id is not null'];
  if (segment !== null) meant.push(`s.segment = ${textOf(segment)}`);
  if (planId !== null) meant.push(`"planId" = ${textOf(planId)}`);
  if (status !== null) meant.push(`status = ${textOf(status)}`);
  const text = `
    select s.subscriber_id as "subscriberId", s.account_id as "accountId", s.segment, "planId", status,
      s.revision::float8 as revision
    from ${from} cross join lateral (select to_timestamp($1::float8 / 1000) as at) now
    cross join lateral (select
      (select plan_id from assignment x where x.subscriber_no = s.subscriber_no and tstzrange(from_at, to_at) @> at limit 1)
        as "planId",
      case when s.terminated_at <= at then 'terminated'
        when (select true from hold x where x.subscriber_no = s.subscriber_no and tstzrange(from_at, to_at) @> at limit 1)
        then 'held' else 'active' end as status offset 0) has
    where ${meant.join(' and ')} order by ${BY_ID} limit $3`;
  return { text, values, isWalk };
}
