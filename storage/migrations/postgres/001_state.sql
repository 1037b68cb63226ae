-- State of the slots (one a log partition), for installations without Redis, and the marks that show a lost tail.
-- Names that the pipeline chooses (fields, groups, keys) are bytea: text cannot hold NUL, and bytea sorts in byte order.
-- No foreign keys to slot_state: the check would run once a new row, under a lock that the commit already holds.

create table slot_state (
  slot_id bigint generated always as identity primary key,
  slot_group text not null,
  topic text not null,
  partition integer not null,
  epoch bigint not null,
  token text not null,
  seq bigint not null default 0,
  position bigint,
  commit_id text,
  unique (slot_group, topic, partition)
);

create table slot_meta (
  slot_id bigint not null,
  field bytea not null,
  value bytea not null,
  primary key (slot_id, field)
);

create table slot_outbox (
  slot_id bigint not null,
  n bigint not null,
  bytes bytea not null,
  primary key (slot_id, n)
);

create table slot_row (
  slot_id bigint not null,
  row_group bytea not null,
  field bytea not null,
  value bytea not null,
  primary key (slot_id, row_group, field)
);

create table slot_due (
  slot_id bigint not null,
  key bytea not null,
  due_ms bigint not null,
  primary key (slot_id, key)
);

create table slot_value (
  slot_id bigint not null,
  bucket integer not null,
  field bytea not null,
  value bytea not null,
  primary key (slot_id, bucket, field)
);

-- Every commit rewrites rows of these in place: room on the page makes the update heap-only, so that no index entry is
-- written and the old version is pruned without vacuum (the embedded server runs none by itself).
alter table slot_state set (fillfactor = 10);
alter table slot_meta set (fillfactor = 50);
alter table slot_row set (fillfactor = 70);
alter table slot_due set (fillfactor = 70);
alter table slot_value set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- Highest position that a durable store besides the slot's own has seen.
create table slot_mark (
  slot_group text not null,
  topic text not null,
  partition integer not null,
  position bigint not null,
  primary key (slot_group, topic, partition)
);
alter table slot_mark set (fillfactor = 10);
