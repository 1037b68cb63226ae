import { confirmRule } from '../confirm.ts';
import type { Facts } from '../facts/catalogue.ts';
import type { CompiledRule } from './policy.ts';
import type { PolicySet } from './policy-set.ts';

/** A rule on which its predicate and json-rules-engine disagree. */
export interface Divergence {
  /** the rule's key */
  key: string;
  policyVersion: string;
  compiled: boolean;
  /** null = it failed, and `error` says how */
  library: boolean | null;
  error: string | null;
}

/**
 * Runs every rule that concerns a subscriber through json-rules-engine, one after the other, and returns those on which
 * it disagrees with the predicates. Changes nothing and never rejects: an error of the library is a divergence. Costs
 * some 50 µs a rule.
 *
 * @param facts all of the catalogue
 */
export async function crossCheck(
  policies: PolicySet,
  facts: Facts,
  subscriberId: string,
): Promise<Divergence[]> {
  const divergences: Divergence[] = [];
  for (const policy of policies.concerning(facts.planId, facts.segment)) {
    if (!policy.includes(subscriberId)) continue;
    for (const rule of policy.rules) {
      const divergence = await checkRule(rule, facts);
      if (divergence !== null) divergences.push(divergence);
    }
  }
  return divergences;
}

async function checkRule(rule: CompiledRule, facts: Facts): Promise<Divergence | null> {
  const compiled = rule.holds(facts);
  const { key, policyVersion } = rule;
  try {
    const { holds } = await confirmRule(rule.conditions, facts, rule.named);
    return holds === compiled ? null : { key, policyVersion, compiled, library: holds, error: null };
  } catch (error) {
    // The caller counts it and raises the alarm: what the library can't run is what it would find.
    const message = error instanceof Error ? error.message : String(error);
    return { key, policyVersion, compiled, library: null, error: message };
  }
}
