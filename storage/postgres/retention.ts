import type pg from 'pg';
import type { Kept, Retention, TrimCursor, Trimmed } from '../retention-ports.ts';
import { asLeader } from './job-leader.ts';

/** Rows looked at by one statement: short locks, far below the longest statement. */
const BATCH = 5_000;

/** $1 older than (ms), $2 batch, $3 and $4 when and which seq was looked at last. One row: dropped, looked at, the last one. */
const SHADOW = `
  with old as materialized (
    select created_at, seq, id, subscriber_id, policy_id, rule, began from shadow_decision
    where created_at < clock_timestamp() - $1::float8 * interval '1 ms'
      and created_at >= $3::timestamptz and (created_at, seq) > ($3::timestamptz, $4::bigint)
    order by created_at, seq limit $2
  ), dropped as (
    delete from shadow_decision where id in (
      select id from old where not began
        or not exists (select from policy p where p.policy_id = old.policy_id and p.candidate is not null)
        or exists (select from shadow_decision later where later.subscriber_id = old.subscriber_id and later.seq > old.seq
          and later.policy_id = old.policy_id and later.rule = old.rule)
    ) returning seq
  )
  select (select count(*) from dropped) as dropped, (select count(*) from old) as looked,
    (select created_at::text || ' ' || seq from old order by created_at desc, seq desc limit 1) as last`;

interface ShadowTrimmed {
  dropped: number;
  looked: number;
  last: string | null;
}

/**
 * Others: $1 and $2 as there. A key whose request is under way is a few seconds old. The lines of an import that stood still
 * for so long go, one import after the other: with the first of them it is expired, so that nobody resumes it.
 */
const OTHERS: Record<Exclude<Kept, 'shadow-decisions'>, string> = {
  'idempotency-keys': dropping(
    'idempotency',
    `ctid = any (array(select ctid from idempotency
      where created_at < clock_timestamp() - $1::float8 * interval '1 ms' order by created_at limit $2))`,
  ),
  'import-lines': `
    with idle as (
      select import_id from import_job j where moved_at < clock_timestamp() - $1::float8 * interval '1 ms'
        and exists (select from import_line l where l.import_id = j.import_id) order by moved_at limit 1 for update skip locked
    ), expired as (
      update import_job set state = 'expired', ended_at = clock_timestamp(),
        reason = 'it stood still for so long that its records were dropped: send the file again'
      where import_id in (select import_id from idle) and state in ('checking', 'applying', 'stopped')
    ), dropped as (
      delete from import_line l using (
        select import_id, line from import_line where import_id in (select import_id from idle) order by import_id, line limit $2) old
      where l.import_id = old.import_id and l.line = old.line returning 1
    )
    select count(*) as dropped from dropped`,
  'api-keys': dropping(
    'api_key',
    `id = any (array(select id from api_key
      where least(expires_at, revoked_at) < clock_timestamp() - $1::float8 * interval '1 ms' order by id limit $2))`,
  ),
  'job-runs': dropping(
    'job_run',
    `id = any (array(select id from job_run old
      where started_at < clock_timestamp() - $1::float8 * interval '1 ms' and ended_at is not null
        and exists (select from job_run later where later.name = old.name and later.id > old.id and later.ended_at is not null)
      order by started_at limit $2))`,
  ),
  // Their differences go with them.
  reconciliations: dropping(
    'reconciliation',
    `id = any (array(select id from reconciliation
      where started_at < clock_timestamp() - $1::float8 * interval '1 ms' order by id limit least($2, 50)))`,
  ),
};

function dropping(table: string, which: string): string {
  return `with dropped as (delete from ${table} where ${which} returning 1) select count(*) as dropped from dropped`;
}

/** Drops old rows in Postgres, a piece a transaction, as the jobs' leader. */
export class PostgresRetention implements Retention {
  readonly #pool: pg.Pool;
  readonly #batch: number;

  /** @param batch rows of one piece */
  constructor(pool: pg.Pool, batch: number = BATCH) {
    this.#pool = pool;
    this.#batch = batch;
  }

  trim(kept: Kept, olderThanMs: number, token: string, after: TrimCursor | null): Promise<Trimmed> {
    return asLeader(this.#pool, token, async (client) => {
      if (kept === 'shadow-decisions') {
        const [, at = '-infinity', seq = '-1'] = /^(.*) (\d+)$/.exec(after ?? '') ?? [];
        const { rows } = await client.query<ShadowTrimmed>(SHADOW, [olderThanMs, this.#batch, at, seq]);
        const { dropped = 0, looked = 0, last = null } = rows[0] ?? {};
        return { dropped, next: looked < this.#batch ? null : last };
      }
      const { rows } = await client.query<{ dropped: number }>(OTHERS[kept], [olderThanMs, this.#batch]);
      const dropped = rows[0]?.dropped ?? 0;
      return { dropped, next: dropped === 0 ? null : '' };
    });
  }
}
