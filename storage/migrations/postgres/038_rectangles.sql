-- What must not hold twice at a time, by rectangle (key x time) instead of by two ranges: a row costs the index half as much, which
-- was half of what a line of an import costs. Exact: a float8 holds 53 bits, so the lowest ten of the key are in the other
-- coordinate, above 42 of milliseconds (until the year 2109; null = for good). Times are whole milliseconds everywhere; the end is
-- not within.
create function weir_rectangle(key bigint, from_at timestamptz, to_at timestamptz) returns box language sql immutable parallel safe
  as $$ select box(
    point(key >> 10, (key & 1023) * 4398046511104 + round(date_part('epoch', from_at - timestamptz 'epoch') * 1000)),
    point(key >> 10, (key & 1023) * 4398046511104
      + coalesce(round(date_part('epoch', to_at - timestamptz 'epoch') * 1000) - 0.5, 4398046511103))) $$;

alter table assignment drop constraint one_plan_at_a_time;
alter table assignment add constraint one_plan_at_a_time
  exclude using gist (weir_rectangle(subscriber_no, from_at, to_at) with &&) deferrable initially immediate;
alter table credential drop constraint one_service_a_name;
alter table credential add constraint one_service_a_name
  exclude using gist (weir_rectangle(user_key, from_at, to_at) with &&) where (exclusive);
