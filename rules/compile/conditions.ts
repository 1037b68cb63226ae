import type { Condition } from '../../schemas/policy.ts';
import type { FactName, Facts } from '../facts/catalogue.ts';
import { isFactName } from '../facts/catalogue.ts';
import { OPERATORS } from './operators.ts';

export type Predicate = (facts: Facts) => boolean;

/** Compiles one condition tree. */
export function compileCondition(condition: Condition): Predicate {
  if ('any' in condition) {
    const parts = condition.any.map(compileCondition);
    // An empty any is true in the library.
    return (facts) => parts.length === 0 || parts.some((part) => part(facts));
  }
  if ('all' in condition) {
    const parts = condition.all.map(compileCondition);
    return (facts) => parts.every((part) => part(facts));
  }
  if ('not' in condition) {
    const part = compileCondition(condition.not);
    return (facts) => !part(facts);
  }
  if (!('fact' in condition)) throw new Error('named conditions are not supported');
  const { fact, value } = condition;
  const operator = OPERATORS.get(condition.operator);
  if (operator === undefined || !isFactName(fact))
    throw new Error(`cannot compile ${fact} ${condition.operator}`);
  const name: FactName = fact;
  const test = operator.test;
  return (facts) => test(facts[name], value);
}
