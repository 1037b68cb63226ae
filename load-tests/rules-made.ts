import type { Facts } from '../rules/facts/catalogue.ts';
import { CLASS_FACTS, FACTS } from '../rules/facts/catalogue.ts';
import type { ClassFacts, FactDefinition } from '../rules/facts/catalogue.ts';
import type { Condition, PolicyFile } from '../schemas/policy.ts';

const asks = (fact: string, operator: string, value: unknown): Condition => ({ fact, operator, value });

/** What the shipped policies ask, by number: thresholds, off-peak hours, labels, classes, another fact, a name. */
const KINDS: readonly ((n: number) => Condition)[] = [
  (n) => ({ all: [asks('capUsedPercent', 'greaterThanInclusive', 80 + n)] }),
  (n) => ({
    all: [asks('capUsedPercent', 'greaterThanInclusive', 90 + n), { not: asks('isOffPeak', 'equal', true) }],
  }),
  (n) => ({ all: [{ condition: 'used-up' }, asks('overageBlocks', 'lessThan', n)] }),
  (n) => ({
    all: [
      asks('dayBytes', 'greaterThanInclusive', (20 + n) * 1e9),
      asks('dayBytes', 'greaterThan', { fact: 'usualDayBytes' }),
    ],
  }),
  (n) => ({
    all: [
      asks('tags', 'contains', 'auto-top-up'),
      asks('capRemainingBytes', 'lessThan', n * 1e9),
      asks('billingStatus', 'notEqual', 'overdue'),
    ],
  }),
  (n) => ({
    any: [
      asks('last24hBytes', 'greaterThan', (30 + n) * 1e9),
      {
        all: [
          asks('hourOfDay', 'greaterThanInclusive', 18),
          asks('peakRateBps', 'greaterThan', (50 + n) * 1e6),
        ],
      },
    ],
  }),
  (n) => ({
    all: [
      { fact: 'byClass', path: '$.video.dayBytes', operator: 'greaterThan', value: (5 + n) * 1e9 },
      asks('segment', 'in', ['residential', 'student']),
    ],
  }),
  (n) => ({
    all: [asks('projectedCapUsedPercent', 'greaterThan', 100 + n), asks('cycleDay', 'lessThan', 20)],
  }),
];

/** A policy of so many rules of the shipped kind, all of one priority. */
export function shippedRules(rules: number): PolicyFile {
  return {
    id: 'measured',
    description: '',
    mode: 'enforce',
    conditions: { 'used-up': { all: [asks('capUsedPercent', 'greaterThanInclusive', 100)] } },
    rules: [...Array(rules).keys()].map((n) => ({
      name: `rule-${String(n)}`,
      conditions: (KINDS[n % KINDS.length] ?? (() => ({ all: [] })))(Math.floor(n / KINDS.length)),
      event: { type: 'notify', params: { template: 'notice', channel: 'sms' } },
    })),
  };
}

/** Facts objects of the catalogue's shape with values in its units; the same for the same seed. */
export function randomFacts(count: number, seed: number): Facts[] {
  let state = seed;
  // A linear congruential generator is enough for values that only have to differ.
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
  return [...Array(count).keys()].map(() => {
    const made = Object.fromEntries(Object.entries(FACTS).map(([name, fact]) => [name, valueOf(fact, next)]));
    const video = Object.fromEntries(
      Object.entries(CLASS_FACTS).map(([name, fact]) => [name, valueOf(fact, next)]),
    ) as ClassFacts;
    return {
      ...made,
      segment: next() < 0.9 ? 'residential' : 'business',
      byClass: { video },
    } as unknown as Facts;
  });
}

function valueOf(fact: FactDefinition, next: () => number): unknown {
  const { type, nullable, example, values, max } = fact;
  if (nullable && next() < 0.1) return null;
  switch (type) {
    case 'number':
      return max === undefined ? Number(example) * next() * 1.4 : Math.floor(next() * max);
    case 'boolean':
      return next() < 0.5;
    case 'strings':
      return next() < 0.2 ? ['student', 'auto-top-up'] : [];
    case 'string':
      return values?.[Math.floor(next() * values.length)] ?? example;
    case 'classes':
      return {};
  }
}
