import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { apiOptions } from '../api/api-rig.contract.ts';
import { createApi } from '../api/server.ts';
import type { Api } from '../api/server.ts';
import { Secret } from '../pipeline/config/secret.ts';
import { BillingClient } from '../pipeline/dispatch/billing/client.ts';
import { beginItemReconciliation } from '../pipeline/reconcile/reconcile-items.ts';
import { BillingServer } from '../simulator/billing/server.ts';
import { anItem } from '../storage/billing-items.contract.ts';
import { MemoryInvoiceLedger } from '../storage/memory/invoice-ledger.ts';
import { MemoryReconciliations } from '../storage/memory/reconciliations.ts';
import { runWeir } from './run-weir.contract.ts';

const KEY = 'billing-key';
const MADE = Date.UTC(2026, 0, 10);
const WINDOW = ['--from', '2026-01-01T00:00:00Z', '--to', '2026-02-01T00:00:00Z'];

let folder: string;
let api: Api;
let flags: string[];
let server: BillingServer;
let client: BillingClient;
const ledger = new MemoryInvoiceLedger({ now: () => MADE });

/** Items that the billing system has, each delivered as a dispatcher does it. */
beforeAll(async () => {
  server = new BillingServer({ key: KEY, pageSize: 3 });
  const url = new Secret(await server.listen());
  client = new BillingClient({ url, key: new Secret(KEY), timeoutMs: 5_000, maxConnections: 4 });
  const keys = Array.from({ length: 10 }, (_, n) => `k${n}`);
  ledger.add(keys.map((key) => anItem(key, { currency: 'EUR' })));
  for (const delivery of await ledger.claim('test', 100, 60_000)) {
    const answer = await client.send(delivery, new AbortController().signal);
    if (answer.kind !== 'accepted') throw new Error(JSON.stringify(answer));
    await ledger.settle('test', delivery.item.key, 'delivered', '', undefined, { remoteId: answer.remoteId });
  }
  const store = new MemoryReconciliations();
  const sides = { ledger, peer: client, store, nowMs: () => MADE + 86_400_000 };
  const options = apiOptions();
  const never = new AbortController().signal;
  const reconcile = async (window: { fromMs: number; toMs: number }): Promise<string> =>
    (await beginItemReconciliation(sides, window, never, () => undefined)).id;
  api = await createApi({ ...options, billing: { ledger, reconciliations: store, reconcile } });
  folder = await mkdtemp(join(tmpdir(), 'weir-cli-'));
  const keyFile = join(folder, 'key');
  await writeFile(keyFile, `${(await options.keys.create('ann', ['billing'])).key}\n`);
  flags = ['--url', await api.listen('127.0.0.1', 0), '--key-file', keyFile];
}, 60_000);

afterAll(async () => {
  client.close();
  await api.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(() => {
  server.faults.set({});
});

const reconcile = (...args: string[]) => runWeir(['reconcile', 'billing', ...WINDOW, ...args, ...flags]);

it('says that there are no differences, and ends with 0', async () => {
  const { code, out, err } = await reconcile();
  expect([code, err]).toEqual([0, '']);
  expect(out).toContain('10 here, 10 there, 0 left out');
  expect(out).toContain('no differences');
});

it('ends with 1 where the billing system refuses, and says so', async () => {
  server.faults.set({ faults: [{ kind: 'status', status: 403 }] });
  const { code, out, err } = await reconcile();
  expect(code).toBe(1);
  expect(out).toContain('NOT FINISHED: the billing system: status 403');
  expect(err).toContain('the billing system: status 403');
});

it('finds what somebody did to the books there, as a table, CSV and JSON', async () => {
  const [first] = server.books.items;
  if (first === undefined) throw new Error('nothing was delivered');
  const stranger = { ...first, id: 'inv-x', key: 'zz' };
  const planted = server.books.items.find(({ key }) => key === 'k4');
  server.books.remove('k3');
  server.books.plant(stranger);
  server.books.plant({ ...first, id: 'inv-y' });
  if (planted !== undefined) planted.amount.amountMinor = 1;
  const { code, out } = await reconcile();
  expect(code).toBe(1);
  expect(out).toContain('differences: 1 twice, 1 missing-there, 1 amount, 1 missing-here');
  expect(out).toMatch(/^missing-there +k3 +5\.00 EUR accountId=acct-7 .* -$/m);
  expect(out).toMatch(/^missing-here +zz +- +5\.00 EUR ids=\["inv-x"\]$/m);
  const csv = await reconcile('--csv');
  expect(csv.out.split('\r\n').map((line) => line.split(',').slice(0, 2).join(','))).toEqual([
    ...['class,subject', `twice,${first.key}`, 'missing-there,k3', 'amount,k4', 'missing-here,zz', ''],
  ]);
  const view = JSON.parse((await reconcile('--json')).out) as { differences: { class: string }[] };
  expect(view.differences.map((one) => one.class)).toEqual([
    'twice',
    'missing-there',
    'amount',
    'missing-here',
  ]);
});

it.each([
  [['--from', 'yesterday'], 2],
  [['--wait', 'long'], 2],
  [['--to', '2025-01-01T00:00:00Z'], 2],
])('refuses %j', async (args, code) => {
  expect((await reconcile(...args)).code).toBe(code);
});

it('lists items, as CSV too, and has one sent again, or all of a state', async () => {
  const list = await runWeir(['items', '--state', 'delivered', '--type', 'overage', ...flags]);
  expect(list.out).toMatch(/^2026-01-10T00:00:00.000Z +overage +acct-7 +5\.00 EUR +delivered +k9 +block 1$/m);
  const csv = await runWeir(['items', 'list', '--subscriber', 's-1', '--csv', ...flags]);
  expect(csv.out.split('\r\n')).toHaveLength(12);
  expect((await runWeir(['items', '--state', 'dead', ...flags])).out).toBe('none\n');
  const refused = await runWeir(['items', 'resend', 'k1', ...flags]);
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('it is delivered or under way')]);
  ledger.add([anItem('late')]);
  await ledger.claim('test', 100, 60_000);
  await ledger.settle('test', 'late', 'rejected', 'no such account');
  expect((await runWeir(['items', 'resend', 'late', ...flags])).out).toBe('late is on its way, by ann\n');
  ledger.add([anItem('old-1'), anItem('old-2'), anItem('old-3', { subscriberId: 's-9' })], false);
  const held = ['items', 'resend-all', '--state', 'held', ...flags];
  expect((await runWeir([...held, '--subscriber', 's-9'])).out).toBe('1 items are on their way, by ann\n');
  expect((await runWeir([...held, '--json'])).out).toContain('"resent": 2');
  expect((await runWeir(['items', 'resend-all', '--state', 'delivered', ...flags])).code).toBe(2);
});
