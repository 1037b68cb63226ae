import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anItem } from '../billing-items.contract.ts';
import { invoiceLedgerContract } from '../invoice-ledger.contract.ts';
import { embeddedDatabase, realDatabase } from './database.contract.ts';
import type { TestDatabase } from './database.contract.ts';
import { PostgresInvoiceLedger } from './invoice-ledger.ts';
import { bookItems } from './item-rows.ts';
import { inTransaction } from './pool.ts';

describe.each([
  ['Postgres', () => realDatabase('invoice_ledger')],
  ['PGlite', embeddedDatabase],
] as const)('%s', (name, openDatabase) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());

  const empty = async (): Promise<PostgresInvoiceLedger> => {
    await database.pool.query('truncate billing_item, account cascade');
    // Pieces of three items, so that sending all again takes several.
    return new PostgresInvoiceLedger(database.pool, Date.now, 3);
  };

  invoiceLedgerContract(name, async () => ({
    deliveries: await empty(),
    second: new PostgresInvoiceLedger(database.pool),
    async book(items, isDelivered = true) {
      await inTransaction(database.pool, (client) => bookItems(client, items));
      if (isDelivered) return;
      const keys = items.map(({ key }) => key);
      await database.pool.query('delete from invoice_delivery where key = any($1)', [keys]);
    },
    async nameAccount(ref) {
      const values = `('acct-7', 'EUR', 1, $1)`;
      await database.pool.query(
        `insert into account (account_id, currency, anchor_day, billing_ref) values ${values}`,
        [ref],
      );
    },
    now: () => Date.now(),
    // The server's clock cannot be moved, so everything that waits for it is moved instead.
    async passTime(ms) {
      await database.pool.query(
        `update invoice_delivery set due_at = due_at - $1 * interval '1 millisecond'`,
        [ms],
      );
    },
  }));

  it('notes who had an item sent again', async () => {
    const deliveries = await empty();
    await inTransaction(database.pool, (client) => bookItems(client, [anItem('noted')]));
    await deliveries.claim('me', 1, 30_000);
    await deliveries.settle('me', 'noted', 'rejected', 'no');
    await deliveries.resend('noted', 'ann');
    const noted = await database.pool.query(`select who, action from audit where subject = 'noted'`);
    expect(noted.rows).toEqual([{ who: 'ann', action: 'billing-item-resent' }]);
    await deliveries.claim('me', 1, 30_000);
    await deliveries.settle('me', 'noted', 'rejected', 'no');
    const all = { accountId: null, subscriberId: null, type: null, fromMs: null, toMs: null };
    await deliveries.resendAll({ ...all, state: 'rejected' }, 'ben', null);
    const many = await database.pool.query(`select who, action, content from audit where who = 'ben'`);
    expect(many.rows).toEqual([
      { who: 'ben', action: 'billing-items-resent', content: { resent: 1, ...all, state: 'rejected' } },
    ]);
  });

  it('lists by parts where no index says which are meant', async () => {
    await empty();
    const keys = ['k1', 'k2', 'k3', 'k4', 'k5'];
    await inTransaction(database.pool, (client) =>
      bookItems(
        client,
        keys.map((key) => anItem(key)),
      ),
    );
    await database.pool.query(`delete from invoice_delivery where key in ('k2', 'k3')`);
    const deliveries = new PostgresInvoiceLedger(database.pool, Date.now, 3, 2);
    const all = { accountId: null, subscriberId: null, type: null, state: null, fromMs: null, toMs: null };
    const listed = async (state: 'held' | null): Promise<string[]> => {
      const found: string[] = [];
      let after: string | null = null;
      do {
        const page = await deliveries.list({ ...all, state }, 3, after);
        found.push(page.items.map(({ item }) => item.key).join(' '));
        after = page.next;
      } while (after !== null);
      return found;
    };
    expect(await listed(null)).toEqual(['k5 k4', 'k3 k2', 'k1']);
    expect(await listed('held')).toEqual(['', 'k3 k2', '']);
  });

  it('keeps texts that databases dislike', async () => {
    const deliveries = await empty();
    const odd = 'nul\u0000 quote\'" \u{1F600}';
    const source = { actionId: odd, policyId: odd, policyVersion: odd, rule: odd, what: `${odd}\ud800` };
    await inTransaction(database.pool, (client) =>
      bookItems(client, [anItem('odd', { description: odd, source })]),
    );
    const [claimed] = await deliveries.claim(odd, 1, 30_000);
    expect(claimed?.item.source).toEqual(source);
    expect(await deliveries.settle(odd, 'odd', 'rejected', odd, undefined, { remoteId: odd })).toBe(true);
  });
});
