import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Condition } from '../../../schemas/policy.ts';
import { someCondition, someFacts } from '../../../tests/random-conditions.ts';
import { compileCondition } from '../../compile/conditions.ts';
import type { FactName, Facts } from '../../facts/catalogue.ts';
import { Reasoner } from './reasoner.ts';
import { witnessOf } from './witness.ts';

const FEW: FactName[] = [
  'capUsedPercent',
  'poolUsedPercent',
  'hourOfDay',
  'planId',
  'isOffPeak',
  'tags',
  'byClass',
];

/** Facts that contradict nothing which is implied: the witness itself, and the rest as it comes. */
function complete(witness: Partial<Facts>, rest: Facts): Facts {
  return { ...rest, ...witness };
}

/** Without a plan there is no cap either. */
function consistent(facts: Facts): Facts {
  return facts.planId === null ? { ...facts, capUsedPercent: null } : facts;
}

const leaf = (fact: FactName, operator: string, value: unknown): Condition => ({ fact, operator, value });
const all = (...parts: Condition[]): Condition => ({ all: parts });

describe('witnessOf', () => {
  it('gives facts on which the compiled condition holds, whatever the other facts are', () => {
    let found = 0;
    fc.assert(
      fc.property(someCondition(3), someFacts(), (condition, facts) => {
        const witness = witnessOf(condition);
        if (witness === null) return;
        found += 1;
        expect(compileCondition(condition)(complete(witness, facts))).toBe(true);
      }),
      { numRuns: Number(process.env['WEIR_TEST_RUNS'] ?? 250) },
    );
    expect(found).toBeGreaterThan(125);
  });

  it('finds one wherever there is one', () => {
    let held = 0;
    let none = 0;
    const few = someCondition(3, FEW).chain((first) =>
      someCondition(2, FEW).map((second) => all(first, second)),
    );
    fc.assert(
      fc.property(few, fc.array(someFacts(FEW), { minLength: 12, maxLength: 12 }), (condition, samples) => {
        const holds = compileCondition(condition);
        const hasOne = samples.some((facts) => holds(consistent(facts)));
        const witness = witnessOf(condition);
        if (hasOne) expect(witness).not.toBeNull();
        held += hasOne ? 1 : 0;
        none += witness === null ? 1 : 0;
      }),
      { numRuns: Number(process.env['WEIR_TEST_RUNS'] ?? 250) },
    );
    expect(held).toBeGreaterThan(50);
    expect(none).toBeGreaterThan(3);
  });

  it.each<[string, Condition, Partial<Facts> | null]>([
    [
      'an hour between 20 and 21',
      all(leaf('hourOfDay', 'greaterThan', 20), leaf('hourOfDay', 'lessThan', 21)),
      null,
    ],
    [
      'a percentage between 20 and 21',
      all(leaf('capUsedPercent', 'greaterThan', 20), leaf('capUsedPercent', 'lessThan', 21)),
      { capUsedPercent: 20.5 },
    ],
    ['two plans at once', all(leaf('planId', 'equal', 'a'), leaf('planId', 'equal', 'b')), null],
    [
      'neither true nor false',
      all(leaf('isOffPeak', 'notEqual', true), leaf('isOffPeak', 'notEqual', false)),
      null,
    ],
    ['a number below 0', leaf('dayBytes', 'lessThan', 0), null],
    ['a status that there is not', leaf('billingStatus', 'equal', 'paid'), null],
    ['null compared', all(leaf('capBytes', 'equal', null), leaf('capBytes', 'greaterThan', 0)), null],
    ['a cap without a plan', all(leaf('planId', 'equal', null), leaf('capBytes', 'greaterThan', 5)), null],
    [
      'a share of no cap',
      all(leaf('capBytes', 'equal', null), leaf('capUsedPercent', 'greaterThan', 5)),
      null,
    ],
    [
      'a circle of order',
      all(
        leaf('dayBytes', 'lessThan', { fact: 'hourBytes' }),
        leaf('hourBytes', 'lessThan', { fact: 'last24hBytes' }),
        leaf('last24hBytes', 'lessThan', { fact: 'dayBytes' }),
      ),
      null,
    ],
    ['itself', leaf('dayBytes', 'lessThan', { fact: 'dayBytes' }), null],
    ['a tag and not', all(leaf('tags', 'contains', 'a'), leaf('tags', 'doesNotContain', 'a')), null],
    [
      'some tag but none of these',
      all(leaf('tags', 'someFact:notEqual', 'a'), leaf('tags', 'doesNotContain', 'b')),
      { tags: ['other1'] },
    ],
  ])('%s', (_name, condition, witness) => {
    expect(witnessOf(condition)).toEqual(witness);
  });

  it('follows names', () => {
    const named = { night: all(leaf('hourOfDay', 'greaterThan', 22)) };
    expect(witnessOf({ condition: 'night' }, named)).toEqual({ hourOfDay: 23 });
    expect(witnessOf(all({ condition: 'night' }, { not: { condition: 'night' } }), named)).toBeNull();
  });

  it('orders many facts that are compared with each other', () => {
    const names: FactName[] = ['dayBytes', 'hourBytes', 'last5mBytes', 'last24hBytes', 'cycleTotalBytes'];
    const chain = names.slice(1).map((name, i) => leaf(name, 'lessThan', { fact: names[i] }));
    const witness = witnessOf(all(...chain, leaf('dayBytes', 'lessThan', 7)));
    const values = names.map((name) => Number(witness?.[name]));
    expect([...values].sort((a, b) => b - a)).toEqual(values);
    expect(new Set(values).size).toBe(names.length);
  });
});

describe('Reasoner', () => {
  it('gives up, and says so, where there is too much to look at', () => {
    // Whether each of 60 facts of classes is above each of the others, in a way that allows no order.
    const facts = [...Array(60).keys()].map((i) => `$.c${i}.dayBytes`);
    const parts = facts.flatMap((path, i) =>
      facts.slice(0, 8).map((other, j): Condition => ({
        any: [
          {
            fact: 'byClass',
            path,
            operator: i % 7 === j ? 'lessThan' : 'greaterThan',
            value: { fact: 'byClass', path: other },
          },
          { fact: 'byClass', path: other, operator: 'greaterThan', value: { fact: 'byClass', path } },
        ],
      })),
    );
    const reasoner = new Reasoner([all(...parts)], {});
    const found = reasoner.together(reasoner.formula(all(...parts)));
    expect(found === 'unknown').toBe(reasoner.isExhausted);
  });

  it('knows the plans and segments that a policy is for', () => {
    const condition = leaf('planId', 'notEqual', 'home-1');
    const scope = { fact: 'planId', patterns: ['home-1', 'biz-*'] } as const;
    const reasoner = new Reasoner([condition], {}, [scope]);
    const found = reasoner.together(reasoner.within(scope), reasoner.formula(condition));
    expect(typeof found === 'string' ? found : String(found.get('planId'))).toMatch(/^biz-/);
    const one = new Reasoner([condition], {}, [{ fact: 'planId', patterns: ['home-1'] }]);
    expect(one.together(one.within({ fact: 'planId', patterns: ['home-1'] }), one.formula(condition))).toBe(
      'none',
    );
  });
});
