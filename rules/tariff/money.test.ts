import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CURRENCIES } from '../lint/check-provider.ts';
import { exponentOf } from './currencies.ts';
import { law } from './laws.contract.ts';
import { formatMoney, halfEven, minorOf, parseMoney, splitMoney } from './money.ts';

const MOST = Number.MAX_SAFE_INTEGER;

/** Rounds a decimal text half-even as people do: it looks at digits alone. */
function roundedText(digits: string, places: number): bigint {
  const padded = digits.padStart(places + 1, '0');
  const whole = padded.slice(0, padded.length - places);
  const rest = padded.slice(padded.length - places);
  const half = '5'.padEnd(places, '0');
  const isOdd = '13579'.includes(whole.at(-1) ?? '0');
  const isUp = rest > half || (rest === half && isOdd);
  return BigInt(whole) + (isUp ? 1n : 0n);
}

describe('halfEven', () => {
  it.each([
    [5n, 10n, 0n],
    [15n, 10n, 2n],
    [25n, 10n, 2n],
    [-5n, 10n, 0n],
    [-15n, 10n, -2n],
    [-25n, 10n, -2n],
    [26n, 10n, 3n],
    [24n, 10n, 2n],
    [-26n, 10n, -3n],
    [-24n, 10n, -2n],
    [1n, 3n, 0n],
    [2n, 3n, 1n],
    [0n, 7n, 0n],
    [10n ** 40n + 1n, 2n, 5n * 10n ** 39n],
    [10n ** 40n + 3n, 2n, 5n * 10n ** 39n + 2n],
  ])('%s / %s = %s', (n, d, rounded) => {
    expect(halfEven(n, d)).toBe(rounded);
  });

  it.each([0n, -1n])('refuses to divide by %s', (d) => {
    expect(() => halfEven(1n, d)).toThrow(RangeError);
  });

  law(
    'rounds as digits are rounded by hand, for currencies with 1 to 4 more decimals than their 0, 2 or 3; negative ones mirror',
    fc.record({ n: fc.bigInt({ min: 0n, max: 10n ** 30n }), places: fc.integer({ min: 1, max: 7 }) }),
    ({ n, places }) => {
      const rounded = roundedText(String(n), places);
      expect(halfEven(n, 10n ** BigInt(places))).toBe(rounded);
      expect(halfEven(-n, 10n ** BigInt(places))).toBe(-rounded);
    },
  );

  law(
    'is nearest, and even where two are as near',
    fc.record({
      n: fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
      d: fc.bigInt({ min: 1n, max: 5000n }),
    }),
    ({ n, d }) => {
      const rounded = halfEven(n, d);
      const off = rounded * d - n;
      const twice = (off < 0n ? -off : off) * 2n;
      expect(twice <= d).toBe(true);
      if (twice === d) expect(rounded % 2n).toBe(0n);
    },
  );
});

describe('splitMoney', () => {
  it.each<[string, number, bigint[], number[]]>([
    ['thirds: the first gets what is left', 100, [1n, 1n, 1n], [34, 33, 33]],
    ['two left go to the largest remainders', 10, [2n, 2n, 3n], [3, 3, 4]],
    ['the largest remainder before the first', 10, [3n, 3n, 1n], [4, 4, 2]],
    ['a weight of 0 gets nothing', 7, [0n, 1n], [0, 7]],
    ['a credit as its charge', -100, [1n, 1n, 1n], [-34, -33, -33]],
    ['nothing to split', 0, [1n, 2n], [0, 0]],
    ['no weights', 5, [], []],
    ['weights of 0 alone', 5, [0n, 0n], [5, 0]],
  ])('%s', (_name, total, weights, shares) => {
    expect(splitMoney(total, weights)).toEqual(shares);
  });

  const cases = fc.record({
    total: fc.integer({ min: -MOST, max: MOST }),
    weights: fc.array(fc.bigInt({ min: 0n, max: 10n ** 24n }), { minLength: 1, maxLength: 12 }),
  });

  law('sums exactly, each share within one of its own', cases, ({ total, weights }) => {
    const shares = splitMoney(total, weights);
    expect(shares.reduce((sum, share) => sum + BigInt(share), 0n)).toBe(BigInt(total));
    const sum = weights.reduce((a, b) => a + b, 0n);
    if (sum === 0n) return;
    for (const [index, weight] of weights.entries()) {
      const off = BigInt(shares[index] ?? 0) * sum - BigInt(total) * weight;
      expect(off < sum && off > -sum).toBe(true);
    }
  });

  law('gives a larger weight no less, and an equal one before no less', cases, ({ total, weights }) => {
    const shares = splitMoney(Math.abs(total), weights);
    for (const [i, weight] of weights.entries())
      for (const [j, other] of weights.entries())
        if (weight > other || (weight === other && i < j))
          expect(shares[i] ?? 0).toBeGreaterThanOrEqual(shares[j] ?? 0);
  });
});

describe('currencies', () => {
  it.each([
    ['JPY', 0],
    ['KRW', 0],
    ['ISK', 0],
    ['UGX', 0],
    ['EUR', 2],
    ['HUF', 2],
    ['IQD', 3],
    ['KWD', 3],
    ['TND', 3],
    ['CLF', 4],
    ['XAU', null],
    ['EURO', null],
    ['eur', null],
    ['', null],
  ])('%s has %s decimals', (code, exponent) => {
    expect(exponentOf(code)).toBe(exponent);
  });

  it('agrees with Intl on those that have not two decimals', () => {
    // Of those with two, CLDR shows many rounded, as people use them.
    let compared = 0;
    for (const code of CURRENCIES) {
      const exponent = exponentOf(code);
      if (exponent === null || exponent === 2 || code === 'IQD') continue;
      const format = new Intl.NumberFormat('en', { style: 'currency', currency: code });
      expect([code, format.resolvedOptions().maximumFractionDigits]).toEqual([code, exponent]);
      compared += 1;
    }
    expect(compared).toBeGreaterThan(20);
  });

  it('knows most of what Intl knows', () => {
    const known = [...CURRENCIES].filter((code) => exponentOf(code) !== null);
    expect(known.length).toBeGreaterThan(140);
  });
});

describe('money as text', () => {
  it.each([
    [1234, 'EUR', '12.34 EUR'],
    [-5, 'EUR', '-0.05 EUR'],
    [0, 'EUR', '0.00 EUR'],
    [1234, 'JPY', '1234 JPY'],
    [-1, 'JPY', '-1 JPY'],
    [1234, 'KWD', '1.234 KWD'],
    [7, 'KWD', '0.007 KWD'],
    [12345, 'CLF', '1.2345 CLF'],
    [MOST, 'EUR', '90071992547409.91 EUR'],
  ])('%s minor units of %s: %s', (amountMinor, currency, text) => {
    expect(formatMoney({ amountMinor, currency })).toBe(text);
  });

  it('does not write what is no currency', () => {
    expect(() => formatMoney({ amountMinor: 1, currency: 'XXX' })).toThrow(RangeError);
  });

  it.each([
    ['12.34', 'EUR', 1234],
    ['12.3', 'EUR', 1230],
    ['12', 'EUR', 1200],
    ['-0.05', 'EUR', -5],
    ['-0', 'EUR', 0],
    ['1234', 'JPY', 1234],
    ['1.2', 'KWD', 1200],
    ['90071992547409.91', 'EUR', MOST],
    ['90071992547409.92', 'EUR', null],
    ['12.345', 'EUR', null],
    ['12.0', 'JPY', null],
    ['12.', 'EUR', null],
    ['.5', 'EUR', null],
    ['+1', 'EUR', null],
    ['1e3', 'EUR', null],
    ['1,5', 'EUR', null],
    [' 1', 'EUR', null],
    ['', 'EUR', null],
    ['1', 'XXX', null],
  ])('reads %j %s as %s', (text, currency, amountMinor) => {
    expect(parseMoney(text, currency)).toEqual(amountMinor === null ? null : { amountMinor, currency });
  });

  law(
    'is read as it was written',
    fc.record({
      amountMinor: fc.integer({ min: -MOST, max: MOST }),
      currency: fc.constantFrom('EUR', 'JPY', 'KWD', 'CLF'),
    }),
    (money) => {
      const [text = ''] = formatMoney(money).split(' ');
      expect(parseMoney(text, money.currency)).toEqual({ ...money, amountMinor: money.amountMinor + 0 });
    },
  );

  it('refuses amounts that a number cannot hold', () => {
    expect(minorOf(BigInt(MOST))).toBe(MOST);
    expect(() => minorOf(BigInt(MOST) + 1n)).toThrow(RangeError);
    expect(() => minorOf(-BigInt(MOST) - 1n)).toThrow(RangeError);
  });
});
