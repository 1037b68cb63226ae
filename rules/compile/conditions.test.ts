import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Condition } from '../../schemas/policy.ts';
import { confirmRule } from '../confirm.ts';
import { CLASS_FACTS, FACTS } from '../facts/catalogue.ts';
import type { FactDefinition, FactName, Facts, FactType } from '../facts/catalogue.ts';
import { PolicyCompileError } from './compile-error.ts';
import { compileCondition, compileForAnyFacts } from './conditions.ts';
import type { Predicate } from './conditions.ts';
import { DECORATOR_NAMES, OPERATOR_NAMES } from './operators.ts';

const RUNS = Number(process.env['WEIR_TEST_RUNS'] ?? 20_000) / 8;
const NAMES = Object.keys(FACTS) as FactName[];
const CLASSES = ['video', 'voip-sip', 'length', 'toString'];

const NUMBERS = fc.constantFrom<unknown>(0, 1, -1, 0.5, 99.99999999999999, 100, 9, 10, 1e15, 5e-324);
const TEXTS = fc.constantFrom<unknown>('', 'a', 'home-100', '100', '9', '__proto__');

const classFacts = fc.record(
  Object.fromEntries(
    Object.entries(CLASS_FACTS).map(([name, { nullable }]) => [
      name,
      nullable ? fc.option(NUMBERS) : NUMBERS,
    ]),
  ),
);

/** Few values, so that conditions often hold. */
const VALUES: Record<FactType, fc.Arbitrary<unknown>> = {
  number: NUMBERS,
  string: TEXTS,
  boolean: fc.constantFrom<unknown>(true, false),
  strings: fc.constantFrom<unknown>([], ['a'], ['a', 'home-100'], [''], ['100', '9']),
  classes: fc.dictionary(fc.constantFrom(...CLASSES), classFacts, { maxKeys: 3 }),
};

const facts = fc.record(
  Object.fromEntries(
    NAMES.map((name) => {
      const { type, nullable }: FactDefinition = FACTS[name];
      return [name, nullable ? fc.option(VALUES[type], { nil: null, freq: 3 }) : VALUES[type]];
    }),
  ),
) as unknown as fc.Arbitrary<Facts>;

/** A fact, mostly with a path where there are classes or a list. */
const reference = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...NAMES).map((fact) => ({ fact })) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(...CLASSES), fc.constantFrom(...Object.keys(CLASS_FACTS)), fc.boolean())
      .map(([name, fact, quoted]) => ({
        fact: 'byClass',
        path: quoted || name.includes('-') ? `$['${name}'].${fact}` : `$.${name}.${fact}`,
      })),
  },
  fc.constantFrom('$.length', '$.0', '$.0.length', '$.x').map((path) => ({ fact: 'tags', path })),
);

const leaf: fc.Arbitrary<Condition> = fc
  .tuple(
    reference,
    fc.oneof(
      { weight: 3, arbitrary: fc.constant<string[]>([]) },
      fc.array(fc.constantFrom(...DECORATOR_NAMES), { maxLength: 2 }),
    ),
    fc.constantFrom(...OPERATOR_NAMES),
    fc.oneof(
      { weight: 3, arbitrary: NUMBERS },
      fc.constantFrom<unknown>(true, false, null),
      TEXTS,
      fc.array(fc.oneof(TEXTS, NUMBERS), { maxLength: 12 }),
      reference,
    ),
  )
  .map(([asked, decorators, operator, value]) => ({
    ...asked,
    operator: [...decorators, operator].join(':'),
    value,
  }));

const { tree } = fc.letrec<{ tree: Condition }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.record({ all: fc.array(tie('tree'), { maxLength: 6 }) }),
    fc.record({ any: fc.array(tie('tree'), { maxLength: 6 }) }),
    fc.record({ not: tie('tree') }),
    fc.constant({ condition: 'named' }),
    fc.record({
      all: fc.array(tie('tree'), { minLength: 1, maxLength: 2 }),
      priority: fc.integer({ min: 1, max: 9 }),
    }),
  ),
}));
const { condition, named } = { condition: tree, named: fc.record({ all: fc.array(leaf, { maxLength: 2 }) }) };

describe('compileCondition', () => {
  it(
    'says what json-rules-engine says on facts of the catalogue, and never throws',
    { timeout: 3_600_000 },
    async () => {
      let held = 0;
      let failed = 0;
      await fc.assert(
        fc.asyncProperty(condition, named, facts, async (condition, one, values) => {
          let predicate: Predicate;
          try {
            predicate = compileCondition(condition, { named: { named: one } });
          } catch (error) {
            if (!(error instanceof PolicyCompileError)) throw error;
            // Nothing else is wrong with them.
            expect(error.fault).toBe('would-throw');
            compileForAnyFacts(condition, { named: { named: one } });
            return;
          }
          const holds = predicate(values);
          const verdict = await confirmRule(condition, values, { named: one });
          if (holds !== verdict.holds) expect(holds).toBe(verdict.holds);
          if (holds) held += 1;
          else failed += 1;
        }),
        { numRuns: RUNS },
      );
      for (const count of [held, failed]) expect(count).toBeGreaterThan(RUNS / 5);
    },
  );

  it('stays as it was when the condition changes', () => {
    const value = ['a'];
    const predicate = compileCondition({ fact: 'planId', operator: 'in', value });
    value.push('b');
    const [values] = fc.sample(facts, 1);
    if (values === undefined) throw new Error('no sample');
    expect(predicate({ ...values, planId: 'b' })).toBe(false);
  });

  it('finds every item of a long list, and nothing else', () => {
    const list = [...Array(40).keys()].map((i) => i * 3);
    const inside = compileCondition({ fact: 'cycleDay', operator: 'in', value: list });
    const outside = compileCondition({ fact: 'cycleDay', operator: 'notIn', value: list });
    const [values] = fc.sample(facts, 1);
    if (values === undefined) throw new Error('no sample');
    for (let cycleDay = -0; cycleDay < 130; cycleDay += 1) {
      const isMember = cycleDay % 3 === 0 && cycleDay < 120;
      expect(inside({ ...values, cycleDay })).toBe(isMember);
      expect(outside({ ...values, cycleDay })).toBe(!isMember);
    }
  });
});
