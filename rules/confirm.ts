import { Engine } from 'json-rules-engine';
import type { TopLevelCondition } from 'json-rules-engine';
import type { ConditionResult } from '../schemas/action.ts';
import type { Condition } from '../schemas/policy.ts';
import { checkCondition } from './compile/conditions.ts';
import type { Facts } from './facts/catalogue.ts';

/** What json-rules-engine says of one rule on one set of facts. */
export interface Verdict {
  holds: boolean;
  /** every comparison that was asked, with the values compared, in the order of the file; named ones where they are used */
  results: ConditionResult[];
}

/**
 * Runs one rule through json-rules-engine: it confirms every transition, and its results explain the action. A fresh
 * Engine a run: overlapping runs on a shared one lose events. Works on copies: the library writes into conditions.
 *
 * @param named conditions that the rule may refer to by name
 * @throws PolicyCompileError before anything runs on what is not compiled either. With a missing named condition the
 * library would throw in the middle of starting promises, and one of those that rejects then ends the process; a regular
 * expression in a path would stop the event loop.
 */
export async function confirmRule(
  conditions: Condition,
  facts: Facts,
  named: Readonly<Record<string, Condition>> = {},
): Promise<Verdict> {
  checkCondition(conditions, { named });
  const engine = new Engine([], { allowUndefinedFacts: false });
  for (const [name, condition] of Object.entries(named)) engine.setCondition(name, copyOf(condition));
  const isTopLevel = ['all', 'any', 'not', 'condition'].some((key) => Object.hasOwn(conditions, key));
  engine.addRule({
    conditions: copyOf(isTopLevel ? conditions : { all: [conditions] }),
    event: { type: 'holds' },
  });
  const { results, failureResults } = await engine.run({ ...facts });
  const ran = results[0] ?? failureResults[0];
  const found: ConditionResult[] = [];
  if (ran !== undefined) collect(ran.conditions as unknown as LibraryCondition, found);
  return { holds: results.length === 1, results: found };
}

function copyOf(condition: Condition): TopLevelCondition {
  return structuredClone(condition) as TopLevelCondition;
}

/** The parts of the library's condition that carry results. What a name stood for has taken the place of the name. */
interface LibraryCondition {
  /** `all`, `any` or `not` names the one of these that was asked */
  operator?: string;
  all?: LibraryCondition[];
  any?: LibraryCondition[];
  not?: LibraryCondition;
  fact?: string;
  path?: string;
  value?: unknown;
  factResult?: unknown;
  valueResult?: unknown;
  result?: boolean;
}

function collect(condition: LibraryCondition, into: ConditionResult[]): void {
  const { operator, fact, path, value } = condition;
  if (operator === 'all' || operator === 'any') {
    for (const part of condition[operator] ?? []) collect(part, into);
    return;
  }
  if (operator === 'not') {
    if (condition.not !== undefined) collect(condition.not, into);
    return;
  }
  // One of a lower priority is not asked where those before it say enough.
  if (operator === undefined || fact === undefined || condition.result === undefined) return;
  const source = sourceOf(value);
  into.push({
    fact,
    ...(path === undefined ? {} : { path }),
    operator,
    expected: condition.valueResult ?? null,
    ...(source === null ? {} : { expectedFrom: source }),
    actual: condition.factResult ?? null,
    result: condition.result,
  });
}

/** The fact that a value comes from, null of a literal. */
function sourceOf(value: unknown): NonNullable<ConditionResult['expectedFrom']> | null {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'fact')) return null;
  const { fact, path } = value as { fact: string; path?: string };
  return path === undefined ? { fact } : { fact, path };
}
