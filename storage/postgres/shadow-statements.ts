import { STATE_KINDS } from '../../schemas/action.ts';

/*
 * Times are those of storing, by the server's clock, as those of publications are; simulated event times would not compare.
 * Contents are json that jsonb and ->> may refuse (\u0000, lone surrogates), so they are looked at as text: within a JSON
 * text no value can hold an unescaped quote, hence none can look like a key.
 */

/** $1 policy id, $2 when the period began, $3 when it ended or null (ms). Of every version: states go from one to the next. */
const IN_PERIOD = `policy_id = $1 and created_at >= to_timestamp($2::float8 / 1000)
      and ($3::float8 is null or created_at < to_timestamp($3 / 1000))`;
/** Kinds that set the line, as SQL has them. */
const STATE_KIND_LIST = STATE_KINDS.map((kind) => `'${kind}'`).join(', ');
/** Kinds by which a policy lets go of a line. */
const LET_GO = `'restore', 'boost'`;
const SINCE = `to_timestamp($4::float8 / 1000)`;

/** $1 policy id, $2 versions or null, $3 subscriber or null, $4 and $5 from and to (ms) or null, $6 below this seq or null, $7 limit. */
export const LIST = `
  select seq::text, content from shadow_decision d
  where policy_id = $1 and ($2::text[] is null or version = any($2)) and ($3::text is null or subscriber_id = $3)
    and ($4::float8 is null or created_at >= to_timestamp($4 / 1000))
    and ($5::float8 is null or created_at < to_timestamp($5 / 1000))
    and ($6::bigint is null or seq < $6)
  order by d.seq desc limit $7`;

/** $1 to $3 as IN_PERIOD. One row: subscribers, decisions. */
export const HOLDING = `
  select count(distinct subscriber_id) filter (where began) as subscribers, count(*) as decisions from (
    select distinct on (subscriber_id, rule) subscriber_id, began from shadow_decision
    where ${IN_PERIOD} order by subscriber_id, rule, seq desc
  ) latest`;

/** $1 to $3 as IN_PERIOD, $4 since (ms), $5 samples. One row. What ends because its rule is gone is none of the later version. */
export const COMPARE = `
  with shadow_acts as materialized (
    select subscriber_id, event as kind, seq, content from shadow_decision
    where ${IN_PERIOD} and created_at >= ${SINCE} and began
    union all
    select subscriber_id, event, seq, content from (
      select distinct on (subscriber_id, rule) * from shadow_decision
      where ${IN_PERIOD} and created_at < ${SINCE} order by subscriber_id, rule, seq desc
    ) open_before where began and (subscriber_id, rule) not in (
      select subscriber_id, rule from shadow_decision
      where ${IN_PERIOD} and created_at >= ${SINCE} and not began and event is null
    )
  ), live_acts as materialized (
    select subscriber_id, kind, seq from action
    where created_at >= ${SINCE} and kind not in (${LET_GO})
      and position('"policyId":"' || $1 || '"' in intent::text) > 0
      and position('"disposition":"superseded"' in intent::text) = 0
      and position('"disposition":"stale"' in intent::text) = 0
    union all
    select subscriber_id, kind, seq from (
      select distinct on (subscriber_id) subscriber_id, kind, seq,
        position('"policyId":"' || $1 || '"' in intent::text) > 0 as ours
      from action
      where created_at < ${SINCE} and kind in (${STATE_KIND_LIST})
      order by subscriber_id, seq desc
    ) held_before where ours and kind not in (${LET_GO})
  ), sides as materialized (
    select subscriber_id, s.seq as shadow_seq, l.seq as live_seq, s.held,
      p.profile -> 'assignments' -> -1 ->> 'planId' as plan_id
    from (
      select subscriber_id, max(seq) as seq, bool_or(
        position('"liveEffect":{' in content::text) > 0
        and position('"liveEffect":{"state":"boost"' in content::text) = 0
      ) as held
      from shadow_acts group by subscriber_id
    ) s
    full join (select subscriber_id, max(seq) as seq from live_acts group by subscriber_id) l using (subscriber_id)
    left join subscriber p using (subscriber_id)
  )
  select
    (select coalesce(json_agg(k), '[]') from (
      select kind, count(*) as decisions, count(distinct subscriber_id) as subscribers
      from shadow_acts group by kind order by decisions desc, kind
    ) k) as shadow,
    (select coalesce(json_agg(k), '[]') from (
      select kind, count(*) as decisions, count(distinct subscriber_id) as subscribers
      from live_acts group by kind order by decisions desc, kind
    ) k) as live,
    count(*) filter (where shadow_seq is not null and live_seq is not null) as same,
    count(*) filter (where live_seq is null) as gained,
    count(*) filter (where shadow_seq is null) as lost,
    count(*) filter (where live_seq is null and held) as gained_held,
    (select coalesce(json_agg(p), '[]') from (
      select plan_id as "planId",
        count(*) filter (where shadow_seq is not null and live_seq is not null) as same,
        count(*) filter (where live_seq is null) as gained,
        count(*) filter (where shadow_seq is null) as lost
      from sides group by plan_id order by count(*) desc, plan_id limit 100
    ) p) as by_plan,
    (select coalesce(json_agg(json_build_object('seq', shadow_seq::text, 'planId', plan_id)), '[]') from (
      select shadow_seq, plan_id from sides where live_seq is null order by md5(subscriber_id) limit $5
    ) g) as gained_samples,
    (select coalesce(json_agg(json_build_object('seq', live_seq::text, 'planId', plan_id)), '[]') from (
      select live_seq, plan_id from sides where shadow_seq is null order by md5(subscriber_id) limit $5
    ) g) as lost_samples
  from sides`;

/** $1 policy id, $2 seqs. */
export const DECISIONS = `
  select seq::text, content from shadow_decision where policy_id = $1 and seq = any($2::bigint[])`;

/** $1 seqs. */
export const ACTIONS = `select seq::text, intent as content from action where seq = any($1::bigint[])`;
