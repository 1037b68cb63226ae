import { Engine } from 'json-rules-engine';
import type { TopLevelCondition } from 'json-rules-engine';
import type { ConditionResult } from '../schemas/action.ts';
import type { Condition } from '../schemas/policy.ts';
import type { Facts } from './facts/catalogue.ts';

/** What json-rules-engine says of one rule on one set of facts. */
export interface Verdict {
  holds: boolean;
  /** every condition that was asked, with the fact's value */
  results: ConditionResult[];
}

/**
 * Runs one rule through json-rules-engine: it confirms every transition, and its results explain the action.
 * A fresh Engine a run: overlapping runs on a shared one lose events.
 */
export async function confirmRule(conditions: Condition, facts: Facts): Promise<Verdict> {
  const engine = new Engine([], { allowUndefinedFacts: false });
  const root =
    'all' in conditions || 'any' in conditions || 'not' in conditions ? conditions : { all: [conditions] };
  engine.addRule({ conditions: root as TopLevelCondition, event: { type: 'holds' } });
  const { results, failureResults } = await engine.run({ ...facts });
  const ran = results[0] ?? failureResults[0];
  const found: ConditionResult[] = [];
  if (ran !== undefined) collect(ran.conditions as unknown as LibraryCondition, found);
  return { holds: results.length === 1, results: found };
}

/** The parts of the library's condition that carry results. */
interface LibraryCondition {
  all?: LibraryCondition[];
  any?: LibraryCondition[];
  not?: LibraryCondition;
  fact?: string;
  operator?: string;
  value?: unknown;
  factResult?: unknown;
  result?: boolean;
}

function collect(condition: LibraryCondition, into: ConditionResult[]): void {
  for (const part of [
    ...(condition.all ?? []),
    ...(condition.any ?? []),
    ...(condition.not ? [condition.not] : []),
  ]) {
    collect(part, into);
  }
  if (condition.fact === undefined || condition.result === undefined) return;
  into.push({
    fact: condition.fact,
    operator: condition.operator ?? '',
    expected: condition.value ?? null,
    actual: condition.factResult ?? null,
    result: condition.result,
  });
}
