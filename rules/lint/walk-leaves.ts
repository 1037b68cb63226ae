import type { Condition, PolicyFile } from '../../schemas/policy.ts';
import type { At } from './finding.ts';
import type { LeafCondition } from './reasoning/leaves.ts';

/** Every comparison of a checked policy with its place, named conditions included. */
export function placedLeaves(file: PolicyFile): { leaf: LeafCondition; at: At }[] {
  return [
    ...Object.entries(file.conditions ?? {}).flatMap(([name, condition]) =>
      leavesAt(condition, ['conditions', name]),
    ),
    ...file.rules.flatMap(({ conditions }, i) => leavesAt(conditions, ['rules', i, 'conditions'])),
  ];
}

/** Comparisons of one tree with their places; references are not followed. */
export function leavesAt(condition: Condition, at: At): { leaf: LeafCondition; at: At }[] {
  if ('any' in condition) return condition.any.flatMap((part, i) => leavesAt(part, [...at, 'any', i]));
  if ('all' in condition) return condition.all.flatMap((part, i) => leavesAt(part, [...at, 'all', i]));
  if ('not' in condition) return leavesAt(condition.not, [...at, 'not']);
  return 'fact' in condition ? [{ leaf: condition, at }] : [];
}
