import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NOW_MS } from '../tariff-factory.contract.ts';
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
});

const KEY = { 'idempotency-key': 'order-1' };

/** The one call that a request came to. */
function only(): RecordedCall {
  expect(rig.tariffs.calls).toHaveLength(1);
  return rig.tariffs.calls[0] as RecordedCall;
}

describe('top-ups', () => {
  const buy = (body: object, headers: Record<string, string> = KEY) =>
    rig.ask('POST', '/v1/subscribers/s1/top-ups', body, headers);

  it('are bought by product, to the end of the cycle', async () => {
    const { status, body } = await buy({ productId: 'extra-5' });
    expect({ status, body }).toMatchObject({
      status: 201,
      body: { topUp: { kind: 'bytes', bytes: '5000000000', expires: '2026-08-01T00:00:00.000Z' } },
    });
    expect(only()).toMatchObject({
      call: 'buyTopUp',
      args: [
        { subscriberId: 's1' },
        { productId: 'extra-5', fromMs: NOW_MS, source: 'api', cancelledMs: null },
        { amountMinor: 500, currency: 'EUR' },
      ],
    });
  });

  it('are of every kind, by bytes or speed', async () => {
    const price = { amountMinor: 300, currency: 'EUR' };
    const speed = { downBps: 1_000_000_000, upBps: 100_000_000 };
    for (const body of [
      { kind: 'bytes', bytes: '9007199254740991', validSeconds: 60, price },
      { kind: 'boost', speed, validSeconds: 3600, price },
      { kind: 'unlimited', validSeconds: 86_400, price },
    ])
      expect((await buy(body)).status).toBe(201);
    const bought = rig.tariffs.calls.map(({ args }) => args[1]);
    expect(bought).toMatchObject([
      { kind: 'bytes', bytes: Number.MAX_SAFE_INTEGER, speed: null, expiresMs: NOW_MS + 60_000 },
      { kind: 'boost', bytes: null, speed, expiresMs: NOW_MS + 3_600_000 },
      { kind: 'unlimited', bytes: null, speed: null, expiresMs: NOW_MS + 86_400_000 },
    ]);
  });

  it('are called by their request, so that a repeat is the same one', async () => {
    await buy({ productId: 'extra-5' });
    await buy({ productId: 'extra-5' });
    await buy({ productId: 'extra-5' }, { 'idempotency-key': 'order-2' });
    const [first, again, other] = rig.tariffs.calls.map(({ args }) => (args[1] as { id: string }).id);
    expect(again).toBe(first);
    expect(other).not.toBe(first);
    expect(first).toMatch(/^topup-[0-9a-f]{24}$/);
  });

  const price = { amountMinor: 1, currency: 'EUR' };
  it.each<[object, number, RegExp]>([
    [{}, 400, /give productId/],
    [{ kind: 'bytes', validSeconds: 60 }, 400, /give productId/],
    [{ productId: 'extra-5', kind: 'bytes' }, 400, /either productId/],
    [{ productId: 'extra-9' }, 404, /no top-up extra-9/],
    [{ kind: 'bytes', validSeconds: 60, price }, 400, /bytes are given/],
    [{ kind: 'boost', bytes: 1, validSeconds: 60, price }, 400, /bytes are given/],
    [{ kind: 'boost', validSeconds: 60, price }, 400, /a speed is given/],
    [{ kind: 'bytes', bytes: 0, validSeconds: 60, price }, 400, /bytes must be >= 1/],
    [{ kind: 'bytes', bytes: '9007199254740992', validSeconds: 60, price }, 400, /beyond 2\^53/],
    [{ kind: 'unlimited', validSeconds: 0, price }, 400, /validSeconds/],
    [
      { kind: 'unlimited', validSeconds: 60, price: { amountMinor: -1, currency: 'EUR' } },
      400,
      /amountMinor/,
    ],
    [
      { kind: 'unlimited', validSeconds: 60, price: { amountMinor: 1.5, currency: 'EUR' } },
      400,
      /amountMinor/,
    ],
    [{ kind: 'unlimited', validSeconds: 60, price: { amountMinor: 1, currency: 'XXZ' } }, 422, /no currency/],
  ])('are refused: %j', async (body, status, message) => {
    const answer = await buy(body);
    expect(answer.status).toBe(status);
    expect(answer.body['detail']).toMatch(message);
    expect(rig.tariffs.calls).toEqual([]);
  });

  it('are taken back by who has them', async () => {
    const gone = await rig.ask('DELETE', '/v1/subscribers/s1/top-ups/t1');
    expect(gone).toMatchObject({ status: 200, body: { topUp: { cancelled: '2026-07-10T12:00:00.000Z' } } });
    expect(only()).toMatchObject({ call: 'cancelTopUp', args: ['t1', true] });
    expect((await rig.ask('DELETE', '/v1/subscribers/s1/top-ups/t2')).status).toBe(404);
  });

  it('of a pool are taken back too, and not credited where some of it was used', async () => {
    expect((await rig.ask('DELETE', '/v1/pools/p1/top-ups/t9')).status).toBe(200);
    expect(only()).toMatchObject({ call: 'cancelTopUp', args: ['t9', false] });
    expect((await rig.ask('DELETE', '/v1/pools/p1/top-ups/t1')).status).toBe(404);
  });
});

describe('pools', () => {
  const whole = {
    ...{ allowanceBytes: '5', zone: 'UTC', anchorDay: 1, segment: '', planId: null, overageConsent: false },
    billTo: 's1',
  };

  it('are shown with who is in them and how they stand', async () => {
    const { headers, body } = await rig.ask('GET', '/v1/pools/p1');
    expect(headers.etag).toBe('"3"');
    expect(body).toMatchObject({
      poolId: 'p1',
      members: [{ subscriberId: 's1', from: null, to: null }],
      usage: { usedBytes: '50', usedPercent: 50, rules: [{ rule: 'cap', state: 'throttle' }] },
    });
    expect((await rig.ask('GET', '/v1/pools/p2')).body['usage']).toBeNull();
  });

  it('are made, joined, left and topped up', async () => {
    expect((await rig.ask('PUT', `/v1/pools/${NOBODY}`, whole)).status).toBe(201);
    expect(only().context.revision).toBe(0);
    expect((await rig.ask('PUT', '/v1/pools/p1', whole, { 'if-match': '"3"' })).status).toBe(200);
    await rig.ask('PUT', '/v1/pools/p1/members/s2', { to: '2026-08-01T00:00:00Z' });
    await rig.ask('DELETE', '/v1/pools/p1/members/s2?at=cycle-end');
    const bought = await rig.ask('POST', '/v1/pools/p1/top-ups', { productId: 'extra-5' }, KEY);
    expect(bought.status).toBe(201);
    expect(rig.tariffs.calls.slice(1).map(({ call, args }) => [call, ...args])).toMatchObject([
      ['putPool', { ...whole, poolId: 'p1', allowanceBytes: 5 }],
      ['joinPool', 'p1', 's2', { fromMs: NOW_MS, toMs: Date.UTC(2026, 7, 1) }],
      ['leavePool', 'p1', 's2', { at: 'cycle-end' }],
      ['buyTopUp', { poolId: 'p1' }, { kind: 'bytes', expiresMs: Date.UTC(2026, 7, 1) }, { currency: 'EUR' }],
    ]);
  });

  it('share bytes and nothing else', async () => {
    const body = { kind: 'unlimited', validSeconds: 60, price: { amountMinor: 1, currency: 'EUR' } };
    expect((await rig.ask('POST', '/v1/pools/p1/top-ups', body, KEY)).status).toBe(422);
    expect((await rig.ask('POST', '/v1/pools/p1/top-ups', { productId: 'extra-5' })).status).toBe(400);
  });
});
