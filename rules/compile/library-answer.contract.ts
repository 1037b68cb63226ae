import { Engine } from 'json-rules-engine';
import type { TopLevelCondition } from 'json-rules-engine';
import type { AnyPredicate, FactsRecord } from './leaf.ts';

/** A rule as both json-rules-engine and the compiler get it; what it holds need not be a condition. */
export interface GivenRule {
  condition: unknown;
  named: Readonly<Record<string, unknown>>;
  allowUndefinedFacts: boolean;
  allowUndefinedConditions: boolean;
}

/** What came of one run. The errors of both have other words. */
export type Answer = boolean | 'throws';

/**
 * Asks json-rules-engine itself, on one Engine, one run after the other.
 *
 * @throws whatever the library throws while the rule is added
 */
export function libraryOf(rule: GivenRule): (facts: FactsRecord) => Promise<Answer> {
  const { allowUndefinedFacts, allowUndefinedConditions } = rule;
  const engine = new Engine([], { allowUndefinedFacts, allowUndefinedConditions });
  for (const [name, condition] of Object.entries(rule.named)) engine.setCondition(name, copyOf(condition));
  engine.addRule({ conditions: copyOf(rule.condition), event: { type: 'holds' } });
  return async (facts) => {
    try {
      return (await engine.run({ ...facts })).results.length === 1;
    } catch {
      // That it rejects is the answer.
      return 'throws';
    }
  };
}

/** The library writes into conditions. */
function copyOf(condition: unknown): TopLevelCondition {
  return structuredClone(condition) as TopLevelCondition;
}

export function answerOf(predicate: AnyPredicate, facts: FactsRecord): Answer {
  try {
    return predicate(facts);
  } catch {
    // As above.
    return 'throws';
  }
}
