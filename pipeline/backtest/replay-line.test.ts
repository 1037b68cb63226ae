import { describe, expect, it } from 'vitest';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import { plan } from '../../tests/factories.ts';
import {
  DAY_MS,
  HOUR_MS,
  JULY,
  inForce,
  policy,
  replayed,
  rule,
  story,
  task,
} from './backtest-rig.contract.ts';

/** a minute before the hour's end: where the watermark stands then */
const MINUTE = 1 / 60;
const LATCHED = { type: 'throttle', params: { downBps: 2e6, upBps: 1e6, until: 'cycle-end' } } as const;

describe('a line under a draft', () => {
  const draft = inForce(policy([rule()]));

  it('is slowed in the hour in which the threshold is reached, to the byte', async () => {
    const used: [number, number][] = [
      [JULY, 999],
      [JULY + 30 * HOUR_MS, 1],
      [JULY + 40 * HOUR_MS, 5],
    ];
    expect(story(await replayed(task({ draft }), used))).toEqual([['throttle', 31 - MINUTE]]);
    expect(story(await replayed(task({ draft }), used.slice(0, 1)))).toEqual([]);
  });

  it('gets its speed back when the cycle rolls, without usage', async () => {
    const of = task({ draft, toMs: JULY + 40 * DAY_MS });
    expect(story(await replayed(of, [[JULY + HOUR_MS, 1000]]))).toEqual([
      ['throttle', 2 - MINUTE],
      ['restore', 31 * 24],
    ]);
  });

  it('counts the cycle from its beginning, and actions from --from up to --to', async () => {
    const used: [number, number][] = [
      [JULY, 600],
      [JULY + 10 * DAY_MS, 400],
    ];
    const from = { draft, fromMs: JULY + 9 * DAY_MS };
    expect(story(await replayed(task(from), used))).toEqual([['throttle', 241 - MINUTE]]);
    const later = await replayed(task({ draft, fromMs: JULY + 11 * DAY_MS }), used);
    expect(story(later)).toEqual([]);
    expect(later.sides.draft.held).toEqual([
      expect.objectContaining({ fromMs: JULY + 11 * DAY_MS, toMs: JULY + 31 * DAY_MS }),
    ]);
    const before = await replayed(task({ draft, toMs: JULY + 10 * DAY_MS }), used);
    expect([story(before), before.sides.draft.held]).toEqual([[], []]);
  });

  it('has its cycle by its zone and anchor, also where hours are not those of UTC', async () => {
    const of = task({ draft, fromMs: JULY - 2 * DAY_MS });
    // Midnight in Kolkata is 18:30 UTC.
    const midnight = JULY - 5.5 * HOUR_MS;
    const used: [number, number][] = [
      [midnight - HOUR_MS / 2, 999],
      [midnight, 999],
      [midnight + HOUR_MS / 2, 1],
    ];
    const line = await replayed(of, used, { zone: 'Asia/Kolkata' }, HOUR_MS / 2);
    expect(story(line)[0]).toEqual(['throttle', -4.5 - MINUTE]);
  });

  it('is looked at where time alone changes something: a top-up that ends', async () => {
    const topUps = [{ id: 't', bytes: 1000, fromMs: 0, expiresMs: JULY + 5.5 * HOUR_MS }];
    const line = await replayed(task({ draft }), [[JULY, 1500]], { topUps });
    expect(story(line)).toEqual([['throttle', 5.5]]);
  });

  it('sees off-peak hours begin and end', async () => {
    const offPeak = { hours: [{ days: [1, 2, 3, 4, 5, 6, 7], from: '22:00', to: '06:00' }], dates: [] };
    const provider = { ...NO_PROVIDER_SETTINGS, offPeak };
    const nightFree = policy([
      rule({
        conditions: {
          all: [
            { fact: 'capUsedPercent', operator: 'greaterThanInclusive', value: 100 },
            { fact: 'isOffPeak', operator: 'equal', value: false },
          ],
        },
      }),
    ]);
    const of = task({
      draft: inForce(nightFree),
      provider: { draft: provider, against: provider },
      toMs: JULY + DAY_MS,
    });
    const line = await replayed(of, [[JULY + 8 * HOUR_MS, 1000]]);
    expect(story(line)).toEqual([
      ['throttle', 9 - MINUTE],
      ['restore', 22],
    ]);
    expect(line.sides.draft.held.map(({ fromMs, toMs }) => toMs - fromMs)).toEqual([13 * HOUR_MS + 60_000]);
  });

  it('is charged by block, once each', async () => {
    const terms = { blockBytes: 100, blockPriceMinor: 250, currency: 'EUR', maxBlocks: 3 };
    const of = task({
      draft: inForce(policy([rule({ event: { type: 'overage', params: {} } })])),
      plans: [plan({ overage: terms })],
    });
    const used: [number, number][] = [
      [JULY, 1001],
      [JULY + 2 * HOUR_MS, 120],
      [JULY + 4 * HOUR_MS, 900],
    ];
    const line = await replayed(of, used, { overageConsent: true });
    expect(line.sides.draft.decisions.map(({ intent }) => intent.overage?.block)).toEqual([1, 2, 3]);
    expect(story(await replayed(of, used, { overageConsent: false }))).toEqual([]);
  });

  it('has a top-up that it buys from that moment on', async () => {
    const topUps = { gb: { bytes: 500, priceMinor: 499, currency: 'EUR', validSeconds: null } };
    const provider = { ...NO_PROVIDER_SETTINGS, topUps };
    const buys = rule({ name: 'buy', event: { type: 'topup', params: { productId: 'gb', maxPerCycle: 2 } } });
    const slows = rule({ name: 'slow', event: LATCHED });
    const of = task({
      draft: inForce(policy([buys, { ...slows, conditions: over(100) }])),
      provider: { draft: provider, against: provider },
    });
    const used: [number, number][] = [
      [JULY, 1000],
      [JULY + 10 * HOUR_MS, 500],
      [JULY + 20 * HOUR_MS, 500],
    ];
    const kinds = story(await replayed(of, used, { overageConsent: true }));
    expect(kinds.filter(([kind]) => kind === 'topup')).toHaveLength(2);
    // A purchase lifts what its own moment began.
    expect(kinds.at(-1)).toEqual(['throttle', 21 - MINUTE]);
  });

  it('does without a look where nothing is used', async () => {
    const line = await replayed(task({ draft }), [[JULY + 5 * HOUR_MS, 1]]);
    expect(line.looks).toBeLessThan(5);
  });
});

describe('resolution', () => {
  const used: [number, number][] = [
    [JULY + HOUR_MS, 600],
    [JULY + HOUR_MS + 300_000, 500],
  ];
  const draft = inForce(policy([rule()]));

  it.each([
    ['5m', 300_000, 1 + 10 / 60],
    ['1h', HOUR_MS, 2],
    ['1d', HOUR_MS, 24],
  ] as const)('%s', async (resolution, gridMs, end) => {
    const line = await replayed(task({ draft, resolution }), used, {}, gridMs);
    expect(story(line).map(([kind, hours]) => [kind, Math.round(hours * 60)])).toEqual([
      ['throttle', end * 60 - 1],
    ]);
  });

  it('sees rates of 5-minute windows at 5m', async () => {
    const peak = policy([
      rule({ conditions: { all: [{ fact: 'peakRateBps', operator: 'greaterThan', value: 15 }] } }),
    ]);
    const of = task({ draft: inForce(peak), resolution: '5m' });
    // Tomorrow there is no such window.
    expect(
      story(await replayed(of, used, {}, 300_000)).map(([kind, hours]) => [kind, Math.floor(hours)]),
    ).toEqual([
      ['throttle', 1],
      ['restore', 24],
    ]);
    const half = used.map(([atMs, down]): [number, number] => [atMs, down / 2]);
    expect(story(await replayed(of, half, {}, 300_000))).toEqual([]);
  });
});

describe('facts that look back', () => {
  it('knows the usual day from usage before the cycle', async () => {
    const unusual = policy([
      rule({
        conditions: { all: [{ fact: 'dayToUsualPercent', operator: 'greaterThanInclusive', value: 1000 }] },
      }),
    ]);
    const days = [5, 4, 3, 2, 1].map((n): [number, number] => [JULY - n * DAY_MS, 10]);
    const line = await replayed(task({ draft: inForce(unusual) }), [...days, [JULY + HOUR_MS, 100]]);
    expect(story(line)[0]).toEqual(['throttle', 2 - MINUTE]);
    // The days before are of another cycle.
    expect(line.sides.draft.decisions[0]?.asked?.facts.cycleTotalBytes).toBe(100);
  });
});

function over(percent: number) {
  return { all: [{ fact: 'capUsedPercent', operator: 'greaterThanInclusive', value: percent }] };
}
