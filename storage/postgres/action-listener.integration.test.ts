import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { listenForActions } from './action-listener.ts';
import { ACTION_CHANNEL } from './ledger-statements.ts';
import { connectPostgres } from './pool.ts';

const NAME = `listener_${process.pid}`;
const url = process.env['DATABASE_URL'];
if (url === undefined) throw new Error('DATABASE_URL is missing: run these tests through npm test');
let pool: pg.Pool;
let other: pg.Pool;

beforeAll(async () => {
  pool = await connectPostgres(url, { warn: () => undefined }, { applicationName: NAME, max: 1 });
  other = await connectPostgres(url, { warn: () => undefined }, { max: 1 });
});
afterAll(async () => {
  await pool.end();
  await other.end();
});

it('wakes on notifications, also after its connection was cut, and gives the connection back', async () => {
  let woken = 0;
  const errors: unknown[] = [];
  const listener = listenForActions(
    pool,
    () => (woken += 1),
    (error) => errors.push(error),
  );
  await expect.poll(() => woken).toBe(1);
  await other.query(`notify ${ACTION_CHANNEL}`);
  await expect.poll(() => woken).toBe(2);
  const cut = `select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1`;
  expect((await other.query(cut, [NAME])).rowCount).toBe(1);
  await expect.poll(() => woken, { timeout: 10_000 }).toBe(3);
  await other.query(`notify ${ACTION_CHANNEL}`);
  await expect.poll(() => woken).toBe(4);
  await listener.close();
  await listener.close();
  expect((await pool.query<{ one: number }>('select 1 as one')).rows).toEqual([{ one: 1 }]);
  expect(errors).toEqual([]);
});
