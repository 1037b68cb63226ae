import { describe, expect, it } from 'vitest';
import type { Condition, PolicyFile } from '../../schemas/policy.ts';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import { capPolicy } from '../../tests/factories.ts';
import type { Verdict } from '../confirm.ts';
import { checkPolicyTests } from './check-tests.ts';
import { runPolicyTests } from './run-tests.ts';
import type { PolicyTestResult } from './run-tests.ts';

const policy: PolicyFile = capPolicy().file;

function withConditions(conditions: Condition, fields: Partial<PolicyFile> = {}): PolicyFile {
  const [rule] = policy.rules;
  if (rule === undefined) throw new Error('no rule');
  return { ...policy, ...fields, rules: [{ ...rule, conditions }] };
}

async function run(cases: unknown[], of = policy): Promise<PolicyTestResult> {
  const checked = checkPolicyTests(JSON.stringify({ cases }), of);
  if ('findings' in checked) throw new Error(JSON.stringify(checked.findings));
  return runPolicyTests(of, checked.tests, NO_PROVIDER_SETTINGS);
}

const over = { capUsedPercent: 120 };

describe('runPolicyTests', () => {
  it('passes what holds as expected, whatever the mode', async () => {
    for (const mode of ['off', 'shadow', 'percent', 'enforce'] as const) {
      const cases = [
        { name: 'over', facts: over, expect: ['slow-at-cap'] },
        { name: 'under', expect: [] },
        { name: 'other plan', plan: 'business-500', facts: over, expect: [] },
      ];
      const result = await run(cases, { ...policy, mode, percent: 0 });
      expect(result).toMatchObject({ policyId: 'home-fup', passed: 3, failed: 0 });
      expect(result.coverage).toEqual({ conditions: 1, covered: 2, percent: 100, uncovered: [] });
    }
  });

  it('says what was expected, what came and what each condition was', async () => {
    const result = await run([{ name: 'wrong', facts: { capUsedPercent: 99 }, expect: ['slow-at-cap'] }]);
    expect(result).toMatchObject({ passed: 0, failed: 1 });
    expect(result.cases[0]?.failures).toEqual([
      {
        place: { line: 1, column: 11 },
        at: null,
        what: 'holds',
        expected: ['slow-at-cap'],
        actual: [],
        rules: [
          {
            rule: 'slow-at-cap',
            event: 'throttle',
            conditions: [
              {
                path: ['rules', 0, 'conditions', 'all', 0],
                fact: 'capUsedPercent',
                operator: 'greaterThanInclusive',
                expected: 100,
                actual: 99,
                result: false,
              },
            ],
          },
        ],
        hint: null,
      },
    ]);
    const unexpected = await run([{ name: 'wrong', facts: over, expect: [] }]);
    expect(unexpected.cases[0]?.failures).toMatchObject([{ expected: [], actual: ['slow-at-cap'] }]);
  });

  it('says why nothing held where no condition is to blame', async () => {
    const result = await run([{ name: 'a', plan: 'business-500', facts: over, expect: ['slow-at-cap'] }]);
    expect(result.cases[0]?.failures[0]?.hint).toBe(
      'the policy is not for plan business-500 in segment residential',
    );
    const inert: PolicyFile = {
      ...policy,
      rules: policy.rules.map((rule) => ({
        ...rule,
        event: { type: 'throttle', params: { profile: 'slow' } },
      })),
    };
    const second = await run([{ name: 'a', facts: over, expect: ['slow-at-cap'] }], inert);
    expect(second.cases[0]?.failures[0]?.hint).toBe(
      'the provider has no throttle profile as slow-at-cap names it',
    );
  });

  it('names conditions that no case made true, or false', async () => {
    const tree: Condition = {
      all: [
        { fact: 'capUsedPercent', operator: 'greaterThan', value: 50 },
        { any: [{ fact: 'tags', operator: 'contains', value: 'a' }, { condition: 'video' }] },
        { not: { fact: 'isOffPeak', operator: 'equal', value: true } },
      ],
    };
    const conditions: Record<string, Condition> = {
      video: { all: [{ fact: 'byClass', path: '$.video.dayBytes', operator: 'greaterThan', value: 5 }] },
    };
    const result = await run(
      [
        {
          name: 'a',
          facts: { capUsedPercent: 51, byClass: { video: { dayBytes: 6 } } },
          expect: ['slow-at-cap'],
        },
        { name: 'b', facts: { byClass: {} }, expect: [] },
        { name: 'not asked', plan: 'x', facts: { tags: ['a'], isOffPeak: true }, expect: [] },
      ],
      withConditions(tree, { conditions }),
    );
    expect(result.failed).toBe(0);
    expect(result.coverage).toMatchObject({ conditions: 4, covered: 6, percent: 75 });
    expect(result.coverage.uncovered).toMatchObject([
      {
        path: ['rules', 0, 'conditions', 'all', 1, 'any', 0],
        fact: 'tags',
        neverTrue: true,
        neverFalse: false,
      },
      {
        path: ['rules', 0, 'conditions', 'all', 2, 'not'],
        fact: 'isOffPeak',
        neverTrue: true,
        neverFalse: false,
      },
    ]);
  });

  it('shows conditions of named ones, through others too, and facts of classes', async () => {
    const conditions: Record<string, Condition> = {
      video: { all: [{ fact: 'byClass', path: '$.video.dayBytes', operator: 'greaterThan', value: 5 }] },
      either: { any: [{ condition: 'video' }] },
      other: { any: [{ fact: 'isOffPeak', operator: 'equal', value: true }] },
    };
    const of = withConditions({ all: [{ condition: 'either' }] }, { conditions });
    const result = await run(
      [
        { name: 'none', expect: ['slow-at-cap'] },
        { name: 'some', facts: { byClass: { video: { dayBytes: 7 } } }, expect: [] },
      ],
      of,
    );
    const values = result.cases.map(({ failures }) => failures[0]?.rules[0]?.conditions);
    expect(values).toMatchObject([
      [{ fact: 'byClass $.video.dayBytes', actual: null, result: false }],
      [{ fact: 'byClass $.video.dayBytes', actual: 7, result: true }],
    ]);
  });

  it('runs steps: latches, holds, and ends what no longer applies', async () => {
    const timed = (params: object): PolicyFile => capPolicy(params as never).file;
    const course = (...steps: unknown[]): unknown[] => [{ name: 'course', steps }];
    const began = { at: 10, facts: over, begin: ['slow-at-cap'] };
    const ends = { end: ['slow-at-cap'] };
    const passes = async (cases: unknown[], of: PolicyFile): Promise<void> => {
      const result = await run(cases, of);
      expect(result.cases.flatMap(({ failures }) => failures)).toEqual([]);
    };
    await passes(course(began, { at: 909 }, { at: 910, ...ends }), timed({}));
    await passes(course(began, { at: 909 }, { at: 909_000, facts: over }), timed({}));
    await passes(course(began, { at: 11, ...ends }), timed({ minHoldSeconds: 0 }));
    await passes(course(began, { at: 11, newCycle: true, ...ends }), timed({}));
    await passes(
      course(began, { at: 3609, newCycle: true }, { at: 3610, ...ends }),
      timed({ until: { seconds: 3600 } }),
    );
    const noneLeft = { capUsedPercent: 99, capRemainingBytes: 0 };
    await passes(
      course(began, { at: 99_999, facts: noneLeft }, { at: 100_000, ...ends }),
      timed({ until: 'cycle-end' }),
    );
    await passes(
      course(began, { at: 11, facts: { planId: 'business-500' }, ...ends }),
      timed({ until: 'cycle-end' }),
    );
  });

  it('fails a case where json-rules-engine says something else', async () => {
    const checked = checkPolicyTests(JSON.stringify({ cases: [{ name: 'a', expect: [] }] }), policy);
    if ('findings' in checked) throw new Error(JSON.stringify(checked.findings));
    const always = (): Promise<Verdict> => Promise.resolve({ holds: true, results: [] });
    const result = await runPolicyTests(policy, checked.tests, NO_PROVIDER_SETTINGS, always);
    expect(result.failed).toBe(1);
    expect(result.cases[0]?.failures).toMatchObject([
      { what: 'diverges', expected: ['slow-at-cap'], actual: [], rules: [{ rule: 'slow-at-cap' }] },
    ]);
  });

  it('says at which step a course goes wrong', async () => {
    const steps = [
      { at: 0, facts: over, begin: ['slow-at-cap'] },
      { at: 60, end: ['slow-at-cap'] },
    ];
    const result = await run([{ name: 'too early', steps }]);
    expect(result.cases[0]?.failures).toMatchObject([
      { at: 60, what: 'ends', expected: ['slow-at-cap'], actual: [], rules: [{ rule: 'slow-at-cap' }] },
    ]);
  });
});
