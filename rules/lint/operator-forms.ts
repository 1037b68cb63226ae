import type { FindingCode } from './finding.ts';
import type { Operand } from './operands.ts';
import { described } from './operands.ts';

/** Operators of json-rules-engine 7.3.1 that a policy may use, with what they mean. */
export const OPERATOR_DESCRIPTIONS: Readonly<Record<string, string>> = {
  equal: 'The fact is exactly the value, type included',
  notEqual: 'The fact is anything but the value; a missing value is that too',
  lessThan: 'The fact is a number below the value',
  lessThanInclusive: 'The fact is a number below the value, or equals it',
  greaterThan: 'The fact is a number above the value',
  greaterThanInclusive: 'The fact is a number above the value, or equals it',
  in: 'The fact is one of the values in a list',
  notIn: 'The fact is none of the values in a list; a missing value is none of them',
  contains: 'The fact is a list that has the value in it',
  doesNotContain: 'The fact is a list that does not have the value in it',
};

/** Prefixes of operators, `not:in`; the leftmost is the outermost. */
export const DECORATOR_DESCRIPTIONS: Readonly<Record<string, string>> = {
  someFact: 'It holds for at least one element of the fact, which is a list',
  everyFact: 'It holds for every element of the fact, which is a list',
  someValue: 'It holds for at least one element of the value, which is a list',
  everyValue: 'It holds for every element of the value, which is a list',
  swap: 'Fact and value change places',
  not: 'It does not hold; for a missing value it therefore does',
};

/** Decorators that one operator may have. */
export const MAX_DECORATORS = 8;

const RELATIONAL = ['lessThan', 'lessThanInclusive', 'greaterThan', 'greaterThanInclusive'];

/** An operator's name taken apart: decorators from the outermost, and the operator itself. */
export interface OperatorName {
  decorators: string[];
  base: string;
}

/** Takes `not:someFact:equal` apart; `unknown` = the part that names nothing. */
export function readOperator(name: string): OperatorName | { unknown: string; isDecorator: boolean } {
  const parts = name.split(':');
  const base = parts.pop() ?? '';
  const odd = parts.find((part) => !Object.hasOwn(DECORATOR_DESCRIPTIONS, part));
  if (odd !== undefined) return { unknown: odd, isDecorator: true };
  return Object.hasOwn(OPERATOR_DESCRIPTIONS, base)
    ? { decorators: parts, base }
    : { unknown: base, isDecorator: false };
}

/** Why an operator cannot stand between two operands. */
export interface Misfit {
  code: FindingCode;
  message: string;
}

/**
 * Checks that an operator never throws in the library and that its result means something. `left` and `right` are the
 * fact and the value; decorators take them apart or swap them.
 */
export function misfitOf({ decorators, base }: OperatorName, left: Operand, right: Operand): Misfit | null {
  let [a, b] = [left, right];
  for (const decorator of decorators) {
    if (decorator === 'swap') [a, b] = [b, a];
    else if (decorator === 'someFact' || decorator === 'everyFact') {
      if (a.kind !== 'list')
        return { code: 'P211', message: `${decorator} needs a list, and ${described(a)} is none` };
      if (a.element === null) return emptyList();
      a = { ...a.element, fact: a.fact };
    } else if (decorator === 'someValue' || decorator === 'everyValue') {
      if (b.kind !== 'list') return { code: codeOf(b), message: `${decorator} needs a list of values` };
      if (b.element === null) return emptyList();
      b = { ...b.element, fact: b.fact };
    }
  }
  return baseMisfit(base, a, b);
}

/** A misfit of what the file says is a wrong value; one of a fact is the operator's. */
function codeOf(operand: Operand): FindingCode {
  return operand.fact === null ? 'P201' : 'P211';
}

function emptyList(): Misfit {
  return { code: 'P201', message: 'the list must have at least one value' };
}

function baseMisfit(base: string, left: Operand, right: Operand): Misfit | null {
  if (RELATIONAL.includes(base)) return relationalMisfit(base, left, right);
  switch (base) {
    case 'equal':
    case 'notEqual':
      return equalityMisfit(left, right);
    case 'in':
    case 'notIn':
      return membershipMisfit(base, right, left);
    default:
      return membershipMisfit(base, left, right);
  }
}

function relationalMisfit(base: string, left: Operand, right: Operand): Misfit | null {
  for (const side of [left, right]) {
    if (side.kind !== 'number')
      return { code: codeOf(side), message: `${base} compares numbers, not ${described(side)}` };
  }
  return unitMisfit(left, right);
}

function equalityMisfit(left: Operand, right: Operand): Misfit | null {
  for (const side of [left, right]) {
    if (side.kind === 'list' || side.kind === 'mixed' || side.kind === 'other') {
      const instead = side.kind === 'list' ? ': use in, contains, or a decorator such as someValue:' : '';
      return { code: codeOf(side), message: `${described(side)} equals nothing${instead}` };
    }
  }
  if (left.kind === 'null' || right.kind === 'null') return null;
  if (left.kind !== right.kind) return typesDiffer(left, right);
  return unitMisfit(left, right);
}

/** `list` has or has not `item`, under whichever name. */
function membershipMisfit(base: string, list: Operand, item: Operand): Misfit | null {
  if (list.kind === 'string') {
    const code = list.fact === null && (base === 'in' || base === 'notIn') ? 'P203' : codeOf(list);
    return { code, message: `${base} with a text looks for a part of it: write a list of values` };
  }
  if (list.kind !== 'list')
    return { code: codeOf(list), message: `${base} needs a list, and ${described(list)} is none` };
  if (list.element === null) return emptyList();
  if (item.kind === 'null') return null;
  if (item.kind === 'list' || item.kind === 'mixed' || item.kind === 'other')
    return { code: codeOf(item), message: `${base} looks for one value, and ${described(item)} is none` };
  if (list.element.kind === 'null') return null;
  if (list.element.kind !== item.kind) return typesDiffer(item, { ...list.element, fact: list.fact });
  return unitMisfit(item, list.element);
}

function typesDiffer(left: Operand, right: Operand): Misfit {
  const both = left.fact !== null && right.fact !== null;
  return { code: both ? 'P207' : 'P201', message: `${described(left)} is never ${described(right)}` };
}

function unitMisfit(left: Operand, right: Operand): Misfit | null {
  if (left.fact === null || right.fact === null || left.unit === right.unit) return null;
  return { code: 'P207', message: `${described(left)} and ${described(right)} are of different units` };
}
