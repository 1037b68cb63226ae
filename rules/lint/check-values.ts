import type { PolicyFile } from '../../schemas/policy.ts';
import { closest, shown } from './did-you-mean.ts';
import { isRealDate } from './calendar-values.ts';
import type { At } from './finding.ts';
import { readLeaf } from './reasoning/leaves.ts';
import type { LeafCondition } from './reasoning/leaves.ts';
import { Reasoner } from './reasoning/reasoner.ts';
import type { Variable } from './reasoning/variables.ts';
import { reachedFrom } from './named-conditions.ts';
import type { Report } from './report.ts';
import { placedLeaves } from './walk-leaves.ts';

/** Below these a number of the unit is hardly meant as such. */
const DOUBTFUL_BELOW: Readonly<Record<string, number>> = { '%': 1, bytes: 1000, 'bit/s': 1000 };
/** More comparisons are not looked at one by one. */
const MOST_LEAVES = 1000;

/** Looks at each value beside its fact: texts the fact never has, doubtful units, conditions that never change. */
export function checkValues(file: PolicyFile, report: Report): void {
  for (const { leaf, at } of placedLeaves(file).slice(0, MOST_LEAVES)) {
    const { variable, right } = readLeaf(leaf);
    if (!('literal' in right)) continue;
    const isKnown = checkTexts(variable, right.literal, [...at, 'value'], report);
    checkUnit(leaf, variable, right.literal, [...at, 'value'], report);
    if (isKnown) checkConstant(leaf, variable, at, report);
  }
  checkSpeeds(file, report);
  checkUnused(file, report);
}

/** Texts that a fact with a list of values, or of dates, never has. false = there is one. */
function checkTexts({ key, definition }: Variable, literal: unknown, at: At, report: Report): boolean {
  const items = Array.isArray(literal)
    ? literal.map((item: unknown, i) => ({ item, at: [...at, i] }))
    : [{ item: literal, at }];
  let isKnown = true;
  for (const { item, at: place } of items) {
    if (typeof item !== 'string') continue;
    const { values } = definition;
    if (key === 'date' && !isRealDate(item))
      report.add('P217', place, `${shown(item)} is no date that exists: write YYYY-MM-DD`);
    else if (values !== undefined && !values.includes(item)) {
      const near = closest(item, values);
      report.add('P217', place, `${key} is never ${shown(item)}: it is one of ${values.join(', ')}`, {
        suggestion: near === null ? null : JSON.stringify(near),
      });
    } else continue;
    isKnown = false;
  }
  return isKnown;
}

function checkUnit(leaf: LeafCondition, variable: Variable, literal: unknown, at: At, report: Report): void {
  const { unit, type } = variable.definition;
  const least = DOUBTFUL_BELOW[unit];
  if (type !== 'number' || typeof literal !== 'number' || least === undefined) return;
  if (literal <= 0 || literal >= least || !/Than/.test(leaf.operator)) return;
  const meant =
    unit === '%' ? `; for ${literal * 100} % write ${Number((literal * 100).toPrecision(12))}` : '';
  report.add('P215', at, `${literal} is ${literal} ${unit}${meant}`);
}

function checkConstant(leaf: LeafCondition, variable: Variable, at: At, report: Report): void {
  const reasoner = new Reasoner([leaf], {});
  const formula = reasoner.formula(leaf);
  if (reasoner.isExhausted || (formula.kind !== 'true' && formula.kind !== 'false')) return;
  const { definition, key } = variable;
  const range =
    definition.min === undefined
      ? ''
      : `: it is ${definition.max === undefined ? `${definition.min} or more` : `from ${definition.min} to ${definition.max}`}`;
  const never = formula.kind === 'true' ? 'always' : 'never';
  const what =
    leaf.value === null
      ? `${key} is ${formula.kind === 'true' ? 'always known' : 'never null'}`
      : `this ${never} holds of ${key}${range}`;
  report.add('P214', at, what);
}

function checkSpeeds(file: PolicyFile, report: Report): void {
  file.rules.forEach(({ event }, i) => {
    if (event.type !== 'throttle' || 'profile' in event.params) return;
    for (const key of ['downBps', 'upBps'] as const) {
      const speed = event.params[key];
      if (speed < 1000)
        report.add(
          'P215',
          ['rules', i, 'event', 'params', key],
          `${speed} is ${speed} bit/s; 2 Mbit/s are 2000000`,
        );
    }
  });
}

function checkUnused({ conditions = {}, rules }: PolicyFile, report: Report): void {
  const used = new Set(rules.flatMap((rule) => [...reachedFrom(rule.conditions, conditions)]));
  for (const name of Object.keys(conditions)) {
    if (!used.has(name))
      report.add('P210', ['conditions', name], `no rule refers to ${shown(name)}`, { onKey: true });
  }
}
