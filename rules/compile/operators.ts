import type { FactType } from '../facts/catalogue.ts';

/** One operator of json-rules-engine 7.3.1, with its exact semantics on values of the catalogue's types. */
export interface Operator {
  /** the library's result for this fact and value */
  test: (fact: unknown, value: unknown) => boolean;
  /** why a condition's value does not fit a fact of this type; null where it does */
  wrongValue: (type: FactType, value: unknown) => string | null;
}

const relational = (compare: (a: number, b: number) => boolean): Operator => ({
  // The library asks of the left side only that it parses as a number: null, '' and text give false.
  test: (fact, value) =>
    !Number.isNaN(Number.parseFloat(String(fact))) && compare(fact as number, value as number),
  wrongValue: (type, value) => {
    if (type !== 'number') return 'a comparison needs a number fact';
    return typeof value === 'number' && Number.isFinite(value) ? null : 'must be a number';
  },
});

const equality = (same: boolean): Operator => ({
  test: (fact, value) => (fact === value) === same,
  wrongValue: (type, value) => {
    if (type === 'strings') return 'use contains or doesNotContain on a list';
    return value === null || typeof value === type ? null : `must be a ${type}`;
  },
});

const membership = (inside: boolean): Operator => ({
  test: (fact, value) => (Array.isArray(value) && value.includes(fact)) === inside,
  wrongValue: (type, value) => {
    if (type === 'strings') return 'use contains or doesNotContain on a list';
    const fits = Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === type);
    return fits ? null : `must be a list of ${type}s`;
  },
});

const containment = (inside: boolean): Operator => ({
  // Both are false where the fact is no list.
  test: (fact, value) => Array.isArray(fact) && fact.includes(value) === inside,
  wrongValue: (type, value) => {
    if (type !== 'strings') return 'needs a list fact';
    return typeof value === 'string' ? null : 'must be a text';
  },
});

/** By the library's name. */
export const OPERATORS: ReadonlyMap<string, Operator> = new Map([
  ['equal', equality(true)],
  ['notEqual', equality(false)],
  ['lessThan', relational((a, b) => a < b)],
  ['lessThanInclusive', relational((a, b) => a <= b)],
  ['greaterThan', relational((a, b) => a > b)],
  ['greaterThanInclusive', relational((a, b) => a >= b)],
  ['in', membership(true)],
  ['notIn', membership(false)],
  ['contains', containment(true)],
  ['doesNotContain', containment(false)],
]);
