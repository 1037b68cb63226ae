import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ruleCycleAt } from '../cycle.ts';
import { law } from './laws.contract.ts';
import { prorate, prorateBytes, prorateShares, secondsBetween, stubFee } from './proration.ts';
import { ZONES, at } from './tariff-factory.contract.ts';

const span = (from: string, to: string): { startMs: number; endMs: number } => ({
  startMs: at(from),
  endMs: at(to),
});
const APRIL = span('2026-04-01T00:00Z', '2026-05-01T00:00Z');
/** With 23 hours on the 29th: 2,674,800 s. */
const MARCH_IN_BERLIN = span('2026-02-28T23:00Z', '2026-03-31T22:00Z');
/** With 25 hours on the 25th: 2,682,000 s. */
const OCTOBER_IN_BERLIN = span('2026-09-30T22:00Z', '2026-10-31T23:00Z');

describe('prorate, reckoned by hand', () => {
  it.each([
    ['a third of April', 3000, APRIL, '2026-04-01T00:00Z', '2026-04-11T00:00Z', 1000],
    ['the rest of it', 3000, APRIL, '2026-04-11T00:00Z', '2026-05-01T00:00Z', 2000],
    // 1000 / 30 = 33.3; 2000 / 30 = 66.7
    ['the first day', 1000, APRIL, '2026-04-01T00:00Z', '2026-04-02T00:00Z', 33],
    ['the second day', 1000, APRIL, '2026-04-02T00:00Z', '2026-04-03T00:00Z', 34],
    // 15 / 30 of 1: one half to the even 0, and the whole to the second half
    ['half of one yen', 1, APRIL, '2026-04-01T00:00Z', '2026-04-16T00:00Z', 0],
    ['the other half', 1, APRIL, '2026-04-16T00:00Z', '2026-05-01T00:00Z', 1],
    ['one half of three to the even 2', 3, APRIL, '2026-04-01T00:00Z', '2026-04-16T00:00Z', 2],
    // 2000 * 1,209,600 / 2,674,800 = 904.44
    ['two weeks of a short March', 2000, MARCH_IN_BERLIN, '2026-02-28T23:00Z', '2026-03-14T23:00Z', 904],
    // 2000 * 82,800 / 2,674,800: C = 1870.79 -> 1871 and 1932.70 -> 1933
    ['the day of 23 hours', 2000, MARCH_IN_BERLIN, '2026-03-28T23:00Z', '2026-03-29T22:00Z', 62],
    // 3000 * 90,000 / 2,682,000: C = 24 days 2319.46 -> 2319 and 2420.13 -> 2420
    ['the day of 25 hours', 3000, OCTOBER_IN_BERLIN, '2026-10-24T22:00Z', '2026-10-25T23:00Z', 101],
    // 10.000 KWD, one hour of 720: 13.89
    ['an hour of ten dinars', 10_000, APRIL, '2026-04-01T00:00Z', '2026-04-01T01:00Z', 14],
    ['nothing', 3000, APRIL, '2026-04-11T00:00Z', '2026-04-11T00:00Z', 0],
    ['backwards', 3000, APRIL, '2026-04-12T00:00Z', '2026-04-11T00:00Z', 0],
    ['what lies outside', 3000, APRIL, '2026-03-01T00:00Z', '2026-06-01T00:00Z', 3000],
  ])('%s', (_name, fee, cycle, from, to, amount) => {
    expect(prorate(fee, cycle, at(from), at(to))).toBe(amount);
  });

  it('charges a stub for the part that it is of a whole cycle', () => {
    const stub = span('2026-04-01T00:00Z', '2026-04-15T00:00Z');
    const whole = span('2026-03-15T00:00Z', '2026-04-15T00:00Z');
    // 14 days of 31: 1354.8
    expect(stubFee(3000, stub, whole)).toBe(1355);
    expect(stubFee(3000, whole, whole)).toBe(3000);
    // 62 days against 31
    expect(stubFee(3000, span('2026-03-15T00:00Z', '2026-05-16T00:00Z'), whole)).toBe(6000);
  });

  it('gives bytes rounded down', () => {
    expect(prorateBytes(100, APRIL, APRIL.startMs, at('2026-04-02T00:00Z'))).toBe(3);
    expect(prorateBytes(100, APRIL, at('2026-04-02T00:00Z'), APRIL.endMs)).toBe(97);
    expect(prorateBytes(100, APRIL, at('2026-01-01T00:00Z'), at('2027-01-01T00:00Z'))).toBe(100);
  });

  it('costs nothing where a cycle has no whole second', () => {
    const none = { startMs: 1200, endMs: 1900 };
    expect(prorate(3000, none, 1200, 1900)).toBe(0);
    expect(prorateBytes(3000, none, 1200, 1900)).toBe(0);
  });

  it('charges a share while it is held', () => {
    const held = [
      { startMs: APRIL.startMs, endMs: at('2026-04-11T00:00Z'), perMille: 1000 },
      { startMs: at('2026-04-11T00:00Z'), endMs: at('2026-04-21T00:00Z'), perMille: 250 },
      { startMs: at('2026-04-21T00:00Z'), endMs: APRIL.endMs, perMille: 1000 },
    ];
    expect(prorateShares(3000, held, APRIL.startMs, APRIL.endMs, APRIL)).toBe(2250);
    expect(prorateShares(3000, held, at('2026-04-11T00:00Z'), at('2026-04-21T00:00Z'), APRIL)).toBe(250);
  });
});

const cases = fc
  .record({
    fee: fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 1e12 })),
    zone: fc.constantFrom(...ZONES),
    anchorDay: fc.integer({ min: 1, max: 31 }),
    atMs: fc.integer({ min: at('2008-01-01T00:00Z'), max: at('2030-01-01T00:00Z') }),
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }),
  })
  .map(({ zone, anchorDay, atMs, cuts, fee }) => {
    const cycle = ruleCycleAt(zone, { kind: 'month', anchorDay }, atMs);
    const inside = cuts.map((share) => Math.floor(cycle.startMs + share * (cycle.endMs - cycle.startMs)));
    return { fee, cycle, bounds: [cycle.startMs, ...inside.sort((a, b) => a - b), cycle.endMs] };
  });

describe('proration', () => {
  law('costs the fee, however a cycle is split', cases, ({ fee, cycle, bounds }) => {
    let [sum, bytes, seconds] = [0, 0, 0n];
    for (const [index, fromMs] of bounds.slice(0, -1).entries()) {
      const toMs = bounds[index + 1] ?? cycle.endMs;
      sum += prorate(fee, cycle, fromMs, toMs);
      bytes += prorateBytes(fee, cycle, fromMs, toMs);
      seconds += secondsBetween(fromMs, toMs);
    }
    expect(sum).toBe(fee);
    expect(bytes).toBe(fee);
    expect(seconds).toBe(secondsBetween(cycle.startMs, cycle.endMs));
  });

  law('costs the same in one period as in its parts', cases, ({ fee, cycle, bounds }) => {
    const [a = 0, b = 0, c = 0] = [bounds[0], bounds[Math.floor(bounds.length / 2)], bounds.at(-2)];
    expect(prorate(fee, cycle, a, b) + prorate(fee, cycle, b, Math.max(b, c))).toBe(
      prorate(fee, cycle, a, Math.max(b, c)),
    );
  });

  law(
    'is never negative, grows with the period and with the fee, and is within one of the exact part',
    cases,
    (one) => {
      const { fee, cycle, bounds } = one;
      let before = 0;
      for (const toMs of bounds) {
        const amount = prorate(fee, cycle, cycle.startMs, toMs);
        expect(amount).toBeGreaterThanOrEqual(before);
        expect(prorate(fee + 1, cycle, cycle.startMs, toMs)).toBeGreaterThanOrEqual(amount);
        before = amount;
        const whole = secondsBetween(cycle.startMs, cycle.endMs);
        const off = BigInt(amount) * whole - BigInt(fee) * secondsBetween(cycle.startMs, toMs);
        expect(2n * (off < 0n ? -off : off) <= whole).toBe(true);
      }
    },
  );

  law('charges shares that sum to the whole', cases, ({ fee, cycle, bounds }) => {
    const shares = bounds.slice(0, -1).map((startMs, index) => {
      return { startMs, endMs: bounds[index + 1] ?? startMs, perMille: (index * 317) % 1001 };
    });
    const parts = shares.map(({ startMs, endMs }) => prorateShares(fee, shares, startMs, endMs, cycle));
    expect(parts.every((part) => part >= 0)).toBe(true);
    expect(parts.reduce((a, b) => a + b, 0)).toBe(
      prorateShares(fee, shares, cycle.startMs, cycle.endMs, cycle),
    );
    const full = shares.map((share) => ({ ...share, perMille: 1000 }));
    for (const { startMs, endMs } of shares)
      expect(prorateShares(fee, full, startMs, endMs, cycle)).toBe(prorate(fee, cycle, startMs, endMs));
  });
});
