import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Bytes, ClassTotal } from '../fold/slot-state.ts';
import { addCarried, addClass, addOffPeak, countedByClass } from './class-totals.ts';

type Total = Bytes & { classes: ClassTotal[]; offPeak: ClassTotal[] };

function total(...shares: [serviceClass: string, down: number, up: number][]): Total {
  const made: Total = { down: 0, up: 0, classes: [], offPeak: [] };
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
      offPeak: [],
    });
  });

  it('tells only the class where the bytes are in the total already', () => {
    const made = total(['', 10, 0]);
    addClass(made, { serviceClass: 'tv', down: 4, up: 0 }, false);
    expect(made).toMatchObject({ down: 10, up: 0, classes: [{ serviceClass: 'tv', down: 4, up: 0 }] });
  });

  it('tells 64 classes apart; what is beyond counts as the default', () => {
    const made = total();
    for (let i = 0; i < 70; i += 1) addClass(made, { serviceClass: `c${i}`, down: 1, up: 0 });
    addClass(made, { serviceClass: 'c3', down: 1, up: 0 });
    expect([made.down, made.classes.length]).toEqual([71, 64]);
    expect(countedByClass(made, { classFactors: { '': 0 } }).down).toBe(65);
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
    expect(countedByClass(total(['tv', 10, 0], ['', 20, 3]), { classFactors: factors })).toMatchObject({
      down,
      up,
    });
  });

  it('keeps the remainders of classes: it rounds down once', () => {
    expect(countedByClass(total(['a', 500, 0], ['b', 499, 0]), { classFactors: { a: 1, b: 1 } }).down).toBe(
      0,
    );
    expect(countedByClass(total(['a', 500, 0], ['b', 500, 0]), { classFactors: { a: 1, b: 1 } }).down).toBe(
      1,
    );
  });

  it.each([
    ['absent: as at any time', undefined, 15 + 2 + 20],
    ['empty: the same', {}, 15 + 2 + 20],
    ['free at night', { '*': 0 }, 5 + 1 + 10],
    ['one class free, the others half, rounded down once', { tv: 0, '*': 500 }, 5 + 1 + 10 + 5],
    ['the default class by its name', { '': 0 }, 15 + 2 + 10],
  ])('off-peak factors, %s', (_name, offPeakFactors, down) => {
    const made = total();
    for (const [serviceClass, bytes] of [
      ['tv', 10],
      ['game', 1],
      ['', 10],
    ] as const)
      addCarried(made, { serviceClass, down: bytes, up: 0, offPeak: true });
    for (const [serviceClass, bytes] of [
      ['tv', 5],
      ['game', 1],
      ['', 10],
    ] as const)
      addCarried(made, { serviceClass, down: bytes, up: 0, offPeak: false });
    const factors = { classFactors: {}, ...(offPeakFactors && { offPeakFactors }) };
    expect(countedByClass(made, factors).down).toBe(down);
  });

  it('is floor(sum of octets by class and time * factor / 1000), exactly, whatever the numbers', () => {
    const share = fc.record({
      serviceClass: fc.constantFrom('', 'a', 'b', 'c'),
      down: fc.nat(2 ** 49),
      up: fc.maxSafeNat().map((n) => n % 2 ** 49),
      offPeak: fc.boolean(),
    });
    const factors = fc.dictionary(fc.constantFrom('', 'a', 'b'), fc.integer({ min: 0, max: 1000 }));
    const atNight = fc.dictionary(fc.constantFrom('', 'a', '*'), fc.integer({ min: 0, max: 1000 }));
    fc.assert(
      fc.property(
        fc.array(share, { maxLength: 6 }),
        factors,
        fc.option(atNight, { nil: undefined }),
        (shares, classFactors, offPeakFactors) => {
          const made = total();
          for (const one of shares) addCarried(made, one);
          const factorOf = ({
            serviceClass,
            offPeak,
          }: {
            serviceClass: string;
            offPeak: boolean;
          }): number => {
            const usual = classFactors[serviceClass] ?? 1000;
            return offPeak ? (offPeakFactors?.[serviceClass] ?? offPeakFactors?.['*'] ?? usual) : usual;
          };
          const exact = (pick: 'down' | 'up'): number =>
            Number(shares.reduce((sum, one) => sum + BigInt(one[pick]) * BigInt(factorOf(one)), 0n) / 1000n);
          const plan = { classFactors, ...(offPeakFactors && { offPeakFactors }) };
          expect(countedByClass(made, plan)).toMatchObject({ down: exact('down'), up: exact('up') });
        },
      ),
    );
  });
});

describe('addOffPeak', () => {
  it('notes a class under the name that its bytes have in the total', () => {
    const made = total(['tv', 5, 0]);
    addOffPeak(made, { serviceClass: 'tv', down: 3, up: 0 });
    addOffPeak(made, { serviceClass: 'never heard of', down: 1, up: 2 });
    addOffPeak(made, { serviceClass: '', down: 1, up: 0 });
    expect(made.offPeak).toEqual([
      { serviceClass: '', down: 2, up: 2 },
      { serviceClass: 'tv', down: 3, up: 0 },
    ]);
  });

  it('never notes more of a class than there is, with more classes than are told apart', () => {
    const share = fc.record({
      serviceClass: fc.integer({ min: 0, max: 80 }).map((n) => (n === 0 ? '' : `c${n}`)),
      down: fc.nat(9),
      up: fc.nat(9),
      offPeak: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(share, { maxLength: 200 }), (shares) => {
        const made = total();
        for (const one of shares) addCarried(made, one);
        let [down, up] = [made.down, made.up];
        for (const entry of made.classes) {
          down -= entry.down;
          up -= entry.up;
          const off = made.offPeak.find(({ serviceClass }) => serviceClass === entry.serviceClass);
          expect(off?.down ?? 0).toBeLessThanOrEqual(entry.down);
          expect(off?.up ?? 0).toBeLessThanOrEqual(entry.up);
        }
        expect(made.offPeak[0]?.serviceClass === '' ? made.offPeak[0].down : 0).toBeLessThanOrEqual(down);
        const sum = made.offPeak.reduce((all, one) => all + one.down + one.up, 0);
        expect(sum).toBe(shares.reduce((all, one) => all + (one.offPeak ? one.down + one.up : 0), 0));
        expect(up).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
