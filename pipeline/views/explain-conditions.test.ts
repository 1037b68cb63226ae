import { describe, expect, it } from 'vitest';
import { confirmRule } from '../../rules/confirm.ts';
import { FACTS } from '../../rules/facts/catalogue.ts';
import type { Facts } from '../../rules/facts/catalogue.ts';
import type { Condition } from '../../schemas/policy.ts';
import { conditionLines } from './explain-conditions.ts';

function factsWith(over: Partial<Facts>): Facts {
  const examples = Object.fromEntries(Object.entries(FACTS).map(([name, { example }]) => [name, example]));
  return { ...examples, ...over } as Facts;
}

/** Depth by indentation, then the result and how it reads. */
async function lines(
  conditions: Condition,
  facts: Facts,
  named: Record<string, Condition> = {},
): Promise<string[]> {
  const { results } = await confirmRule(conditions, facts, named);
  return conditionLines(conditions, named, results, facts).map(
    ({ depth, result, text }) => `${'  '.repeat(depth)}${result === null ? '-' : String(result)} ${text}`,
  );
}

describe('conditions as lines', () => {
  it('stand as in the file, groups with the result that their parts give', async () => {
    const conditions: Condition = {
      all: [
        { fact: 'capUsedPercent', operator: 'greaterThanInclusive', value: 100 },
        { not: { fact: 'isOffPeak', operator: 'equal', value: true } },
        {
          any: [
            { fact: 'planId', operator: 'in', value: ['a', 'b'] },
            { fact: 'dayBytes', operator: 'greaterThan', value: { fact: 'usualDayBytes' } },
          ],
        },
      ],
    };
    const facts = factsWith({
      capUsedPercent: 120,
      isOffPeak: false,
      planId: 'c',
      dayBytes: 8e9,
      usualDayBytes: 6e9,
    });
    expect(await lines(conditions, facts)).toEqual([
      'true all of these',
      '  true capUsedPercent at least 100 %: it is 120 %',
      '  true not this',
      '    false isOffPeak is true: it is false',
      '  true any of these',
      '    false planId is one of ["a","b"]: it is "c"',
      '    true dayBytes above 6.000 GB (usualDayBytes): it is 8.000 GB',
    ]);
  });

  it('say what is missing to a threshold, of the cap in bytes', async () => {
    const conditions: Condition = {
      any: [
        { fact: 'capUsedPercent', operator: 'greaterThanInclusive', value: 80 },
        { fact: 'cycleTotalBytes', operator: 'greaterThan', value: 100e9 },
        { fact: 'cycleDaysLeft', operator: 'lessThan', value: 3 },
        { not: { fact: 'openSessions', operator: 'greaterThan', value: 9 } },
      ],
    };
    const facts = factsWith({
      capUsedPercent: 75,
      allowanceBytes: 200e9,
      cycleCountedBytes: 150e9,
      cycleTotalBytes: 99e9,
      cycleDaysLeft: 10,
      openSessions: 1,
    });
    expect(await lines(conditions, facts)).toEqual([
      'true any of these',
      '  false capUsedPercent at least 80 %: it is 75 %, 10.000 GB to go',
      '  false cycleTotalBytes above 100.000 GB: it is 99.000 GB, 1.000 GB to go',
      '  false cycleDaysLeft below 3 days: it is 10 days, 7 days too much',
      '  true not this',
      '    false openSessions above 9 sessions: it is 1 session',
    ]);
  });

  it('tell what was not asked, as a set of a higher priority had decided', async () => {
    const conditions: Condition = {
      all: [
        { fact: 'hourOfDay', operator: 'equal', value: 3, priority: 10 },
        { fact: 'dayBytes', operator: 'greaterThan', value: 1, priority: 1 },
      ],
    };
    expect(await lines(conditions, factsWith({ hourOfDay: 21 }))).toEqual([
      'false all of these',
      '  false hourOfDay is 3 h: it is 21 h',
      '  - dayBytes above 1 bytes: not asked, the others decide',
    ]);
  });

  it('put named conditions where they are used, each time with its own values', async () => {
    const named: Record<string, Condition> = {
      heavy: { any: [{ fact: 'dayBytes', operator: 'greaterThan', value: 1e9 }] },
      video: { all: [{ fact: 'byClass', path: '$.video.dayBytes', operator: 'greaterThan', value: 1e9 }] },
    };
    const conditions: Condition = { all: [{ condition: 'heavy' }, { not: { condition: 'video' } }] };
    expect(await lines(conditions, factsWith({ dayBytes: 2e9, byClass: {} }), named)).toEqual([
      'true all of these',
      '  true heavy: any of these',
      '    true dayBytes above 1.000 GB: it is 2.000 GB',
      '  true not this',
      '    false video: all of these',
      '      false byClass $.video.dayBytes above 1.000 GB: there is none',
    ]);
  });

  it('begin at a comparison where a rule is nothing else', async () => {
    const conditions: Condition = { fact: 'isThrottled', operator: 'notEqual', value: true };
    expect(await lines(conditions, factsWith({ isThrottled: false }))).toEqual([
      'true isThrottled is not true: it is false',
    ]);
  });

  it('are as true as the rule: an empty group holds', async () => {
    const facts = factsWith({});
    expect(await lines({ all: [] }, facts)).toEqual(['true all of these']);
    expect(await lines({ any: [] }, facts)).toEqual(['true any of these']);
  });
});
