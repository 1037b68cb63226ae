import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NOW_MS, planTerms } from '../tariff-factory.contract.ts';
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

/** The one call that a request came to. */
function only(): RecordedCall {
  expect(rig.tariffs.calls).toHaveLength(1);
  return rig.tariffs.calls[0] as RecordedCall;
}

describe('plans', () => {
  const { planId: _, version: _version, effectiveFromMs: _from, ...stored } = planTerms();
  const { overage, ...metering } = stored.metering;
  const terms = {
    ...stored,
    metering: {
      ...metering,
      capBytes: '1000000000000',
      overage: overage && { blockBytes: '1000000000', blockPriceMinor: 200, maxBlocks: 10 },
    },
  };

  it('get a version that says what is stored', async () => {
    const body = { terms, effectiveFrom: '2026-09-01T00:00:00Z', reason: 'dearer' };
    const { status, body: made } = await rig.ask('POST', '/v1/plans/fibre/versions', body);
    expect(status).toBe(201);
    const wanted = planTerms({ version: 2, effectiveFromMs: Date.UTC(2026, 8, 1) });
    expect(only()).toMatchObject({ call: 'putPlanVersion', args: [wanted], context: { reason: 'dearer' } });
    // What is answered can be sent again.
    const { terms: shown } = made as { terms: object };
    rig.tariffs.calls.length = 0;
    const again = await rig.ask('POST', '/v1/plans/fibre/versions', {
      version: 3,
      terms: shown,
      effectiveFrom: null,
    });
    expect(again).toMatchObject({ status: 201, body: { version: 3, effectiveFrom: null, terms: shown } });
  });

  it('have what most plans have where nobody says', async () => {
    const body = {
      effectiveFrom: null,
      terms: {
        ...{ name: 'Plain', currency: 'JPY', recurring: null, usage: null },
        metering: { capBytes: null, counted: 'down', downBps: 1, upBps: 1, overage: null },
      },
    };
    await rig.ask('POST', `/v1/plans/${NOBODY}/versions`, body);
    expect(only().args).toEqual([
      {
        ...{ planId: NOBODY, version: 1, effectiveFromMs: null, name: 'Plain', currency: 'JPY' },
        ...{ taxClass: 'standard', recurring: null, usage: null },
        heldPerMille: { 'non-payment': 1000, customer: 0, fraud: 1000, legal: 1000 },
        metering: {
          ...{ family: NOBODY, capBytes: null, counted: 'down', downBps: 1, upBps: 1, overage: null },
          classFactors: {},
        },
      },
    ]);
  });

  const cheap = (changes: object) => ({ terms: { ...terms, ...changes }, effectiveFrom: null });
  it.each<[string, object, number, RegExp]>([
    ['no currency', cheap({ currency: 'XXZ' }), 422, /XXZ is no currency/],
    [
      'a throttle faster than the plan',
      cheap({ metering: { ...terms.metering, throttled: { downBps: 1e12, upBps: 1 } } }),
      422,
      /faster than the plan/,
    ],
    [
      'blocks beyond no cap',
      cheap({ metering: { ...terms.metering, capBytes: null, carryOver: null } }),
      422,
      /there is none/,
    ],
    [
      'tiers that do not end',
      cheap({
        usage: { mode: 'volume', includedBytes: 0, tiers: [{ toBytes: 5, unitBytes: 1, priceMicro: 1 }] },
      }),
      422,
      /usage.tiers/,
    ],
    [
      'a unit of nothing',
      cheap({
        usage: { mode: 'volume', includedBytes: 0, tiers: [{ toBytes: null, unitBytes: 0, priceMicro: 1 }] },
      }),
      400,
      /unitBytes/,
    ],
    ['a fraction of a minor unit', cheap({ recurring: { feeMinor: 0.5, when: 'advance' } }), 400, /feeMinor/],
    ['a fee as text', cheap({ recurring: { feeMinor: '5', when: 'advance' } }), 400, /feeMinor/],
    ['an unknown field', cheap({ colour: 'red' }), 400, /additional properties/],
    ['no effective date', { terms }, 400, /effectiveFrom/],
    ['version 0', { ...cheap({}), version: 0 }, 400, /version/],
  ])('refuse %s', async (_what, body, status, message) => {
    const answer = await rig.ask('POST', '/v1/plans/fibre/versions', body);
    expect(answer.status).toBe(status);
    expect(answer.body['detail']).toMatch(message);
    expect(rig.tariffs.calls).toEqual([]);
  });

  it('are renamed and archived by who read them', async () => {
    const patch = (headers: Record<string, string>, body: object = { archived: true }) =>
      rig.ask('PATCH', '/v1/plans/fibre', body, headers);
    expect(await patch({})).toMatchObject({ status: 428, body: { code: 'precondition-required' } });
    expect((await patch({ 'if-match': '"2"' }, {})).status).toBe(400);
    expect(await patch({ 'if-match': '"2"' })).toMatchObject({ status: 200, headers: { etag: '"8"' } });
    expect(only()).toMatchObject({
      call: 'changePlan',
      args: ['fibre', { archived: true }],
      context: { revision: 2 },
    });
  });

  it('are shown with the version in effect and those to come', async () => {
    const versions = [
      planTerms({ version: 1 }),
      planTerms({ version: 2, effectiveFromMs: NOW_MS }),
      planTerms({ version: 3, effectiveFromMs: NOW_MS + 1 }),
    ];
    const before = rig.tariffs.store.planVersions;
    rig.tariffs.store.planVersions = () => Promise.resolve(versions);
    const { headers, body } = await rig.ask('GET', '/v1/plans/fibre');
    rig.tariffs.store.planVersions = before;
    expect(headers.etag).toBe('"2"');
    expect(body).toMatchObject({ current: { version: 2 }, upcoming: [{ version: 3 }] });
    expect((await rig.ask('GET', '/v1/plans/fibre/versions/1')).status).toBe(200);
    for (const url of [
      `/v1/plans/${NOBODY}`,
      `/v1/plans/${NOBODY}/versions`,
      '/v1/plans/fibre/versions/9',
      `/v1/add-ons/${NOBODY}/versions`,
    ])
      expect(await rig.ask('GET', url), url).toMatchObject({ status: 404, body: { code: 'not-found' } });
  });

  it('have add-ons', async () => {
    const body = {
      ...{ name: 'More', currency: 'EUR', feeMinor: 500, when: 'arrears', capBytes: '10', prorated: false },
      effectiveFrom: '2026-08-01T00:00:00Z',
    };
    const made = await rig.ask('POST', '/v1/add-ons/more/versions', body);
    expect(made).toMatchObject({
      status: 201,
      body: { ...body, version: 2, effectiveFrom: '2026-08-01T00:00:00.000Z' },
    });
    const refused = await rig.ask('POST', '/v1/add-ons/more/versions', { ...body, currency: 'XXZ' });
    expect(refused).toMatchObject({ status: 422, body: { code: 'invalid-input' } });
  });
});
