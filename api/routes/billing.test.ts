import { beforeAll, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import type { z } from 'zod';
import type { Role } from '../../schemas/roles.ts';
import type {
  DeliveredItemView,
  ReconciliationReportView,
  ReconciliationView,
} from '../../schemas/billing-views.ts';
import { AppError } from '../../schemas/errors.ts';
import { anItem } from '../../storage/billing-items.contract.ts';
import { MemoryInvoiceLedger } from '../../storage/memory/invoice-ledger.ts';
import { MemoryReconciliations } from '../../storage/memory/reconciliations.ts';
import { apiOptions } from '../api-rig.contract.ts';
import type { BILLING_SCHEMAS } from '../billing-schemas.ts';
import { createApi } from '../server.ts';
import { recordingTariffs } from '../tariff-fake.contract.ts';

const NOW = Date.UTC(2026, 0, 31, 12);

async function rig() {
  const options = apiOptions();
  const fresh = () => ({
    ledger: new MemoryInvoiceLedger({ now: () => NOW }),
    reconciliations: new MemoryReconciliations(() => NOW),
    windows: [] as unknown[],
    error: null as AppError | null,
  });
  const state = fresh();
  const tariffs = recordingTariffs();
  // An API takes a second to put together, so there is one for all tests, over stores that are new for each.
  const { app } = await createApi({
    ...options,
    tariffs,
    billing: {
      ledger: {
        list: (...args) => state.ledger.list(...args),
        resend: (...args) => state.ledger.resend(...args),
        resendAll: (...args) => state.ledger.resendAll(...args),
      },
      reconciliations: {
        list: (...args) => state.reconciliations.list(...args),
        find: (id) => state.reconciliations.find(id),
        differences: (...args) => state.reconciliations.differences(...args),
      },
      reconcile: (window) => {
        if (state.error !== null) return Promise.reject(state.error);
        state.windows.push(window);
        return Promise.resolve('7');
      },
    },
  });
  const ask = async (
    method: 'GET' | 'POST',
    url: string,
    { body, role = 'billing', headers = {} }: { body?: unknown; role?: Role; headers?: object } = {},
  ) => {
    const { key } = await options.keys.create('ann', [role]);
    const json = body === undefined ? {} : { 'content-type': 'application/json' };
    const answer = await app.inject({
      ...{ method, url, headers: { ...headers, ...json, authorization: `Bearer ${key}` } },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
    const isJson = String(answer.headers['content-type']).includes('json');
    return {
      status: answer.statusCode,
      text: answer.body,
      type: String(answer.headers['content-type']),
      body: (isJson ? answer.json() : {}) as Record<string, unknown>,
    };
  };
  return { ask, tariffs, state, reset: () => Object.assign(state, fresh()) };
}

let api: Awaited<ReturnType<typeof rig>>;
beforeAll(async () => {
  api = await rig();
}, 120_000);
beforeEach(() => {
  api.reset();
});

it('answers what its schemas say', () => {
  type Of<Name extends keyof typeof BILLING_SCHEMAS> = z.infer<(typeof BILLING_SCHEMAS)[Name]>;
  expectTypeOf<Of<'DeliveredItems'>['items'][number]>().toEqualTypeOf<DeliveredItemView>();
  expectTypeOf<Of<'Reconciliations'>['items'][number]>().toEqualTypeOf<ReconciliationView>();
  expectTypeOf<Of<'ReconciliationReport'>>().toEqualTypeOf<ReconciliationReportView>();
});

describe('items', () => {
  it('are listed with how their delivery stands, page by page, by what is asked for', async () => {
    api.state.ledger.add([anItem('a'), anItem('b', { type: 'recurring', line: 'plan:x' }), anItem('c')]);
    const first = await api.ask('GET', '/v1/billing-items?limit=2');
    const keys = (body: Record<string, unknown>) =>
      (body['items'] as DeliveredItemView[]).map(({ key }) => key);
    expect(keys(first.body)).toEqual(['c', 'b']);
    const rest = await api.ask('GET', `/v1/billing-items?limit=2&after=${String(first.body['next'])}`);
    expect([keys(rest.body), rest.body['next']]).toEqual([['a'], null]);
    const some = await api.ask('GET', '/v1/billing-items?type=recurring&state=pending&account=acct-7');
    expect(keys(some.body)).toEqual(['b']);
    expect((some.body['items'] as DeliveredItemView[])[0]).toMatchObject({
      ...{ state: 'pending', attempts: 0, remoteId: null, createdAt: '2026-01-31T12:00:00.000Z' },
    });
    expect(keys((await api.ask('GET', '/v1/billing-items?from=2026-02-01T00:00:00Z')).body)).toEqual([]);
  });

  it('are one CSV file of all of them', async () => {
    api.state.ledger.add([
      ...Array.from({ length: 1_200 }, (_, n) => anItem(`k${n}`)),
      anItem('last', { description: '=1+1, "so"\n', amountMinor: -5, accountId: '+49' }),
    ]);
    const { text, type, status } = await api.ask('GET', '/v1/billing-items?format=csv&limit=1');
    expect([status, type]).toEqual([200, 'text/csv; charset=utf-8']);
    const lines = text.split('\r\n');
    expect(lines[0]).toMatch(/^key,created,account,subscriber,pool,type,amount_minor,/);
    expect(lines[1]).toContain(",'+49,");
    expect(lines[1]).toContain(',-5,');
    expect(lines[1]).toContain(`"'=1+1, ""so""\n"`);
    expect(lines).toHaveLength(1_203);
  });

  it.each([
    'state=lost',
    'type=gift',
    'from=yesterday',
    'format=xml',
    'nas=1',
    'after=%00',
    'format=csv&after=MQ',
  ])('refuses ?%s', async (query) => {
    expect((await api.ask('GET', `/v1/billing-items?${query}`)).status).toBe(400);
  });

  it('are sent again by who may, where they rest', async () => {
    api.state.ledger.add([anItem('a')]);
    expect((await api.ask('POST', '/v1/billing-items/a/resend')).status).toBe(409);
    const [claimed] = await api.state.ledger.claim('me', 1, 1_000);
    await api.state.ledger.settle('me', claimed?.item.key ?? '', 'rejected', 'no such account');
    expect((await api.ask('POST', '/v1/billing-items/a/resend', { role: 'analyst' })).status).toBe(403);
    const { status, body } = await api.ask('POST', '/v1/billing-items/a/resend');
    expect([status, body]).toEqual([202, { key: 'a', by: 'ann' }]);
    expect(api.state.ledger.resent).toEqual([{ key: 'a', by: 'ann' }]);
  });

  it('are sent again, all of a state that fit', async () => {
    const keys = Array.from({ length: 1_200 }, (_, n) => `k${n}`);
    api.state.ledger.add(
      [...keys.map((key) => anItem(key)), anItem('other', { accountId: 'acct-8' })],
      false,
    );
    const ask = (body: unknown, role: Role = 'billing') =>
      api.ask('POST', '/v1/billing-items/resend', { body, role });
    expect((await ask({ state: 'held' }, 'analyst')).status).toBe(403);
    for (const body of [{}, { state: 'delivered' }, { state: 'held', nas: 1 }])
      expect((await ask(body)).status).toBe(400);
    expect((await ask({ state: 'rejected' })).body).toEqual({ resent: 0, by: 'ann' });
    expect((await ask({ state: 'held', account: 'acct-7' })).body).toEqual({ resent: 1_200, by: 'ann' });
    expect((await ask({ state: 'held' })).body).toEqual({ resent: 1, by: 'ann' });
  });

  it('are charged once by hand, with the key of the request', async () => {
    const body = { subscriberId: 's1', amount: { amountMinor: -500, currency: 'EUR' }, description: 'sorry' };
    expect((await api.ask('POST', '/v1/billing-items', { body })).status).toBe(400);
    const answer = await api.ask('POST', '/v1/billing-items', { body, headers: { 'idempotency-key': 'x1' } });
    expect(answer.status).toBe(201);
    expect(answer.body).toHaveProperty('amount');
    expect(api.tariffs.calls.map(({ call, context }) => [call, context.idempotency?.key])).toEqual([
      ['bookOneOff', 'x1'],
    ]);
  });
});

describe('reconciliations', () => {
  it('are begun for a window', async () => {
    const body = { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' };
    expect(await api.ask('POST', '/v1/reconciliations', { body })).toMatchObject({
      status: 202,
      body: { id: '7' },
    });
    expect(api.state.windows).toEqual([{ fromMs: Date.UTC(2026, 0, 1), toMs: Date.UTC(2026, 0, 2) }]);
    api.state.error = new AppError('conflict', 'no billing system is configured');
    expect((await api.ask('POST', '/v1/reconciliations', { body })).status).toBe(409);
    expect((await api.ask('POST', '/v1/reconciliations', { body, role: 'analyst' })).status).toBe(403);
  });

  it('are listed, and shown with what differed', async () => {
    const id = await api.state.reconciliations.begin('billing-items', NOW - 1_000, NOW);
    const differences = ['a', 'b', 'c'].map((subject) => {
      return { class: 'missing-there', subject, ours: { amountMinor: 5 }, theirs: null } as const;
    });
    await api.state.reconciliations.add(id, differences);
    const summary = { ours: 3, theirs: 0, leftOut: 0, truncated: false, failure: null };
    await api.state.reconciliations.end(id, { ...summary, differences: { 'missing-there': 3 } });
    const list = await api.ask('GET', '/v1/reconciliations?kind=billing-items');
    expect(list.body['items']).toMatchObject([{ id, kind: 'billing-items', summary: { ours: 3 } }]);
    expect((await api.ask('GET', '/v1/reconciliations?kind=usage')).body['items']).toEqual([]);
    const first = await api.ask('GET', `/v1/reconciliations/${id}?limit=2`);
    expect(first.body['differences']).toEqual(differences.slice(0, 2));
    expect(first.body['summary']).toEqual({ ...summary, differences: { 'missing-there': 3 } });
    const rest = await api.ask('GET', `/v1/reconciliations/${id}?after=${String(first.body['next'])}`);
    expect(rest.body).toMatchObject({ differences: differences.slice(2), next: null });
    const csv = await api.ask('GET', `/v1/reconciliations/${id}?format=csv`);
    expect(csv.text.split('\r\n')).toEqual([
      'class,subject,ours,theirs',
      ...['a', 'b', 'c'].map((key) => `missing-there,${key},"{""amountMinor"":5}",`),
      '',
    ]);
  });

  it.each(['0', '99', 'x', '%20'])('knows none of the id %s', async (id) => {
    expect((await api.ask('GET', `/v1/reconciliations/${id}`)).status).toBe(404);
  });
});
