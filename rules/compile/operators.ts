import type { Operand } from './operands.ts';
import { isOdd, itemsOf, LIST, TEXT, within } from './operands.ts';

/** An operator of json-rules-engine 7.3.1, bare or decorated. */
export interface Operator {
  /** the library's result for what stands left (the fact) and right; throws where the library does */
  test: (left: unknown, right: unknown) => boolean;
  /** what could make it throw on such operands, null where nothing can */
  throwsOn: (left: Operand, right: Operand) => string | null;
}

/** More decorators than anybody means; each is a call deeper. */
const MOST_DECORATORS = 16;

const noNumber = 'a comparison of an object';

const relational = (compare: (a: number, b: number) => boolean): Operator => ({
  test: (left, right) => isNumeric(left) && compare(left as number, right as number),
  throwsOn: (left, right) => (isOdd(left) || isOdd(right) ? noNumber : null),
});

/** The library asks of the left side only that it parses as a number: null, '' and text give false. */
export function isNumeric(value: unknown): boolean {
  return typeof value === 'number'
    ? !Number.isNaN(value)
    : value !== null && !Number.isNaN(Number.parseFloat(value as string));
}

const equality = (same: boolean): Operator => ({
  test: (left, right) => (left === right) === same,
  throwsOn: () => null,
});

const membership = (inside: boolean): Operator => ({
  // A text on the right is searched for the left side's text; what has no indexOf throws, as there.
  test: (left, right) => (right as unknown[]).indexOf(left) > -1 === inside,
  throwsOn: (left, right) => {
    if (!within(right, LIST | TEXT)) return 'the right side must be a list or a text, never null';
    return right.kinds & TEXT && isOdd(left) ? 'the left side must be no object' : null;
  },
});

const containment = (inside: boolean): Operator => ({
  // Both are false where the fact is no list.
  test: (left, right) => Array.isArray(left) && left.indexOf(right) > -1 === inside,
  throwsOn: () => null,
});

const OPERATORS: ReadonlyMap<string, Operator> = new Map([
  ['equal', equality(true)],
  ['notEqual', equality(false)],
  ['in', membership(true)],
  ['notIn', membership(false)],
  ['contains', containment(true)],
  ['doesNotContain', containment(false)],
  ['lessThan', relational((a, b) => a < b)],
  ['lessThanInclusive', relational((a, b) => a <= b)],
  ['greaterThan', relational((a, b) => a > b)],
  ['greaterThanInclusive', relational((a, b) => a >= b)],
]);

/** False where the fact is no list. */
const overFacts = (method: 'some' | 'every') => (next: Operator) => ({
  test: (left: unknown, right: unknown) =>
    Array.isArray(left) && left[method]((one) => next.test(one, right)),
  throwsOn: (left: Operand, right: Operand) =>
    left.kinds & LIST ? next.throwsOn(itemsOf(left), right) : null,
});

/** Throws where the value is no list. */
const overValues = (method: 'some' | 'every') => (next: Operator) => ({
  test: (left: unknown, right: unknown) => (right as unknown[])[method]((one) => next.test(left, one)),
  throwsOn: (left: Operand, right: Operand) =>
    within(right, LIST) ? next.throwsOn(left, itemsOf(right)) : 'the right side must be a list, never null',
});

const DECORATORS: ReadonlyMap<string, (next: Operator) => Operator> = new Map([
  ['someFact', overFacts('some')],
  ['everyFact', overFacts('every')],
  ['someValue', overValues('some')],
  ['everyValue', overValues('every')],
  [
    'swap',
    (next: Operator) => ({
      test: (left: unknown, right: unknown) => next.test(right, left),
      throwsOn: (left: Operand, right: Operand) => next.throwsOn(right, left),
    }),
  ],
  // Negates also the operator's own look at its operands: not:lessThan of a text is true.
  [
    'not',
    (next: Operator) => ({ ...next, test: (left: unknown, right: unknown) => !next.test(left, right) }),
  ],
]);

/** By the library's names. */
export const OPERATOR_NAMES: readonly string[] = [...OPERATORS.keys()];
/** Stand before an operator, each with a colon behind it; the leftmost is applied first. */
export const DECORATOR_NAMES: readonly string[] = [...DECORATORS.keys()];

/** @returns the operator by name, decorators before it; null where a part is unknown, 'too-large' beyond 16 decorators */
export function operatorOf(name: string): Operator | null | 'too-large' {
  const parts = name.split(':', MOST_DECORATORS + 2);
  if (parts.length > MOST_DECORATORS + 1) return 'too-large';
  let operator = OPERATORS.get(parts.pop() ?? '');
  for (const part of parts.reverse()) {
    const decorate = DECORATORS.get(part);
    if (operator === undefined || decorate === undefined) return null;
    operator = decorate(operator);
  }
  return operator ?? null;
}
