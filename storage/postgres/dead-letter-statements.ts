/**
 * $1 topics, $2 partitions, $3 offsets, $4 append times in ms, $5 reasons, $6 details, $7 NAS, $8 keys and $9 whether
 * there is one, $10 values and $11 whether there is one. A letter that is there stays as it is.
 */
export const PUT = `
  insert into dead_letter (topic, partition, "offset", appended_at, reason, detail, nas_id, key, value)
  select topic, partition, place, to_timestamp(time_ms / 1000.0), reason, detail, nas_id,
    case when has_key = 1 then key end, case when has_value = 1 then value end
  from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[],
    $8::bytea[], $9::int[], $10::bytea[], $11::int[])
    as letter (topic, partition, place, time_ms, reason, detail, nas_id, key, has_key, value, has_value)
  on conflict (topic, partition, "offset") do nothing`;

const COLUMNS = `topic, partition, "offset", reason, detail, nas_id, key, value,
  (extract(epoch from appended_at) * 1000)::float8 as appended_ms,
  (extract(epoch from replayed_at) * 1000)::float8 as replayed_ms`;

/**
 * $1 topic, $2 reason, $3 partition, $4 NAS, $5 and $6 append times [from, to) in ms, $7 replayed or not, all of
 * these null = any, $8 limit, $9 partition and $10 offset of the letter that the page before ended with, or nulls. If that
 * letter was trimmed meanwhile nothing comes: the oldest go first.
 */
export const LIST = `
  select ${COLUMNS} from dead_letter
  where topic = $1
    and ($2::text is null or reason = $2)
    and ($3::int is null or partition = $3)
    and ($4::text is null or nas_id = $4)
    and appended_at >= coalesce(to_timestamp($5::float8 / 1000), '-infinity')
    and appended_at < coalesce(to_timestamp($6::float8 / 1000), 'infinity')
    and ($7::boolean is null or (replayed_at is not null) = $7)
    and ($9::int is null or (appended_at, partition, "offset") < (
      select b.appended_at, b.partition, b."offset" from dead_letter b
      where b.topic = $1 and b.partition = $9 and b."offset" = $10::bigint))
  order by appended_at desc, partition desc, "offset" desc
  limit $8`;

/** $1 topic, $2 partition, $3 offset. */
export const GET = `select ${COLUMNS} from dead_letter where topic = $1 and partition = $2 and "offset" = $3`;

/** $1 topic. */
export const COUNTS = `
  select reason, count(*)::float8 as letters from dead_letter where topic = $1 group by reason`;

/**
 * $1 topic, $2 partitions, $3 offsets, $4 controls, $5 who, one place a letter, no letter twice. Marks those that were not
 * replayed, and writes their controls and audit rows in order of place. Returns the places.
 */
export const REPLAY = `
  with asked as (
    select * from unnest($2::int[], $3::bigint[], $4::text[], $5::text[])
      with ordinality as t(partition, "offset", control, who, place)
  ), marked as (
    update dead_letter d set replayed_at = clock_timestamp()
    from asked
    where d.topic = $1 and d.partition = asked.partition and d."offset" = asked."offset" and d.replayed_at is null
    returning asked.place
  ), written as (
    insert into control_outbox (control)
    select control::json from asked join marked using (place) order by place
  ), audited as (
    insert into audit (who, action, subject, content)
    select who, 'replay', partition || ':' || "offset", json_build_object('topic', $1::text)
    from asked join marked using (place) order by place
  )
  select place::int as place from marked order by place`;

/** $1 age in ms by the server's clock, $2 most rows a call. */
export const TRIM_OLD = `
  delete from dead_letter where ctid = any (array(
    select ctid from dead_letter where put_at < clock_timestamp() - $1 * interval '1 millisecond' order by put_at limit $2
  ))`;

/** $1 letters that stay, $2 most rows a call. */
export const TRIM_BEYOND = `
  delete from dead_letter where ctid = any (array(
    select ctid from dead_letter order by put_at desc offset $1 limit $2
  ))`;
