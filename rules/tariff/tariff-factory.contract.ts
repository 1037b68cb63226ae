import fc from 'fast-check';
import type { Hold } from '../../schemas/profile.ts';
import type { AddOnTerms, PlanTerms, Span } from '../../schemas/tariff.ts';
import type { AddOnSpan, PlanLookup, TariffTimeline } from './timeline.ts';
import { billingCycleAt } from './timeline.ts';

export const at = (text: string): number => Date.parse(text);

/** Zones of the cases that were made by hand for cycles: skipped and doubled midnights, a skipped day, halves of hours. */
export const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/Asuncion',
  'America/Havana',
  'Pacific/Apia',
  'America/St_Johns',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'America/Santiago',
];

export function planTerms(given: Partial<PlanTerms> = {}): PlanTerms {
  return {
    planId: 'a',
    version: 1,
    name: 'Plan A',
    currency: 'EUR',
    taxClass: 'standard',
    effectiveFromMs: null,
    recurring: { feeMinor: 3000, when: 'advance' },
    usage: null,
    heldPerMille: { 'non-payment': 1000, customer: 0, fraud: 1000, legal: 1000 },
    metering: {
      family: 'home',
      capBytes: 1_000_000,
      counted: 'both',
      downBps: 100_000_000,
      upBps: 20_000_000,
      overage: null,
      classFactors: {},
    },
    ...given,
  };
}

export function addOnTerms(given: Partial<AddOnTerms> = {}): AddOnTerms {
  return {
    addOnId: 'x',
    version: 1,
    name: 'Add-on X',
    currency: 'EUR',
    feeMinor: 500,
    when: 'advance',
    capBytes: 0,
    prorated: false,
    effectiveFromMs: 0,
    ...given,
  };
}

export function timeline(given: Partial<TariffTimeline> = {}): TariffTimeline {
  return {
    currency: 'EUR',
    taxClass: 'standard',
    zone: 'UTC',
    cycle: { kind: 'month', anchorDay: 1 },
    cycleChanges: [],
    assignments: [],
    addOns: [],
    holds: [],
    ...given,
  };
}

export function lookup(plans: readonly PlanTerms[], addOns: readonly AddOnTerms[] = []): PlanLookup {
  return {
    plan: (planId) => plans.filter((terms) => terms.planId === planId),
    addOn: (addOnId) => addOns.filter((terms) => terms.addOnId === addOnId),
  };
}

/** Plans a, b, c and add-ons x, y of one version each, and one cycle of a subscriber who has some of them for some of it. */
export interface TariffCase {
  t: TariffTimeline;
  cycle: Span;
  plans: PlanLookup;
}

const fee = fc.oneof(fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: 0, max: 1_000_000_000_000 }));
const when = fc.constantFrom<'advance' | 'arrears'>('advance', 'arrears');
const perMille = fc.oneof(fc.constantFrom(0, 1000), fc.integer({ min: 0, max: 1000 }));

const plan = (planId: string): fc.Arbitrary<PlanTerms> =>
  fc
    .record({
      recurring: fc.option(fc.record({ feeMinor: fee, when }), { nil: null, freq: 8 }),
      heldPerMille: fc.record({
        'non-payment': perMille,
        customer: perMille,
        fraud: perMille,
        legal: perMille,
      }),
    })
    .map((given) => planTerms({ planId, ...given }));

const cycleRule = fc.oneof(
  fc.integer({ min: 1, max: 31 }).map((anchorDay) => ({ kind: 'month' as const, anchorDay })),
  fc.integer({ min: 1, max: 7 }).map((weekday) => ({ kind: 'week' as const, weekday })),
  fc.integer({ min: 1, max: 60 }).map((days) => ({ kind: 'days' as const, days, from: '2011-12-29' })),
);

const BEGIN = at('2008-01-01T00:00Z');
const END = at('2030-01-01T00:00Z');
const DAY = 86_400_000;

/** Days before and after the instant in the cycle, in ms. */
const near = fc.integer({ min: -70 * DAY, max: 70 * DAY });

/** Stretches between random bounds, named or free. */
function stretches<N>(names: readonly N[]): fc.Arbitrary<Stretch<N>[]> {
  return fc
    .record({
      bounds: fc.uniqueArray(near, { minLength: 1, maxLength: 6 }),
      named: fc.array(fc.option(fc.constantFrom(...names), { nil: null, freq: 3 }), {
        minLength: 6,
        maxLength: 6,
      }),
      isOpen: fc.boolean(),
    })
    .map(({ bounds, named, isOpen }) => {
      const cuts = [...bounds].sort((a, b) => a - b);
      return cuts.flatMap((from, index) => {
        const name = named[index] ?? null;
        const to = cuts[index + 1] ?? (isOpen ? null : from + 40 * DAY);
        return name === null ? [] : [{ name, from, to }];
      });
    });
}

interface Stretch<N> {
  name: N;
  from: number;
  to: number | null;
}
interface History {
  assignments: Stretch<string>[];
  addOns: Stretch<string>[];
  holds: Stretch<Hold['kind']>[];
}

/** What of a timeline changes as time goes by: who has what when. */
export const histories: fc.Arbitrary<History> = fc.record({
  assignments: stretches<string>(['a', 'b', 'c']),
  addOns: fc.oneof(
    { weight: 2, arbitrary: fc.constant<[]>([]) },
    { weight: 1, arbitrary: stretches<string>(['x', 'y']) },
  ),
  holds: fc.oneof(
    { weight: 1, arbitrary: fc.constant<[]>([]) },
    { weight: 1, arbitrary: stretches<Hold['kind']>(['customer', 'non-payment', 'fraud']) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(stretches<Hold['kind']>(['customer']), stretches<Hold['kind']>(['legal']))
        .map((two) => two.flat()),
    },
  ),
});

/** A timeline with a history placed around an instant. */
export function withHistory(t: TariffTimeline, history: History, aroundMs: number): TariffTimeline {
  const placed = ({
    from,
    to,
  }: {
    from: number;
    to: number | null;
  }): { fromMs: number; toMs: number | null } => ({
    fromMs: aroundMs + from,
    toMs: to === null ? null : aroundMs + to,
  });
  return {
    ...t,
    assignments: history.assignments.map((one) => ({ planId: one.name, ...placed(one) })),
    addOns: history.addOns.map((one): AddOnSpan => ({ addOnId: one.name, ...placed(one) })),
    holds: history.holds.map((one) => ({ kind: one.name, ...placed(one) })),
  };
}

export const tariffCases: fc.Arbitrary<TariffCase & { atMs: number }> = fc
  .record({
    zone: fc.constantFrom(...ZONES),
    cycle: cycleRule,
    next: fc.option(cycleRule, { nil: null, freq: 2 }),
    atMs: fc.integer({ min: BEGIN, max: END }),
    history: histories,
    plans: fc.tuple(plan('a'), plan('b'), plan('c')),
    addOns: fc.record({ fees: fc.tuple(fee, fee), whens: fc.tuple(when, when) }),
  })
  .map(({ zone, cycle, next, atMs, history, plans, addOns: { fees, whens } }) => {
    const still = timeline({ zone, cycle });
    // The cycle that contains the instant, or the stub after it.
    const cycleChanges = next === null ? [] : [{ fromMs: billingCycleAt(still, atMs).endMs, cycle: next }];
    const t = withHistory({ ...still, cycleChanges }, history, atMs);
    const x = addOnTerms({ addOnId: 'x', feeMinor: fees[0], when: whens[0] });
    const y = addOnTerms({ addOnId: 'y', feeMinor: fees[1], when: whens[1] });
    const inCycleMs = cycleChanges[0]?.fromMs ?? atMs;
    return { t, atMs: inCycleMs, cycle: billingCycleAt(t, inCycleMs), plans: lookup(plans, [x, y]) };
  });
