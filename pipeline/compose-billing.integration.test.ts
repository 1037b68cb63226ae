import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { BillingServer } from '../simulator/billing/server.ts';
import { anItem } from '../storage/billing-items.contract.ts';
import { embeddedDatabase } from '../storage/postgres/database.contract.ts';
import type { TestDatabase } from '../storage/postgres/database.contract.ts';
import { bookItems } from '../storage/postgres/item-rows.ts';
import { inTransaction } from '../storage/postgres/pool.ts';
import { composeBilling } from './compose-billing.ts';
import type { Billing } from './compose-billing.ts';
import { readConfig } from './config.ts';
import { createTelemetry } from './telemetry.ts';

let database: TestDatabase;
let folder: string;
const stops: (() => Promise<void>)[] = [];
beforeAll(async () => {
  database = await embeddedDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-billing-'));
  await database.pool.query('truncate billing_item, account, reconciliation cascade');
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(env: Record<string, string>, isDispatcher = true) {
  const config = readConfig({ WEIR_DATA_DIR: folder, ...env });
  const telemetry = createTelemetry({ level: 'silent', processMetrics: false });
  const billing = await composeBilling(config, telemetry, database);
  const part = billing.part(isDispatcher);
  await part.start?.();
  let stopped = false;
  const stop = async (): Promise<void> => {
    if (!stopped) await part.stop?.(5_000);
    stopped = true;
  };
  stops.push(stop);
  return { billing, stop, telemetry };
}

async function book(...keys: string[]): Promise<void> {
  const items = keys.map((key) => anItem(key, { currency: 'EUR' }));
  await inTransaction(database.pool, (client) => bookItems(client, items));
  await database.pool.query(`update billing_item set created_at = created_at - interval '1 hour'`);
}

async function details(): Promise<Record<string, string>> {
  const { rows } = await database.pool.query<{ key: string; text: string }>(
    `select key, state || ' ' || coalesce(remote_id, '-') || ' ' || detail as text from invoice_delivery`,
  );
  return Object.fromEntries(rows.map(({ key, text }) => [key, text.trim()]));
}

async function untilDelivered(count: number): Promise<void> {
  const delivered = async (): Promise<number> =>
    Object.values(await details()).filter((text) => text.startsWith('delivered')).length;
  await expect.poll(delivered, { timeout: 30_000 }).toBe(count);
}

async function differences({ sources }: Billing) {
  const id = await sources.reconcile({ fromMs: Date.now() - 86_400_000, toMs: Date.now() });
  await expect
    .poll(async () => (await sources.reconciliations.find(id))?.summary ?? null, { timeout: 30_000 })
    .not.toBe(null);
  const summary = (await sources.reconciliations.find(id))?.summary;
  return { ...summary?.differences, failure: summary?.failure, ours: summary?.ours };
}

it('delivers to the simulated provider, who still knows the items after a restart', async () => {
  const first = await start({});
  await book('a', 'b');
  await untilDelivered(2);
  expect(await details()).toMatchObject({ a: expect.stringMatching(/^delivered inv-\d$/) as unknown });
  expect(await differences(first.billing)).toEqual({ failure: null, ours: 2 });
  await first.stop();
  const second = await start({});
  await book('c');
  await untilDelivered(3);
  expect(await differences(second.billing)).toEqual({ failure: null, ours: 3 });
  expect(Object.keys(second.billing.work(null))).toEqual(['reconcile-billing']);
});

it('delivers to the configured billing system, woken by the booking', async () => {
  const server = new BillingServer({ key: 'k'.repeat(20) });
  stops.push(() => server.close());
  const url = await server.listen();
  const { billing, telemetry } = await start({
    BILLING_API_URL: url,
    BILLING_API_KEY: 'k'.repeat(20),
    WEIR_SIMULATOR: 'off',
  });
  await book('a');
  await untilDelivered(1);
  expect(server.books.items.map(({ key }) => key)).toEqual(['a']);
  expect(await telemetry.render()).toContain('weir_billing_requests_total{outcome="accepted"} 1');
  await expect.poll(() => telemetry.render()).toContain('weir_billing_items_total{type="overage"} 1');
  expect(await telemetry.render()).toContain('weir_invoice_deliveries{state="pending"} 0');
  server.books.remove('a');
  expect(await differences(billing)).toEqual({ 'missing-there': 1, failure: null, ours: 1 });
  expect(await telemetry.render()).toContain(
    'weir_reconciliation_differences_total{class="missing-there"} 1',
  );
});

it('says so in a metric while the billing system refuses us', async () => {
  const server = new BillingServer({ key: 'right' });
  stops.push(() => server.close());
  const { telemetry } = await start({
    BILLING_API_URL: await server.listen(),
    BILLING_API_KEY: 'not-the-key-1',
    WEIR_SIMULATOR: 'off',
  });
  await book('a');
  await expect.poll(() => telemetry.render(), { timeout: 30_000 }).toContain('weir_billing_stopped 1');
  await expect.poll(details, { timeout: 30_000 }).toEqual({ a: 'pending - status 401: the key is wrong' });
});

it('holds items while there is no billing system, names them to one that is there, and can send them then', async () => {
  const none = await start({ WEIR_SIMULATOR: 'off' });
  await book('a', 'b');
  const held = 'held - no billing system is configured';
  await expect.poll(details, { timeout: 30_000 }).toEqual({ a: held, b: held });
  await expect(differences(none.billing)).rejects.toMatchObject({ code: 'conflict' });
  expect(none.billing.work(null)).toEqual({});
  expect(await none.telemetry.render()).toContain('weir_invoice_deliveries{state="held"} 2');
  await none.stop();
  const { billing } = await start({});
  expect(await differences(billing)).toEqual({ 'missing-there': 2, failure: null, ours: 2 });
  const all = { accountId: null, subscriberId: null, type: null, fromMs: null, toMs: null };
  await billing.sources.ledger.resendAll({ ...all, state: 'held' }, 'ann', null);
  await untilDelivered(2);
  expect(await differences(billing)).toEqual({ failure: null, ours: 2 });
});

it('leaves items to others where it is no dispatcher', async () => {
  const { stop } = await start({ WEIR_SIMULATOR: 'off' }, false);
  await book('a');
  await stop();
  expect(await details()).toEqual({ a: 'pending -' });
});
