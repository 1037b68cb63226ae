import { describe, expect, it } from 'vitest';
import type { Condition } from '../../schemas/policy.ts';
import type { CompileFault } from './compile-error.ts';
import { PolicyCompileError } from './compile-error.ts';
import { compileCondition } from './conditions.ts';

type Named = Record<string, unknown>;

function refusal(condition: unknown, named: Named = {}): PolicyCompileError {
  try {
    compileCondition(condition as Condition, { named: named as Record<string, Condition> });
  } catch (error) {
    if (error instanceof PolicyCompileError) return error;
    throw error;
  }
  throw new Error('it was compiled');
}

const json = (text: string): unknown => JSON.parse(text);
const leaf = { fact: 'dayBytes', operator: 'greaterThan', value: 1 };
const nested = (levels: number): unknown => (levels === 0 ? leaf : { not: nested(levels - 1) });

describe('what cannot be compiled is refused with the place and the reason', () => {
  it.each<[CompileFault, string, unknown, Named?]>([
    ['malformed', '$', null],
    ['malformed', '$', []],
    ['malformed', '$', 'all'],
    ['malformed', '$', {}],
    ['malformed', '$', { fact: 'dayBytes', operator: 'equal' }],
    ['malformed', '$', { operator: 'equal', value: 1 }],
    ['malformed', '$', { ...leaf, factt: 1 }],
    ['malformed', '$', { all: [], isConditionReference: 1 }],
    ['malformed', '$', json('{"all": [], "__proto__": {}}')],
    ['malformed', '$.all', { all: {} }],
    ['malformed', '$.any', { any: leaf }],
    ['malformed', '$.not', { not: [leaf] }],
    ['malformed', '$.all[1].not', { all: [leaf, { not: null }] }],
    ['malformed', '$.any', { any: 1, all: [leaf] }],
    ['malformed', '$', { all: [leaf], condition: 'a' }, { a: { all: [leaf] } }],
    ['malformed', '$', { ...leaf, condition: 'a' }, { a: { all: [leaf] } }],
    ['malformed', '$.priority', { all: [leaf], priority: 'constructor' }],
    ['malformed', '$.priority', { ...leaf, priority: {} }],
    ['malformed', '$.fact', { ...leaf, fact: 5 }],
    ['malformed', '$.value.fact', { ...leaf, value: { fact: null } }],
    ['malformed', '$.value', { ...leaf, operator: 'equal', value: json('{"a": {"__proto__": 1}}') }],
    ['malformed', '$.conditions.a', { all: [] }, { a: leaf }],
    ['malformed', '$.conditions', { all: [] }, { '': { all: [] } }],
    ['unknown-fact', '$.all[0].fact', { all: [{ ...leaf, fact: 'DayBytes' }] }],
    ['unknown-fact', '$.fact', { ...leaf, fact: 'toString' }],
    ['unknown-fact', '$.value', { ...leaf, value: { fact: '__proto__' } }],
    ['unknown-operator', '$.operator', { ...leaf, operator: 'equals' }],
    ['unknown-operator', '$.operator', { ...leaf, operator: 'constructor' }],
    ['unknown-operator', '$.operator', { ...leaf, operator: ':equal' }],
    ['unknown-operator', '$.operator', { ...leaf, operator: 'equal:not' }],
    ['unknown-operator', '$.operator', { ...leaf, operator: 5 }],
    ['missing-condition', '$.any[1]', { any: [leaf, { condition: 'gone' }] }],
    ['missing-condition', '$', { condition: 'toString' }],
    ['missing-condition', '$', { condition: 1 }],
    ['missing-condition', '$.conditions.unused.not', { all: [] }, { unused: { not: { condition: 'gone' } } }],
    ['circular-condition', '$.conditions.a', { condition: 'a' }, { a: { condition: 'a' } }],
    [
      'circular-condition',
      '$.conditions.b.all[0].not',
      leaf,
      { a: { any: [leaf, { condition: 'b' }] }, b: { all: [{ not: { condition: 'a' } }, leaf] } },
    ],
    ['path', '$.path', { ...leaf, fact: 'byClass', path: '$..dayBytes' }],
    ['path', '$.path', { ...leaf, fact: 'byClass', path: '$[?(/(a+)+$/.test(@property))]' }],
    ['path', '$.path', { ...leaf, fact: 'byClass', path: '$.video.*' }],
    ['path', '$.path', { ...leaf, fact: 'byClass', path: "$['a','b'].dayBytes" }],
    ['path', '$.path', { ...leaf, fact: 'byClass', path: "$['..'].dayBytes" }],
    ['path', '$.path', { ...leaf, fact: 'byClass', path: "$['0:1'].dayBytes" }],
    ['path', '$.path', { ...leaf, fact: 'byClass', path: 'video.dayBytes' }],
    ['path', '$.path', { ...leaf, fact: 'byClass', path: '' }],
    ['path', '$.path', { ...leaf, fact: 'byClass', path: ['$', 'video'] }],
    ['path', '$.path', { ...leaf, fact: 'byClass', path: `$.${'a'.repeat(300)}.dayBytes` }],
    ['path', '$.fact', { ...leaf, fact: 'byClass', path: '$.video.dayByte' }],
    ['path', '$.value.path', { ...leaf, value: { fact: 'byClass', path: '$' } }],
    ['would-throw', '$', { ...leaf, operator: 'in', value: 5 }],
    ['would-throw', '$', { ...leaf, operator: 'notIn', value: null }],
    ['would-throw', '$', { fact: 'planId', operator: 'in', value: { fact: 'planFamily' } }],
    ['would-throw', '$', { fact: 'planId', operator: 'someValue:equal', value: 'home' }],
    ['would-throw', '$', { fact: 'tags', operator: 'someFact:everyValue:equal', value: { fact: 'date' } }],
    ['would-throw', '$', { fact: 'tags', operator: 'not:swap:in', value: 1, path: '$.length' }],
    ['would-throw', '$', { fact: 'byClass', operator: 'lessThan', value: 5 }],
    ['too-large', '$.operator', { ...leaf, operator: `${'not:'.repeat(17)}equal` }],
    [
      'too-large',
      '$.value',
      { ...leaf, operator: 'equal', value: json(`${'['.repeat(50)}${']'.repeat(50)}`) },
    ],
  ])('%s at %s: %j', (fault, place, condition, named) => {
    const error = refusal(condition, named);
    expect([error.fault, error.place]).toEqual([fault, place]);
    expect(error.message).toBe(`${place}: ${error.reason}`);
    expect(error.code).toBe('invalid-input');
  });

  it('more than 64 levels, also through names, in whatever order they stand', () => {
    expect(refusal(nested(70)).fault).toBe('too-large');
    expect(() => compileCondition(nested(60) as Condition)).not.toThrow();
    const chain = [...Array(100).keys()].map((i): [string, unknown] => [
      `c${String(i)}`,
      { not: i === 0 ? leaf : { condition: `c${String(i - 1)}` } },
    ]);
    for (const order of [chain, chain.toReversed()]) {
      expect(refusal({ all: [] }, Object.fromEntries(order)).fault).toBe('too-large');
    }
  });

  it('names that double at each step', () => {
    const doubling = [...Array(40).keys()].map((i): [string, unknown] => {
      const before = i === 0 ? leaf : { condition: `c${String(i - 1)}` };
      return [`c${String(i)}`, { any: [before, before] }];
    });
    expect(refusal({ all: [] }, Object.fromEntries(doubling)).reason).toContain('2000 conditions');
  });

  it('nesting that a parser took, without running out of stack', () => {
    const text = `${'{"not":'.repeat(5000)}{"all":[]}${'}'.repeat(5000)}`;
    expect(refusal(json(text)).fault).toBe('too-large');
  });
});

describe('what is compiled', () => {
  it.each<[string, unknown]>([
    ['a comparison alone', leaf],
    ['64 levels', nested(63)],
    ['the length of a list', { fact: 'tags', path: '$.length', operator: 'greaterThan', value: 1 }],
    ['a class whose name has signs', { ...leaf, fact: 'byClass', path: "$['voip-sip 2.0/x'].dayBytes" }],
    ['a class named like a method', { ...leaf, fact: 'byClass', path: '$.toString.dayBytes' }],
    ['a nullable fact in a list', { fact: 'planId', operator: 'in', value: ['a', null] }],
    ['a fact in a list fact', { fact: 'segment', operator: 'in', value: { fact: 'tags' } }],
    ['a long list of conditions', { any: Array(500).fill(leaf) }],
  ])('%s', (_name, condition) => {
    expect(() => compileCondition(condition as Condition)).not.toThrow();
  });
});
