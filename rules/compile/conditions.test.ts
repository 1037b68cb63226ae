import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Condition } from '../../schemas/policy.ts';
import { capPolicy } from '../../tests/factories.ts';
import { confirmRule } from '../confirm.ts';
import { FACTS } from '../facts/catalogue.ts';
import type { FactDefinition, FactName, Facts } from '../facts/catalogue.ts';
import { compileCondition } from './conditions.ts';
import { compilePolicy, shareOf } from './policy.ts';
import { PolicySet } from './policy-set.ts';

const NAMES = Object.keys(FACTS) as FactName[];

/** Few values, so that conditions often hold. */
const VALUES = {
  number: fc.constantFrom<unknown>(0, 1, -1, 0.5, 99.99999999999999, 100, 9, 10, 1e15, 5e-324),
  string: fc.constantFrom<unknown>('', 'a', 'home-100', '100', '__proto__'),
  boolean: fc.constantFrom<unknown>(true, false),
  strings: fc.constantFrom<unknown>([], ['a'], ['a', 'home-100'], ['']),
};

const facts = fc.record(
  Object.fromEntries(
    NAMES.map((name) => {
      const { type, nullable }: FactDefinition = FACTS[name];
      return [name, nullable ? fc.option(VALUES[type], { nil: null, freq: 3 }) : VALUES[type]];
    }),
  ),
) as unknown as fc.Arbitrary<Facts>;

const OPERATORS_OF = {
  number: ['equal', 'notEqual', 'lessThan', 'lessThanInclusive', 'greaterThan', 'greaterThanInclusive'],
  string: ['equal', 'notEqual'],
  boolean: ['equal', 'notEqual'],
  strings: ['contains', 'doesNotContain'],
};

/** A leaf as the check of policy files lets it through. */
const leaf: fc.Arbitrary<Condition> = fc.constantFrom(...NAMES).chain((fact) => {
  const { type }: FactDefinition = FACTS[fact];
  const plain = fc.record({
    fact: fc.constant(fact),
    operator: fc.constantFrom(...OPERATORS_OF[type]),
    value: type === 'strings' ? VALUES.string : VALUES[type],
  });
  if (type === 'strings') return plain;
  const list = fc.record({
    fact: fc.constant(fact),
    operator: fc.constantFrom('in', 'notIn'),
    value: fc.array(VALUES[type], { minLength: 1, maxLength: 3 }),
  });
  const nothing = fc.record({
    fact: fc.constant(fact),
    operator: fc.constantFrom('equal', 'notEqual'),
    value: fc.constant(null),
  });
  return fc.oneof({ weight: 6, arbitrary: plain }, { weight: 2, arbitrary: list }, nothing);
});

const { tree } = fc.letrec<{ tree: Condition; node: Condition }>((tie) => ({
  tree: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, tie('node')),
  node: fc.oneof(
    fc.record({ all: fc.array(tie('tree'), { maxLength: 3 }) }),
    fc.record({ any: fc.array(tie('tree'), { maxLength: 3 }) }),
    fc.record({ not: tie('tree') }),
    fc.record({
      all: fc.array(tie('tree'), { minLength: 1, maxLength: 2 }),
      priority: fc.integer({ min: 1, max: 9 }),
    }),
  ),
}));

describe('compileCondition', () => {
  it('says what json-rules-engine says, on any tree and facts', async () => {
    let held = 0;
    await fc.assert(
      fc.asyncProperty(tree, facts, async (condition, values) => {
        const verdict = await confirmRule(condition, values);
        held += verdict.holds ? 1 : 0;
        expect(compileCondition(condition)(values)).toBe(verdict.holds);
      }),
      { numRuns: 2500 },
    );
    expect(held).toBeGreaterThan(500);
    expect(held).toBeLessThan(2000);
  });

  it.each<[string, Condition, boolean]>([
    ['all of nothing', { all: [] }, true],
    ['any of nothing', { any: [] }, true],
    ['not any of nothing', { not: { any: [] } }, false],
    ['null compared', { fact: 'capBytes', operator: 'lessThan', value: 5 }, false],
    ['not null compared', { not: { fact: 'capBytes', operator: 'lessThan', value: 5 } }, true],
    ['null is null', { fact: 'capBytes', operator: 'equal', value: null }, true],
    ['no type is changed', { fact: 'planId', operator: 'equal', value: 100 }, false],
  ])('%s', async (_name, condition, holds) => {
    const [values] = fc.sample(facts, { numRuns: 1, seed: 1 });
    if (values === undefined) throw new Error('no sample');
    const given = { ...values, capBytes: null, planId: '100' };
    expect(compileCondition(condition)(given)).toBe(holds);
    expect((await confirmRule(condition, given)).holds).toBe(holds);
  });
});

describe('compilePolicy', () => {
  it('orders rules by priority, then as in the file', () => {
    const policy = capPolicy();
    const [rule] = policy.file.rules;
    if (rule === undefined) throw new Error('no rule');
    policy.file.rules = [
      { ...rule, name: 'b' },
      { ...rule, name: 'first', priority: 9 },
      { ...rule, name: 'a' },
    ];
    expect(compilePolicy(policy).rules.map(({ name }) => name)).toEqual(['first', 'b', 'a']);
  });

  it.each([
    [{ plans: ['home-*'] }, 'home-100', 'residential', true],
    [{ plans: ['home'] }, 'home-100', 'residential', false],
    [{ plans: ['*'] }, null, 'residential', false],
    [{ plans: ['x', 'home-100'], segments: ['resid*'] }, 'home-100', 'residential', true],
    [{ segments: ['business'] }, 'home-100', 'residential', false],
    [{ plans: [] }, 'home-100', 'residential', false],
    [{}, null, '', true],
  ])('applies %j to plan %s in segment %s: %s', (appliesTo, planId, segment, applies) => {
    const policy = capPolicy();
    policy.file.appliesTo = appliesTo;
    const compiled = compilePolicy(policy);
    expect(compiled.concerns(planId, segment)).toBe(applies);
    const set = new PolicySet([compiled]);
    // The second answer comes from memory.
    for (let i = 0; i < 2; i += 1) expect(set.concerning(planId, segment)).toEqual(applies ? [compiled] : []);
  });

  it.each(['off', 'shadow'] as const)('concerns nobody in mode %s', (mode) => {
    expect(compilePolicy(capPolicy({}, mode)).concerns('home-100', 'residential')).toBe(false);
  });

  it('remembers no combination wrongly, however many there are', () => {
    const policy = capPolicy();
    policy.file.appliesTo = { plans: ['p-1*'] };
    const set = new PolicySet([compilePolicy(policy)]);
    for (let round = 0; round < 2; round += 1) {
      for (let i = 0; i < 1500; i += 1) {
        expect(set.concerning(`p-${i}`, 's').length).toBe(String(i).startsWith('1') ? 1 : 0);
      }
    }
    expect(set.concerning(null, 'p-1\u0000s')).toEqual([]);
  });

  it('takes a stable share in mode percent, and whoever is in a smaller share stays in a larger one', () => {
    const ids = [...Array(2000).keys()].map((i) => `sub-${i}`);
    const members = (percent: number): string[] =>
      ids.filter((id) => {
        const policy = capPolicy({}, 'percent');
        policy.file.percent = percent;
        delete policy.file.appliesTo;
        return compilePolicy(policy).includes(id);
      });
    const ten = members(10);
    expect(ten.length).toBeGreaterThan(140);
    expect(ten.length).toBeLessThan(260);
    expect(members(10)).toEqual(ten);
    const thirty = new Set(members(30));
    expect(ten.every((id) => thirty.has(id))).toBe(true);
    expect(members(0)).toEqual([]);
    expect(members(100)).toHaveLength(ids.length);
    expect(shareOf('home-fup', 'sub-1')).not.toBe(shareOf('other', 'sub-1'));
  });
});
