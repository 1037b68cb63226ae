import type { Condition } from '../../schemas/policy.ts';
import type { Facts } from '../facts/catalogue.ts';
import { ConditionCompiler } from './condition-compiler.ts';
import type { AnyPredicate } from './leaf.ts';
import { ANYTHING } from './operands.ts';
import { catalogueShape } from './catalogue-shape.ts';

export type Predicate = (facts: Facts) => boolean;

export interface CompileOptions {
  /** conditions that others refer to by name */
  named?: Readonly<Record<string, Condition>> | undefined;
  /** where the condition stands in its file: the beginning of places in errors; default `$` */
  place?: string;
}

/**
 * Compiles one condition tree over the catalogue's facts: gives what json-rules-engine 7.3.1 gives, and never throws.
 * A comparison as the root is taken as `all` of it. The condition may change afterwards, the predicate does not.
 *
 * @throws PolicyCompileError with the place and the reason: what json-rules-engine refuses, or could throw on with facts of
 * the catalogue's types, and what is not in the catalogue. All named conditions are compiled, used or not.
 */
export function compileCondition(condition: Condition, options: CompileOptions = {}): Predicate {
  return new ConditionCompiler({ named: options.named, shapeOf: catalogueShape }).compile(
    condition,
    options.place ?? '$',
  );
}

/**
 * Only looks whether a condition compiles.
 *
 * @throws PolicyCompileError as compileCondition does
 */
export function checkCondition(condition: Condition, options: CompileOptions = {}): void {
  new ConditionCompiler({ named: options.named, shapeOf: catalogueShape }).check(
    condition,
    options.place ?? '$',
  );
}

/**
 * Compiles one condition tree over any facts: the predicate gives what json-rules-engine gives, and throws where a run
 * of it rejects (undefined facts, a list asked of what is none). Conditions that it would fail to set up, names that lead
 * nowhere and paths outside the safe grammar are refused.
 *
 * @throws PolicyCompileError with the place and the reason
 */
export function compileForAnyFacts(
  condition: Condition,
  options: CompileOptions & { allowUndefinedFacts?: boolean; allowUndefinedConditions?: boolean } = {},
): AnyPredicate {
  const { named, allowUndefinedFacts, allowUndefinedConditions } = options;
  const undefinedFacts = allowUndefinedFacts === true ? 'allowed' : 'throw';
  return new ConditionCompiler({
    named,
    shapeOf: () => ANYTHING,
    undefinedFacts,
    allowUndefinedConditions: allowUndefinedConditions ?? false,
  }).compile(condition, options.place ?? '$');
}
