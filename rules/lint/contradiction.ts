import type { Condition } from '../../schemas/policy.ts';
import { shown } from './did-you-mean.ts';
import type { Formula } from './reasoning/formula.ts';
import type { Named } from './reasoning/leaves.ts';
import { partsOf } from './reasoning/leaves.ts';
import type { Reasoner } from './reasoning/reasoner.ts';

/** More parts than these are not tried one by one. */
const MOST_PARTS = 30;
/** A longer list of what contradicts each other explains nothing. */
const MOST_NAMED = 3;

/**
 * The few conditions that already exclude each other, in words; null where there is no short answer.
 *
 * @param within what else holds: the plans and segments of the policy
 */
export function contradiction(
  condition: Condition,
  named: Named,
  reasoner: Reasoner,
  within: Formula,
): string | null {
  const parts = conjunctsOf(condition, named);
  if (parts.length > MOST_PARTS) return null;
  let needed = parts;
  for (const part of parts) {
    const rest = needed.filter((other) => other !== part);
    const formulas = rest.map((one) => reasoner.formula(one));
    if (reasoner.together(within, ...formulas) === 'none') needed = rest;
  }
  const words = needed.map(inWords);
  return words.length === 0 || words.length > MOST_NAMED || words.includes(null) ? null : words.join(' and ');
}

/** What all has to hold, through nested `all` and names. */
function conjunctsOf(condition: Condition, named: Named): Condition[] {
  const view = partsOf(condition, named);
  if (view.kind !== 'all') return [condition];
  return view.parts.flatMap((part) => conjunctsOf(part, named));
}

function inWords(condition: Condition): string | null {
  if ('not' in condition) {
    const inner = inWords(condition.not);
    return inner === null ? null : `not (${inner})`;
  }
  if (!('fact' in condition)) return null;
  const { fact, path, operator, value } = condition;
  return `${path ?? fact} ${operator} ${shown(value)}`;
}
