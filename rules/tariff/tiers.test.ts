import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Tier, TierMode } from '../../schemas/tariff.ts';
import { law } from './laws.contract.ts';
import { checkTiers, priceUsage } from './tiers.ts';

const GB = 1_000_000_000;
/** 1.00 a GB to 10 GB, 0.50 to 100 GB, then 0.10; in a currency with two decimals. */
const TIERS: Tier[] = [
  { toBytes: 10 * GB, unitBytes: GB, priceMicro: 100_000_000 },
  { toBytes: 100 * GB, unitBytes: GB, priceMicro: 50_000_000 },
  { toBytes: null, unitBytes: GB, priceMicro: 10_000_000 },
];
/** 5 GB for 4.00, or 20 GB for 10.00. */
const PACKAGES: Tier[] = [
  { toBytes: 20 * GB, unitBytes: 5 * GB, priceMicro: 400_000_000 },
  { toBytes: null, unitBytes: 20 * GB, priceMicro: 1_000_000_000 },
];

describe('priceUsage, reckoned by hand', () => {
  it.each<[string, TierMode, Tier[], number, number]>([
    ['nothing', 'graduated', TIERS, 0, 0],
    ['within the first tier', 'graduated', TIERS, 2.5 * GB, 250],
    ['the boundary is the lower tier', 'graduated', TIERS, 10 * GB, 1000],
    ['into the second', 'graduated', TIERS, 30 * GB, 1000 + 1000],
    ['into the third', 'graduated', TIERS, 150 * GB, 1000 + 4500 + 500],
    // a byte: 1e8 / 1e9 / 1e6 of a cent
    ['one byte', 'graduated', TIERS, 1, 0],
    // 0.5 cent, to the even 0; 1.5 to the even 2
    ['half a cent', 'graduated', TIERS, 5_000_000, 0],
    ['one and a half', 'graduated', TIERS, 15_000_000, 2],
    ['all by the first', 'volume', TIERS, 10 * GB, 1000],
    ['all by the second', 'volume', TIERS, 10 * GB + 1, 500],
    ['all by the third', 'volume', TIERS, 150 * GB, 1500],
    ['one package is begun', 'package', PACKAGES, 1, 400],
    ['one package, full', 'package', PACKAGES, 5 * GB, 400],
    ['a second', 'package', PACKAGES, 5 * GB + 1, 800],
    ['the last of the small', 'package', PACKAGES, 20 * GB, 1600],
    ['two of the large', 'package', PACKAGES, 20 * GB + 1, 2000],
    ['nothing of packages', 'package', PACKAGES, 0, 0],
  ])('%s: %s', (_name, mode, tiers, bytes, total) => {
    expect(priceUsage(mode, tiers, bytes).totalMinor).toBe(total);
  });

  it('tells what each tier adds', () => {
    expect(priceUsage('graduated', TIERS, 30.5 * GB).lines).toEqual([
      { tier: 0, bytes: 10 * GB, units: 10, amountMinor: 1000 },
      { tier: 1, bytes: 20.5 * GB, units: 21, amountMinor: 1025 },
    ]);
    expect(priceUsage('package', PACKAGES, 21 * GB).lines).toEqual([
      { tier: 1, bytes: 21 * GB, units: 2, amountMinor: 2000 },
    ]);
  });

  it('refuses an amount that cannot be stored', () => {
    const dear: Tier[] = [{ toBytes: null, unitBytes: 1, priceMicro: Number.MAX_SAFE_INTEGER }];
    expect(() => priceUsage('volume', dear, Number.MAX_SAFE_INTEGER)).toThrow(RangeError);
  });
});

/* Fractions of its own: it adds them one by one and never looks for a common unit. */
type Fraction = readonly [n: bigint, d: bigint];
const plus = ([a, b]: Fraction, [c, d]: Fraction): Fraction => [a * d + c * b, b * d];
function rounded([n, d]: Fraction): bigint {
  const [whole, rest] = [n / d, n % d];
  if (rest * 2n === d) return whole % 2n === 0n ? whole : whole + 1n;
  return rest * 2n > d ? whole + 1n : whole;
}

function exactPrice(mode: TierMode, tiers: readonly Tier[], bytes: number): Fraction {
  let sum: Fraction = [0n, 1n];
  let from = 0n;
  const all = BigInt(bytes);
  for (const { toBytes, unitBytes, priceMicro } of tiers) {
    const to = toBytes === null ? all : BigInt(toBytes);
    const price = BigInt(priceMicro);
    const unit = BigInt(unitBytes);
    if (mode === 'graduated') {
      const inside = (all < to ? all : to) - from;
      if (inside > 0n) sum = plus(sum, [inside * price, unit * 1_000_000n]);
    } else if (all > from && all <= to) {
      if (mode === 'volume') sum = [all * price, unit * 1_000_000n];
      else sum = [(all / unit + (all % unit === 0n ? 0n : 1n)) * price, 1_000_000n];
    }
    from = to;
  }
  return sum;
}

const modes = fc.constantFrom<TierMode>('graduated', 'volume', 'package');
const sizes = fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 2 ** 44 }));
const tierLists = fc
  .record({
    ends: fc.uniqueArray(sizes, { maxLength: 5 }),
    units: fc.array(sizes, { minLength: 6, maxLength: 6 }),
    prices: fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2_000_000_000 })), {
      minLength: 6,
      maxLength: 6,
    }),
  })
  .map(({ ends, units, prices }): Tier[] =>
    [...ends.sort((a, b) => a - b), null].map((toBytes, index) => {
      // Units that are not far smaller than what is used: the total has to be storable.
      return { toBytes, unitBytes: Math.max(units[index] ?? 1, 2 ** 20), priceMicro: prices[index] ?? 0 };
    }),
  );
const cases = fc
  .record({
    mode: modes,
    tiers: tierLists,
    some: sizes,
    near: fc.integer({ min: -1, max: 1 }),
    which: fc.nat(4),
  })
  .map(({ mode, tiers, some, near, which }) => {
    const end = tiers[which]?.toBytes;
    return { mode, tiers, bytes: end === null || end === undefined ? some : end + near };
  });

describe('priceUsage', () => {
  law('is what fractions give, rounded once; its lines sum to it', cases, ({ mode, tiers, bytes }) => {
    expect(checkTiers(tiers)).toBeNull();
    const { totalMinor, lines } = priceUsage(mode, tiers, bytes);
    expect(BigInt(totalMinor)).toBe(rounded(exactPrice(mode, tiers, bytes)));
    expect(lines.reduce((sum, { amountMinor }) => sum + amountMinor, 0)).toBe(totalMinor);
    expect(lines.reduce((sum, line) => sum + line.bytes, 0)).toBe(bytes);
    for (const line of lines) expect(line.amountMinor).toBeGreaterThanOrEqual(0);
  });

  law('graduated, grows with the bytes, by no more than the dearest tier asks', cases, ({ tiers, bytes }) => {
    const more =
      priceUsage('graduated', tiers, bytes + 1).totalMinor - priceUsage('graduated', tiers, bytes).totalMinor;
    const dearest = Math.max(...tiers.map(({ priceMicro, unitBytes }) => priceMicro / unitBytes / 1e6));
    expect(more).toBeGreaterThanOrEqual(0);
    expect(more).toBeLessThanOrEqual(Math.ceil(dearest) + 1);
  });

  law(
    'is not changed by splitting a tier at a byte',
    fc.record({ one: cases, which: fc.nat(5), at: fc.integer({ min: 1, max: 2 ** 44 }) }),
    ({ one: { mode, tiers, bytes }, which, at }) => {
      const index = which % tiers.length;
      const tier = tiers[index];
      const from = tiers[index - 1]?.toBytes ?? 0;
      if (tier === undefined || at <= from || (tier.toBytes !== null && at >= tier.toBytes)) return;
      const split = [...tiers.slice(0, index), { ...tier, toBytes: at }, ...tiers.slice(index)];
      expect(priceUsage(mode, split, bytes).totalMinor).toBe(priceUsage(mode, tiers, bytes).totalMinor);
    },
  );
});

describe('checkTiers', () => {
  const tier = (given: Partial<Tier> = {}): Tier => ({
    toBytes: null,
    unitBytes: 1,
    priceMicro: 1,
    ...given,
  });
  it.each<[string, Tier[], string | null]>([
    ['one without an end', [tier()], null],
    ['what stands above', TIERS, null],
    ['none', [], 'there must be 1 to 50 tiers'],
    ['too many', Array.from({ length: 51 }, () => tier()), 'there must be 1 to 50 tiers'],
    ['an end to the last', [tier({ toBytes: 5 })], 'tier 1 is the last: toBytes must be null'],
    ['no end to the first', [tier(), tier()], 'tier 1 has no end, and another comes after it'],
    [
      'falling ends',
      [tier({ toBytes: 5 }), tier({ toBytes: 5 }), tier()],
      'tier 2: toBytes must be a whole number above 5',
    ],
    ['an end of 0', [tier({ toBytes: 0 }), tier()], 'tier 1: toBytes must be a whole number above 0'],
    [
      'an end in the middle of a byte',
      [tier({ toBytes: 1.5 }), tier()],
      'tier 1: toBytes must be a whole number above 0',
    ],
    ['no unit', [tier({ unitBytes: 0 })], 'tier 1: unitBytes must be a whole number from 1'],
    ['a part of a unit', [tier({ unitBytes: 1.5 })], 'tier 1: unitBytes must be a whole number from 1'],
    ['a negative price', [tier({ priceMicro: -1 })], 'tier 1: priceMicro must be a whole number from 0'],
  ])('%s', (_name, tiers, fault) => {
    expect(checkTiers(tiers)).toBe(fault);
  });
});
