const RUN = `id, name, by_hand as "byHand", who, outcome, progress, error,
  (extract(epoch from due_at) * 1000)::float8 as "dueMs",
  (extract(epoch from started_at) * 1000)::float8 as "startedMs",
  (extract(epoch from ended_at) * 1000)::float8 as "endedMs"`;
const SEEN = `coalesce((extract(epoch from last_due_at) * 1000)::float8, 0) as "seenMs"`;
const LEADS = `exists (select from job_leader where token = $1)`;

/** $1 the lock's number. Session-wide: it ends with the connection, or by UNLOCK. */
export const LOCK = `select pg_try_advisory_lock($1, hashtext(current_schema())) as locked`;
export const UNLOCK = `select pg_advisory_unlock($1, hashtext(current_schema()))`;

/** Its own connection's: a pooler between that gives another connection would keep the lock in one that nobody asks. */
const HOLDS_LOCK = (lock: string): string => `exists (
  select from pg_locks where locktype = 'advisory' and granted and pid = pg_backend_pid()
    and database = (select oid from pg_database where datname = current_database())
    and classid = ${lock}::int4 and objid::int8 = (hashtext(current_schema())::int8 & 4294967295) and objsubid = 2)`;

/** $1 token, $2 process, $3 the lock's number. No row where the lock is gone already. Waits for chunks of the leader before. */
export const BECOME = `
  insert into job_leader (token, process, since, beat_at)
  select $1, $2, clock_timestamp(), clock_timestamp() where ${HOLDS_LOCK('$3')}
  on conflict (single) do update set token = excluded.token, process = excluded.process, since = excluded.since,
    beat_at = excluded.beat_at
  returning token`;

/** $1 token: runs of other leaders are lost; what was lost for the third time in a row counts as seen to. */
export const LOSE_OTHERS = loseRuns('leader <> $1', 'the process that ran it went away');
/** The same of this leader's own. */
export const LOSE_OWN = loseRuns('leader = $1', 'its process stopped');

function loseRuns(which: string, why: string): string {
  return `
  with lost as (
    update job_run set ended_at = clock_timestamp(), outcome = 'lost', error = '${why}'
    where ended_at is null and ${which}
    returning id, name, due_at
  )
  update job set last_due_at = greatest(last_due_at, lost.due_at), requested_at = null, requested_by = null
  from lost where job.name = lost.name and (
    select count(*) filter (where outcome = 'lost') from (
      select outcome from job_run before where before.name = lost.name and before.id < lost.id
      order by before.id desc limit 2
    ) last_two
  ) = 2`;
}

/** $1 token, $2 names, $3 crons, $4 now (ms). */
export const REGISTER = `
  with removed as (delete from job where name <> all ($2) and ${LEADS})
  insert into job (name, cron, last_due_at)
  select name, cron, to_timestamp($4::float8 / 1000) from unnest($2::text[], $3::text[]) as given (name, cron) where ${LEADS}
  on conflict (name) do update set cron = excluded.cron, last_due_at = coalesce(job.last_due_at, excluded.last_due_at)
    where (job.cron, job.last_due_at is null) is distinct from (excluded.cron, false)
  returning name`;

/** $1 token, $2 the lock's number. The sign of life. No row where leadership is lost. */
export const BEAT = `
  update job_leader set beat_at = clock_timestamp() where token = $1 and ${HOLDS_LOCK('$2')} returning token`;

/** $1 token, $2 now (ms), $3 ms that a time seen to may lie after it. */
export const REWIND = `
  update job set last_due_at = to_timestamp($2::float8 / 1000)
  where last_due_at > to_timestamp(($2::float8 + $3::float8) / 1000) and ${LEADS}`;

export const LOOK = `
  select name, cron, ${SEEN}, requested_by as "requestedBy", paused,
    exists (select from job_run r where r.name = job.name and r.ended_at is null) as running
  from job order by name collate "C"`;

/** $1 token, $2 name, $3 due (ms or null), $4 who or null. No row where it runs already or leadership is lost. */
export const BEGIN = `
  insert into job_run (name, due_at, by_hand, who, leader)
  select $2, to_timestamp($3::float8 / 1000), $4::text is not null, $4, $1 where ${LEADS}
  on conflict (name) where ended_at is null do nothing
  returning ${RUN}`;

/** $1 token. A row while it leads. */
export const STILL_LEADS = `select where ${LEADS}`;

/** $1 token, $2 run, $3 progress. */
export const PROGRESS = `
  update job_run set progress = $3, beat_at = clock_timestamp()
  where id = $2 and leader = $1 and ended_at is null and ${LEADS} returning id`;

/** $1 token, $2 run, $3 outcome, $4 error. */
export const END = `
  with ended as (
    update job_run set ended_at = clock_timestamp(), outcome = $3, error = $4
    where id = $2 and leader = $1 and ended_at is null and ${LEADS} returning name, due_at, by_hand
  ), seen as (
    update job set last_due_at = greatest(job.last_due_at, ended.due_at),
      requested_at = case when not ended.by_hand then requested_at end,
      requested_by = case when not ended.by_hand then requested_by end
    from ended where job.name = ended.name
  )
  select name from ended`;

/** $1 name, $2 who. One row: what became of it. */
export const REQUEST = `
  with known as (select name from job where name = $1 for update),
  running as (select from job_run where name = $1 and ended_at is null),
  asked as (
    update job set requested_at = clock_timestamp(), requested_by = $2
    where name in (select name from known) and requested_at is null and not exists (select from running)
    returning name
  ), audited as (
    insert into audit (who, action, subject, content) select $2, 'job-run', name, '{}' from asked
  )
  select case when not exists (select from known) then 'unknown' when exists (select from running) then 'running'
    else 'requested' end as became`;

/** $1 name, $2 whether it is paused, $3 who. A row where there is such a job. */
export const PAUSE = `
  with changed as (update job set paused = $2 where name = $1 and paused <> $2 returning name), audited as (
    insert into audit (who, action, subject, content)
    select $3, case when $2 then 'job-pause' else 'job-resume' end, name, '{}' from changed
  )
  select from job where name = $1`;

export const LIST = `
  select name, cron, ${SEEN}, requested_by as "requestedBy", paused,
    (select row_to_json(r) from (select ${RUN} from job_run where name = job.name and ended_at is null) r) as running,
    (select row_to_json(r) from (
      select ${RUN} from job_run where name = job.name and ended_at is not null order by id desc limit 1) r) as "lastRun"
  from job order by name collate "C"`;

/** $1 name, $2 limit. */
export const RUNS = `select ${RUN} from job_run where name = $1 order by id desc limit $2`;

/** $1 token. Holds off the next leader until the transaction ends. */
export const FENCE = `select from job_leader where token = $1 for share`;
