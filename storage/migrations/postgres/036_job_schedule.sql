-- When each job is due, as the leader has it: whoever shows the jobs may run in another process.
alter table job add column cron text not null default '';
alter table job set (fillfactor = 50);
alter table job_leader set (fillfactor = 50);
-- Of an import whose records went before all of them were applied nothing can be gone on with.
alter table import_job
  -- why it stopped, or what it waits for
  add column reason text,
  -- when something of it went on last, server's clock
  add column moved_at timestamptz not null default clock_timestamp(),
  -- another of its kind began to go in after it
  add column overtaken boolean not null default false,
  drop constraint import_job_state_check,
  add constraint import_job_state_check check (state in
    ('checking', 'refused', 'applying', 'done', 'stopped', 'expired'));
-- Two at once would decide by chance which of them holds.
create unique index import_job_one_of_a_kind on import_job (kind) where state = 'applying';
-- what is trimmed by age
create index job_run_started on job_run (started_at);
create index import_job_moved on import_job (moved_at);
