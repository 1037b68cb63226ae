import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addSkew, noSkews, skewBucket, skewMedian, SKEW_BUCKETS } from './skews.ts';

const skew = fc.oneof(
  fc.integer({ min: -2_000, max: 2_000 }),
  fc.integer({ min: -400_000, max: 400_000 }),
  fc.integer({ min: -1e13, max: 1e13 }),
);

describe('skewBucket', () => {
  it.each([
    [-400_000, 0],
    [-256_000, 0],
    [-255_999, 1],
    [-4_000, 3],
    [-3_999, 4],
    [-1_000, 4],
    [-999, 5],
    [0, 5],
    [999, 5],
    [1_000, 6],
    [3_999, 6],
    [4_000, 7],
    [16_000, 8],
    [64_000, 9],
    [4 ** 7 * 1000 - 1, 12],
    [4 ** 7 * 1000, 13],
    [Number.MAX_SAFE_INTEGER, 13],
    [Number.MIN_SAFE_INTEGER, 0],
  ])('puts %i ms into %i', (skewMs, bucket) => {
    expect(skewBucket(skewMs)).toBe(bucket);
  });

  it('grows with the skew and stays within the counters', () => {
    fc.assert(
      fc.property(skew, skew, (a, b) => {
        const [less, more] = a < b ? [a, b] : [b, a];
        expect(skewBucket(less)).toBeLessThanOrEqual(skewBucket(more));
        expect(skewBucket(more)).toBeLessThan(SKEW_BUCKETS);
      }),
    );
  });
});

describe('skewMedian', () => {
  it('lies in the bucket of the true median, whatever the order', () => {
    fc.assert(
      fc.property(fc.array(skew, { minLength: 1, maxLength: 200 }), (values) => {
        const forth = noSkews();
        for (const value of values) addSkew(forth, value);
        const back = noSkews();
        for (const value of [...values].reverse()) addSkew(back, value);
        expect(back).toEqual(forth);
        const sorted = [...values].sort((a, b) => a - b);
        const median = sorted[Math.ceil(values.length / 2) - 1] ?? NaN;
        expect(skewBucket(skewMedian(forth))).toBe(skewBucket(median));
        expect(Number.isSafeInteger(skewMedian(forth))).toBe(true);
      }),
    );
  });

  it('is 0 where nothing was counted', () => {
    expect(skewMedian(noSkews())).toBe(0);
  });
});

describe('the greatest skew', () => {
  it.each([
    [[100, -90_000, 3_000], -90_000],
    [[-5_000, 5_000], 5_000],
    [[5_000, -5_000], 5_000],
    [[-1], -1],
  ])('of %j is %i', (values, greatest) => {
    const skews = noSkews();
    for (const value of values) addSkew(skews, value);
    expect(skews.maxMs).toBe(greatest);
  });
});
