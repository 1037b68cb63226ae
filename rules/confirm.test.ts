import { describe, expect, it } from 'vitest';
import type { Condition } from '../schemas/policy.ts';
import { PolicyCompileError } from './compile/compile-error.ts';
import { confirmRule } from './confirm.ts';
import { FACTS } from './facts/catalogue.ts';
import type { Facts } from './facts/catalogue.ts';

const EXAMPLES = Object.fromEntries(
  Object.entries(FACTS).map(([name, { example }]) => [name, example]),
) as unknown as Facts;
const factsWith = (fields: Partial<Facts>): Facts => ({ ...EXAMPLES, ...fields });
const video = { video: { dayBytes: 7 } } as unknown as Facts['byClass'];

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(frozen);
  return Object.freeze(value);
}

describe('confirmRule', () => {
  it('gives every comparison with its values: nested, behind names, behind paths, of two facts', async () => {
    const named: Record<string, Condition> = {
      full: { all: [{ fact: 'capUsedPercent', operator: 'greaterThanInclusive', value: 100 }] },
      quiet: { not: { condition: 'busy' } },
      busy: { any: [{ fact: 'openSessions', operator: 'greaterThan', value: 2 }] },
    };
    const conditions: Condition = {
      any: [
        { condition: 'full' },
        { all: [{ condition: 'quiet' }, { fact: 'tags', operator: 'not:contains', value: 'vip' }] },
        { fact: 'byClass', path: '$.video.dayBytes', operator: 'greaterThan', value: { fact: 'dayBytes' } },
        {
          fact: 'dayBytes',
          operator: 'lessThan',
          value: { fact: 'byClass', path: "$['no such'].dayBytes" },
        },
      ],
    };
    const facts = factsWith({
      capUsedPercent: null,
      openSessions: 1,
      tags: ['x'],
      byClass: video,
      dayBytes: 9,
    });
    expect(await confirmRule(conditions, facts, named)).toEqual({
      holds: true,
      results: [
        {
          fact: 'capUsedPercent',
          operator: 'greaterThanInclusive',
          expected: 100,
          actual: null,
          result: false,
        },
        { fact: 'openSessions', operator: 'greaterThan', expected: 2, actual: 1, result: false },
        { fact: 'tags', operator: 'not:contains', expected: 'vip', actual: ['x'], result: true },
        {
          fact: 'byClass',
          path: '$.video.dayBytes',
          operator: 'greaterThan',
          expected: 9,
          expectedFrom: { fact: 'dayBytes' },
          actual: 7,
          result: false,
        },
        {
          fact: 'dayBytes',
          operator: 'lessThan',
          expected: null,
          expectedFrom: { fact: 'byClass', path: "$['no such'].dayBytes" },
          actual: 9,
          result: false,
        },
      ],
    });
  });

  it('leaves out what a higher priority made needless', async () => {
    const conditions: Condition = {
      all: [
        { fact: 'openSessions', operator: 'equal', value: 1 },
        { fact: 'cycleDay', operator: 'equal', value: 5, priority: 2 },
      ],
    };
    const { holds, results } = await confirmRule(conditions, factsWith({ cycleDay: 4, openSessions: 1 }));
    expect(holds).toBe(false);
    expect(results.map(({ fact }) => fact)).toEqual(['cycleDay']);
  });

  it('takes a comparison alone, and a name alone', async () => {
    const leaf: Condition = { fact: 'cycleDay', operator: 'equal', value: 4 };
    const facts = factsWith({ cycleDay: 4 });
    expect((await confirmRule(leaf, facts)).holds).toBe(true);
    expect((await confirmRule({ condition: 'c' }, facts, { c: { not: leaf } })).holds).toBe(false);
  });

  it('keeps runs apart that overlap', async () => {
    const conditions: Condition = {
      all: [{ fact: 'cycleDay', operator: 'in', value: [1, 3, 5] }, { any: [{ condition: 'day' }] }],
    };
    const named: Record<string, Condition> = {
      day: { all: [{ fact: 'cycleDay', operator: 'greaterThan', value: 1 }] },
    };
    const days = [...Array(60).keys()].map((i) => i % 6);
    const verdicts = await Promise.all(
      days.map((day) => confirmRule(conditions, factsWith({ cycleDay: day }), named)),
    );
    expect(verdicts.map(({ holds }) => holds)).toEqual(days.map((day) => day === 3 || day === 5));
  });

  it('changes nothing that it is given', async () => {
    const conditions = frozen<Condition>({
      all: [
        { fact: 'cycleDay', operator: 'equal', value: 4, priority: 2 },
        { condition: 'c', priority: 3 },
      ],
    });
    const named = frozen<Record<string, Condition>>({
      c: { all: [{ fact: 'cycleDay', operator: 'equal', value: 4, priority: 2 }] },
    });
    const facts = frozen(factsWith({ cycleDay: 4 }));
    for (let run = 0; run < 2; run += 1)
      expect((await confirmRule(conditions, facts, named)).holds).toBe(true);
  });

  it('refuses a missing named condition beside an undefined fact before anything runs', async () => {
    const missing: Condition = {
      all: [{ fact: 'cycleDay', operator: 'equal', value: 4 }, { condition: 'gone' }],
    };
    const { cycleDay: _, ...rest } = EXAMPLES;
    await expect(confirmRule(missing, rest as unknown as Facts)).rejects.toThrow(PolicyCompileError);
  });

  it.each<[string, Condition]>([
    ['an undefined fact alone', { all: [{ fact: 'cycleDay', operator: 'equal', value: 4 }, { all: [] }] }],
    ['two at once', { any: [0, 1].map(() => ({ fact: 'cycleDay', operator: 'equal', value: 4 })) }],
  ])('rejects on %s, once and caught', async (_name, conditions) => {
    const { cycleDay: _, ...rest } = EXAMPLES;
    await expect(confirmRule(conditions, rest as unknown as Facts)).rejects.toThrow(
      'Undefined fact: cycleDay',
    );
  });

  it('refuses paths that could stop the event loop', async () => {
    const path = '$[?(@property.match(/^(a+)+$/))]';
    const conditions: Condition = { all: [{ fact: 'byClass', path, operator: 'equal', value: 1 }] };
    await expect(confirmRule(conditions, EXAMPLES)).rejects.toThrow(PolicyCompileError);
  });
});
