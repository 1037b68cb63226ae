alter table api_key
  -- first characters of the key, by which people know it; null = made before this was kept
  add column prefix text,
  add column expires_at timestamptz,
  add column last_used_at timestamptz,
  -- requests a minute; null = the configured limit
  add column rate_limit integer check (rate_limit > 0),
  add column created_by text;

-- Answers to requests with an Idempotency-Key, written in the transaction of the change.
create table idempotency (
  key_id text not null,
  idempotency_key text not null,
  route text not null,
  request_hash bytea not null,
  status integer,
  body json,
  created_at timestamptz not null default clock_timestamp(),
  primary key (key_id, idempotency_key)
);
create index idempotency_created on idempotency (created_at);
-- Layout that the slot is written in; null = told by a program that does not say.
alter table policy_report add column layout integer;
-- Workers that end take their rows with them. Of no group, so that nobody takes this one: the database was used before.
insert into policy_report (slot_group, topic, reporter, partition, position, in_force, reported_at)
  select '', '', 'before', 0, 0, '{}', '-infinity'
  where exists (select from subscriber) or exists (select from plan_version) or exists (select from policy_report);

-- Bulk imports: checked as a whole, applied in chunks.
create table import_job (
  import_id text primary key,
  kind text not null check (kind in ('subscribers', 'assignments')),
  content_hash bytea not null,
  dry_run boolean not null,
  state text not null check (state in
    ('checking', 'refused', 'applying', 'done', 'stopped')),
  rows_total bigint,
  rows_applied bigint not null default 0,
  chunk_rows integer not null check (chunk_rows > 0),
  who text,
  created_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz
);
create table import_line (
  import_id text not null references import_job on delete cascade,
  line bigint not null,
  content json,
  fault text,
  primary key (import_id, line)
);
