import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Control } from '../../schemas/control.ts';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import { profile } from '../../tests/factories.ts';
import { anItem, billingItemsContract } from '../billing-items.contract.ts';
import { PostgresBillingItems } from './billing-items.ts';
import { realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresDirectory } from './directory.ts';
import { SecretBox } from './secret-box.ts';

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await realDatabase('billing');
  ({ pool } = database);
});

afterAll(() => database.close());

async function open(): Promise<{
  items: PostgresBillingItems;
  topUps: () => Promise<SubscriberProfile['topUps']>;
}> {
  await pool.query('truncate billing_item, subscriber, control_outbox cascade');
  const directory = new PostgresDirectory(pool, new SecretBox(randomBytes(32)));
  await directory.putSubscribers([profile({ subscriberId: 's-1' })]);
  await pool.query('truncate control_outbox');
  const topUps = async (): Promise<SubscriberProfile['topUps']> =>
    (await directory.subscriber('s-1'))?.topUps ?? [];
  return { items: new PostgresBillingItems(pool), topUps };
}

billingItemsContract('Postgres', open);

it('tells the fold of a top-up in the same transaction', async () => {
  const { items } = await open();
  const topUp = { id: 'a', bytes: 5, fromMs: 0, expiresMs: 9 };
  await items.topUp(anItem('a', { type: 'topup', line: 'top-up:a' }), topUp);
  const told = await pool.query<{ control: Control }>('select control from control_outbox');
  expect(told.rows.map(({ control }) => control)).toEqual([
    { kind: 'subscriber-profile', profile: profile({ subscriberId: 's-1', topUps: [topUp] }) },
  ]);
});

it('bills the account that the subscriber is on, with a delivery', async () => {
  const { items } = await open();
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
