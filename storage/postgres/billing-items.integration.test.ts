import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { profile } from '../../tests/factories.ts';
import { anItem, billingItemsContract } from '../billing-items.contract.ts';
import { CYCLE_SUMS, PostgresBillingItems } from './billing-items.ts';
import { readWhole, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresDirectory } from './directory.ts';
import { COUNTS, LIST, LIST_FEW, LIST_PART } from './invoice-statements.ts';
import { SecretBox } from './secret-box.ts';

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await realDatabase('billing');
  ({ pool } = database);
});

afterAll(() => database.close());

async function open(): Promise<PostgresBillingItems> {
  await pool.query('truncate billing_item, subscriber, control_outbox cascade');
  const directory = new PostgresDirectory(pool, new SecretBox(randomBytes(32)));
  await directory.putSubscribers([profile({ subscriberId: 's-1' })]);
  return new PostgresBillingItems(pool);
}

billingItemsContract('Postgres', open);

it('bills the account that the subscriber is on, with a delivery', async () => {
  const items = await open();
  await pool.query(
    `insert into account (account_id, currency, anchor_day, tax_class) values ('shared', 'EUR', 1, 'reduced') on conflict do nothing`,
  );
  await pool.query(`update subscriber set account_id = 'shared' where subscriber_id = 's-1'`);
  await items.charge(anItem('own', { accountId: 'acct-s-1' }));
  await items.charge(anItem('named', { accountId: 'acct-7' }));
  await items.charge(anItem('nobody', { accountId: 'acct-s-9', subscriberId: 's-9' }));
  const found = await pool.query(
    'select key, account_id, tax_class, d.state from billing_item left join invoice_delivery d using (key) order by key',
  );
  expect(found.rows).toEqual([
    { key: 'named', account_id: 'acct-7', tax_class: 'standard', state: 'pending' },
    { key: 'nobody', account_id: 'acct-s-9', tax_class: 'standard', state: 'pending' },
    { key: 'own', account_id: 'shared', tax_class: 'reduced', state: 'pending' },
  ]);
});

it('refuses what is in another currency than the account is charged in', async () => {
  const items = await open();
  const dear = items.charge(anItem('dear', { accountId: 'acct-s-1', currency: 'USD' }));
  await expect(dear).rejects.toMatchObject({ code: 'conflict' });
  expect(await items.ofSubscriber('s-1', 9)).toEqual([]);
});

it('finds items of a cycle, a kind or a state by indexes', async () => {
  await open();
  expect(await readWhole(pool, CYCLE_SUMS, ['s-1', [0]])).toEqual([]);
  expect(await readWhole(pool, COUNTS, [])).toEqual([]);
  const part = [50, null, null, null, 'held', null, null, 1_000, 9];
  expect(await readWhole(pool, LIST_PART, part)).toEqual([]);
  for (const [text, type, state] of [
    [LIST, 'one-off', null],
    [LIST_FEW, null, 'dead'],
  ] as const) {
    const values = [50, null, null, type, state, null, null, 1_000];
    expect([type, state, await readWhole(pool, text, values)]).toEqual([type, state, []]);
  }
});
