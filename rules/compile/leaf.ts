import type { Operator } from './operators.ts';
import { isNumeric } from './operators.ts';
import { readPath } from './paths.ts';

/** Facts by name. */
export type FactsRecord = Readonly<Record<string, unknown>>;
export type AnyPredicate = (facts: FactsRecord) => boolean;

/** A fact's value, or what a path finds in it. */
export interface FactReference {
  fact: string;
  /** null = the value itself */
  keys: readonly string[] | null;
}

/** One side's value. */
type Reader = (facts: FactsRecord) => unknown;

/** Beyond this a set is faster than a search. */
const SHORT_LIST = 8;

/**
 * One comparison as one closure. What policies mostly ask (a number against a number, a text, flag or short list) has a
 * closure of its own; everything else goes through the operator.
 *
 * @param name the operator's, decorators before it
 * @param right a copy that nobody changes, or another fact
 */
export function compileLeaf(
  left: FactReference,
  name: string,
  operator: Operator,
  right: FactReference | { literal: unknown },
): AnyPredicate {
  const { test } = operator;
  if (!('literal' in right)) {
    const readLeft = readerOf(left);
    const readRight = readerOf(right);
    return (facts) => test(readLeft(facts), readRight(facts));
  }
  const { literal } = right;
  const special =
    left.keys === null ? ofFact(left.fact, name, literal) : ofPath(readerOf(left), name, literal);
  if (special !== null) return special;
  const read = readerOf(left);
  return (facts) => test(read(facts), literal);
}

/** Closures that read the fact themselves; null where there is none for the operator and literal. */
function ofFact(fact: string, name: string, literal: unknown): AnyPredicate | null {
  if (typeof literal === 'number') {
    const number = literal;
    switch (name) {
      case 'greaterThanInclusive':
        return (facts) => {
          const value = facts[fact];
          return typeof value === 'number'
            ? value >= number
            : isNumeric(value) && (value as number) >= number;
        };
      case 'greaterThan':
        return (facts) => {
          const value = facts[fact];
          return typeof value === 'number' ? value > number : isNumeric(value) && (value as number) > number;
        };
      case 'lessThan':
        return (facts) => {
          const value = facts[fact];
          return typeof value === 'number' ? value < number : isNumeric(value) && (value as number) < number;
        };
      case 'lessThanInclusive':
        return (facts) => {
          const value = facts[fact];
          return typeof value === 'number'
            ? value <= number
            : isNumeric(value) && (value as number) <= number;
        };
    }
  }
  switch (name) {
    case 'equal':
      return (facts) => facts[fact] === literal;
    case 'notEqual':
      return (facts) => facts[fact] !== literal;
    case 'in':
    case 'notIn':
      return Array.isArray(literal) ? ofList((facts) => facts[fact], literal, name === 'in') : null;
    case 'contains':
      return (facts) => {
        const value = facts[fact];
        return Array.isArray(value) && value.indexOf(literal) > -1;
      };
  }
  return null;
}

/** The same behind a path, for what classes are asked about. */
function ofPath(read: Reader, name: string, literal: unknown): AnyPredicate | null {
  if (typeof literal !== 'number') return null;
  const number = literal;
  switch (name) {
    case 'greaterThanInclusive':
      return (facts) => {
        const value = read(facts);
        return typeof value === 'number' ? value >= number : isNumeric(value) && (value as number) >= number;
      };
    case 'greaterThan':
      return (facts) => {
        const value = read(facts);
        return typeof value === 'number' ? value > number : isNumeric(value) && (value as number) > number;
      };
  }
  return null;
}

function ofList(read: Reader, list: readonly unknown[], inside: boolean): AnyPredicate {
  if (list.length <= SHORT_LIST) return (facts) => list.indexOf(read(facts)) > -1 === inside;
  // A search finds no NaN, a set would; objects are never the same one, in either.
  const set = new Set(list.filter((item) => item === item));
  return (facts) => set.has(read(facts)) === inside;
}

function readerOf({ fact, keys }: FactReference): Reader {
  if (keys === null) return (facts) => facts[fact];
  const [outer, inner] = keys;
  if (keys.length !== 2 || outer === undefined || inner === undefined)
    return (facts) => readPath(facts[fact], keys);
  // Facts of a class.
  return (facts) => {
    const all = facts[fact];
    if (typeof all !== 'object' || all === null) return all;
    const one = Object.hasOwn(all, outer) ? (all as FactsRecord)[outer] : undefined;
    if (typeof one !== 'object' || one === null) return readPath(all, keys);
    return Object.hasOwn(one, inner) ? (one as FactsRecord)[inner] : undefined;
  };
}
