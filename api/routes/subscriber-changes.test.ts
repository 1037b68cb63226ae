import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../schemas/errors.ts';
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
  rig.tariffs.refusal.error = null;
  rig.tariffs.replayed.value = false;
});

const KEY = { 'idempotency-key': 'order-1' };

/** The one call that a request came to. */
function only(): RecordedCall {
  expect(rig.tariffs.calls).toHaveLength(1);
  return rig.tariffs.calls[0] as RecordedCall;
}

describe('changes of a subscriber', () => {
  const LATER = '2026-08-15T02:00:00+02:00';
  const LATER_MS = Date.UTC(2026, 7, 15);

  it.each<[string, 'POST' | 'DELETE', string, object | undefined, RecordedCall['call'], unknown[], number]>([
    [
      'a plan now',
      'POST',
      'assignments',
      { planId: 'fibre', at: 'now' },
      'assign',
      ['s1', 'fibre', { at: 'now' }, false],
      201,
    ],
    [
      'a plan at the end of the cycle',
      'POST',
      'assignments',
      { planId: 'fibre', at: 'cycle-end', replaceLater: true },
      'assign',
      ['s1', 'fibre', { at: 'cycle-end' }, true],
      201,
    ],
    [
      'a plan later',
      'POST',
      'assignments',
      { planId: 'fibre', at: LATER },
      'assign',
      ['s1', 'fibre', { at: 'time', ms: LATER_MS }, false],
      201,
    ],
    [
      'a plan from a day of this cycle on',
      'POST',
      'assignments',
      { planId: 'fibre', at: LATER, backDate: true },
      'assign',
      ['s1', 'fibre', { at: 'back', ms: LATER_MS }, false],
      201,
    ],
    ['an end', 'POST', 'termination', { at: 'now' }, 'terminate', ['s1', { at: 'now' }], 200],
    [
      'a hold from now on',
      'POST',
      'holds',
      { kind: 'fraud' },
      'hold',
      ['s1', 'fraud', { fromMs: NOW_MS, toMs: null }],
      201,
    ],
    [
      'a hold of a time',
      'POST',
      'holds',
      { kind: 'customer', from: LATER, to: '2026-09-01T00:00:00Z' },
      'hold',
      ['s1', 'customer', { fromMs: LATER_MS, toMs: Date.UTC(2026, 8, 1) }],
      201,
    ],
    ['the end of a hold', 'DELETE', 'holds/31', undefined, 'endHold', ['s1', '31'], 200],
    [
      'an add-on',
      'POST',
      'add-ons',
      { addOnId: 'more', at: 'now' },
      'addAddOn',
      ['s1', 'more', { at: 'now' }],
      201,
    ],
    [
      'the end of an add-on',
      'DELETE',
      'add-ons/21?at=cycle-end',
      undefined,
      'endAddOn',
      ['s1', '21', { at: 'cycle-end' }],
      200,
    ],
  ])('ask the store for %s', async (_, method, path, body, call, args, status) => {
    const answer = await rig.ask(method, `/v1/subscribers/s1/${path}`, body, KEY);
    expect(answer).toMatchObject({
      status,
      headers: { etag: '"8"' },
      body: {
        subscriberId: 's1',
        sum: { amountMinor: -1250, currency: 'EUR' },
        items: [{ key: 'k1', amount: { amountMinor: -1250, currency: 'EUR' }, type: 'proration' }],
        tariff: {
          revision: 7,
          cycle: { start: '2026-07-01T00:00:00.000Z', end: '2026-08-01T00:00:00.000Z' },
        },
      },
    });
    expect(answer.headers['idempotency-replayed']).toBeUndefined();
    expect(only()).toMatchObject({ call, args, context: { by: 'ann-admin', atMs: NOW_MS, reason: '' } });
  });

  it.each([
    ['assignments', { planId: 'fibre', at: 'now' }, '11'],
    ['holds', { kind: 'customer' }, '31'],
    ['add-ons', { addOnId: 'more', at: 'now' }, '21'],
  ])('name the row that they made: %s', async (path, body, id) => {
    expect((await rig.ask('POST', `/v1/subscribers/s1/${path}`, body, KEY)).body['id']).toBe(id);
  });

  it('carry the key, the body’s hash, the reason and the revision', async () => {
    const ask = (body: object, headers: Record<string, string>) =>
      rig.ask('POST', '/v1/subscribers/s1/assignments', body, headers);
    await ask({ planId: 'fibre', at: 'now', reason: 'moved' }, { ...KEY, 'if-match': '"7"' });
    await ask({ reason: 'moved', at: 'now', planId: 'fibre' }, KEY);
    await ask({ planId: 'fibre', at: 'cycle-end', reason: 'moved' }, KEY);
    await rig.ask(
      'POST',
      '/v1/subscribers/s2/assignments',
      { planId: 'fibre', at: 'now', reason: 'moved' },
      KEY,
    );
    const contexts = rig.tariffs.calls.map(({ context }) => context);
    expect(contexts[0]).toMatchObject({
      revision: 7,
      reason: 'moved',
      idempotency: { key: 'order-1', route: 'POST /v1/subscribers/:id/assignments' },
    });
    expect(contexts[1]).not.toHaveProperty('revision');
    const [first, same, otherBody, otherPath] = contexts.map(({ idempotency }) =>
      Buffer.from(idempotency?.requestHash ?? []).toString('hex'),
    );
    expect(same).toBe(first);
    expect(otherBody).not.toBe(first);
    expect(otherPath).not.toBe(first);
    expect(contexts[0]?.idempotency?.keyId).toMatch(/^[0-9a-f]{16}$/);
  });

  it('say that an answer was given before', async () => {
    rig.tariffs.replayed.value = true;
    const { status, headers } = await rig.ask(
      'POST',
      '/v1/subscribers/s1/assignments',
      { planId: 'fibre', at: 'now' },
      KEY,
    );
    expect({ status, replayed: headers['idempotency-replayed'] }).toEqual({ status: 201, replayed: 'true' });
  });

  it.each([
    ['conflict', 409],
    ['not-found', 404],
    ['precondition-failed', 412],
    ['idempotency-mismatch', 422],
    ['invalid-input', 400],
    ['timeout', 503],
    ['store-unknown-outcome', 503],
  ] as const)('tell what the store says: %s', async (code, status) => {
    rig.tariffs.refusal.error = new AppError(code, 'beyond-cycle: the day lies before the cycle');
    const answer = await rig.ask('POST', '/v1/subscribers/s1/termination', { at: 'now' });
    expect(answer).toMatchObject({ status, body: { code, status } });
  });

  it.each<[string, object, Record<string, string>, RegExp]>([
    ['assignments', { planId: 'fibre', at: 'now' }, {}, /idempotency-key/],
    ['add-ons', { addOnId: 'more', at: 'now' }, {}, /idempotency-key/],
    ['top-ups', { productId: 'extra-5' }, {}, /idempotency-key/],
    [
      'assignments',
      { planId: 'fibre', at: 'now' },
      { 'idempotency-key': 'x'.repeat(129) },
      /idempotency-key/,
    ],
    ['assignments', { planId: 'fibre' }, KEY, /at/],
    ['assignments', { planId: '', at: 'now' }, KEY, /planId/],
    ['assignments', { planId: 'a\u0000', at: 'now' }, KEY, /planId/],
    ['assignments', { planId: 'fibre', at: 'tomorrow' }, KEY, /at/],
    ['assignments', { planId: 'fibre', at: 1_783_000_000_000 }, KEY, /at/],
    ['assignments', { planId: 'fibre', at: 'now', backDate: true }, KEY, /backDate/],
    ['assignments', { planId: 'fibre', at: 'now', replaceLater: 'yes' }, KEY, /replaceLater/],
    ['assignments', { planId: 'fibre', at: 'now', by: 'bob' }, KEY, /additional properties/],
    ['holds', { kind: 'boredom' }, {}, /kind/],
    ['holds', { kind: 'legal', from: LATER, to: LATER }, {}, /ends before/],
    ['termination', { at: 'now' }, { 'if-match': '"1", "2"' }, /several tags/],
  ])('are refused: %s %j', async (path, body, headers, message) => {
    const answer = await rig.ask('POST', `/v1/subscribers/s1/${path}`, body, headers);
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid-input' } });
    expect(answer.body['detail']).toMatch(message);
    expect(rig.tariffs.calls).toEqual([]);
  });
});

describe('a preview', () => {
  const look = (body: object, id = 's1', headers: Record<string, string> = {}) =>
    rig.ask('POST', `/v1/subscribers/${id}/preview`, body, headers);

  it.each<[string, object, RecordedCall['call']]>([
    ['assignment', { planId: 'fibre', at: 'now' }, 'assign'],
    ['termination', { at: 'now' }, 'terminate'],
    ['hold', { kind: 'customer' }, 'hold'],
    ['add-on', { addOnId: 'more', at: 'now' }, 'addAddOn'],
    ['top-up', { productId: 'extra-5' }, 'buyTopUp'],
  ])('of a change is the change, taken back: %s', async (kind, change, call) => {
    const answer = await look({ kind, change }, 's1', KEY);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        items: [{ key: 'k1' }],
        sum: { amountMinor: -1250, currency: 'EUR' },
        allowance: { before: '1000', after: null },
        countedBytes: { before: '600', after: '700' },
        cycle: { start: '2026-07-01T00:00:00.000Z' },
      },
    });
    expect(only()).toMatchObject({ call, context: { dryRun: true } });
    expect(only().context).not.toHaveProperty('idempotency');
  });

  it('knows no usage of who was not metered', async () => {
    expect((await look({ kind: 'termination', change: { at: 'now' } }, 'unmetered')).body).toMatchObject({
      allowance: { before: null, after: null },
      countedBytes: { before: null, after: null },
    });
  });

  it.each([
    [{}, 400],
    [{ kind: 'assignment' }, 400],
    [{ kind: 'erasure', change: {} }, 400],
    [{ kind: 'hold', change: { planId: 'fibre', at: 'now' } }, 400],
  ])('refuses %j', async (body, status) => {
    expect((await look(body)).status).toBe(status);
    expect((await look({ kind: 'termination', change: { at: 'now' } }, NOBODY)).status).toBe(404);
  });
});
