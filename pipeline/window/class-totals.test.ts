import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Bytes, ClassTotal } from '../fold/slot-state.ts';
import { addClass, countedByClass } from './class-totals.ts';

function total(
  ...shares: [serviceClass: string, down: number, up: number][]
): Bytes & { classes: ClassTotal[] } {
  const made = { down: 0, up: 0, classes: [] as ClassTotal[] };
  for (const [serviceClass, down, up] of shares) addClass(made, { serviceClass, down, up });
  return made;
}

describe('case 19: addClass', () => {
  it('adds to the total and to its class; the default one has no entry', () => {
    expect(total(['tv', 5, 1], ['', 7, 0], ['game', 1, 1], ['tv', 2, 0])).toEqual({
      down: 15,
      up: 2,
      classes: [
        { serviceClass: 'game', down: 1, up: 1 },
        { serviceClass: 'tv', down: 7, up: 1 },
      ],
    });
  });

  it('tells only the class where the bytes are in the total already', () => {
    const made = total(['', 10, 0]);
    addClass(made, { serviceClass: 'tv', down: 4, up: 0 }, false);
    expect(made).toEqual({ down: 10, up: 0, classes: [{ serviceClass: 'tv', down: 4, up: 0 }] });
  });

  it('tells 64 classes apart; what is beyond counts as the default', () => {
    const made = total();
    for (let i = 0; i < 70; i += 1) addClass(made, { serviceClass: `c${i}`, down: 1, up: 0 });
    addClass(made, { serviceClass: 'c3', down: 1, up: 0 });
    expect([made.down, made.classes.length]).toEqual([71, 64]);
    expect(countedByClass(made, { '': 0 }).down).toBe(65);
  });
});

describe('case 19: countedByClass', () => {
  it.each([
    ['nothing said: in full', {}, [30, 3]],
    ['a class that is free', { tv: 0 }, [20, 3]],
    ['a class that counts a tenth', { tv: 100 }, [21, 3]],
    ['the default class', { '': 0 }, [10, 0]],
    ['a class that nobody uses', { game: 0 }, [30, 3]],
  ])('%s', (_name, factors, [down, up]) => {
    expect(countedByClass(total(['tv', 10, 0], ['', 20, 3]), factors)).toEqual({ down, up });
  });

  it('keeps the remainders of classes: it rounds down once', () => {
    expect(countedByClass(total(['a', 500, 0], ['b', 499, 0]), { a: 1, b: 1 }).down).toBe(0);
    expect(countedByClass(total(['a', 500, 0], ['b', 500, 0]), { a: 1, b: 1 }).down).toBe(1);
  });

  it('is floor(sum of class octets * factor / 1000), exactly, whatever the numbers', () => {
    const share = fc.tuple(
      fc.constantFrom('', 'a', 'b', 'c'),
      fc.nat(2 ** 50),
      fc.maxSafeNat().map((n) => n % 2 ** 50),
    );
    const factors = fc.dictionary(fc.constantFrom('', 'a', 'b'), fc.integer({ min: 0, max: 1000 }));
    fc.assert(
      fc.property(fc.array(share, { maxLength: 6 }), factors, (shares, perMille) => {
        const made = total(...(shares as [string, number, number][]));
        const exact = (pick: (share: [string, number, number]) => number): number =>
          Number(
            (shares as [string, number, number][]).reduce(
              (sum, one) => sum + BigInt(pick(one)) * BigInt(perMille[one[0]] ?? 1000),
              0n,
            ) / 1000n,
          );
        expect(countedByClass(made, perMille)).toMatchObject({
          down: exact(([, down]) => down),
          up: exact(([, , up]) => up),
        });
      }),
    );
  });
});
