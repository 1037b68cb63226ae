import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClassBytes, ClosedCycle, ClosedPart, UsageAdjustment } from '../../schemas/usage-record.ts';
import { boundaryDistanceMs, dueUsage, isUsageLine, overageSince } from './close.ts';
import { law } from './laws.contract.ts';
import { lookup, planTerms } from './tariff-factory.contract.ts';

const METERING = planTerms().metering;
/** One cent a byte beyond 100. */
const A = planTerms({
  usage: {
    mode: 'graduated',
    tiers: [{ toBytes: null, unitBytes: 1, priceMicro: 1_000_000 }],
    includedBytes: 100,
  },
  metering: { ...METERING, classFactors: { free: 0 }, offPeakFactors: { '*': 500 } },
});
/** Two cents a byte down, all of it. */
const B = planTerms({
  planId: 'b',
  name: 'Plan B',
  usage: {
    mode: 'volume',
    tiers: [{ toBytes: null, unitBytes: 1, priceMicro: 2_000_000 }],
    includedBytes: 0,
  },
  metering: { ...METERING, counted: 'down' },
});
const PLANS = lookup([A, B, planTerms({ planId: 'flat' })]);

const bytes = (downBytes: number, upBytes = 0, serviceClass = ''): ClassBytes => {
  return { serviceClass, downBytes, upBytes };
};
const part = (given: Partial<ClosedPart> = {}): ClosedPart => ({
  fromMs: 1000,
  toMs: 9000,
  planId: 'a',
  version: 1,
  unlimited: false,
  countedBytes: 0,
  classes: [bytes(0)],
  offPeak: [],
  ...given,
});
const closed = (given: Partial<ClosedCycle> = {}): ClosedCycle => ({
  subscriberId: 's1',
  cycleStartMs: 1000,
  cycleEndMs: 9000,
  planId: 'a',
  classes: [],
  adjustedDownBytes: 0,
  adjustedUpBytes: 0,
  partition: 0,
  offset: 500,
  ...given,
});
const adjustment = (given: Partial<UsageAdjustment> = {}): UsageAdjustment => ({
  id: '0:600:0',
  subscriberId: 's1',
  cycleStartMs: 1000,
  cycleEndMs: 9000,
  serviceClass: '',
  downBytes: 0,
  upBytes: 0,
  reason: 'late-usage',
  detail: '',
  partition: 0,
  offset: 600,
  ...given,
});

describe('dueUsage: plan a one cent a byte beyond 100, b two cents a byte down', () => {
  const whole = closed({ parts: [part({ classes: [bytes(150, 50)] })] });
  const two = closed({
    parts: [
      part({ toMs: 4000, classes: [bytes(150, 50)] }),
      part({ fromMs: 4000, planId: 'b', classes: [bytes(30, 500)] }),
    ],
  });
  const twoAmounts = { 'usage:1000': 100, 'usage:4000': 60 };
  it.each<[string, ClosedCycle, UsageAdjustment[], Record<string, number>]>([
    ['one part', whole, [], { 'usage:1000': 100 }],
    [
      'within what is in the fee',
      closed({ parts: [part({ classes: [bytes(80)] })] }),
      [],
      { 'usage:1000': 0 },
    ],
    ['two parts, each by its plan', two, [], twoAmounts],
    [
      'a class for nothing',
      closed({ parts: [part({ classes: [bytes(120), bytes(900, 0, 'free')] })] }),
      [],
      { 'usage:1000': 20 },
    ],
    [
      'off-peak by half',
      closed({ parts: [part({ classes: [bytes(300)], offPeak: [bytes(100)] })] }),
      [],
      { 'usage:1000': 150 },
    ],
    [
      'unlimited',
      closed({ parts: [part({ classes: [bytes(300)], unlimited: true })] }),
      [],
      { 'usage:1000': 0 },
    ],
    [
      'a plan version that was cut, and came back: one line, one allowance, from its first part on',
      closed({
        parts: [
          part({ toMs: 3000, classes: [bytes(90)] }),
          part({ fromMs: 3000, toMs: 4000, classes: [bytes(900)], unlimited: true }),
          part({ fromMs: 4000, toMs: 5000, planId: 'b', classes: [bytes(30)] }),
          part({ fromMs: 5000, classes: [bytes(90)] }),
        ],
      }),
      [],
      { 'usage:1000': 80, 'usage:4000': 60 },
    ],
    ['a plan without a price', closed({ parts: [part({ planId: 'flat', classes: [bytes(300)] })] }), [], {}],
    ['an unknown version', closed({ parts: [part({ version: 7, classes: [bytes(300)] })] }), [], {}],
    ['nobody was assigned', closed({ parts: [] }), [], {}],
    ['no parts told', closed({ classes: [bytes(150, 50)] }), [], { 'usage:1000': 100 }],
    ['no parts told, no plan', closed({ planId: '', classes: [bytes(150)] }), [], {}],
    [
      'corrections in the close',
      { ...whole, adjustedDownBytes: -30, adjustedUpBytes: 5 },
      [],
      { 'usage:1000': 75 },
    ],
    ['late usage', whole, [adjustment({ downBytes: 10, upBytes: 1 })], { 'usage:1000': 111 }],
    ['late usage off-peak', whole, [adjustment({ downBytes: 10, offPeak: true })], { 'usage:1000': 105 }],
    [
      'late usage of a class',
      whole,
      [adjustment({ downBytes: 10, serviceClass: 'free' })],
      { 'usage:1000': 100 },
    ],
    [
      'late usage of a part',
      two,
      [adjustment({ downBytes: 10, partFromMs: 1000 })],
      { ...twoAmounts, 'usage:1000': 110 },
    ],
    [
      'late usage of the other',
      two,
      [adjustment({ downBytes: 10, partFromMs: 4000 })],
      { ...twoAmounts, 'usage:4000': 80 },
    ],
    [
      'late usage that does not say of which',
      two,
      [adjustment({ downBytes: 10 })],
      { ...twoAmounts, 'usage:4000': 80 },
    ],
    [
      'late usage of a time without a plan',
      closed({
        parts: [part({ toMs: 4000, classes: [bytes(150, 50)] }), part({ fromMs: 5000, planId: 'b' })],
      }),
      [adjustment({ downBytes: 10, partFromMs: 4000 })],
      { 'usage:1000': 100, 'usage:5000': 0 },
    ],
    [
      'late usage of a moved part',
      two,
      [adjustment({ downBytes: 10, partFromMs: 3999 })],
      { ...twoAmounts, 'usage:1000': 110 },
    ],
    [
      'replays from before the close: they are in no total',
      whole,
      [adjustment({ downBytes: 10, reason: 'replay', offset: 3 })],
      { 'usage:1000': 110 },
    ],
    [
      'an operator before the close: it is in there',
      whole,
      [adjustment({ downBytes: 10, reason: 'operator', offset: 499 })],
      { 'usage:1000': 100 },
    ],
    [
      'an operator after it',
      whole,
      [adjustment({ downBytes: -10, reason: 'operator', offset: 501 })],
      { 'usage:1000': 90 },
    ],
    [
      'an operator whose command closed it',
      whole,
      [adjustment({ downBytes: 10, reason: 'operator', offset: 500 })],
      { 'usage:1000': 110 },
    ],
  ])('%s', (_name, cycle, adjustments, amounts) => {
    const lines = dueUsage(cycle, adjustments, PLANS, 'EUR');
    expect(Object.fromEntries(lines.map(({ line, amountMinor }) => [line, amountMinor]))).toEqual(amounts);
    expect(lines.every(({ line }) => isUsageLine(line))).toBe(true);
  });

  it('says what was priced', () => {
    expect(dueUsage(whole, [], PLANS, 'EUR')).toEqual([
      {
        line: 'usage:1000',
        amountMinor: 100,
        quantity: 100,
        periodFromMs: 1000,
        periodToMs: 9000,
        description: 'Plan A',
        planId: 'a',
        version: 1,
      },
    ]);
  });

  it('leaves out terms of another currency', () => {
    expect(dueUsage(whole, [], PLANS, 'USD')).toEqual([]);
  });

  const signed = fc.integer({ min: -50, max: 400 });
  const late = fc.array(
    fc.record({
      down: fc.nat(300),
      up: fc.nat(300),
      corrected: signed,
      partFromMs: fc.constantFrom(1000, 4000),
      offPeak: fc.boolean(),
      reason: fc.constantFrom('late-usage' as const, 'operator' as const, 'replay' as const),
    }),
    { maxLength: 8 },
  );
  law('does not depend on the order of what came late', fc.tuple(late, fc.nat()), ([list, seed]) => {
    const all = list.map(({ down, up, corrected, partFromMs, offPeak, reason }, n) =>
      adjustment({
        id: `0:${600 + n}:0`,
        offset: 600 + n,
        partFromMs,
        reason,
        ...(reason === 'operator'
          ? { downBytes: corrected, upBytes: 0 }
          : { downBytes: down, upBytes: up, offPeak }),
      }),
    );
    const cut = all.length === 0 ? 0 : seed % all.length;
    const turned = [...all.slice(cut), ...all.slice(0, cut)].reverse();
    expect(dueUsage(two, turned, PLANS, 'EUR')).toEqual(dueUsage(two, all, PLANS, 'EUR'));
    for (const { amountMinor } of dueUsage(two, all, PLANS, 'EUR'))
      expect(amountMinor).toBeGreaterThanOrEqual(0);
  });
});

describe('usage of a cycle that was cut', () => {
  const carried = fc.record({
    down: fc.nat(400),
    up: fc.nat(400),
    cuts: fc.array(fc.nat(400), { maxLength: 5 }),
  });
  law(
    'costs what it does uncut',
    fc.tuple(carried, fc.constantFrom('a', 'b')),
    ([{ down, up, cuts }, planId]) => {
      const inOrder = [...cuts.map((n) => Math.min(n, down, up)).sort((a, b) => a - b)];
      const bounds = [0, ...inOrder];
      const parts = bounds.map((before, n) => {
        const isLast = n === bounds.length - 1;
        const next = bounds[n + 1] ?? 0;
        const classes = [bytes((isLast ? down : next) - before, (isLast ? up : next) - before)];
        return part({ planId, fromMs: 1000 + n, toMs: isLast ? 9000 : 1001 + n, classes });
      });
      const whole = closed({ parts: [part({ planId, classes: [bytes(down, up)] })] });
      expect(dueUsage(closed({ parts }), [], PLANS, 'EUR')).toEqual(dueUsage(whole, [], PLANS, 'EUR'));
    },
  );
});

describe('overageSince', () => {
  const overage = { blocks: 1, soldBytes: 100, overBytes: 40, correctedBytes: 5 };
  const two = closed({
    overage,
    parts: [
      part({ toMs: 4000, classes: [bytes(150, 50)] }),
      part({ fromMs: 4000, planId: 'b', classes: [bytes(30, 500)] }),
    ],
  });
  it.each<[string, UsageAdjustment[], number, number]>([
    ['nothing since', [], 40, 5],
    ['late bytes', [adjustment({ downBytes: 10, upBytes: 3 })], 50, 5],
    ['late bytes of the first part', [adjustment({ downBytes: 10, upBytes: 3, partFromMs: 1000 })], 53, 5],
    ['a correction', [adjustment({ downBytes: -10, reason: 'operator' })], 30, 15],
    ['a correction of more than there is', [adjustment({ downBytes: -1000, reason: 'operator' })], 10, 35],
    ['one that the close knew', [adjustment({ downBytes: -10, reason: 'operator', offset: 3 })], 40, 5],
  ])('%s', (_name, adjustments, overBytes, correctedBytes) => {
    expect(overageSince(two, adjustments, PLANS)).toEqual({ ...overage, overBytes, correctedBytes });
  });

  it('leaves out what a plan that begins anew does not count', () => {
    const fresh = planTerms({ ...B, metering: { ...B.metering, usedBefore: 'fresh' } });
    const plans = lookup([A, fresh]);
    const late = (partFromMs: number): UsageAdjustment[] => [adjustment({ downBytes: 10, partFromMs })];
    const parts = [...(two.parts ?? []), part({ fromMs: 6000, planId: 'b' })];
    const three = { ...two, parts: parts.map((one, n) => (n === 1 ? { ...one, toMs: 6000 } : one)) };
    expect(overageSince(three, late(1000), plans)).toMatchObject({ overBytes: 40 });
    expect(overageSince(three, late(4000), plans)).toMatchObject({ overBytes: 50 });
    expect(overageSince(three, late(6000), plans)).toMatchObject({ overBytes: 50 });
  });

  it('is not told by a slot of a layout before', () => {
    expect(overageSince(closed(), [], PLANS)).toBeNull();
  });
});

describe('boundaryDistanceMs', () => {
  const span = { startMs: 0, endMs: 100 };
  const of = (planId: string, fromMs: number, toMs: number) => ({ planId, fromMs, toMs });
  it.each([
    ['the same', [of('a', 0, 40), of('b', 40, 100)], [of('a', 0, 40), of('b', 40, 100)], 0],
    ['cut where no plan changes', [of('a', 0, 40), of('a', 40, 100)], [of('a', 0, 100)], 0],
    ['a boundary apart', [of('a', 0, 43), of('b', 43, 100)], [of('a', 0, 40), of('b', 40, 100)], 3],
    ['another plan', [of('a', 0, 100)], [of('b', 0, 100)], 100],
    [
      'there and back against once',
      [of('a', 0, 10), of('b', 10, 20), of('a', 20, 100)],
      [of('a', 0, 100)],
      100,
    ],
  ])('%s', (_name, metered, had, distance) => {
    expect(boundaryDistanceMs(metered, had, span)).toBe(distance);
  });
});
