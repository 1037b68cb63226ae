/** $1 partition. Offsets of a transaction that rolls back are given back with it. */
export const ENSURE_PARTITIONS = `
  insert into log_partition (partition) select generate_series(0, $1::int - 1)
  on conflict do nothing`;

export const COUNT_PARTITIONS = `select count(*)::int as count from log_partition`;

/**
 * $1 partition, $2 count, $3 keys, $4 which of them are there (0 or 1), $5 values, $6 control ids, $7 times in ms
 * (-1 = the log's clock). The update's row lock orders all writers of the partition until they commit; append times
 * are taken under it and never step back.
 */
export const APPEND = `
  with place as (
    update log_partition
    set next = next + $2::int,
        appended_at = greatest(appended_at, date_trunc('milliseconds', clock_timestamp()))
    where partition = $1::int
    returning next - $2::int as base, appended_at
  )
  insert into log_entry (partition, "offset", key, value, control, appended_at)
  select $1::int, place.base + entry.n - 1, case when entry.has_key = 1 then entry.key end, entry.value, entry.control,
    case when entry.time_ms < 0 then place.appended_at else to_timestamp(entry.time_ms / 1000.0) end
  from place, unnest($3::bytea[], $4::int[], $5::bytea[], $6::text[], $7::bigint[])
    with ordinality as entry (key, has_key, value, control, time_ms, n)`;

/** $1 partition, $2 first offset, $3 most entries, $4 most bytes of values; at least one entry where there is one. */
export const READ = `
  select "offset", key, value, control, time_ms from (
    select "offset", key, value, control, floor(extract(epoch from appended_at) * 1000)::float8 as time_ms,
      sum(octet_length(value)) over (order by "offset") - octet_length(value) as bytes_before
    from log_entry
    where partition = $1 and "offset" >= $2 and "offset" < $2::bigint + $3::int
  ) as entry
  where bytes_before < $4
  order by "offset"`;

export const ENDS = `select partition, next from log_partition`;

/** $1 partition, $2 group. */
export const MARKS = `
  select p.low, p.next, g.position
  from log_partition p left join log_position g on g.partition = p.partition and g.group_id = $2
  where p.partition = $1`;

/** $1 group, $2 partition, $3 position. */
export const SAVE_POSITION = `
  insert into log_position (group_id, partition, position) values ($1, $2, $3)
  on conflict (group_id, partition)
  do update set position = excluded.position, updated_at = clock_timestamp()`;

/**
 * $1 partition, $2 time in ms. New low: the first entry that is young enough, at most where the slowest group is;
 * a log that nobody has read is not trimmed. Raised before the entries go, in the same transaction.
 */
export const RAISE_LOW = `
  update log_partition p
  set low = greatest(p.low, least(
    coalesce(
      (select e."offset" from log_entry e
       where e.partition = p.partition and e.appended_at >= to_timestamp($2::bigint / 1000.0)
       order by e."offset" limit 1),
      p.next),
    coalesce((select min(g.position) from log_position g where g.partition = p.partition), p.low)))
  where p.partition = $1
  returning low`;

/** $1 partition, $2 low. */
export const DELETE_BELOW = `delete from log_entry where partition = $1 and "offset" < $2`;
