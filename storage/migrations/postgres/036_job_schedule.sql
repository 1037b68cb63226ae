-- When each job is due, as the leader has it: whoever shows the jobs may run in another process.
alter table job add column cron text not null default '';
alter table job set (fillfactor = 50);
alter table job_leader set (fillfactor = 50);
-- what is trimmed by age
create index job_run_started on job_run (started_at);
create index import_job_created on import_job (created_at);
