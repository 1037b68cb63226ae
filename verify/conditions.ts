import type { Condition } from '../schemas/policy.ts';

/** Facts by name; what is missing is undefined, what is unknown null. */
export type Facts = Readonly<Record<string, unknown>>;
type Named = Readonly<Record<string, Condition>>;

/**
 * Whether a condition holds, with the semantics of json-rules-engine 7.3.1: any before all before not, conditions by name,
 * paths, other facts as values, its ten operators and the decorators before them. Throws on anything else.
 */
export function holds(condition: Condition, facts: Facts, named: Named = {}): boolean {
  if ('any' in condition)
    return condition.any.length === 0 || condition.any.some((part) => holds(part, facts, named));
  if ('all' in condition) return condition.all.every((part) => holds(part, facts, named));
  if ('not' in condition) return !holds(condition.not, facts, named);
  if ('condition' in condition) return holds(byName(condition.condition, named), facts, named);
  const { fact, path, operator, value } = condition;
  const other = otherFact(value);
  const right = other === null ? value : valueOf(facts, other.fact, other.path);
  return compare(operator, valueOf(facts, fact, path), right);
}

/** Names of the facts that a condition asks about. */
export function factsAsked(condition: Condition, named: Named = {}): string[] {
  if ('any' in condition) return condition.any.flatMap((part) => factsAsked(part, named));
  if ('all' in condition) return condition.all.flatMap((part) => factsAsked(part, named));
  if ('not' in condition) return factsAsked(condition.not, named);
  if ('condition' in condition) return factsAsked(byName(condition.condition, named), named);
  const other = otherFact(condition.value);
  return other === null ? [condition.fact] : [condition.fact, other.fact];
}

function byName(name: string, named: Named): Condition {
  const found = Object.hasOwn(named, name) ? named[name] : undefined;
  if (found === undefined) throw new Error(`no condition is named ${name}`);
  return found;
}

function otherFact(value: unknown): { fact: string; path: string | undefined } | null {
  if (typeof value !== 'object' || value === null || !('fact' in value)) return null;
  const path = 'path' in value ? String(value.path) : undefined;
  return { fact: String(value.fact), path };
}

/** A fact, or what lies in it: `$.video.dayBytes`, `$['video'].dayBytes`. Only in objects: of others a path takes the whole. */
function valueOf(facts: Facts, fact: string, path: string | undefined): unknown {
  let value = facts[fact];
  if (path === undefined || typeof value !== 'object' || value === null) return value;
  for (const [, plain, quoted] of path.matchAll(/\.([^.[\]]+)|\['([^']*)'\]/g)) {
    const key = plain ?? quoted ?? '';
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Facts)[key];
  }
  return value;
}

function compare(operator: string, left: unknown, right: unknown): boolean {
  const colon = operator.indexOf(':');
  if (colon < 0) return compareBare(operator, left, right);
  const rest = operator.slice(colon + 1);
  switch (operator.slice(0, colon)) {
    case 'someFact':
      return Array.isArray(left) && left.some((one) => compare(rest, one, right));
    case 'everyFact':
      return Array.isArray(left) && left.every((one) => compare(rest, one, right));
    case 'someValue':
      return (right as unknown[]).some((one) => compare(rest, left, one));
    case 'everyValue':
      return (right as unknown[]).every((one) => compare(rest, left, one));
    case 'swap':
      return compare(rest, right, left);
    case 'not':
      return !compare(rest, left, right);
    default:
      throw new Error(`unknown decorator in ${operator}`);
  }
}

function compareBare(operator: string, fact: unknown, value: unknown): boolean {
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
    // A text is searched for a text.
    case 'in':
      return (value as unknown[]).indexOf(fact) > -1;
    case 'notIn':
      return (value as unknown[]).indexOf(fact) === -1;
    case 'contains':
      return Array.isArray(fact) && fact.indexOf(value) > -1;
    case 'doesNotContain':
      return Array.isArray(fact) && fact.indexOf(value) === -1;
    default:
      throw new Error(`unknown operator ${operator}`);
  }
}
