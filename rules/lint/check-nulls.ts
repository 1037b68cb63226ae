import type { Condition } from '../../schemas/policy.ts';
import type { At } from './finding.ts';
import { readOperator } from './operator-forms.ts';
import { isObject } from './shape.ts';
import type { Formula } from './reasoning/formula.ts';
import type { LeafCondition, Named } from './reasoning/leaves.ts';
import { readLeaf } from './reasoning/leaves.ts';
import type { Reasoner } from './reasoning/reasoner.ts';
import type { Variable } from './reasoning/variables.ts';
import { mayBeAbsent } from './reasoning/variables.ts';
import type { Report } from './report.ts';

interface NullCheck {
  reasoner: Reasoner;
  /** subscribers for whom the rule holds */
  reach: Formula;
  named: Named;
}

/**
 * Warns of comparisons that hold for subscribers who have no value: negations, and missing values that count as 0.
 * None where the rule cannot hold for such a subscriber, because another condition sees to it.
 */
export function checkNulls(condition: Condition, at: At, check: NullCheck, report: Report): void {
  visit(condition, at, false, check, new Set(), report);
}

function visit(
  condition: Condition,
  at: At,
  isNegated: boolean,
  check: NullCheck,
  seen: Set<string>,
  report: Report,
): void {
  for (const key of ['any', 'all'] as const) {
    const list = (condition as Partial<Record<'any' | 'all', Condition[]>>)[key];
    if (list === undefined) continue;
    list.forEach((part, i) => visit(part, [...at, key, i], isNegated, check, seen, report));
    return;
  }
  if ('not' in condition) visit(condition.not, [...at, 'not'], !isNegated, check, seen, report);
  else if ('condition' in condition) {
    const { condition: name } = condition;
    const found = check.named[name];
    const visited = `${isNegated} ${name}`;
    if (found === undefined || seen.has(visited)) return;
    seen.add(visited);
    visit(found, ['conditions', name], isNegated, check, seen, report);
  } else if ('fact' in condition) checkLeaf(condition, at, isNegated, check, report);
}

function checkLeaf(leaf: LeafCondition, at: At, isNegated: boolean, check: NullCheck, report: Report): void {
  const { variable, test, right } = readLeaf(leaf);
  const literal = 'literal' in right ? right.literal : null;
  const namesNull =
    'literal' in right && (literal === null || (Array.isArray(literal) && literal.includes(null)));
  for (const missing of missingOf(variable)) {
    const sample = 'literal' in right ? literal : sampleOf(right.variable);
    if (namesNull || test(missing, sample) === isNegated) continue;
    if (!canHoldWith(variable, missing, check)) continue;
    const isZero = missing === null && countsAsZero(leaf, 'left');
    if (isZero) sayZero(leaf, variable, at, report);
    else
      report.add(
        'P212',
        [...at, 'operator'],
        `this also holds for subscribers ${whoseMissing(variable, missing)}: add a condition that ${nameOf(leaf)} is there, or ask the other way round`,
      );
    break;
  }
  if ('variable' in right && right.variable.definition.nullable && countsAsZero(leaf, 'right'))
    if (canHoldWith(right.variable, null, check)) sayZero(leaf, right.variable, at, report);
}

function missingOf(variable: Variable): (null | undefined)[] {
  return [...(variable.definition.nullable ? [null] : []), ...(mayBeAbsent(variable) ? [undefined] : [])];
}

function sampleOf({ definition }: Variable): unknown {
  return definition.example;
}

function canHoldWith(variable: Variable, missing: null | undefined, { reasoner, reach }: NullCheck): boolean {
  const isMissing = reasoner.that(variable, (value) => value === missing);
  const found = reasoner.together(reach, isMissing);
  return found !== 'none' && found !== 'unknown';
}

/** The fact (`left`), or the other one, stands on the right side of a comparison of numbers once `swap` has been at work. */
function countsAsZero({ operator }: LeafCondition, side: 'left' | 'right'): boolean {
  const read = readOperator(operator);
  if ('unknown' in read || !/^(less|greater)Than/.test(read.base)) return false;
  const swaps = read.decorators.filter((name) => name === 'swap').length;
  return (swaps % 2 === 1) === (side === 'left');
}

function sayZero(leaf: LeafCondition, { key }: Variable, at: At, report: Report): void {
  report.add(
    'P213',
    [...at, 'operator'],
    `where ${key.replace(/^byClass /, '')} is null, ${leaf.operator} counts it as 0`,
  );
}

function whoseMissing({ ofClass }: Variable, missing: null | undefined): string {
  if (missing === undefined) return `without usage of ${ofClass?.serviceClass ?? 'the class'}`;
  return 'for whom it is null';
}

function nameOf(leaf: LeafCondition): string {
  return isObject(leaf.value) || leaf.path === undefined ? leaf.fact : `${leaf.fact} ${leaf.path}`;
}
