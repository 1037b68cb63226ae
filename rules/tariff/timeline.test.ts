import { describe, expect, it } from 'vitest';
import { law } from './laws.contract.ts';
import { addOnTerms, at, lookup, planTerms, tariffCases, timeline } from './tariff-factory.contract.ts';
import {
  billingCycleAt,
  heldPerMilleAt,
  pricedFrom,
  segmentsOf,
  versionAt,
  wholeCycleOf,
} from './timeline.ts';

const APRIL = { startMs: at('2026-04-01T00:00Z'), endMs: at('2026-05-01T00:00Z') };
const day = (n: number): number => APRIL.startMs + (n - 1) * 86_400_000;

describe('versionAt', () => {
  const v = (version: number, effectiveFromMs: number | null) => ({ version, effectiveFromMs });
  const versions = [v(1, null), v(2, 100), v(3, 200)];
  it.each([
    ['at once', versions, 0, 50, 1],
    ['effective as the cycle begins', versions, 0, 100, 2],
    ['not within a cycle', versions, 0, 199, 2],
    ['the cycle after', versions, 0, 230, 3],
    ['an assignment that begins within the cycle', versions, 205, 100, 3],
    ['one that began long before', versions, 205, 300, 3],
    ['in any order', [...versions].reverse(), 0, 150, 2],
    ['of two at once the greater', [v(1, null), v(2, null)], 0, 0, 2],
    ['of two of one instant the greater', [v(5, 100), v(4, 100)], 0, 100, 5],
    ['none yet', [v(1, 100)], 0, 50, null],
    ['none at all', [], 0, 50, null],
  ])('%s', (_name, of, assignmentFromMs, cycleStartMs, version) => {
    expect(versionAt(of, assignmentFromMs, cycleStartMs)?.version ?? null).toBe(version);
  });
});

describe('pricedFrom, by hand', () => {
  const utc = (text: string): number => at(`2026-${text}:00Z`);
  it.each<[string, number, string, string, [string, string] | null, string]>([
    ['the cycle that it is in', 1, 'UTC', '01-25T00', null, '01-01T00'],
    ['a cycle as it begins', 1, 'UTC', '02-01T00', null, '02-01T00'],
    ['the cycle of its own rule', 15, 'UTC', '02-03T07', null, '01-15T00'],
    ['the cycle of its own zone', 1, 'Asia/Tokyo', '02-10T00', null, '01-31T15'],
    [
      'what was closed long before is nothing to it',
      1,
      'UTC',
      '02-20T00',
      ['01-02T00', '01-15T00'],
      '02-01T00',
    ],
    [
      'what was closed up to the cycle is nothing to it',
      15,
      'UTC',
      '02-20T00',
      ['01-15T00', '02-15T00'],
      '02-15T00',
    ],
    ['not back over what was closed', 1, 'UTC', '02-20T00', ['01-15T00', '02-15T00'], '02-15T00'],
    ['where what was closed ends', 1, 'UTC', '02-15T00', ['01-15T00', '02-15T00'], '02-15T00'],
    ['the closed cycle that it is a part of', 1, 'UTC', '02-10T00', ['01-15T00', '02-15T00'], '01-15T00'],
  ])('%s', (_name, anchorDay, zone, start, told, priced) => {
    const t = timeline({ zone, cycle: { kind: 'month', anchorDay } });
    const closed = told === null ? null : { startMs: utc(told[0]), endMs: utc(told[1]) };
    expect(pricedFrom(t, utc(start), closed)).toBe(utc(priced));
  });
});

describe('heldPerMilleAt', () => {
  const terms = planTerms({ heldPerMille: { 'non-payment': 1000, customer: 200, fraud: 500, legal: 1000 } });
  const t = timeline({
    holds: [
      { kind: 'customer', fromMs: 10, toMs: 20 },
      { kind: 'fraud', fromMs: 15, toMs: null },
    ],
  });
  it.each([
    [9, 1000],
    [10, 200],
    [15, 200],
    [20, 500],
  ])('at %s: %s', (atMs, perMille) => {
    expect(heldPerMilleAt(t, terms, atMs)).toBe(perMille);
    expect(heldPerMilleAt(t, null, atMs)).toBe(1000);
  });
});

describe('segmentsOf', () => {
  it('cuts at what changes, and leaves out what has nothing', () => {
    const a = planTerms();
    const b = planTerms({ planId: 'b' });
    const x = addOnTerms();
    const t = timeline({
      assignments: [
        { planId: 'a', fromMs: 0, toMs: day(11) },
        { planId: 'b', fromMs: day(11), toMs: day(21) },
      ],
      addOns: [{ addOnId: 'x', fromMs: day(16), toMs: day(26) }],
      holds: [{ kind: 'customer', fromMs: day(6), toMs: day(8) }],
    });
    const segment = { heldPerMille: 1000, addOns: [] };
    expect(segmentsOf(t, APRIL, lookup([a, b], [x]))).toEqual([
      { ...segment, fromMs: day(1), toMs: day(6), terms: a },
      { ...segment, fromMs: day(6), toMs: day(8), terms: a, heldPerMille: 0 },
      { ...segment, fromMs: day(8), toMs: day(11), terms: a },
      { ...segment, fromMs: day(11), toMs: day(16), terms: b },
      { ...segment, fromMs: day(16), toMs: day(21), terms: b, addOns: [x] },
      { ...segment, fromMs: day(21), toMs: day(26), terms: null, addOns: [x] },
    ]);
  });

  it('does not cut where nothing changes', () => {
    const t = timeline({
      assignments: [
        { planId: 'a', fromMs: 0, toMs: day(11) },
        { planId: 'a', fromMs: day(11), toMs: null },
      ],
      holds: [{ kind: 'fraud', fromMs: day(6), toMs: day(8) }],
    });
    expect(segmentsOf(t, APRIL, lookup([planTerms()]))).toHaveLength(1);
  });

  law('are in order, within the cycle, and cover what is assigned', tariffCases, ({ t, cycle, plans }) => {
    const segments = segmentsOf(t, cycle, plans);
    let endMs = cycle.startMs;
    for (const { fromMs, toMs } of segments) {
      expect(fromMs).toBeGreaterThanOrEqual(endMs);
      expect(toMs).toBeGreaterThan(fromMs);
      endMs = toMs;
    }
    expect(endMs).toBeLessThanOrEqual(cycle.endMs);
    const length = (list: { fromMs: number; toMs: number | null }[]): number => {
      let sum = 0;
      for (const { fromMs, toMs } of list)
        sum += Math.max(0, Math.min(toMs ?? cycle.endMs, cycle.endMs) - Math.max(fromMs, cycle.startMs));
      return sum;
    };
    expect(length(segments.filter(({ terms }) => terms !== null))).toBe(length([...t.assignments]));
  });
});

describe('wholeCycleOf', () => {
  it('is the cycle of the rule that the stub is by', () => {
    const fromMs = at('2026-05-01T00:00Z');
    const t = timeline({ cycleChanges: [{ fromMs, cycle: { kind: 'month', anchorDay: 15 } }] });
    const stub = billingCycleAt(t, fromMs);
    expect(stub).toEqual({ startMs: fromMs, endMs: at('2026-05-15T00:00Z') });
    expect(wholeCycleOf(t, stub)).toEqual({
      startMs: at('2026-04-15T00:00Z'),
      endMs: at('2026-05-15T00:00Z'),
    });
    expect(wholeCycleOf(t, APRIL)).toEqual(APRIL);
  });
});
