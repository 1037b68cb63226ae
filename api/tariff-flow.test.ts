import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryTariffs } from '../storage/memory/tariffs.ts';
import { memoryTariffs } from './tariff-memory.contract.ts';
import { tariffApi } from './tariff-rig.contract.ts';
import type { TariffSources } from './tariff-sources.ts';

type Rig = Awaited<ReturnType<typeof open>>;
let rig: Rig;

/** Kind and source of what was bought. */
let bought: string[];

function open() {
  bought = [];
  const onBought = (kind: string, source: string): unknown => bought.push(`${kind} ${source}`);
  return tariffApi(memoryTariffs(new MemoryTariffs({ onBought })));
}

const TERMS = {
  ...{ name: 'Fibre', currency: 'EUR', usage: null, recurring: { feeMinor: 3100, when: 'advance' } },
  metering: { capBytes: '1000000', counted: 'both', downBps: 5e8, upBps: 5e7, overage: null },
};
const DEARER = { ...TERMS, recurring: { feeMinor: 6200, when: 'advance' } };
const SUBSCRIBER = {
  ...{ accountId: 'a1', externalId: null, segment: 'home', tags: [], zone: 'UTC', overageConsent: false },
  credentials: [{ userName: 'ann' }],
};

function keyed(key: string) {
  return { 'idempotency-key': key };
}

beforeEach(async () => {
  rig = await open();
  const made = [
    await rig.ask('POST', '/v1/plans/fibre/versions', { terms: TERMS, effectiveFrom: null }),
    await rig.ask('POST', '/v1/plans/fast/versions', { terms: DEARER, effectiveFrom: null }),
    await rig.ask('PUT', '/v1/accounts/a1', {
      ...{ currency: 'EUR', billingRef: null, cycle: { kind: 'month', anchorDay: 1 } },
    }),
    await rig.ask('PUT', '/v1/subscribers/s1', SUBSCRIBER),
  ];
  expect(made.map(({ status, text }) => (status === 201 ? status : text))).toEqual([201, 201, 201, 201]);
}, 60_000);

function assign(planId: string, key: string, more: object = {}) {
  return rig.ask('POST', '/v1/subscribers/s1/assignments', { planId, at: 'now', ...more }, keyed(key));
}

describe('a subscriber over the store', () => {
  it('gets a plan once, however often it is asked for', async () => {
    const first = await assign('fibre', 'k1');
    expect(first.status).toBe(201);
    const again = await assign('fibre', 'k1');
    expect(again.status).toBe(201);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(again.body).toEqual(first.body);
    const { status, body } = await assign('fast', 'k1');
    expect({ status, body }).toMatchObject({ status: 422, body: { code: 'idempotency-mismatch' } });
    const { tariff } = (await rig.ask('GET', '/v1/subscribers/s1')).body as {
      tariff: { assignments: { planId: string }[] };
    };
    expect(tariff.assignments.map(({ planId }) => planId)).toEqual(['fibre']);
  });

  it('is changed by who knows it as it is', async () => {
    await assign('fibre', 'k1');
    const { headers } = await rig.ask('GET', '/v1/subscribers/s1');
    const etag = String(headers.etag);
    expect((await rig.ask('PUT', '/v1/subscribers/s1', SUBSCRIBER)).status).toBe(428);
    const changed = { ...SUBSCRIBER, segment: 'business' };
    expect((await rig.ask('PUT', '/v1/subscribers/s1', changed, { 'if-match': etag })).status).toBe(200);
    const late = await rig.ask('PUT', '/v1/subscribers/s1', SUBSCRIBER, { 'if-match': etag });
    expect(late).toMatchObject({ status: 412, body: { code: 'precondition-failed' } });
    const held = await rig.ask('POST', '/v1/subscribers/s1/holds', { kind: 'fraud' }, { 'if-match': etag });
    expect(held.status).toBe(412);
  });

  it('sees by preview what the change is, and nothing is stored', async () => {
    await assign('fibre', 'k1');
    const before = (await rig.ask('GET', '/v1/subscribers/s1')).body;
    const change = { planId: 'fast', at: 'now' };
    const seen = await rig.ask('POST', '/v1/subscribers/s1/preview', { kind: 'assignment', change });
    expect((await rig.ask('GET', '/v1/subscribers/s1')).body).toEqual(before);
    const done = await assign('fast', 'k2');
    expect(seen.body['items']).toEqual(done.body['items']);
    expect(seen.body['sum']).toEqual(done.body['sum']);
  });

  it('buys, takes back, is held and ends', async () => {
    await assign('fibre', 'k1');
    const bought = await rig.ask('POST', '/v1/subscribers/s1/top-ups', { productId: 'extra-5' }, keyed('t1'));
    expect(bought).toMatchObject({ status: 201, body: { topUp: { bytes: '5000000000' } } });
    const { id } = (bought.body as { topUp: { id: string } }).topUp;
    expect((await rig.ask('DELETE', `/v1/subscribers/s1/top-ups/${id}`)).status).toBe(200);
    const held = await rig.ask('POST', '/v1/subscribers/s1/holds', { kind: 'customer' });
    expect(held.status).toBe(201);
    const twice = await rig.ask('POST', '/v1/subscribers/s1/holds', { kind: 'customer' });
    expect(twice).toMatchObject({ status: 409, body: { code: 'conflict' } });
    const ended = await rig.ask('DELETE', `/v1/subscribers/s1/holds/${String(held.body['id'])}`);
    expect(ended.status).toBe(200);
    const erased = await rig.ask('POST', '/v1/subscribers/s1/erasure', {});
    expect(erased).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect((await rig.ask('POST', '/v1/subscribers/s1/erasure', { force: true })).status).toBe(200);
  });

  it('is told of a purchase again, also when the product has gone since', async () => {
    const buy = (key: string) =>
      rig.ask('POST', '/v1/subscribers/s1/top-ups', { productId: 'extra-5' }, keyed(key));
    const bought = await buy('t1');
    const sources: { product: TariffSources['product'] } = rig.tariffs;
    sources.product = () => Promise.resolve(null);
    const again = await buy('t1');
    expect(again).toMatchObject({ status: 201, headers: { 'idempotency-replayed': 'true' } });
    expect(again.body).toEqual(bought.body);
    expect((await buy('t2')).status).toBe(404);
    const other = await rig.ask('POST', '/v1/subscribers/s1/top-ups', { productId: 'extra-6' }, keyed('t1'));
    expect(other.status).toBe(422);
  });

  it('is counted as a purchase once, and noted with the key that bought it', async () => {
    await rig.ask('POST', '/v1/subscribers/s1/preview', { kind: 'top-up', change: { productId: 'extra-5' } });
    for (let times = 0; times < 2; times++)
      await rig.ask('POST', '/v1/subscribers/s1/top-ups', { productId: 'extra-5' }, keyed('t1'));
    expect(bought).toEqual(['bytes api']);
    const all = { subject: null, who: null, action: 'top-up', fromMs: null, toMs: null };
    const { items } = await rig.tariffs.reads.audit(all, 10, null);
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({ who: 'ann-admin', content: { keyId: expect.any(String) as string } });
  });

  it('is in one pool at a time', async () => {
    const pool = {
      ...{ allowanceBytes: '5', zone: 'UTC', anchorDay: 1, segment: '', planId: null, overageConsent: false },
      billTo: 's1',
    };
    for (const id of ['p1', 'p2']) expect((await rig.ask('PUT', `/v1/pools/${id}`, pool)).status).toBe(201);
    expect((await rig.ask('PUT', '/v1/pools/p1/members/s1', {})).status).toBe(200);
    expect((await rig.ask('PUT', '/v1/pools/p2/members/s1', {})).status).toBe(409);
    expect((await rig.ask('GET', '/v1/pools/p1')).body).toMatchObject({ members: [{ subscriberId: 's1' }] });
    expect((await rig.ask('DELETE', '/v1/pools/p1/members/s1')).status).toBe(200);
  });

  it.each([
    ['an unknown plan', 'POST', 'assignments', { planId: 'none', at: 'now' }, 404],
    ['an unknown hold', 'DELETE', 'holds/9', undefined, 404],
    ['an unknown add-on', 'POST', 'add-ons', { addOnId: 'none', at: 'now' }, 404],
    [
      'a year beyond any calendar',
      'POST',
      'assignments',
      { planId: 'fibre', at: '9999-12-31T00:00:00Z' },
      400,
    ],
  ] as const)('is told of %s', async (_, method, path, body, status) => {
    const answer = await rig.ask(method, `/v1/subscribers/s1/${path}`, body, keyed('k9'));
    expect(answer.text === '' ? null : answer.body).toMatchObject({ status });
  });

  it('is listed page by page, each once', async () => {
    for (const id of ['s2', 's3', 's4', 's5']) {
      const body = { ...SUBSCRIBER, credentials: [{ userName: id }] };
      expect((await rig.ask('PUT', `/v1/subscribers/${id}`, body)).status).toBe(201);
    }
    const seen: string[] = [];
    let next: string | null = null;
    do {
      const after: string = next === null ? '' : `&after=${next}`;
      const { body } = await rig.ask('GET', `/v1/subscribers?limit=2${after}`);
      const page = body as { items: { subscriberId: string }[]; next: string | null };
      seen.push(...page.items.map(({ subscriberId }) => subscriberId));
      next = page.next;
    } while (next !== null && seen.length < 20);
    expect(seen).toEqual(['s1', 's2', 's3', 's4', 's5']);
  });
});
