import { STATE_KINDS } from '../../schemas/action.ts';

/** Kinds that set the desired state, as SQL has them. */
const STATE_KIND_LIST = STATE_KINDS.map((kind) => `'${kind}'`).join(', ');

/** Channel of the wake-up that an insert sends; the payload is empty. */
export const ACTION_CHANNEL = 'weir_action';

/**
 * Exactly the predicate of the index action_unfinished. Negative on purpose: `in` would also fit the index on state,
 * which the planner takes when the last statistics saw nothing unfinished.
 */
const UNFINISHED = `state not in ('delivered', 'rejected', 'superseded', 'dead')`;

/** $1 ids, $2 subscribers, $3 kinds, $4 intents, $5 why they are only recorded (null = to be sent), in order of decision. Known ids are left as they are. */
export const INSERT = `
  insert into action (id, subscriber_id, kind, state, detail, intent, due_at)
  select id, subscriber_id, kind, case when recorded is null then 'pending' else 'superseded' end,
    coalesce(recorded, ''), intent::json, case when recorded is null then clock_timestamp() end
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    with ordinality as t(id, subscriber_id, kind, intent, recorded, place)
  order by place
  on conflict (id) do nothing
  returning id`;

/**
 * $1 ids just inserted. Desired state is absolute: what an older action of the same subscriber wanted counts no more.
 * One that is being sent is only marked, since how it ends is not known: settle and claim look at the mark. They
 * update the same row, so whichever comes second sees the other's change, and an older action never becomes
 * claimable again behind a newer one's back. Rows are locked in order of seq, as settle does, so the two never
 * deadlock; claims skip locked rows and never wait.
 *
 * Statistics of what is unfinished are always stale, so nothing is left to the planner: materialized, offset 0 and
 * the expression (state || '') keep each step a look-up by index. Without them it scanned everything unfinished for
 * every row: 100 inserts/s with 20,000 waiting instead of 10,000.
 */
export const SUPERSEDE = `
  with newest as materialized (
    select distinct on (subscriber_id) subscriber_id, id, seq
    from action where id = any($1::text[]) and kind in (${STATE_KIND_LIST})
    order by subscriber_id, seq desc
  ), overtaken as materialized (
    select o.seq, newest.id as successor
    from newest cross join lateral (
      select seq from action
      where subscriber_id = newest.subscriber_id and seq < newest.seq
        and ${UNFINISHED} and kind in (${STATE_KIND_LIST})
      offset 0
    ) o
  ), older as (
    select a.seq, overtaken.successor from overtaken join action a on a.seq = overtaken.seq
    where (a.state || '') not in ('delivered', 'rejected', 'superseded', 'dead')
    order by a.seq
    for update of a
  )
  update action a set
    superseded_by = older.successor,
    state = case a.state when 'sending' then 'sending' else 'superseded' end,
    due_at = case a.state when 'sending' then a.due_at end,
    detail = case a.state when 'sending' then a.detail
      else concat_ws('; ', nullif(a.detail, ''), 'superseded by ' || older.successor) end,
    updated_at = clock_timestamp()
  from older
  where a.seq = older.seq`;

/** $1 group, $2 topic, $3 partition, $4 position. Monotone. */
export const RAISE_MARK = `
  insert into slot_mark (slot_group, topic, partition, position) values ($1, $2, $3, $4)
  on conflict (slot_group, topic, partition) do update set position = excluded.position
  where slot_mark.position < excluded.position`;

/** Delivered at commit. Only sent when something is new: the notification queue is one lock for the whole server. */
export const WAKE = `select pg_notify('${ACTION_CHANNEL}', '')`;

const COLUMNS = `intent, state, detail, attempts,
  (extract(epoch from created_at) * 1000)::float8 as created_ms,
  (extract(epoch from updated_at) * 1000)::float8 as updated_ms`;

/**
 * $1 owner, $2 limit, $3 lease in ms. Takes what is due and has nothing older of the same subscriber before it; an
 * expired lease is simply due again. The oldest is a scalar subquery, one index look-up a row under any statistics:
 * as 'not exists' it was planned as a join over all that is unfinished when the table had just been analysed empty,
 * 150 ms a claim with 20,000 waiting instead of 2. statement_timestamp, not clock_timestamp: a volatile bound cannot use the index.
 */
export const CLAIM = `
  with claimable as (
    select a.seq from action a
    where a.due_at <= statement_timestamp()
      and a.seq = (
        select b.seq from action b
        where b.subscriber_id = a.subscriber_id and b.due_at is not null
          and b.${UNFINISHED}
        order by b.seq
        limit 1
      )
    order by a.due_at, a.seq
    limit $2
    for update of a skip locked
  )
  update action a set
    state = case when a.superseded_by is null then 'sending' else 'superseded' end,
    owner = case when a.superseded_by is null then $1 end,
    due_at = case when a.superseded_by is null then statement_timestamp() + $3 * interval '1 millisecond' end,
    attempts = a.attempts + case when a.superseded_by is null then 1 else 0 end,
    detail = case when a.superseded_by is null then a.detail
      else concat_ws('; ', nullif(a.detail, ''), 'superseded by ' || a.superseded_by) end,
    updated_at = clock_timestamp()
  from claimable
  where a.seq = claimable.seq
  returning a.seq, ${COLUMNS}`;

/**
 * $1 owners, $2 ids, $3 states, $4 details, $5 delays in ms (null = none), one place a claim to be ended. Returns the
 * places whose claim was still the owner's.
 */
export const SETTLE = `
  with ended as (
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float8[])
      with ordinality as t(owner, id, state, detail, delay_ms, place)
  ), claimed as (
    select a.seq, ended.* from ended join action a on a.id = ended.id
    where a.state = 'sending' and a.owner = ended.owner
    order by a.seq
    for update of a
  )
  update action a set
    state = case when a.superseded_by is not null and claimed.state in ('pending', 'unknown', 'held')
      then 'superseded' else claimed.state end,
    due_at = case
      when a.superseded_by is not null then null
      when claimed.state in ('pending', 'unknown') then clock_timestamp() + claimed.delay_ms * interval '1 millisecond'
    end,
    detail = case when a.superseded_by is not null and claimed.state in ('pending', 'unknown', 'held')
      then concat_ws('; ', nullif(claimed.detail, ''), 'superseded by ' || a.superseded_by) else claimed.detail end,
    owner = null,
    updated_at = clock_timestamp()
  from claimed
  where a.seq = claimed.seq and a.state = 'sending' and a.owner = claimed.owner
  returning claimed.place::int as place`;

/** Index-only: about 70 ms at 1 M rows, so ask every few seconds, not for every request. */
export const COUNTS = `select state, count(*)::float8 as count from action group by state`;

/** $1 subscriber, $2 limit; newest first. */
export const OF_SUBSCRIBER = `
  select ${COLUMNS} from action where subscriber_id = $1 order by seq desc limit $2`;

/** $1 limit; newest first. */
export const RECENT = `select ${COLUMNS} from action order by seq desc limit $1`;

/** $1 limit; oldest change first, by the partial index of what analytics does not hold as it is. */
export const UNEXPORTED = `
  select ${COLUMNS} from action where exported_at is distinct from updated_at order by updated_at limit $1`;

/** $1 ids, $2 times of change in ms, $3 states, $4 attempts: only those that have not changed since, not even within the ms. */
export const MARK_EXPORTED = `
  update action a set exported_at = a.updated_at
  from unnest($1::text[], $2::float8[], $3::text[], $4::int[]) as t(id, updated_ms, state, attempts)
  where a.id = t.id and a.state = t.state and a.attempts = t.attempts
    and floor(extract(epoch from a.updated_at) * 1000) = t.updated_ms`;
