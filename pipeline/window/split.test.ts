import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitExactly } from './split.ts';

const total = fc.oneof(fc.maxSafeNat(), fc.integer({ min: 0, max: 1000 }));
const lengths = fc.array(fc.oneof(fc.integer({ min: 0, max: 3_024_000_000 }), fc.constant(300_000)), {
  minLength: 1,
  maxLength: 40,
});

describe('splitExactly', () => {
  it.each([
    [10, [1, 1, 1], [4, 3, 3]],
    [1, [1, 1], [1, 0]],
    [2, [1, 2, 1], [1, 1, 0]],
    [7, [0, 5, 0], [0, 7, 0]],
    [7, [0, 0], [0, 7]],
    [0, [3, 4], [0, 0]],
    [Number.MAX_SAFE_INTEGER, [1, 1], [2 ** 52, 2 ** 52 - 1]],
  ])('%i over %j', (whole, over, parts) => {
    expect(splitExactly(whole, over)).toEqual(parts);
  });

  it('gives whole parts that sum exactly, each its share rounded down or up', () => {
    fc.assert(
      fc.property(total, lengths, (whole, over) => {
        const parts = splitExactly(whole, over);
        expect(parts.reduce((sum, part) => sum + BigInt(part), 0n)).toBe(BigInt(whole));
        const sum = over.reduce((a, b) => a + BigInt(b), 0n);
        parts.forEach((part, i) => {
          expect(Number.isSafeInteger(part) && part >= 0).toBe(true);
          if (sum === 0n) return;
          const floor = (BigInt(whole) * BigInt(over[i] ?? 0)) / sum;
          expect([floor, floor + 1n]).toContain(BigInt(part));
        });
      }),
      { numRuns: 500 },
    );
  });

  it('gives two parts what three with an empty one get', () => {
    fc.assert(
      fc.property(total, fc.nat(3_024_000_000), fc.nat(3_024_000_000), (whole, first, second) => {
        fc.pre(first + second > 0);
        const [a, b, c] = splitExactly(whole, [first, second, 0]);
        expect(c).toBe(0);
        expect(splitExactly(whole, [first, second])).toEqual([a, b]);
      }),
      { numRuns: 500 },
    );
  });

  it('gives a longer part at least as much', () => {
    fc.assert(
      fc.property(total, lengths, (whole, over) => {
        const parts = splitExactly(whole, over);
        const order = over.map((length, i) => ({ length, part: parts[i] ?? 0 }));
        order.sort((a, b) => a.length - b.length || a.part - b.part);
        if (over.every((length) => length === 0)) return;
        for (let i = 1; i < order.length; i += 1) {
          expect(order[i]?.part).toBeGreaterThanOrEqual(order[i - 1]?.part ?? 0);
        }
      }),
      { numRuns: 300 },
    );
  });
});
