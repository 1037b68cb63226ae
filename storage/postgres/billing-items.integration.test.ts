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
