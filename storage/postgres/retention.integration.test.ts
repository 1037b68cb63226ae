import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KEPT } from '../retention-ports.ts';
import type { Kept, TrimCursor } from '../retention-ports.ts';
import { embeddedDatabase, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresRetention } from './retention.ts';

const DAY = 86_400_000;
const TABLES =
  'shadow_decision, policy, idempotency, import_job, import_line, job_run, job_leader, reconciliation, api_key';

let database: TestDatabase;

async function run(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  return (await database.pool.query<Record<string, unknown>>(text, values)).rows;
}

/** All that goes, in pieces of two. */
async function trim(kept: Kept, days: number): Promise<number> {
  const retention = new PostgresRetention(database.pool, 2);
  let dropped = 0;
  let after: TrimCursor | null = null;
  do {
    const piece = await retention.trim(kept, days * DAY, 'token', after);
    dropped += piece.dropped;
    after = piece.next;
  } while (after !== null);
  return dropped;
}

async function decide(id: string, days: number, began: boolean, more = { policy: 'fup', of: 's1' }) {
  await run(
    `insert into shadow_decision (id, subscriber_id, policy_id, version, rule, began, decided_at, content, created_at)
     values ($1, $2, $3, 'v1', 'slow', $4, clock_timestamp(), '{}', clock_timestamp() - $5 * interval '1 day')`,
    [id, more.of, more.policy, began, days],
  );
}

/** @param days since something of it went on */
async function imported(id: string, state: string, days: number, kind = 'subscribers'): Promise<void> {
  await run(
    `insert into import_job (import_id, kind, content_hash, dry_run, state, chunk_rows, created_at, moved_at)
     values ($1, $4, '\\x00', false, $2, 2000, clock_timestamp() - interval '90 days',
       clock_timestamp() - $3 * interval '1 day')`,
    [id, state, days, kind],
  );
  await run(`insert into import_line select $1, n, '{}', null from generate_series(1, 3) as n`, [id]);
}

function commonTests(): void {
  beforeEach(async () => {
    await run(`truncate ${TABLES} cascade`);
    await run(`insert into job_leader values (true, 'token', 'test', clock_timestamp(), clock_timestamp())`);
  });

  it.each(KEPT)('does nothing for who leads no more: %s', async (kept) => {
    const retention = new PostgresRetention(database.pool);
    const trimmed = retention.trim(kept, DAY, 'another token', null);
    await expect(trimmed).rejects.toMatchObject({ code: 'conflict' });
  });

  it.each(KEPT)('is done at once where there is nothing: %s', async (kept) => {
    expect(await trim(kept, 1)).toBe(0);
  });

  it('drops decisions of shadow, but not those that still hold somebody', async () => {
    await run(`insert into policy_version (policy_id, version, content) values ('fup', 'v1', '{}')`);
    await run(`insert into policy (policy_id, candidate) values ('fup', 'v1')`);
    for (const [i, of] of ['s1', 's2', 's3', 's4', 's5'].entries())
      await decide(`held-${of}`, 90 - i, true, { policy: 'fup', of });
    await decide('began', 60, true, { policy: 'fup', of: 's6' });
    await decide('ended', 50, false, { policy: 'fup', of: 's6' });
    await decide('began-again', 10, true, { policy: 'fup', of: 's1' });
    await decide('gone', 60, true, { policy: 'no-longer-in-shadow', of: 's1' });
    await decide('young', 29, false);
    expect(await trim('shadow-decisions', 30)).toBe(4);
    const left = await run('select id from shadow_decision order by id');
    const ids = ['began-again', 'held-s2', 'held-s3', 'held-s4', 'held-s5', 'young'];
    expect(left.map(({ id }) => id)).toEqual(ids);
    expect(await trim('shadow-decisions', 30)).toBe(0);
  });

  it('drops answers to requests', async () => {
    for (const hours of [1, 47, 49, 50, 51])
      await run(
        `insert into idempotency (key_id, idempotency_key, route, request_hash, created_at)
         values ('k', $1, 'r', '\\x00', clock_timestamp() - $2 * interval '1 hour')`,
        [`i${String(hours)}`, hours],
      );
    expect(await trim('idempotency-keys', 2)).toBe(3);
    expect(await run('select idempotency_key as k from idempotency order by 1')).toEqual([
      { k: 'i1' },
      { k: 'i47' },
    ]);
  });

  it('drops the lines of imports that stood still, which then cannot be gone on with', async () => {
    await imported('done', 'done', 30);
    await imported('refused', 'refused', 30);
    await imported('stopped', 'stopped', 30);
    await imported('stuck', 'applying', 30);
    await imported('resumed', 'applying', 1, 'assignments');
    expect(await trim('import-lines', 7)).toBe(12);
    const jobs = await run(
      `select import_id as id, state, (select count(*) from import_line l where l.import_id = j.import_id) as lines
       from import_job j order by 1`,
    );
    expect(jobs).toEqual([
      { id: 'done', state: 'done', lines: 0 },
      { id: 'refused', state: 'refused', lines: 0 },
      { id: 'resumed', state: 'applying', lines: 3 },
      { id: 'stopped', state: 'expired', lines: 0 },
      { id: 'stuck', state: 'expired', lines: 0 },
    ]);
  });

  it('drops API keys that ended long ago, and none that works', async () => {
    for (const [id, expired, revoked] of [
      ['expired', 100, null],
      ['revoked', null, 100],
      ['revoked-before-it-expired', 1, 100],
      ['expired-lately', 89, null],
      ['revoked-lately', null, 89],
      ['works', null, null],
      ['works-for-now', -1, null],
    ] as const)
      await run(
        `insert into api_key (id, name, key_hash, roles, created_at, expires_at, revoked_at)
         values ($1, 'n', sha256($1::text::bytea), '{viewer}', clock_timestamp() - interval '400 days',
           clock_timestamp() - $2::int * interval '1 day', clock_timestamp() - $3::int * interval '1 day')`,
        [id, expired, revoked],
      );
    expect(await trim('api-keys', 90)).toBe(3);
    const left = (await run('select id from api_key order by id')).map(({ id }) => id);
    expect(left).toEqual(['expired-lately', 'revoked-lately', 'works', 'works-for-now']);
  });

  it('drops runs, but not the last one of a job', async () => {
    for (const [name, days, outcome] of [
      ['daily', 300, 'done'],
      ['daily', 200, 'failed'],
      ['daily', 100, 'done'],
      ['daily', 99, null],
      ['hourly', 100, 'done'],
      ['hourly', 1, 'done'],
    ] as const)
      await run(
        `insert into job_run (name, leader, started_at, ended_at, outcome)
         values ($1, 'x', clock_timestamp() - $2 * interval '1 day', case when $3::text is not null then clock_timestamp() end, $3)`,
        [name, days, outcome],
      );
    expect(await trim('job-runs', 90)).toBe(3);
    const left = await run('select name, outcome from job_run order by id');
    expect(left).toEqual([
      { name: 'daily', outcome: 'done' },
      { name: 'daily', outcome: null },
      { name: 'hourly', outcome: 'done' },
    ]);
  });

  it('drops reconciliations with what they found', async () => {
    for (const days of [500, 401, 399])
      await run(
        `with r as (insert into reconciliation (kind, from_at, to_at, started_at)
           values ('billing-items', 'epoch', 'epoch', clock_timestamp() - $1 * interval '1 day') returning id)
         insert into reconciliation_difference (id, n, class, subject) select id, 1, 'amount', 'k' from r`,
        [days],
      );
    expect(await trim('reconciliations', 400)).toBe(2);
    expect(await run('select count(*) as n from reconciliation_difference')).toEqual([{ n: 1 }]);
  });
}

describe('PostgresRetention on a server', () => {
  beforeAll(async () => {
    database = await realDatabase('retention');
  });
  afterAll(() => database.close());
  commonTests();
});

describe('PostgresRetention on the embedded Postgres', () => {
  beforeAll(async () => {
    database = await embeddedDatabase();
  });
  afterAll(() => database.close());
  commonTests();
});
