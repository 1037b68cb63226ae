import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Condition } from '../../schemas/policy.ts';
import type { CompileFault } from './compile-error.ts';
import { PolicyCompileError } from './compile-error.ts';
import { compileForAnyFacts } from './conditions.ts';
import type { AnyPredicate, FactsRecord } from './leaf.ts';
import { answerOf, libraryOf } from './library-answer.contract.ts';
import type { GivenRule } from './library-answer.contract.ts';
import { DECORATOR_NAMES, OPERATOR_NAMES } from './operators.ts';

/** A case is a rule on one set of facts. */
const CASES = Number(process.env['WEIR_TEST_RUNS'] ?? 20_000);
const FACTS_A_RULE = 4;

interface RandomRule extends GivenRule {
  condition: Record<string, unknown>;
  named: Record<string, Record<string, unknown>>;
  facts: FactsRecord[];
}

/** Objects that JSON can hold and few programs expect. */
const hostile = (text: string): unknown => JSON.parse(text);
const SCALARS = [0, -0, 1, -1, 2, 9, 10, 0.5, 1e15, 5e-324, '', 'a', 'b', 'ab', '10', '9', '5abc', ' 7 '];
const OTHERS = [true, false, null, 'Infinity', '-1e3', 'null', 'NaN', '[object Object]', '1,2'];
const LISTS = [
  [],
  [1],
  [1, 2],
  ['a', 'b'],
  [10, '10', 9],
  [[1], [2]],
  [null, true],
  [''],
  [{}],
  ['ab', 'a', 0],
];
const OBJECTS = [
  {},
  { a: 1 },
  { a: { dayBytes: 10, b: 2 }, ab: { dayBytes: null }, length: { dayBytes: 1 } },
  { a: 'ab', ab: [{ dayBytes: 2 }], toString: { dayBytes: '9' } },
  { a: { b: 10 }, length: 3 },
  { a: ['ab', 'b'], b: 'ab', 0: 'zero' },
  { 'a.b': 5, 'a b': 7, 'x:1': 9, a: null },
  { fact: 'planId' },
  hostile('{"toString": 1, "valueOf": 2}'),
  hostile('{"hasOwnProperty": 1, "constructor": {"name": "x"}, "a": {"toString": "b"}}'),
];
const PROTOTYPE = hostile('{"__proto__": {"a": 1}, "b": 2}');
const LONG = [...OTHERS, ...SCALARS];

const value = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown>(PROTOTYPE, ...OBJECTS, ...LISTS, ...SCALARS, ...OTHERS, LONG),
  },
  { weight: 16, arbitrary: fc.constantFrom<unknown>(...SCALARS) },
  { weight: 6, arbitrary: fc.constantFrom<unknown>(...OTHERS) },
  { weight: 8, arbitrary: fc.constantFrom<unknown>(...LISTS, LONG) },
  { weight: 4, arbitrary: fc.constantFrom<unknown>(...OBJECTS) },
);

/** Code is generated for names of the catalogue: these meet every kind of value, too. */
const NAMES = [
  'capUsedPercent',
  'dayBytes',
  'tags',
  'byClass',
  'planId',
  'n',
  'o',
  'toString',
  '__proto__',
  'length',
];
const factName = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom(...NAMES.slice(0, 7)) },
  { weight: 3, arbitrary: fc.constantFrom(...NAMES.slice(7)) },
  { weight: 1, arbitrary: fc.constant('nowhere') },
);
const facts: fc.Arbitrary<FactsRecord> = fc
  .tuple(
    fc.array(value, { minLength: NAMES.length, maxLength: NAMES.length }),
    fc.oneof(
      { weight: 5, arbitrary: fc.constant<string[]>([]) },
      fc.array(fc.constantFrom(...NAMES), { maxLength: 3 }),
    ),
  )
  .map(([values, absent]) =>
    Object.fromEntries(
      NAMES.flatMap((name, i) => (absent.includes(name) ? [] : [[name, values[i]] as [string, unknown]])),
    ),
  );

const SAFE_PATHS = ['$.a', '$.a.b', "$['a']['b']", "$.a['b']", "$['a'].b", '$.length', '$.a.length', '$.0'];
const ODD_PATHS = [
  '$.a.dayBytes',
  "$['ab'].dayBytes",
  '$.length.dayBytes',
  '$.toString.dayBytes',
  '$.constructor.name',
  "$['a.b']",
  "$['a b']",
  "$['x:1']",
  '$.toString',
  '$.__proto__',
  '$.__proto__.a',
  '$.a.0.0',
];
const UNSAFE_PATHS = ['$..a', '$.*', '$[?(@.a)]', 'a', '', '$', '$[0]', '$.a^', "$['1:2']", '$.a~', '$["a"]'];
const path = fc.oneof(
  { weight: 300, arbitrary: fc.constantFrom(...SAFE_PATHS, ...ODD_PATHS) },
  { weight: 1, arbitrary: fc.constantFrom(...UNSAFE_PATHS) },
);
const optionalPath = fc.option(path, { freq: 4, nil: undefined });

const operator = fc
  .tuple(
    fc.oneof(
      { weight: 4, arbitrary: fc.constant<string[]>([]) },
      fc.array(fc.constantFrom(...DECORATOR_NAMES), { maxLength: 3 }),
    ),
    fc.oneof(
      { weight: 500, arbitrary: fc.constantFrom(...OPERATOR_NAMES) },
      { weight: 1, arbitrary: fc.constantFrom('equals', 'constructor', '', 'not', ':equal') },
    ),
  )
  .map(([decorators, name]) => [...decorators, name].join(':'));

const priority = fc.option(fc.constantFrom<unknown>(0, null, 1, 2, 7, 2.9, -3, '7', 'abc', '0', 1e21), {
  freq: 3,
  nil: undefined,
});

const leaf = fc
  .tuple(
    factName,
    optionalPath,
    operator,
    fc.option(factName, { freq: 3, nil: undefined }),
    value,
    priority,
    optionalPath,
  )
  .map(([fact, path, operator, other, value, priority, otherPath]) => ({
    fact,
    operator,
    value:
      other === undefined ? value : { fact: other, ...(otherPath === undefined ? {} : { path: otherPath }) },
    ...(path === undefined ? {} : { path }),
    ...(priority === undefined ? {} : { priority }),
  }));

/** A tree whose references are to the first `names` of the named conditions, or seldom to none. */
function tree(names: number): fc.Arbitrary<Record<string, unknown>> {
  const reference = fc.oneof(
    ...(names === 0
      ? []
      : [{ weight: 200, arbitrary: fc.integer({ min: 0, max: names - 1 }).map((i) => `c${String(i)}`) }]),
    { weight: 1, arbitrary: fc.constantFrom('gone', 'toString') },
  );
  const named = fc.tuple(reference, priority).map(([condition, priority]) => ({ condition, priority }));
  const { root } = fc.letrec<{
    node: Record<string, unknown>;
    root: Record<string, unknown>;
    parts: unknown[];
  }>((tie) => ({
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      { weight: 6, arbitrary: leaf },
      { weight: 2, arbitrary: names === 0 ? leaf : named },
      { weight: 5, arbitrary: tie('root') },
    ),
    parts: fc.array(tie('node'), { maxLength: 4 }),
    root: fc.oneof(
      { weight: 4, arbitrary: fc.record({ all: tie('parts'), priority }) },
      { weight: 4, arbitrary: fc.record({ any: tie('parts'), priority }) },
      { weight: 2, arbitrary: fc.record({ not: tie('node'), priority }) },
      { weight: 1, arbitrary: fc.record({ any: tie('parts'), all: tie('parts'), not: tie('node') }) },
      { weight: 1, arbitrary: names === 0 ? tie('root') : named },
    ),
  }));
  return root;
}

const rule: fc.Arbitrary<RandomRule> = fc.record({
  condition: tree(3),
  named: fc.record({ c0: tree(0), c1: tree(1), c2: tree(2) }),
  allowUndefinedFacts: fc.boolean(),
  allowUndefinedConditions: fc.boolean(),
  facts: fc.array(facts, { minLength: FACTS_A_RULE, maxLength: FACTS_A_RULE }),
});

/** What must be refused, read off the rule: all of it is looked at, whatever is asked in the end. */
function faultsOf({ condition, named, allowUndefinedConditions }: RandomRule): Set<CompileFault> {
  const faults = new Set<CompileFault>();
  const lookAtPath = (path: unknown): void => {
    if (UNSAFE_PATHS.includes(path as string)) faults.add('path');
  };
  const lookAt = (node: Record<string, unknown>): void => {
    const parts = node['any'] ?? node['all'] ?? node['not'];
    if (parts !== undefined) {
      for (const part of Array.isArray(parts) ? parts : [parts]) lookAt(part as Record<string, unknown>);
    } else if ('condition' in node) {
      if (!Object.hasOwn(named, String(node['condition'])) && !allowUndefinedConditions)
        faults.add('missing-condition');
    } else {
      lookAtPath(node['path']);
      const value = node['value'];
      if (typeof value === 'object' && value !== null && 'fact' in value && 'path' in value)
        lookAtPath(value.path);
      if (typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__'))
        faults.add('malformed');
      const names = String(node['operator']).split(':');
      if (!OPERATOR_NAMES.includes(names.pop() ?? '')) faults.add('unknown-operator');
      if (names.some((name) => !DECORATOR_NAMES.includes(name))) faults.add('unknown-operator');
    }
  };
  for (const node of [condition, ...Object.values(named)]) lookAt(node);
  return faults;
}

describe('a compiled condition and json-rules-engine', () => {
  it(
    `agree on ${String(CASES)} random cases, in what they refuse and what throws too`,
    { timeout: 3_600_000 },
    async () => {
      const seen = { true: 0, false: 0, throws: 0, refused: 0 };
      await fc.assert(
        fc.asyncProperty(rule, async (one) => {
          const faults = faultsOf(one);
          let predicate: AnyPredicate;
          try {
            predicate = compileForAnyFacts(one.condition as Condition, {
              ...one,
              named: one.named as Record<string, Condition>,
            });
          } catch (error) {
            if (!(error instanceof PolicyCompileError)) throw error;
            expect([...faults]).toContain(error.fault);
            seen.refused += 1;
            return;
          }
          expect([...faults]).toEqual([]);
          const library = libraryOf(one);
          for (const facts of one.facts) {
            const answer = await library(facts);
            if (answerOf(predicate, facts) !== answer) expect(answerOf(predicate, facts)).toBe(answer);
            seen[String(answer) as keyof typeof seen] += 1;
          }
        }),
        { numRuns: Math.ceil((CASES / FACTS_A_RULE) * 1.1) },
      );
      // The comparison would prove little if nearly all cases went one way.
      for (const answer of ['true', 'false', 'throws'] as const)
        expect(seen[answer]).toBeGreaterThan(CASES / 10);
      expect(seen.true + seen.false + seen.throws).toBeGreaterThanOrEqual(CASES);
      expect(seen.refused).toBeGreaterThan(CASES / 100);
    },
  );
});
