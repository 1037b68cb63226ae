import type { Variable } from './variables.ts';

/** What is true of two facts of any subscriber, whatever conditions say. */
export interface Implied {
  left: Variable;
  right: Variable;
  test: (left: unknown, right: unknown) => boolean;
}

/** Facts of which all or none are known: those of the plan, and those of its cap. */
const TOGETHER = [
  ['planId', 'planFamily', 'planDownBps', 'planUpBps'],
  ['capBytes', 'allowanceBytes', 'capUsedPercent', 'capRemainingBytes'],
];

/** Where the first has this value, the second has that one. */
const CONSEQUENCES: readonly { if: readonly [string, unknown]; then: readonly [string, unknown] }[] = [
  { if: ['planId', null], then: ['capBytes', null] },
  { if: ['planId', null], then: ['capUsedPercent', null] },
  { if: ['capBytes', null], then: ['projectedCapUsedPercent', null] },
  { if: ['capUsedPercent', null], then: ['projectedCapUsedPercent', null] },
  { if: ['isThrottled', false], then: ['throttledSeconds', 0] },
  { if: ['openSessions', 0], then: ['longestSessionSeconds', 0] },
];

/** Everything of the kind that concerns these variables. */
export function impliedBetween(variables: readonly Variable[]): Implied[] {
  const byKey = new Map(variables.map((variable) => [variable.key, variable]));
  const implied = TOGETHER.flatMap((keys) =>
    chained(
      keys.flatMap((key) => byKey.get(key) ?? []),
      (a, b) => (a === null) === (b === null),
    ),
  );
  const classes = new Map<string, Variable[]>();
  for (const variable of variables) {
    if (variable.ofClass === null) continue;
    const { serviceClass } = variable.ofClass;
    classes.set(serviceClass, [...(classes.get(serviceClass) ?? []), variable]);
  }
  // A class without usage has none of its facts.
  for (const members of classes.values())
    implied.push(...chained(members, (a, b) => (a === undefined) === (b === undefined)));
  for (const { if: cause, then: effect } of CONSEQUENCES) {
    const left = byKey.get(cause[0]);
    const right = byKey.get(effect[0]);
    if (left === undefined || right === undefined) continue;
    implied.push({ left, right, test: (a, b) => a !== cause[1] || b === effect[1] });
  }
  return implied;
}

/** Each with the next: what holds is the same for all of them then. */
function chained(members: readonly Variable[], test: Implied['test']): Implied[] {
  return members.slice(1).flatMap((right, i) => {
    const left = members[i];
    return left === undefined ? [] : [{ left, right, test }];
  });
}
