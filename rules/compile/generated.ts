import { CLASS_FACTS, isFactName } from '../facts/catalogue.ts';
import type { AnyPredicate, FactReference } from './leaf.ts';
import { isNumeric } from './operators.ts';

/** Writes an expression over `facts`. Whatever comes from a policy is handed to `constant`, which gives the name it has. */
export type Code = (constant: (value: unknown) => string) => string;

/** What an operator asks of both sides; the same as its `test`. */
const TESTS: Readonly<Record<string, (left: string, right: string) => string>> = {
  equal: (left, right) => `${left} === ${right}`,
  notEqual: (left, right) => `${left} !== ${right}`,
  in: (left, right) => `${right}.indexOf(${left}) > -1`,
  notIn: (left, right) => `${right}.indexOf(${left}) === -1`,
  contains: (left, right) => `Array.isArray(${left}) && ${left}.indexOf(${right}) > -1`,
  doesNotContain: (left, right) => `Array.isArray(${left}) && ${left}.indexOf(${right}) === -1`,
  lessThan: relational('<'),
  lessThanInclusive: relational('<='),
  greaterThan: relational('>'),
  greaterThanInclusive: relational('>='),
};

function relational(sign: string) {
  return (left: string, right: string): string =>
    `typeof ${left} === 'number' ? ${left} ${sign} ${right} : isNumeric(${left}) && ${left} ${sign} ${right}`;
}

/**
 * Code of one comparison, for facts of the catalogue and bare operators; null for others. Only names of the catalogue and
 * the texts of this file are in it.
 */
export function leafCode(
  left: FactReference,
  operator: string,
  right: FactReference | { literal: unknown },
): Code | null {
  const test = Object.hasOwn(TESTS, operator) ? TESTS[operator] : undefined;
  const isOther = !('literal' in right);
  if (test === undefined || !isPlainFact(left.fact)) return null;
  if (isOther && (right.keys !== null || !isPlainFact(right.fact))) return null;
  const rightCode: Code = (constant) => (isOther ? `facts.${right.fact}` : constant(right.literal));
  if (!isOther && left.keys === null) {
    const inSet = setCode(left.fact, operator, right.literal);
    if (inSet !== null) return inSet;
  }
  if (left.keys === null) return (constant) => test(`facts.${left.fact}`, rightCode(constant));
  const [outer, name] = left.keys;
  if (left.keys.length !== 2 || outer === undefined || name === undefined) return null;
  if (!Object.hasOwn(CLASS_FACTS, name) || !isPlain(name) || isInherited(name)) return null;
  return (constant) =>
    `(left = classOf(facts.${left.fact}, ${constant(outer)}, '${name}').${name}, ${test('left', rightCode(constant))})`;
}

/** Beyond this a set is faster than a search. */
const SHORT_LIST = 8;

function setCode(fact: string, operator: string, list: unknown): Code | null {
  if ((operator !== 'in' && operator !== 'notIn') || !Array.isArray(list) || list.length <= SHORT_LIST)
    return null;
  // A search finds no NaN, a set would. Objects are never the same one, in either.
  const set = new Set(list.filter((item) => !Number.isNaN(item)));
  return (constant) => `${operator === 'in' ? '' : '!'}${constant(set)}.has(facts.${fact})`;
}

/** Each serves all conditions of one form. The oldest goes first: what was made from it keeps it. */
const MOST_FORMS = 4000;

type Make = (...constants: unknown[]) => AnyPredicate;
const forms = new Map<string, Make>();

/**
 * A predicate of the code. One function serves all conditions of a form, that is, those that differ in their constants
 * only; its constants are parameters of the function around it.
 *
 * @returns null in a process that forbids making code
 */
export function generate(code: Code): AnyPredicate | null {
  const constants: unknown[] = [];
  const expression = code((value) => `c${String(constants.push(value) - 1)}`);
  const form = forms.get(expression) ?? newForm(expression, constants.length);
  return form === null ? null : form(...constants);
}

function newForm(expression: string, constants: number): Make | null {
  const names = [...Array(constants).keys()].map((i) => `c${String(i)}`).join(', ');
  const source = `'use strict';
return (${names}) => (facts) => {
  let left;
  return ${expression};
};`;
  try {
    const make = (new Function('isNumeric', 'classOf', source) as (...known: unknown[]) => Make)(
      isNumeric,
      classOf,
    );
    if (forms.size >= MOST_FORMS)
      for (const oldest of [...forms.keys()].slice(0, MOST_FORMS / 4)) forms.delete(oldest);
    forms.set(expression, make);
    return make;
  } catch (error) {
    // --disallow-code-generation-from-strings: the same answers from closures.
    if (error instanceof EvalError) return null;
    throw error;
  }
}

const NOTHING = Object.freeze({});

/** What holds the facts of a class; of what is no object the value itself is compared, as readPath gives it. */
function classOf(all: unknown, outer: string, name: string): unknown {
  if (typeof all !== 'object' || all === null) return { [name]: all };
  return (all as Record<string, unknown>)[outer] ?? NOTHING;
}

/** Anything but letters and digits would be a defect of the catalogue. */
function isPlain(name: string): boolean {
  return /^[A-Za-z][A-Za-z0-9]*$/.test(name);
}

function isPlainFact(name: string): boolean {
  return isFactName(name) && isPlain(name);
}

/** Some JSON value has it without owning it. (Whatever they inherit under a class's name has no facts of a class.) */
function isInherited(key: string): boolean {
  return [Object, Array, String, Number, Boolean].some(({ prototype }) => key in prototype);
}
