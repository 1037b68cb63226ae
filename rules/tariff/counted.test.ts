import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countedByClass } from '../../pipeline/window/class-totals.ts';
import type { ClassBytes } from '../../schemas/usage-record.ts';
import type { CountingTerms } from './counted.ts';
import { countedBytes } from './counted.ts';
import { law } from './laws.contract.ts';

const bytes = (serviceClass: string, downBytes: number, upBytes: number): ClassBytes => {
  return { serviceClass, downBytes, upBytes };
};
const terms = (given: Partial<CountingTerms> = {}): CountingTerms => ({
  counted: 'both',
  classFactors: {},
  ...given,
});

describe('countedBytes', () => {
  const classes = [bytes('', 1000, 100), bytes('video', 500, 50)];
  const offPeak = [bytes('', 400, 40), bytes('video', 100, 10)];
  it.each<[string, CountingTerms, number]>([
    ['in full', terms(), 1650],
    ['down', terms({ counted: 'down' }), 1500],
    ['up', terms({ counted: 'up' }), 150],
    ['the greater', terms({ counted: 'max' }), 1500],
    ['a class for nothing', terms({ classFactors: { video: 0 } }), 1100],
    ['a class by half', terms({ classFactors: { video: 500 } }), 1375],
    ['the default class by half', terms({ classFactors: { '': 500 } }), 1100],
    // 333 / 1000 of 500 is 166.5, of 50 16.65
    ['rounded down a direction', terms({ classFactors: { video: 333 } }), 1000 + 166 + 100 + 16],
    ['off-peak for nothing', terms({ offPeakFactors: { '*': 0 } }), 1650 - 550],
    ['off-peak for nothing, a class apart', terms({ offPeakFactors: { '*': 0, video: 1000 } }), 1650 - 440],
  ])('%s', (_name, of, counted) => {
    expect(countedBytes(of, { classes, offPeak })).toBe(counted);
  });

  it('takes no method of objects for a factor', () => {
    const named = {
      classes: [bytes('', 10, 0), bytes('constructor', 5, 0), bytes('__proto__', 1, 0)],
      offPeak: [],
    };
    expect(countedBytes(terms({ offPeakFactors: {} }), named)).toBe(16);
  });

  it('adds corrections, and is never negative in either direction', () => {
    const measured = { classes: [bytes('', 100, 10)], offPeak: [] };
    expect(countedBytes(terms(), measured, { downBytes: 5, upBytes: -3 })).toBe(112);
    expect(countedBytes(terms(), measured, { downBytes: -500, upBytes: 1 })).toBe(11);
  });

  const amounts = fc.integer({ min: 0, max: 2 ** 45 });
  const factor = fc.oneof(fc.constantFrom(0, 1000), fc.integer({ min: 0, max: 3000 }));
  const factors = fc.dictionary(fc.constantFrom('', 'video', 'voice'), factor);
  const cases = fc.record({
    shares: fc.array(
      fc.record({ down: amounts, up: amounts, off: fc.double({ min: 0, max: 1, noNaN: true }) }),
      { minLength: 3, maxLength: 3 },
    ),
    classFactors: factors,
    offPeakFactors: fc.option(fc.dictionary(fc.constantFrom('*', '', 'video'), factor), { nil: undefined }),
    counted: fc.constantFrom('down' as const, 'up' as const, 'both' as const, 'max' as const),
  });

  law('counts as the fold does', cases, ({ shares, classFactors, offPeakFactors, counted }) => {
    const names = ['', 'video', 'voice'];
    const measured = {
      classes: shares.map(({ down, up }, i) => bytes(names[i] ?? '', down, up)),
      offPeak: shares.map(({ down, up, off }, i) => {
        return bytes(names[i] ?? '', Math.floor(down * off), Math.floor(up * off));
      }),
    };
    const own = { classFactors, ...(offPeakFactors === undefined ? {} : { offPeakFactors }) };
    const folded = (list: ClassBytes[]): { serviceClass: string; down: number; up: number }[] =>
      list.map(({ serviceClass, downBytes: down, upBytes: up }) => ({ serviceClass, down, up }));
    const { down, up } = countedByClass(
      {
        down: shares.reduce((sum, share) => sum + share.down, 0),
        up: shares.reduce((sum, share) => sum + share.up, 0),
        classes: folded(measured.classes.slice(1)),
        offPeak: folded(measured.offPeak),
      },
      own,
    );
    const expected = { down, up, both: down + up, max: Math.max(down, up) }[counted];
    expect(countedBytes({ ...own, counted }, measured)).toBe(expected);
  });
});
