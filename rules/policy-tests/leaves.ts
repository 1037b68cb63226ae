import type { Condition, PolicyFile } from '../../schemas/policy.ts';
import type { JsonPath } from '../json-text.ts';

/** A condition that asks about a fact. */
export type LeafCondition = Extract<Condition, { fact: string }>;

/** One such condition of a policy, where it stands in the file. */
export interface Leaf {
  path: JsonPath;
  /** the rule that it stands in; null = it stands in a named condition */
  rule: string | null;
  /** the named condition that it stands in */
  named: string | null;
  condition: LeafCondition;
}

/** Every condition on a fact: those of named conditions once, then rule by rule in the order of the file. */
export function leavesOf(policy: PolicyFile): Leaf[] {
  const leaves: Leaf[] = [];
  for (const [named, condition] of Object.entries(policy.conditions ?? {}))
    collect(condition, ['conditions', named], { rule: null, named }, leaves);
  policy.rules.forEach(({ name, conditions }, i) => {
    collect(conditions, ['rules', i, 'conditions'], { rule: name, named: null }, leaves);
  });
  return leaves;
}

function collect(condition: Condition, path: JsonPath, of: Pick<Leaf, 'rule' | 'named'>, into: Leaf[]): void {
  // The library's order of precedence, where somebody writes two of them.
  if ('any' in condition) condition.any.forEach((part, i) => collect(part, [...path, 'any', i], of, into));
  else if ('all' in condition)
    condition.all.forEach((part, i) => collect(part, [...path, 'all', i], of, into));
  else if ('not' in condition) collect(condition.not, [...path, 'not'], of, into);
  else if ('fact' in condition) into.push({ path, ...of, condition });
}

/** Named conditions that a condition refers to, directly or through others. */
export function namesIn(condition: Condition, named: Readonly<Record<string, Condition>>): Set<string> {
  const found = new Set<string>();
  const visit = (part: Condition): void => {
    if ('any' in part) part.any.forEach(visit);
    else if ('all' in part) part.all.forEach(visit);
    else if ('not' in part) visit(part.not);
    else if ('condition' in part && !found.has(part.condition)) {
      found.add(part.condition);
      const target = Object.hasOwn(named, part.condition) ? named[part.condition] : undefined;
      if (target !== undefined) visit(target);
    }
  };
  visit(condition);
  return found;
}
