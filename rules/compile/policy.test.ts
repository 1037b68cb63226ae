import { describe, expect, it } from 'vitest';
import type { Condition, PolicyInForce, PolicyRule, PolicyVersion } from '../../schemas/policy.ts';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import { capPolicy } from '../../tests/factories.ts';
import { compilePolicy, inShare, shareOf } from './policy.ts';
import { compilePolicies, PolicySet } from './policy-set.ts';

const compile = (policy: PolicyVersion) => compilePolicy(policy, NO_PROVIDER_SETTINGS);
const ask = (fact: string, value: unknown): Condition => ({ all: [{ fact, operator: 'equal', value }] });

function ruleOf(fields: Partial<PolicyRule>): PolicyRule {
  const event = { type: 'notify', params: { template: 't', channel: 'sms' } } as const;
  return { name: 'a', conditions: { all: [] }, event, ...fields };
}

function policyOf(rules: PolicyRule[], fields: Partial<PolicyVersion['file']> = {}): PolicyVersion {
  const policy = capPolicy();
  return { ...policy, file: { ...policy.file, ...fields, rules } };
}

describe('compilePolicy', () => {
  it('orders rules by priority, then as in the file', () => {
    const rules = [ruleOf({ name: 'b' }), ruleOf({ name: 'first', priority: 9 }), ruleOf({ name: 'a' })];
    expect(compile(policyOf(rules)).rules.map(({ name }) => name)).toEqual(['first', 'b', 'a']);
  });

  it('says in which rule what is wrong', () => {
    const rules = [ruleOf({}), ruleOf({ conditions: { any: [ask('noSuchFact', 1)] } })];
    expect(() => compile(policyOf(rules))).toThrow(
      '$.rules[1].conditions.any[0].all[0].fact: there is no fact noSuchFact',
    );
    expect(() => compile(policyOf([ruleOf({})], { conditions: { odd: ask('x', 1) } }))).toThrow(
      '$.conditions.odd.all[0].fact: there is no fact x',
    );
    expect(() => compile(policyOf([ruleOf({ priority: -1 })]))).toThrow('$.rules[0].priority');
  });

  it('shares named conditions and counts the facts behind them', () => {
    const named = { full: ask('capUsedPercent', 100), late: { not: { condition: 'full' } } };
    const conditions: Condition = {
      any: [
        { condition: 'late' },
        { fact: 'dayBytes', operator: 'greaterThan', value: { fact: 'usualDayBytes' } },
      ],
    };
    const compiled = compile(policyOf([ruleOf({ conditions })], { conditions: named }));
    expect(compiled.rules[0]?.named).toEqual(named);
    expect([...compiled.facts].sort()).toEqual(['capUsedPercent', 'dayBytes', 'usualDayBytes']);
    expect([...(compiled.rules[0]?.facts ?? [])].sort()).toEqual([...compiled.facts].sort());
  });

  it('leaves out what names a throttle profile that the provider does not have', () => {
    const event = { type: 'throttle', params: { profile: 'slow' } } as const;
    const policy = policyOf([ruleOf({ event })]);
    expect(compile(policy).rules).toEqual([]);
    const provider = { ...NO_PROVIDER_SETTINGS, throttleProfiles: { slow: { downBps: 2, upBps: 1 } } };
    const effect = { state: 'throttle', downBps: 2, upBps: 1, profile: 'slow' };
    expect(compilePolicy(policy, provider).rules).toMatchObject([{ effect }]);
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
    const compiled = compile(policyOf([ruleOf({})], { appliesTo }));
    expect(compiled.concerns(planId, segment)).toBe(applies);
    const set = new PolicySet([compiled]);
    // The second answer comes from memory.
    for (let i = 0; i < 2; i += 1) expect(set.concerning(planId, segment)).toEqual(applies ? [compiled] : []);
  });

  it('concerns nobody in mode off, and asks for no facts then', () => {
    const compiled = compile(capPolicy({}, 'off'));
    expect(compiled.concerns('home-100', 'residential')).toBe(false);
    expect(compiled.facts.size).toBe(0);
  });

  it('marks the state of rules in shadow', () => {
    expect(compile(capPolicy({}, 'shadow')).rules).toMatchObject([
      { key: '~home-fup/slow-at-cap', shadow: true },
    ]);
  });
});

describe('PolicySet', () => {
  it('remembers no combination wrongly, however many there are', () => {
    const set = new PolicySet([compile(policyOf([ruleOf({})], { appliesTo: { plans: ['p-1*'] } }))]);
    for (let round = 0; round < 2; round += 1) {
      for (let i = 0; i < 1500; i += 1) {
        expect(set.concerning(`p-${i}`, 's').length).toBe(String(i).startsWith('1') ? 1 : 0);
      }
    }
    expect(set.concerning(null, 'p-1\u0000s')).toEqual([]);
  });

  it('knows the facts that all of its policies ask about', () => {
    const set = new PolicySet([
      compile(policyOf([ruleOf({ conditions: ask('isOffPeak', true) })])),
      compile(
        policyOf([
          ruleOf({ conditions: ask('hourOfDay', 3) }),
          ruleOf({ conditions: ask('isOffPeak', false) }),
        ]),
      ),
      compile(policyOf([ruleOf({ conditions: ask('dayOfWeek', 3) })], { mode: 'off' })),
    ]);
    expect([...set.facts].sort()).toEqual(['hourOfDay', 'isOffPeak']);
  });
});

describe('a candidate', () => {
  const ids = [...Array(2000).keys()].map((i) => `sub-${i}`);
  const inForce = (candidate: PolicyVersion | null): PolicySet =>
    compilePolicies(
      new Map<string, PolicyInForce>([['home-fup', { base: capPolicy(), candidate }]]),
      NO_PROVIDER_SETTINGS,
    );
  const candidateOf = (percent: number): PolicyVersion => {
    const policy = capPolicy({}, 'percent');
    return { ...policy, file: { ...policy.file, percent } };
  };

  it('takes its stable share from the base, and whoever is in a smaller share stays in a larger one', () => {
    const members = (percent: number): string[] => ids.filter((id) => inShare(candidateOf(percent), id));
    const ten = members(10);
    expect(ten.length).toBeGreaterThan(140);
    expect(ten.length).toBeLessThan(260);
    expect(members(10)).toEqual(ten);
    const thirty = new Set(members(30));
    expect(ten.every((id) => thirty.has(id))).toBe(true);
    expect(members(0)).toEqual([]);
    expect(members(100)).toHaveLength(ids.length);
    expect(shareOf('home-fup', 'sub-1')).not.toBe(shareOf('other', 'sub-1'));
    const [base, candidate] = inForce(candidateOf(10)).all;
    for (const id of ids) expect(base?.includes(id)).toBe(candidate?.includes(id) === false);
  });

  it('in shadow stands beside the base', () => {
    const [base, candidate] = inForce(capPolicy({}, 'shadow')).all;
    for (const id of ids) expect([base?.includes(id), candidate?.includes(id)]).toEqual([true, true]);
  });
});
