import type { Condition } from '../schemas/policy.ts';

/** Facts by name; what is missing is undefined, what is unknown null. */
export type Facts = Readonly<Record<string, unknown>>;

/**
 * Whether a condition holds, with the semantics of json-rules-engine 7.3.1 for what policy files may use: any before all
 * before not, and its ten plain operators. Throws on anything else.
 */
export function holds(condition: Condition, facts: Facts): boolean {
  if ('any' in condition)
    return condition.any.length === 0 || condition.any.some((part) => holds(part, facts));
  if ('all' in condition) return condition.all.every((part) => holds(part, facts));
  if ('not' in condition) return !holds(condition.not, facts);
  if (!('fact' in condition)) throw new Error('named conditions are not supported');
  return compare(condition.operator, facts[condition.fact], condition.value);
}

function compare(operator: string, fact: unknown, value: unknown): boolean {
  // The library asks of the left side only that it parses as a number: null and text give false.
  const isNumber = !Number.isNaN(Number.parseFloat(String(fact)));
  const [left, right] = [fact as number, value as number];
  switch (operator) {
    case 'equal':
      return fact === value;
    case 'notEqual':
      return fact !== value;
    case 'lessThan':
      return isNumber && left < right;
    case 'lessThanInclusive':
      return isNumber && left <= right;
    case 'greaterThan':
      return isNumber && left > right;
    case 'greaterThanInclusive':
      return isNumber && left >= right;
    case 'in':
      return Array.isArray(value) && value.includes(fact);
    case 'notIn':
      return !(Array.isArray(value) && value.includes(fact));
    case 'contains':
      return Array.isArray(fact) && fact.includes(value);
    case 'doesNotContain':
      return Array.isArray(fact) && !fact.includes(value);
    default:
      throw new Error(`unknown operator ${operator}`);
  }
}
