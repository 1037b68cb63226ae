import type { Operator } from '../../compile/operators.ts';
import { operatorOf } from '../../compile/operators.ts';
import type { Condition } from '../../../schemas/policy.ts';
import { isObject } from '../shape.ts';
import type { Variable } from './variables.ts';
import { variableOf } from './variables.ts';

export type LeafCondition = Extract<Condition, { fact: string }>;
export type Named = Readonly<Record<string, Condition>>;

/** A comparison that has been checked, taken apart. */
export interface Leaf {
  variable: Variable;
  test: Operator['test'];
  /** the other fact, or what is written */
  right: { variable: Variable } | { literal: unknown };
}

/** Takes a comparison apart. Throws Error where it has not been checked. */
export function readLeaf({ fact, path, operator, value }: LeafCondition): Leaf {
  const variable = variableOf(fact, path);
  const found = operatorOf(operator);
  if (variable === null || found === null || found === 'too-large')
    throw new Error(`unchecked condition on ${fact}`);
  const { test } = found;
  if (!isObject(value)) return { variable, test, right: { literal: value } };
  const { fact: otherFact, path: otherPath } = value;
  const other = variableOf(String(otherFact), typeof otherPath === 'string' ? otherPath : undefined);
  if (other === null) throw new Error(`unchecked condition on ${fact}`);
  return { variable, test, right: { variable: other } };
}

/** What a leaf or group asks for, in one view; a named condition is looked up. */
export function partsOf(
  condition: Condition,
  named: Named,
): { kind: 'any' | 'all' | 'not'; parts: Condition[] } | { kind: 'leaf'; leaf: LeafCondition } {
  if ('any' in condition) return { kind: 'any', parts: condition.any };
  if ('all' in condition) return { kind: 'all', parts: condition.all };
  if ('not' in condition) return { kind: 'not', parts: [condition.not] };
  if ('fact' in condition) return { kind: 'leaf', leaf: condition };
  const found = Object.hasOwn(named, condition.condition) ? named[condition.condition] : undefined;
  if (found === undefined) throw new Error(`unchecked condition ${condition.condition}`);
  return { kind: 'all', parts: [found] };
}

/** Every leaf of some trees, once, those behind names included. */
export function leavesOf(conditions: readonly Condition[], named: Named): LeafCondition[] {
  const leaves: LeafCondition[] = [];
  const seen = new Set<Condition>();
  const open = [...conditions];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const view = partsOf(next, named);
    if (view.kind === 'leaf') leaves.push(view.leaf);
    else open.push(...view.parts);
  }
  return leaves;
}
