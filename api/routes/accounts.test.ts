import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { billingItem, NOW_MS } from '../tariff-factory.contract.ts';
import { NOBODY } from '../tariff-fake.contract.ts';
import type { RecordedCall } from '../tariff-fake.contract.ts';
import { recordingApi } from '../tariff-rig.contract.ts';

type Rig = Awaited<ReturnType<typeof recordingApi>>;
let rig: Rig;

beforeAll(async () => {
  rig = await recordingApi();
}, 120_000);

beforeEach(() => {
  rig.tariffs.calls.length = 0;
  rig.tariffs.asked.length = 0;
});

/** The one call that a request came to. */
function only(): RecordedCall {
  expect(rig.tariffs.calls).toHaveLength(1);
  return rig.tariffs.calls[0] as RecordedCall;
}

describe('accounts', () => {
  const whole = { currency: 'EUR', cycle: { kind: 'month', anchorDay: 31 }, billingRef: null };
  const put = (id: string, body: object, headers: Record<string, string> = {}) =>
    rig.ask('PUT', `/v1/accounts/${id}`, body, headers);

  it('are made where there are none, and changed by who read them', async () => {
    expect((await put(NOBODY, whole)).status).toBe(201);
    expect(only()).toMatchObject({
      call: 'putAccount',
      args: [{ ...whole, accountId: NOBODY, taxClass: 'standard', billingStatus: 'current' }],
      context: { revision: 0 },
    });
    expect((await put('a', whole)).status).toBe(428);
    expect((await put(NOBODY, whole, { 'if-match': '"4"' })).status).toBe(412);
    expect((await put('a', whole, { 'if-match': '"4"' })).status).toBe(200);
    expect(rig.tariffs.calls.at(-1)?.context.revision).toBe(4);
  });

  it('show what their view declares, and nothing else that a store may give', async () => {
    const before = rig.tariffs.reads.account;
    rig.tariffs.reads.account = async (id) => {
      const stored = await before(id);
      return stored && { ...stored, secret: 'hush' };
    };
    const { status, text } = await rig.ask('GET', '/v1/accounts/a');
    rig.tariffs.reads.account = before;
    expect(status).toBe(200);
    expect(text).not.toContain('hush');
  });

  it('keep what is not named', async () => {
    const answer = await rig.ask(
      'PATCH',
      '/v1/accounts/a',
      { billingStatus: 'overdue', reason: 'dunning' },
      { 'if-match': '*' },
    );
    expect(answer.status).toBe(200);
    const { args, context } = only();
    expect(args).toEqual([
      {
        ...{
          accountId: 'a',
          currency: 'EUR',
          taxClass: 'standard',
          billingStatus: 'overdue',
          billingRef: 'K-17',
        },
        cycle: { kind: 'month', anchorDay: 1 },
      },
    ]);
    // Of what was read, though any would do for who asks.
    expect(context).toMatchObject({ revision: 4, reason: 'dunning' });
  });

  it('begin cycles by another rule, with a shorter one in between', async () => {
    const body = { cycle: { kind: 'week', weekday: 1 }, at: 'cycle-end' };
    const answer = await rig.ask('POST', '/v1/accounts/a/cycle-changes', body);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        from: '2026-08-01T00:00:00.000Z',
        // 1 August 2026 is a Saturday.
        stub: { start: '2026-08-01T00:00:00.000Z', end: '2026-08-03T00:00:00.000Z' },
        sum: { amountMinor: -1250, currency: 'EUR' },
      },
    });
    expect(only()).toMatchObject({ call: 'changeCycle', args: ['a', body.cycle] });
  });

  it.each<[object, number]>([
    [{ ...whole, currency: 'XXZ' }, 422],
    [{ ...whole, currency: 'eur' }, 400],
    [{ ...whole, cycle: { kind: 'days', days: 30, from: '2026-02-30' } }, 422],
    [{ ...whole, cycle: { kind: 'days', days: 32, from: '2026-02-01' } }, 400],
    [{ ...whole, cycle: { kind: 'month', anchorDay: 32 } }, 400],
    [{ ...whole, cycle: { kind: 'week', anchorDay: 1 } }, 400],
    [{ ...whole, cycle: { kind: 'moon' } }, 400],
    [{ ...whole, revision: 4 }, 400],
  ])('refuse %j', async (body, status) => {
    expect((await put(NOBODY, body)).status).toBe(status);
    expect(rig.tariffs.calls).toEqual([]);
  });
});

describe('subscribers', () => {
  const whole = {
    ...{ accountId: 'acct-1', externalId: null, segment: 'home', tags: ['vip'], zone: 'Europe/Berlin' },
    overageConsent: false,
    credentials: [
      { userName: 'ann' },
      { userName: 'new' },
      { userName: 'old', from: '2026-01-01T00:00:00Z' },
    ],
  };

  it('are made and changed whole; a name that is there keeps its beginning', async () => {
    const answer = await rig.ask('PUT', '/v1/subscribers/s1', whole, { 'if-match': '"7"' });
    expect(answer).toMatchObject({
      status: 200,
      headers: { etag: '"8"' },
      body: { subscriberId: 's1', id: null },
    });
    const { args, context } = only();
    expect(args).toEqual([
      {
        ...whole,
        subscriberId: 's1',
        credentials: [
          { userName: 'ann', fromMs: Number.MIN_SAFE_INTEGER, toMs: null },
          { userName: 'new', fromMs: NOW_MS, toMs: null },
          { userName: 'old', fromMs: Date.UTC(2026, 0, 1), toMs: null },
        ],
      },
    ]);
    expect(context.revision).toBe(7);
    expect((await rig.ask('PUT', '/v1/subscribers/s1', whole)).status).toBe(428);
    const zone = { ...whole, zone: 'Mars/Base' };
    expect((await rig.ask('PUT', '/v1/subscribers/s1', zone, { 'if-match': '"7"' })).status).toBe(422);
  });

  it('are listed by what is asked for', async () => {
    const query = 'account=a&segment=&plan=fibre&pool=p&status=held&q=an&limit=2';
    const { body } = await rig.ask('GET', `/v1/subscribers?${query}`);
    expect(rig.tariffs.asked).toEqual([
      {
        list: 'subscribers',
        filter: {
          ...{ accountId: 'a', segment: '', planId: 'fibre', poolId: 'p', status: 'held', text: 'an' },
          atMs: NOW_MS,
        },
        limit: 2,
        after: null,
      },
    ]);
    const next = await rig.ask('GET', `/v1/subscribers?${query}&after=${String(body['next'])}`);
    expect(rig.tariffs.asked.at(-1)?.after).toBe('last/ü');
    expect(next.body['next']).toBeNull();
  });

  it.each([
    'limit=0',
    'limit=501',
    'limit=07',
    'limit=x',
    'after=',
    'after=%20',
    'after=A',
    'status=x',
    'colour=red',
    'q=',
  ])('are not listed by %s', async (query) => {
    expect((await rig.ask('GET', `/v1/subscribers?${query}`)).status).toBe(400);
    expect(rig.tariffs.asked).toEqual([]);
  });

  it('are shown with their usage and what they have', async () => {
    const { headers, body } = await rig.ask('GET', '/v1/subscribers/s1');
    expect(headers.etag).toBe('"7"');
    expect(body).toMatchObject({
      subscriberId: 's1',
      cycle: { capUsedPercent: 101.5 },
      tariff: {
        account: { accountId: 'acct-1', cycleChanges: [{ from: '2026-08-01T00:00:00.000Z' }] },
        credentials: [{ userName: 'ann', from: null, to: null }],
        assignments: [{ id: '11', planId: 'fibre', from: '2026-06-01T00:00:00.000Z', to: null }],
        revision: 7,
      },
    });
  });

  it('may be exported and forgotten', async () => {
    const copy = await rig.ask('GET', '/v1/subscribers/s1/export');
    expect(copy.headers['content-type']).toContain('application/x-ndjson');
    expect(
      copy.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { of: 'subscriber', row: { subscriber_id: 's1' } },
      { of: 'credential', row: { user_name: 'ann' } },
      { of: 'end' },
    ]);
    expect((await rig.ask('GET', `/v1/subscribers/${NOBODY}/export`)).status).toBe(404);
    const gone = await rig.ask('POST', '/v1/subscribers/s1/erasure', { reason: 'asked for' });
    expect(gone).toMatchObject({
      status: 200,
      body: { subscriberId: 's1', erased: { credentials: 1, profile: 1 } },
    });
    expect(rig.tariffs.calls.map(({ call }) => call)).toEqual(['erase']);
    await rig.ask('POST', '/v1/subscribers/s1/erasure', { force: true });
    expect(rig.tariffs.calls.map(({ call }) => call)).toEqual(['erase', 'terminate', 'erase']);
  });
});

describe('cycles', () => {
  it('are of everybody, by what is asked for', async () => {
    await rig.ask('GET', '/v1/cycles?status=closing&endBefore=2026-07-01T00:00:00Z');
    expect(rig.tariffs.asked[0]).toMatchObject({
      filter: { subscriberId: null, status: 'closing', endBeforeMs: Date.UTC(2026, 6, 1) },
    });
  });

  it('of one subscriber say what they came to', async () => {
    const { body } = await rig.ask('GET', '/v1/subscribers/s1/cycles');
    expect(body['items']).toMatchObject([
      {
        totals: { downBytes: '100', upBytes: '10' },
        parts: [{ planId: 'fibre', countedBytes: '77' }],
        overage: { blocks: 1 },
        items: 1,
        sum: { amountMinor: billingItem().amountMinor, currency: 'EUR' },
      },
    ]);
    expect((await rig.ask('GET', `/v1/subscribers/${NOBODY}/cycles`)).status).toBe(404);
  });
});
