-- The embedded accounting log. Offsets are taken by raising next in the inserting transaction: the row's lock is held
-- until commit, so offsets are dense and become visible in order, and a rollback gives them back.
create table log_partition (
  partition integer primary key check (partition >= 0),
  -- offset of the next entry
  next bigint not null default 0,
  -- offset of the oldest entry kept
  low bigint not null default 0,
  -- of the newest entry; append times never step back within a partition
  appended_at timestamptz not null default '-infinity',
  check (low >= 0 and low <= next)
);
-- rewritten by every append: room on the page keeps the update heap-only
alter table log_partition set (fillfactor = 10);

create table log_entry (
  partition integer not null,
  "offset" bigint not null,
  key bytea,
  value bytea not null,
  -- id of a control, <source>:<n>; null on accounting records
  control text,
  appended_at timestamptz not null,
  primary key (partition, "offset")
);

-- Where a group of readers is: for lag tools, and no entry is trimmed that a group has yet to read.
create table log_position (
  group_id text not null,
  partition integer not null,
  position bigint not null,
  updated_at timestamptz not null default clock_timestamp(),
  primary key (group_id, partition)
);
alter table log_position set (fillfactor = 10);
