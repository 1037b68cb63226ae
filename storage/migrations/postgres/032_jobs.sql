-- Scheduled jobs, their runs, and the one process that leads them.

create table job (
  name text primary key,
  -- the newest due time that was seen to
  last_due_at timestamptz,
  paused boolean not null default false,
  -- somebody asked for a run by hand
  requested_at timestamptz,
  requested_by text
);
create table job_run (
  id bigint generated always as identity primary key,
  name text not null,
  due_at timestamptz,
  by_hand boolean not null default false,
  who text,
  leader text not null,
  started_at timestamptz not null default clock_timestamp(),
  beat_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  outcome text check (outcome in ('done', 'failed', 'lost')),
  progress json,
  error text,
  constraint ended_with_an_outcome check ((ended_at is null) = (outcome is null))
);
-- never twice at once
create unique index job_run_one on job_run (name) where ended_at is null;
create index job_run_name on job_run (name, id desc);
create table job_leader (
  single boolean primary key default true check (single),
  token text not null,
  process text not null,
  since timestamptz not null,
  beat_at timestamptz not null
);
