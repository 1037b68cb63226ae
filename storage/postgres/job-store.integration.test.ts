import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { JobLeadership } from '../job-ports.ts';
import { jobStoreContract } from '../job-store.contract.ts';
import { embeddedDatabase, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { asLeader } from './job-leader.ts';
import { PostgresJobStore } from './job-store.ts';

const NOON = Date.UTC(2026, 0, 1, 12);

async function emptied(pool: pg.Pool): Promise<void> {
  await pool.query('truncate job, job_run, job_leader, audit');
}

/** Ends the connection that holds the jobs' lock, and waits for its end. */
async function endLeaderSession(pool: pg.Pool): Promise<void> {
  await pool.query(
    `select pg_terminate_backend(pid, 10000) from pg_locks where locktype = 'advisory' and objsubid = 2 and granted
       and objid::int8 = (hashtext(current_schema())::int8 & 4294967295)
       and database = (select oid from pg_database where datname = current_database())`,
  );
}

async function leadershipOf(store: PostgresJobStore): Promise<JobLeadership> {
  const leader = await store.lead('test');
  if (leader === null) throw new Error('somebody else leads');
  await leader.register([{ name: 'trim', cron: '0 * * * *' }], NOON);
  return leader;
}

describe('on a server', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await realDatabase('job_store');
  });
  afterAll(() => database.close());

  jobStoreContract('Postgres', async () => {
    const { pool } = database;
    await emptied(pool);
    const store = (): PostgresJobStore => new PostgresJobStore(pool, { ownSessions: true });
    return {
      stores: [store(), store()],
      cutOff: () => endLeaderSession(pool),
    };
  });

  it('takes leadership from one that says nothing, though its connection stands', async () => {
    await emptied(database.pool);
    const silent = await leadershipOf(
      new PostgresJobStore(database.pool, { ownSessions: true, silentMs: 400 }),
    );
    const stopped = vi.fn();
    silent.signal.addEventListener('abort', stopped);
    const other = new PostgresJobStore(database.pool, { ownSessions: true });
    let next: JobLeadership | null = null;
    await vi.waitUntil(async () => (next = await other.lead('test')) !== null, { timeout: 20_000 });
    expect(stopped).toHaveBeenCalledOnce();
    await silent.release();
    await (next as JobLeadership | null)?.release();
  });

  it('holds the next leader off until a piece of work has ended', async () => {
    const { pool } = database;
    await emptied(pool);
    const leader = await leadershipOf(new PostgresJobStore(pool, { ownSessions: true }));
    const order: string[] = [];
    let inside = (): void => undefined;
    const within = new Promise<void>((resolve) => (inside = resolve));
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const piece = asLeader(pool, leader.token, async () => {
      inside();
      await finished;
      order.push('piece');
    });
    await within;
    await endLeaderSession(pool);
    const next = leadershipOf(new PostgresJobStore(pool, { ownSessions: true }));
    const taken = next.then(() => order.push('next leader'));
    await vi.waitUntil(async () => (await waitsForToken(pool)) > 0, { timeout: 20_000 });
    finish();
    await Promise.all([piece, taken]);
    expect(order).toEqual(['piece', 'next leader']);
    await expect(asLeader(pool, leader.token, () => Promise.resolve())).rejects.toMatchObject({
      code: 'conflict',
    });
    await leader.release();
    await (await next).release();
  });

  it('writes who asked for a run into the audit', async () => {
    const { pool } = database;
    await emptied(pool);
    const store = new PostgresJobStore(pool, { ownSessions: true });
    const leader = await leadershipOf(store);
    await store.request('trim', 'ann');
    await store.request('trim', 'bob');
    await store.request('nothing', 'ann');
    const { rows } = await pool.query('select who, action, subject from audit order by id');
    expect(rows).toEqual([{ who: 'ann', action: 'job-run', subject: 'trim' }]);
    await leader.release();
  });
});

async function waitsForToken(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(
    `select count(*) as n from pg_stat_activity where wait_event_type = 'Lock' and query like '%insert into job_leader%'
       and pid <> pg_backend_pid()`,
  );
  return rows[0]?.n ?? 0;
}

describe('on the embedded Postgres', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await embeddedDatabase();
  });
  afterAll(() => database.close());

  jobStoreContract('embedded Postgres', async () => {
    const { pool } = database;
    await emptied(pool);
    const store = new PostgresJobStore(pool, { ownSessions: false });
    const stores: [PostgresJobStore, PostgresJobStore] = [store, store];
    return {
      stores,
      // One process, one session: nobody else can take it but by the token.
      cutOff: async () => {
        await pool.query(`update job_leader set token = 'another'`);
        stores[1] = new PostgresJobStore(pool, { ownSessions: false });
      },
    };
  });

  it('is no leader with the token alone: the lock is looked at again', async () => {
    const { pool } = database;
    await emptied(pool);
    const leader = await leadershipOf(new PostgresJobStore(pool, { ownSessions: false }));
    expect(await leader.look(NOON)).toHaveLength(1);
    // As behind a pooler that gives the next statement another session; this one is everybody's.
    await pool.query('select pg_advisory_unlock_all()');
    await expect(leader.look(NOON)).rejects.toMatchObject({ code: 'conflict' });
    expect(leader.signal.aborted).toBe(true);
    await leader.release();
  });
});
