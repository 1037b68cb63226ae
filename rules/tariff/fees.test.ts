import { describe, expect, it } from 'vitest';
import { dayAt } from '../cycle.ts';
import { dueFees, isFeeLine } from './fees.ts';
import { law } from './laws.contract.ts';
import { secondsBetween } from './proration.ts';
import type { DueLine } from './settle.ts';
import type { TariffCase } from './tariff-factory.contract.ts';
import { addOnTerms, at, lookup, planTerms, tariffCases, timeline } from './tariff-factory.contract.ts';
import type { TariffTimeline } from './timeline.ts';
import { billingCycleAt, heldPerMilleAt, termsAt, wholeCycleOf } from './timeline.ts';

const APRIL = { startMs: at('2026-04-01T00:00Z'), endMs: at('2026-05-01T00:00Z') };
const day = (n: number): number => APRIL.startMs + (n - 1) * 86_400_000;
const amounts = (lines: readonly DueLine[]): Record<string, number> =>
  Object.fromEntries(lines.map(({ line, amountMinor }) => [line, amountMinor]));

const A = planTerms();
const B = planTerms({ planId: 'b', recurring: { feeMinor: 6000, when: 'advance' } });
const C = planTerms({ planId: 'c', recurring: { feeMinor: 900, when: 'arrears' } });
const X = addOnTerms();
const ALWAYS = planTerms({
  planId: 'always',
  heldPerMille: { 'non-payment': 1000, customer: 1000, fraud: 1000, legal: 1000 },
});
const PLANS = lookup([A, B, C, ALWAYS], [X]);

describe('dueFees, reckoned by hand: April, plan a 30.00, b 60.00, c 9.00 in arrears, add-on x 5.00', () => {
  const a = { planId: 'a', fromMs: 0, toMs: null };
  const x = { addOnId: 'x', fromMs: 0, toMs: null };
  it.each<[string, Partial<TariffTimeline>, Record<string, number>]>([
    ['a whole cycle', { assignments: [a] }, { 'plan:a': 3000 }],
    ['nothing', {}, {}],
    ['from the 11th', { assignments: [{ ...a, fromMs: day(11) }] }, { 'plan:a': 2000 }],
    ['to the 11th', { assignments: [{ ...a, toMs: day(11) }] }, { 'plan:a': 1000 }],
    [
      'a change on the 11th',
      {
        assignments: [
          { ...a, toMs: day(11) },
          { planId: 'b', fromMs: day(11), toMs: null },
        ],
      },
      { 'plan:a': 1000, 'plan:b': 4000 },
    ],
    [
      'there and back',
      {
        assignments: [
          { ...a, toMs: day(11) },
          { planId: 'b', fromMs: day(11), toMs: day(21) },
          { ...a, fromMs: day(21) },
        ],
      },
      { 'plan:a': 2000, 'plan:b': 2000 },
    ],
    [
      'to one in arrears',
      {
        assignments: [
          { ...a, toMs: day(11) },
          { planId: 'c', fromMs: day(11), toMs: null },
        ],
      },
      { 'plan:a': 1000, 'plan:c': 600 },
    ],
    [
      'on holiday for ten days',
      { assignments: [a], holds: [{ kind: 'customer', fromMs: day(11), toMs: day(21) }] },
      { 'plan:a': 2000 },
    ],
    [
      'in debt for ten days',
      { assignments: [a], holds: [{ kind: 'non-payment', fromMs: day(11), toMs: day(21) }] },
      { 'plan:a': 3000 },
    ],
    ['an add-on', { assignments: [a], addOns: [x] }, { 'plan:a': 3000, 'add-on:x': 500 }],
    [
      'an add-on from the 16th',
      { assignments: [a], addOns: [{ ...x, fromMs: day(16) }] },
      { 'plan:a': 3000, 'add-on:x': 250 },
    ],
    [
      'an add-on on holiday',
      { assignments: [a], addOns: [x], holds: [{ kind: 'customer', fromMs: day(1), toMs: day(16) }] },
      { 'plan:a': 1500, 'add-on:x': 250 },
    ],
    [
      'an add-on on holiday, then with a plan that goes on',
      {
        assignments: [
          { ...a, toMs: day(11) },
          { planId: 'always', fromMs: day(11), toMs: null },
        ],
        addOns: [x],
        holds: [{ kind: 'customer', fromMs: day(1), toMs: null }],
      },
      { 'plan:a': 0, 'plan:always': 2000, 'add-on:x': 333 },
    ],
    ['an add-on without a plan', { addOns: [x] }, { 'add-on:x': 500 }],
    ['an unknown plan', { assignments: [{ ...a, planId: 'z' }] }, {}],
    ['terms of another currency', { assignments: [a], addOns: [x], currency: 'USD' }, {}],
    ['another cycle', { assignments: [{ ...a, toMs: APRIL.startMs }] }, {}],
  ])('%s', (_name, given, due) => {
    expect(amounts(dueFees(timeline(given), APRIL, PLANS, 'all'))).toEqual(due);
  });

  it('tells fees in advance and in arrears apart', () => {
    const t = timeline({
      assignments: [
        { planId: 'a', fromMs: 0, toMs: day(11) },
        { planId: 'c', fromMs: day(11), toMs: null },
      ],
    });
    expect(amounts(dueFees(t, APRIL, PLANS, 'advance'))).toEqual({ 'plan:a': 1000 });
    expect(amounts(dueFees(t, APRIL, PLANS, 'arrears'))).toEqual({ 'plan:c': 600 });
  });

  it('says what a line is for', () => {
    const t = timeline({ assignments: [{ planId: 'a', fromMs: day(11), toMs: day(21) }] });
    expect(dueFees(t, APRIL, PLANS, 'all')).toEqual([
      {
        line: 'plan:a',
        amountMinor: 1000,
        quantity: 1,
        periodFromMs: day(11),
        periodToMs: day(21),
        description: 'Plan A',
        planId: 'a',
        version: 1,
      },
    ]);
    expect(isFeeLine('plan:a') && isFeeLine('add-on:x')).toBe(true);
    expect(isFeeLine('usage:0') || isFeeLine('overage:data') || isFeeLine('top-up:t')).toBe(false);
  });

  it('charges a stub for its part of a cycle by the new rule', () => {
    const fromMs = APRIL.endMs;
    const t = timeline({
      assignments: [a],
      cycleChanges: [{ fromMs, cycle: { kind: 'month', anchorDay: 15 } }],
    });
    // 14 of the 30 days from 15 April
    expect(amounts(dueFees(t, billingCycleAt(t, fromMs), PLANS, 'all'))).toEqual({ 'plan:a': 1400 });
  });

  it('charges a version from the first cycle after it came into effect', () => {
    const dearer = planTerms({
      version: 2,
      effectiveFromMs: day(11),
      recurring: { feeMinor: 9000, when: 'advance' },
    });
    const plans = lookup([A, dearer]);
    const t = timeline({ assignments: [a] });
    expect(amounts(dueFees(t, APRIL, plans, 'all'))).toEqual({ 'plan:a': 3000 });
    expect(amounts(dueFees(t, billingCycleAt(t, APRIL.endMs), plans, 'all'))).toEqual({ 'plan:a': 9000 });
    const later = timeline({ assignments: [{ ...a, fromMs: day(16) }] });
    expect(amounts(dueFees(later, APRIL, plans, 'all'))).toEqual({ 'plan:a': 4500 });
  });

  it('charges the days of a short March in Berlin by their seconds', () => {
    const t = timeline({
      zone: 'Europe/Berlin',
      assignments: [
        { planId: 'a', fromMs: 0, toMs: at('2026-03-14T23:00Z') },
        { planId: 'b', fromMs: at('2026-03-14T23:00Z'), toMs: null },
      ],
    });
    const plans = lookup([
      planTerms({ recurring: { feeMinor: 2000, when: 'advance' } }),
      planTerms({ planId: 'b', recurring: { feeMinor: 5000, when: 'advance' } }),
    ]);
    // 1,209,600 s of 2,674,800: 904.44, and 5000 less 2261.10
    expect(amounts(dueFees(t, billingCycleAt(t, at('2026-03-15T00:00Z')), plans, 'all'))).toEqual({
      'plan:a': 904,
      'plan:b': 2739,
    });
  });
});

/** One-day pieces of what is dated. */
function days<T extends { fromMs: number; toMs: number | null }>(
  { t, cycle }: TariffCase,
  dated: readonly T[],
): T[][] {
  const pieces: T[][] = [];
  for (let startMs = cycle.startMs; startMs < cycle.endMs;) {
    const endMs = Math.min(dayAt(t.zone, startMs).endMs, cycle.endMs);
    const fromMs = startMs;
    pieces.push(
      dated.flatMap((one) => {
        const [from, to] = [Math.max(fromMs, one.fromMs), Math.min(endMs, one.toMs ?? endMs)];
        return from < to ? [{ ...one, fromMs: from, toMs: to }] : [];
      }),
    );
    startMs = endMs;
  }
  return pieces;
}

function sumByLine(all: readonly (readonly DueLine[])[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { line, amountMinor } of all.flat()) sums[line] = (sums[line] ?? 0) + amountMinor;
  return sums;
}

const plansOf = (lines: readonly DueLine[]): DueLine[] =>
  lines.filter(({ line }) => line.startsWith('plan:'));
const addOnsOf = (lines: readonly DueLine[]): DueLine[] =>
  lines.filter(({ line }) => line.startsWith('add-on:'));

describe('dueFees', () => {
  law('of plans are what their days cost', tariffCases, (one) => {
    const { t, cycle, plans } = one;
    const daily = days(one, t.assignments).map((assignments) =>
      plansOf(dueFees({ ...t, assignments }, cycle, plans, 'all')),
    );
    expect(sumByLine(daily)).toEqual(sumByLine([plansOf(dueFees(t, cycle, plans, 'all'))]));
  });

  law('of add-ons are what their days cost', tariffCases, (one) => {
    const { t, cycle, plans } = one;
    const daily = days(one, t.addOns).map((addOns) =>
      addOnsOf(dueFees({ ...t, addOns }, cycle, plans, 'all')),
    );
    expect(sumByLine(daily)).toEqual(sumByLine([addOnsOf(dueFees(t, cycle, plans, 'all'))]));
  });

  law(
    'are in advance or in arrears, never negative, and no more than a rounding from exact',
    tariffCases,
    (one) => {
      const { t, cycle, plans } = one;
      const all = dueFees(t, cycle, plans, 'all');
      const apart = [dueFees(t, cycle, plans, 'advance'), dueFees(t, cycle, plans, 'arrears')];
      expect(sumByLine(apart)).toEqual(sumByLine([all]));
      const whole = wholeCycleOf(t, cycle);
      const d = 1000n * secondsBetween(whole.startMs, whole.endMs);
      for (const { line, amountMinor } of plansOf(all)) {
        expect(amountMinor).toBeGreaterThanOrEqual(0);
        const planId = line.slice('plan:'.length);
        let [exact, pieces] = [0n, 0n];
        // Seconds are whole, and no bound is one in the middle.
        const cuts = [...t.assignments, ...t.holds].flatMap(({ fromMs, toMs }) => [
          fromMs,
          toMs ?? cycle.endMs,
        ]);
        const inside = [...new Set([cycle.startMs, ...cuts, cycle.endMs])]
          .filter((ms) => ms >= cycle.startMs && ms <= cycle.endMs)
          .sort((a, b) => a - b);
        for (const [index, fromMs] of inside.slice(0, -1).entries()) {
          const terms = termsAt(t, cycle, plans, fromMs);
          if (terms?.planId !== planId) continue;
          const { feeMinor = 0 } = terms.recurring ?? {};
          const seconds = secondsBetween(fromMs, inside[index + 1] ?? fromMs);
          exact += BigInt(feeMinor) * BigInt(heldPerMilleAt(t, terms, fromMs)) * seconds;
          pieces += 1n;
        }
        const off = BigInt(amountMinor) * d - exact;
        expect((off < 0n ? -off : off) <= pieces * d).toBe(true);
      }
    },
  );

  law('of a cycle without change are the fee', tariffCases, ({ t, cycle, plans }) => {
    const whole = wholeCycleOf(t, cycle);
    const still = { ...t, holds: [], addOns: [], assignments: [{ planId: 'a', fromMs: 0, toMs: null }] };
    const fee = plans.plan('a')[0]?.recurring?.feeMinor;
    const due = dueFees(still, cycle, plans, 'all')[0]?.amountMinor;
    if (cycle.startMs === whole.startMs && cycle.endMs === whole.endMs) expect(due).toBe(fee);
    else expect(due ?? 0).toBeLessThanOrEqual(fee ?? 0);
  });
});
