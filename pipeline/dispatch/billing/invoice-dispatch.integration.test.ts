import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { BillingServer } from '../../../simulator/billing/server.ts';
import { anItem } from '../../../storage/billing-items.contract.ts';
import { realDatabase } from '../../../storage/postgres/database.contract.ts';
import type { TestDatabase } from '../../../storage/postgres/database.contract.ts';
import { PostgresInvoiceLedger } from '../../../storage/postgres/invoice-ledger.ts';
import { bookItems } from '../../../storage/postgres/item-rows.ts';
import { inTransaction } from '../../../storage/postgres/pool.ts';
import { Secret } from '../../config/secret.ts';
import { Dispatcher } from '../dispatcher.ts';
import { BillingClient } from './client.ts';
import { deliveredOf } from './invoice-rig.contract.ts';
import { invoiceSettings, invoiceWork } from './invoice-work.ts';

const KEY = 'billing-key-for-tests';
const ITEMS = 600;

let database: TestDatabase;
let server: BillingServer;
let client: BillingClient;

beforeAll(async () => {
  database = await realDatabase('invoice_dispatch');
});
afterAll(() => database.close());

beforeEach(async () => {
  await database.pool.query('truncate billing_item cascade');
  server = new BillingServer({ key: KEY });
  const url = new Secret(await server.listen());
  client = new BillingClient({ url, key: new Secret(KEY), timeoutMs: 10_000, maxConnections: 16 });
  return async () => {
    client.close();
    await server.close();
    expect(server.defects).toEqual([]);
  };
});

function dispatcher(name: string) {
  const events = { stopped: () => undefined, keyTaken: () => undefined };
  const work = invoiceWork(new PostgresInvoiceLedger(database.pool), client, events);
  return new Dispatcher({ work, name, settings: invoiceSettings(10_000, 16) });
}

async function book(from: number, to: number): Promise<void> {
  const items = Array.from({ length: to - from }, (_, n) => anItem(`k${from + n}`, { currency: 'EUR' }));
  await inTransaction(database.pool, (connection) => bookItems(connection, items));
}

it('delivers each item once, with three dispatchers on one ledger', async () => {
  const dispatchers = ['a', 'b', 'c'].map(dispatcher);
  for (const each of dispatchers) each.start();
  for (let at = 0; at < ITEMS; at += 60) {
    await book(at, at + 60);
    for (const each of dispatchers) each.wake();
  }
  const ledger = new PostgresInvoiceLedger(database.pool);
  await expect.poll(() => deliveredOf(ledger), { timeout: 60_000 }).toBe(ITEMS);
  await Promise.all(dispatchers.map((each) => each.stop(5_000)));
  expect(server.requests).toHaveLength(ITEMS);
  expect(new Set(server.books.items.map(({ key }) => key)).size).toBe(ITEMS);
});

it('gives back what has no answer when it is stopped, and the next one asks for it first', async () => {
  server.faults.set({ faults: [{ kind: 'hang', when: 'after', times: 5 }] });
  await book(0, 5);
  const first = dispatcher('first');
  first.start();
  await expect.poll(() => server.requests.length, { timeout: 20_000 }).toBe(5);
  await first.stop(500);
  const ledger = new PostgresInvoiceLedger(database.pool);
  expect((await ledger.counts()).states).toMatchObject({ pending: 5, sending: 0 });
  const second = dispatcher('second');
  second.start();
  await expect.poll(() => deliveredOf(ledger), { timeout: 20_000 }).toBe(5);
  await second.stop(1_000);
  expect(server.requests.slice(5).every((request) => request.startsWith('GET'))).toBe(true);
  expect(server.books.items).toHaveLength(5);
});
