import fc from 'fast-check';
import type { Condition } from '../schemas/policy.ts';
import { checkCondition } from '../rules/lint/check-condition.ts';
import { Report } from '../rules/lint/report.ts';
import { CLASS_FACTS, FACTS } from '../rules/facts/catalogue.ts';
import type { FactDefinition, FactName, Facts } from '../rules/facts/catalogue.ts';

/** Few values, so that conditions often hold, and often contradict each other. */
const NUMBERS = [0, 1, 2, 5, 6.5, 7, 23, 80, 100, 150];
const TEXTS = ['home-100', 'other', 'residential', '2026-12-24', 'a'];
const WHOLE = ['hours', 'days', 'blocks', 'sessions'];
const CLASSES = ['video', 'my class'];

type Leaf = Extract<Condition, { fact: string }>;

/** Conditions of the catalogue's types about a few facts; most pass the linter. `depth` = levels of all, any, not. */
export function someCondition(depth: number, facts: readonly FactName[] = NAMES): fc.Arbitrary<Condition> {
  const leaf: fc.Arbitrary<Condition> = fc
    .constantFrom(...facts)
    .chain((fact) => someLeaf(fact, facts))
    .filter(isAllowed);
  if (depth === 0) return leaf;
  const inner = someCondition(depth - 1, facts);
  const list = fc.array(inner, { minLength: 1, maxLength: 3 });
  return fc.oneof(
    leaf,
    list.map((all): Condition => ({ all })),
    list.map((any): Condition => ({ any })),
    inner.map((not): Condition => ({ not })),
  );
}

const NAMES = Object.keys(FACTS) as FactName[];

function someLeaf(fact: FactName, facts: readonly FactName[]): fc.Arbitrary<Leaf> {
  if (fact === 'byClass') {
    const names = Object.entries<FactDefinition>(CLASS_FACTS);
    return fc
      .tuple(fc.constantFrom(...CLASSES), fc.constantFrom(...names))
      .chain(([serviceClass, [name, definition]]) =>
        comparison(definition, []).map((rest) => ({ fact, path: pathOf(serviceClass, name), ...rest })),
      );
  }
  const definition: FactDefinition = FACTS[fact];
  const alike = facts.filter((name) => sameKind(FACTS[name], definition));
  return comparison(definition, alike).map((rest) => ({ fact, ...rest }));
}

function pathOf(serviceClass: string, name: string): string {
  return serviceClass.includes(' ') ? `$['${serviceClass}'].${name}` : `$.${serviceClass}.${name}`;
}

function sameKind(a: FactDefinition, b: FactDefinition): boolean {
  return a.type === b.type && a.unit === b.unit && a.type !== 'strings' && a.type !== 'classes';
}

function comparison(
  { type, nullable, values }: FactDefinition,
  alike: readonly FactName[],
): fc.Arbitrary<{ operator: string; value: unknown }> {
  const scalar = fc.constantFrom<unknown>(...scalarsOf(type, values));
  const other = alike.length === 0 ? scalar : fc.constantFrom(...alike).map((fact) => ({ fact }));
  const of = (operators: string[], value: fc.Arbitrary<unknown>) =>
    fc.record({
      operator: fc.tuple(someDecorators, fc.constantFrom(...operators)).map((parts) => parts.join('')),
      value,
    });
  if (type === 'strings')
    return fc.oneof(
      of(['contains', 'doesNotContain', 'someFact:equal', 'everyFact:notEqual', 'swap:in'], scalar),
      of(['someFact:in', 'someValue:contains'], fc.array(scalar, { minLength: 1, maxLength: 3 })),
    );
  const lists = of(
    ['in', 'notIn', 'someValue:equal', 'everyValue:notEqual'],
    fc.array(scalar, { minLength: 1, maxLength: 3 }),
  );
  const equality = of(
    ['equal', 'notEqual'],
    fc.oneof(scalar, other, ...(nullable ? [fc.constant(null)] : [])),
  );
  if (type !== 'number') return fc.oneof(equality, lists);
  const order = ['lessThan', 'lessThanInclusive', 'greaterThan', 'greaterThanInclusive'];
  return fc.oneof(equality, lists, of(order, fc.oneof(scalar, other)), of(order, scalar));
}

const someDecorators = fc.constantFrom('', '', '', '', 'not:', 'swap:', 'not:swap:');

/** The format's own checks say which of these may stand in a file. */
function isAllowed(condition: Condition): boolean {
  const report = new Report();
  checkCondition(condition, [], { report, named: [], isPool: false, left: 1 });
  return !report.hasErrors;
}

function scalarsOf(type: FactDefinition['type'], values: readonly string[] | undefined): unknown[] {
  if (type === 'number') return NUMBERS;
  if (type === 'boolean') return [true, false];
  return [...(values ?? TEXTS)];
}

/** Facts of any subscriber, of the values that conditions mention and others between them. */
export function someFacts(names: readonly FactName[] = NAMES): fc.Arbitrary<Facts> {
  const examples = Object.fromEntries(NAMES.map((name) => [name, FACTS[name].example]));
  const values = fc.record(Object.fromEntries(names.map((name) => [name, someValue(name, FACTS[name])])));
  return values.map((found) => ({ ...examples, ...found }) as unknown as Facts);
}

function someValue(fact: string, definition: FactDefinition): fc.Arbitrary<unknown> {
  const {
    type,
    nullable,
    values,
    min = Number.NEGATIVE_INFINITY,
    max = Number.POSITIVE_INFINITY,
  } = definition;
  const nothing = nullable ? [fc.constant(null)] : [];
  if (type === 'strings') return fc.subarray(TEXTS);
  if (type === 'classes') {
    const members = Object.entries<FactDefinition>(CLASS_FACTS).map(
      ([name, one]) => [name, someValue(name, one)] as const,
    );
    return fc.dictionary(fc.constantFrom(...CLASSES), fc.record(Object.fromEntries(members)));
  }
  if (type !== 'number') return fc.oneof(fc.constantFrom(...scalarsOf(type, values)), ...nothing);
  const isWhole = fact === 'dayOfWeek' || WHOLE.includes(definition.unit);
  const numbers = [...NUMBERS, 0.5, 3, 90, 1000].filter(
    (value) => value >= min && value <= max && (!isWhole || Number.isInteger(value)),
  );
  return fc.oneof(fc.constantFrom(...numbers), ...nothing);
}
