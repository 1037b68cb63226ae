import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PendingControl, RelayLeadership } from '../people-ports.ts';
import { PostgresControlOutbox, changeInOrder } from './control-outbox.ts';
import { embeddedDatabase, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';

const INSERT = `insert into control_outbox (control) values (jsonb_build_object('kind', 'tick', 't', $1::int))`;

let database: TestDatabase;
let pool: pg.Pool;

async function lead(outbox = new PostgresControlOutbox(pool)): Promise<RelayLeadership> {
  const leadership = await outbox.lead();
  if (leadership === null) throw new Error('somebody else leads');
  return leadership;
}

function ticks(controls: readonly PendingControl[]): unknown[] {
  return controls.map(({ control }) => (control.kind === 'tick' ? control.t : control.kind));
}

function lastOf(controls: readonly PendingControl[]): PendingControl {
  const last = controls.at(-1);
  if (last === undefined) throw new Error('nothing is pending');
  return last;
}

/** Other sessions of the server may hold the snapshot's lower edge back for a moment: asked until it has moved. */
async function nextOf(leadership: RelayLeadership, count: number): Promise<PendingControl[]> {
  await vi.waitUntil(async () => (await leadership.next(20_000)).length >= count, { timeout: 20_000 });
  return leadership.next(20_000);
}

async function waiting(): Promise<number> {
  const result = await pool.query<{ n: number }>('select count(*) as n from control_outbox');
  return result.rows[0]?.n ?? -1;
}

function commonTests(): void {
  it('gives dense numbers in order, goes on after the cursor, and removes what was relayed', async () => {
    for (let t = 1; t <= 5; t++) await pool.query(INSERT, [t]);
    const leadership = await lead();
    const first = (await nextOf(leadership, 5)).slice(0, 3);
    expect(ticks(first)).toEqual([1, 2, 3]);
    expect(first.map(({ id }) => id)).toEqual([1, 2, 3].map((n) => ({ source: 'relay', n })));
    await leadership.advance(lastOf(first));
    expect(ticks(await leadership.next(10))).toEqual([4, 5]);
    expect(await waiting()).toBe(2);
    await leadership.release();
  });

  it('gives the same numbers to the next leader when the cursor was not moved', async () => {
    for (let t = 1; t <= 3; t++) await pool.query(INSERT, [t]);
    const first = await lead();
    const seen = await nextOf(first, 3);
    await first.release();
    const second = await lead();
    expect(await second.next(10)).toEqual(seen);
    await second.advance(lastOf(seen));
    await second.release();
    await pool.query(INSERT, [4]);
    const third = await lead();
    expect((await nextOf(third, 1)).map(({ id }) => id.n)).toEqual([4]);
    await third.release();
  });

  it('lets one lead, and another when that one has released', async () => {
    const outbox = new PostgresControlOutbox(pool);
    const leadership = await lead(outbox);
    expect(await outbox.lead()).toBeNull();
    await leadership.release();
    await leadership.release();
    await (await lead(outbox)).release();
  });

  it('relays 10,000 rows in rounds of 500, once each', async () => {
    await changeInOrder(pool, (client) =>
      client.query(
        `insert into control_outbox (control) select jsonb_build_object('kind', 'tick', 't', t) from generate_series(1, 10000) as t`,
      ),
    );
    const leadership = await lead();
    const seen: PendingControl[] = [];
    await nextOf(leadership, 10_000);
    for (let round = await leadership.next(500); round.length > 0; round = await leadership.next(500)) {
      seen.push(...round);
      await leadership.advance(lastOf(round));
    }
    expect(ticks(seen)).toEqual(Array.from({ length: 10_000 }, (_, i) => i + 1));
    expect(lastOf(seen).id.n).toBe(10_000);
    expect(await waiting()).toBe(0);
    await leadership.release();
  });

  it('carries on after a restore into a cluster whose transaction numbers start lower', async () => {
    await pool.query(`insert into relay_cursor (name, xid, row_id, n) values ('relay', '900000000', 77, 12)`);
    await pool.query(
      `insert into control_outbox (xid, control) values ('900000001', '{"kind": "tick", "t": 1}')`,
    );
    await pool.query(INSERT, [2]);
    const leadership = await lead();
    const controls = await nextOf(leadership, 2);
    expect(controls.map(({ id }) => id.n)).toEqual([13, 14]);
    expect(ticks(controls)).toEqual([1, 2]);
    await leadership.release();
  });
}

describe('PostgresControlOutbox on a server', () => {
  beforeAll(async () => {
    database = await realDatabase('control_outbox');
    pool = database.pool;
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await pool.query('truncate control_outbox, relay_cursor');
  });

  commonTests();

  it('does not skip a transaction that began earlier and commits later', async () => {
    const early = await pool.connect();
    await early.query('begin');
    await early.query(INSERT, [1]);
    await pool.query(INSERT, [2]);
    const leadership = await lead();
    expect(ticks(await leadership.next(10))).toEqual([]);
    // A second row of the early transaction gets a higher id than the later transaction's.
    await early.query(INSERT, [3]);
    await early.query('commit');
    early.release();
    expect(ticks(await nextOf(leadership, 3))).toEqual([1, 3, 2]);
    await leadership.release();
  });

  it('leaves nothing out and nothing twice under many interleaved transactions of random length', async () => {
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      for (let i = 0; i < 25; i++) {
        const client = await pool.connect();
        await client.query('begin');
        await client.query(INSERT, [writer * 1000 + i * 2]);
        // Lengths differ so that commit order and number order part.
        await client.query('select pg_sleep($1)', [((writer * 7 + i * 3) % 5) / 1000]);
        await client.query(INSERT, [writer * 1000 + i * 2 + 1]);
        await client.query(i % 5 === 4 ? 'rollback' : 'commit');
        client.release();
      }
    });
    const done = Promise.all(writers);
    let writing = true;
    void done.then(() => (writing = false));
    const leadership = await lead();
    const seen: PendingControl[] = [];
    while (writing || (await waiting()) > 0) {
      const round = await leadership.next(7);
      if (round.length === 0) continue;
      seen.push(...round);
      await leadership.advance(lastOf(round));
    }
    await done;
    await leadership.release();
    const expected = [0, 1, 2, 3, 4, 5].flatMap((writer) =>
      Array.from({ length: 50 }, (_, i) => (i % 10 >= 8 ? [] : [writer * 1000 + i])).flat(),
    );
    expect([...ticks(seen)].sort((a, b) => Number(a) - Number(b))).toEqual(expected);
    expect(seen.map(({ id }) => id.n)).toEqual(seen.map((_, i) => i + 1));
  });

  it('relays changes in commit order, also of a transaction that began before and wrote after', async () => {
    const order: string[] = [];
    const slow = changeInOrder(pool, async (client) => {
      await client.query(INSERT, [1]);
      await client.query('select pg_sleep(0.1)');
      await client.query(INSERT, [2]);
      order.push('slow');
    });
    const fast = changeInOrder(pool, async (client) => {
      await client.query(INSERT, [3]);
      order.push('fast');
    });
    await Promise.all([slow, fast]);
    const leadership = await lead();
    const expected = order[0] === 'slow' ? [1, 2, 3] : [3, 1, 2];
    expect(ticks(await nextOf(leadership, 3))).toEqual(expected);
    await leadership.release();
  });

  it('takes leadership from a connection that broke, and refuses its cursor', async () => {
    await pool.query(INSERT, [1]);
    const first = await lead();
    const controls = await nextOf(first, 1);
    expect(await new PostgresControlOutbox(pool).lead()).toBeNull();
    await pool.query(
      `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and pid <> pg_backend_pid()
         and database = (select oid from pg_database where datname = current_database())`,
    );
    const outbox = new PostgresControlOutbox(pool);
    let second: RelayLeadership | null = null;
    await vi.waitUntil(async () => (second = await outbox.lead()) !== null);
    await expect(first.advance(lastOf(controls))).rejects.toMatchObject({ name: 'AppError' });
    await first.release();
    const again = second as RelayLeadership | null;
    expect(await again?.next(10)).toEqual(controls);
    await again?.release();
  });

  it('refuses the cursor to a leader whose token was replaced', async () => {
    await pool.query(INSERT, [1]);
    const leadership = await lead();
    const controls = await nextOf(leadership, 1);
    await pool.query(`update relay_cursor set leader = 'another'`);
    await expect(leadership.advance(lastOf(controls))).rejects.toMatchObject({ code: 'conflict' });
    expect(await waiting()).toBe(1);
    await leadership.release();
  });

  it('tells the leader of a committed change', async () => {
    const pending = vi.fn();
    const leadership = await lead(new PostgresControlOutbox(pool, pending));
    await changeInOrder(pool, (client) => client.query(INSERT, [1]));
    await vi.waitUntil(() => pending.mock.calls.length > 0);
    await leadership.release();
  });
});

describe('PostgresControlOutbox on the embedded Postgres', () => {
  beforeAll(async () => {
    database = await embeddedDatabase();
    pool = database.pool;
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await pool.query('truncate control_outbox, relay_cursor');
  });

  commonTests();
});
