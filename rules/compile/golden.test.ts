import { Engine, Rule } from 'json-rules-engine';
import type { TopLevelCondition } from 'json-rules-engine';
import { describe, expect, it } from 'vitest';
import type { Condition } from '../../schemas/policy.ts';
import { NO_PROVIDER_SETTINGS } from '../../schemas/provider.ts';
import { capPolicy } from '../../tests/factories.ts';
import { PolicyCompileError } from './compile-error.ts';
import { compileForAnyFacts } from './conditions.ts';
import type { FactsRecord } from './leaf.ts';
import { answerOf, libraryOf } from './library-answer.contract.ts';
import type { Answer, GivenRule } from './library-answer.contract.ts';
import { compilePolicy } from './policy.ts';
import { rulePriority } from './priorities.ts';

type Options = Partial<Omit<GivenRule, 'condition'>>;

const YES = { all: [] };
const NO = { not: { all: [] } };
const ask = (fact: string, operator: string, value: unknown, more = {}) => ({
  fact,
  operator,
  value,
  ...more,
});

/** Both, on the same rule and facts. */
async function bothAnswer(condition: unknown, facts: FactsRecord, options: Options = {}): Promise<Answer[]> {
  const off = { named: {}, allowUndefinedFacts: false, allowUndefinedConditions: false };
  const rule: GivenRule = { ...off, ...options, condition };
  const named = rule.named as Record<string, Condition>;
  const compiled = compileForAnyFacts(condition as Condition, { ...rule, named });
  return [await libraryOf(rule)(facts), answerOf(compiled, facts)];
}

const all = (...conditions: unknown[]) => ({ all: conditions });
const any = (...conditions: unknown[]) => ({ any: conditions });
const gone = (priority?: number) => ask('gone', 'equal', 1, priority === undefined ? {} : { priority });

describe('json-rules-engine 7.3.1 and the compiler agree on', () => {
  it.each<[string, unknown, FactsRecord, Answer, Options?]>([
    ['any before all', { any: [NO, NO], all: [YES] }, {}, false],
    ['all before not', { all: [YES], not: YES }, {}, true],
    ['any before not', { not: YES, any: [YES] }, {}, true],
    ['all of nothing', all(), {}, true],
    ['any of nothing', any(), {}, true],
    ['not any of nothing', { not: any() }, {}, false],
    ['no short cut within a priority', any(ask('n', 'equal', 1), gone()), { n: 1 }, 'throws'],
    ['one between priorities of any', any(ask('n', 'equal', 1, { priority: 2 }), gone()), { n: 1 }, true],
    ['and of all', all(ask('n', 'equal', 2, { priority: 2 }), gone()), { n: 1 }, false],
    ['priority 0 is 1', any(ask('n', 'equal', 1, { priority: 0 }), gone()), { n: 1 }, 'throws'],
    ['priority null is 1', any(ask('n', 'equal', 1, { priority: null }), gone(1)), { n: 1 }, 'throws'],
    ['priority "7" is above 6', any(ask('n', 'equal', 1, { priority: '7' }), gone(6)), { n: 1 }, true],
    ['of all, 2.9 is 2', any({ all: [ask('n', 'equal', 1)], priority: 2.9 }, gone(2)), { n: 1 }, 'throws'],
    ['of a comparison it is not', any(ask('n', 'equal', 1, { priority: 2.9 }), gone(2)), { n: 1 }, true],
    ['priority "abc" is last', any(ask('n', 'equal', 1), { ...gone(), priority: 'abc' }), { n: 1 }, true],
    [
      'of all, "abc" is 1',
      any({ ...all(gone()), priority: 'abc' }, ask('n', 'equal', 1)),
      { n: 1 },
      'throws',
    ],
    ['below 1 is later', any(ask('n', 'equal', 1), gone(-3)), { n: 1 }, true],
    ['alone, no priority matters', all({ ...gone(), priority: -3 }), { n: 1 }, 'throws'],
    [
      'a named condition',
      all({ condition: 'c' }),
      { n: 1 },
      true,
      { named: { c: all(ask('n', 'equal', 1)) } },
    ],
    [
      'a name that names another',
      { condition: 'c' },
      { n: 1 },
      false,
      { named: { c: { not: { condition: 'd' } }, d: any(ask('n', 'equal', 1)) } },
    ],
    ['a missing one, allowed', { condition: 'c' }, {}, false, { allowUndefinedConditions: true }],
    ['not a missing one, allowed', { not: { condition: 'c' } }, {}, true, { allowUndefinedConditions: true }],
    ['equal is ===', all(ask('n', 'equal', '1')), { n: 1 }, false],
    ['notEqual is !==', all(ask('n', 'notEqual', '1')), { n: 1 }, true],
    ['an object is never the literal', all(ask('n', 'equal', { a: 1 })), { n: { a: 1 } }, false],
    ['but the same fact is', all(ask('n', 'equal', { fact: 'n' })), { n: { a: 1 } }, true],
    ['in a list', all(ask('n', 'in', [1, 2])), { n: 2 }, true],
    ['in a text: a part of it', all(ask('n', 'in', 'abc')), { n: 'bc' }, true],
    ['in a text: null as a text', all(ask('n', 'in', 'nullify')), { n: null }, true],
    ['notIn a text', all(ask('n', 'notIn', 'abc')), { n: 'ca' }, true],
    ['in a number', all(ask('n', 'in', 5)), { n: 5 }, 'throws'],
    ['in null', all(ask('n', 'in', null)), { n: 5 }, 'throws'],
    ['notIn an object', all(ask('n', 'notIn', {})), { n: 5 }, 'throws'],
    ['contains', all(ask('l', 'contains', 'a')), { l: ['a'] }, true],
    ['contains in what is no list', all(ask('l', 'contains', 'a')), { l: 'a' }, false],
    ['doesNotContain in what is no list', all(ask('l', 'doesNotContain', 'b')), { l: 'a' }, false],
    ['a number above null', all(ask('n', 'greaterThan', null)), { n: 5 }, true],
    ['null below a number', all(ask('n', 'lessThan', 5)), { n: null }, false],
    ['a text that is a number', all(ask('n', 'greaterThan', 9)), { n: '10' }, true],
    ['two texts as texts', all(ask('n', 'lessThan', '9')), { n: '10' }, true],
    ['a text that begins with a number', all(ask('n', 'lessThan', 9)), { n: '5abc' }, false],
    ['a text beside a text that does', all(ask('n', 'lessThan', '6')), { n: '5abc' }, true],
    ['no number', all(ask('n', 'lessThanInclusive', 'b')), { n: 'a' }, false],
    ['true is no number', all(ask('n', 'greaterThanInclusive', 1)), { n: true }, false],
    ['a list of one number is', all(ask('n', 'greaterThanInclusive', 1)), { n: [1] }, true],
    ['someFact', all(ask('l', 'someFact:greaterThan', 1)), { l: [0, 2] }, true],
    ['someFact of none', all(ask('l', 'someFact:greaterThan', 1)), { l: [] }, false],
    ['everyFact of none', all(ask('l', 'everyFact:greaterThan', 1)), { l: [] }, true],
    ['everyFact of no list', all(ask('l', 'everyFact:greaterThan', 1)), { l: 5 }, false],
    ['someValue', all(ask('n', 'someValue:greaterThan', [9, 1])), { n: 5 }, true],
    ['everyValue', all(ask('n', 'everyValue:greaterThan', [9, 1])), { n: 5 }, false],
    ['someValue of no list', all(ask('n', 'someValue:equal', 'a')), { n: 5 }, 'throws'],
    ['swap', all(ask('n', 'swap:lessThan', 4)), { n: 5 }, true],
    ['swap:contains', all(ask('n', 'swap:contains', ['a'])), { n: 'a' }, true],
    ['not negates the look at the operands, too', all(ask('n', 'not:lessThan', 5)), { n: null }, true],
    ['not:someFact of no list', all(ask('n', 'not:someFact:equal', 5)), { n: 5 }, true],
    ['leftmost outermost: no list', all(ask('n', 'someFact:not:equal', 5)), { n: 5 }, false],
    ['leftmost outermost: a list', all(ask('l', 'someFact:not:equal', 5)), { l: [5, 6] }, true],
    ['and the other way', all(ask('l', 'not:someFact:equal', 5)), { l: [5, 6] }, false],
    ['facts over values', all(ask('l', 'everyFact:someValue:equal', [1, 2])), { l: [1, 2, 1] }, true],
    ['a missing fact', all(gone()), {}, 'throws'],
    ['a fact with the value undefined', all(ask('n', 'notEqual', 1)), { n: undefined }, true],
    ['an inherited fact', all(ask('toString', 'notEqual', 1)), {}, 'throws'],
    ['allowed: equal', all(gone()), {}, false, { allowUndefinedFacts: true }],
    ['allowed: notEqual', all(ask('gone', 'notEqual', 1)), {}, true, { allowUndefinedFacts: true }],
    ['allowed: notIn', all(ask('gone', 'notIn', [1])), {}, true, { allowUndefinedFacts: true }],
    ['allowed: not:lessThan', all(ask('gone', 'not:lessThan', 1)), {}, true, { allowUndefinedFacts: true }],
    ['allowed: not of it', { not: gone() }, {}, true, { allowUndefinedFacts: true }],
    [
      'allowed: an inherited name',
      all(ask('toString', 'notEqual', 1)),
      {},
      true,
      { allowUndefinedFacts: true },
    ],
    ['a path', all(ask('o', 'equal', 5, { path: '$.a.b' })), { o: { a: { b: 5 } } }, true],
    [
      'a path in brackets',
      all(ask('o', 'equal', 5, { path: "$['a']['b.c']" })),
      { o: { a: { 'b.c': 5 } } },
      true,
    ],
    ['a path past the end', all(ask('o', 'notEqual', 5, { path: '$.a.b' })), { o: { a: 1 } }, true],
    ['a path into no object: the fact itself', all(ask('o', 'equal', 5, { path: '$.a' })), { o: 5 }, true],
    ['a path into null: null', all(ask('o', 'equal', null, { path: '$.a' })), { o: null }, true],
    [
      'a path to what is inherited',
      all(ask('o', 'equal', 5, { path: '$.toString.length' })),
      { o: {} },
      false,
    ],
    ['a path into a list', all(ask('o', 'equal', 2, { path: '$.length' })), { o: [1, 2] }, true],
    [
      'a path to a list: not unwrapped',
      all(ask('o', 'contains', 2, { path: '$.a' })),
      { o: { a: [2] } },
      true,
    ],
    [
      'a path of the other fact',
      all(ask('n', 'equal', { fact: 'o', path: '$.a' })),
      { n: 1, o: { a: 1 } },
      true,
    ],
    ['a list of facts is a literal', all(ask('n', 'in', [{ fact: 'n' }])), { n: 1 }, false],
  ])('%s', async (_name, condition, facts, answer, options) => {
    expect(await bothAnswer(condition, facts, options)).toEqual([answer, answer]);
  });
});

describe('refused by both', () => {
  it.each<[string, unknown, Options?]>([
    ['a missing named condition', all({ condition: 'gone' })],
    ['a named condition that is itself', all({ condition: 'c' }), { named: { c: all({ condition: 'c' }) } }],
    ['an unknown operator', all(ask('n', 'equals', 1))],
    ['an unknown decorator', all(ask('n', 'never:equal', 1))],
  ])('%s: the library once it runs, the compiler before', async (_name, condition, options) => {
    await expect(bothAnswer(condition, {}, options)).rejects.toThrow(PolicyCompileError);
    const off = { named: {}, allowUndefinedFacts: false, allowUndefinedConditions: false };
    expect(await libraryOf({ ...off, ...options, condition })({ n: 1 })).toBe('throws');
  });

  it('what no rule begins with; a comparison alone is taken here as all of it', () => {
    expect(() => new Rule({ conditions: ask('n', 'equal', 1) as never, event: { type: 'x' } })).toThrow(
      'root',
    );
    expect(compileForAnyFacts(ask('n', 'equal', 1) as Condition)({ n: 1 })).toBe(true);
  });
});

describe('rules', () => {
  it.each([
    [undefined, 1],
    [0, 1],
    [null, 1],
    [7, 7],
    ['7', 7],
    [2.9, 2],
    [-1, null],
    [0.5, null],
    ['abc', Number.NaN],
  ])('of priority %j have %j', (raw, priority) => {
    const rule = () =>
      new Rule({ conditions: YES as TopLevelCondition, priority: raw as number, event: { type: 'x' } });
    if (priority === null) expect(rule).toThrow('Priority must be greater than zero');
    else expect(rule().priority).toBe(priority);
    // What is no number runs last: below all others.
    expect(rulePriority(raw)).toBe(Number.isNaN(priority) ? 0 : priority);
  });

  it('of one priority come in the order of the file, in the library by depth', async () => {
    const deep = all(all(all(YES)));
    const conditions = [deep, YES, any(YES)] as TopLevelCondition[];
    const engine = new Engine(
      conditions.map((one, i) => ({ conditions: one, event: { type: `r${String(i)}` } })),
    );
    const { events } = await engine.run({});
    expect(events.map(({ type }) => type)).toEqual(['r1', 'r2', 'r0']);
    const policy = capPolicy();
    const [rule] = policy.file.rules;
    if (rule === undefined) throw new Error('no rule');
    const rules = conditions.map((one, i) => ({
      ...rule,
      name: `r${String(i)}`,
      conditions: one as Condition,
    }));
    const compiled = compilePolicy({ ...policy, file: { ...policy.file, rules } }, NO_PROVIDER_SETTINGS);
    expect(compiled.rules.map(({ name }) => name)).toEqual(['r0', 'r1', 'r2']);
  });
});
