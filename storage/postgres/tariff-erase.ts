import type pg from 'pg';
import type { StoredSubscriber } from '../tariff-transaction.ts';

/**
 * $1 id. json, not jsonb: an intent may hold texts that jsonb refuses; each is read as jsonb only where it can be. In the
 * order in which a batch of actions locks.
 */
const FORGET_INTENTS = `
  with own as materialized (select seq from action where subscriber_id = $1 order by seq for update)
  update action set intent = (select json_object_agg(key, case when key in ('userName', 'framedIp') then '""'::json
      when key = 'sessions' then (select coalesce(json_agg((
        select json_object_agg(k, case when k in ('userName', 'framedIp') and v::text <> 'null' then '""'::json else v end)
        from json_each(session) as f (k, v))), '[]') from json_array_elements(value) as session)
      else value end) from json_each(intent))
    from own where action.seq = own.seq`;

/** What removes each kind of name. $1 number, $2 id. */
export const FORGET: Record<string, string> = {
  credentials: 'delete from credential where subscriber_no = $1 and $2::text is not null',
  externalIds:
    'update subscriber set external_id = null where subscriber_no = $1 and external_id is not null and $2::text is not null',
  importLines: `delete from import_line where content ->> 'subscriberId' = $2 and $1::bigint is not null`,
  deadLetters: `delete from dead_letter where key = convert_to($2, 'UTF8') and $1::bigint is not null`,
  // What a repeated request is answered: it goes on to be known as one.
  keptAnswers: `update idempotency
    set body = jsonb_set(jsonb_set(body::jsonb, '{value,credentials}', '[]', false), '{value,externalId}', 'null', false)::json
    where body -> 'value' ->> 'subscriberId' = $2 and $1::bigint is not null`,
};

/** Forgets whom a subscriber's actions named. To be called before its row is locked: batches of actions lock in that order. */
export async function forgetIntents(client: pg.ClientBase, subscriberId: string): Promise<number> {
  return (await client.query(FORGET_INTENTS, [subscriberId])).rowCount ?? 0;
}

/** Forgets who a subscriber was. Returns how many rows were changed, by what they are. */
export async function forgetSubscriber(
  client: pg.ClientBase,
  { no, rows }: StoredSubscriber,
): Promise<Record<string, number>> {
  const gone: Record<string, number> = {};
  for (const [what, statement] of Object.entries(FORGET))
    gone[what] = (await client.query(statement, [no, rows.subscriberId])).rowCount ?? 0;
  await client.query(
    'update subscriber set erased_at = clock_timestamp(), revision = revision + 1 where subscriber_no = $1',
    [no],
  );
  return gone;
}
