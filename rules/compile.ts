import type { Condition, PolicyEvent, PolicyVersion } from '../schemas/policy.ts';
import { murmur2 } from '../schemas/partitioning.ts';
import type { FactName, Facts } from './facts.ts';
import { isFactName } from './facts.ts';
import { OPERATORS } from './operators.ts';

export type Predicate = (facts: Facts) => boolean;

/** A rule ready for the hot path. */
export interface CompiledRule {
  /** `<policy id>/<rule name>`: the key of the rule's state */
  key: string;
  policyId: string;
  policyVersion: string;
  name: string;
  priority: number;
  holds: Predicate;
  conditions: Condition;
  event: PolicyEvent;
}

/** A policy version ready for the hot path: rules by priority descending, then file order. */
export interface CompiledPolicy {
  policyId: string;
  version: string;
  appliesTo: (subscriberId: string, facts: Facts) => boolean;
  rules: CompiledRule[];
}

/**
 * Compiles a checked policy file to plain predicates that give what json-rules-engine gives on the same facts.
 * Throws Error naming what can't be compiled; checkPolicyFile refuses all of that before.
 */
export function compilePolicy(policy: PolicyVersion): CompiledPolicy {
  const rules = policy.file.rules.map((rule): CompiledRule => ({
    key: `${policy.policyId}/${rule.name}`,
    policyId: policy.policyId,
    policyVersion: policy.version,
    name: rule.name,
    priority: rule.priority ?? 1,
    holds: compileCondition(rule.conditions),
    conditions: rule.conditions,
    event: rule.event,
  }));
  rules.sort((a, b) => b.priority - a.priority);
  return { policyId: policy.policyId, version: policy.version, appliesTo: compileScope(policy), rules };
}

/** Compiles one condition tree. */
export function compileCondition(condition: Condition): Predicate {
  if ('any' in condition) {
    const parts = condition.any.map(compileCondition);
    // An empty any is true in the library.
    return (facts) => parts.length === 0 || parts.some((part) => part(facts));
  }
  if ('all' in condition) {
    const parts = condition.all.map(compileCondition);
    return (facts) => parts.every((part) => part(facts));
  }
  if ('not' in condition) {
    const part = compileCondition(condition.not);
    return (facts) => !part(facts);
  }
  if (!('fact' in condition)) throw new Error('named conditions are not supported');
  const { fact, value } = condition;
  const operator = OPERATORS.get(condition.operator);
  if (operator === undefined || !isFactName(fact))
    throw new Error(`cannot compile ${fact} ${condition.operator}`);
  const name: FactName = fact;
  const test = operator.test;
  return (facts) => test(facts[name], value);
}

function compileScope(policy: PolicyVersion): CompiledPolicy['appliesTo'] {
  const { mode, percent = 0, appliesTo } = policy.file;
  if (mode === 'off' || mode === 'shadow') return () => false;
  const plans = appliesTo?.plans?.map(matcher);
  const segments = appliesTo?.segments?.map(matcher);
  return (subscriberId, facts) => {
    if (plans !== undefined && !plans.some((plan) => facts.planId !== null && plan(facts.planId)))
      return false;
    if (segments !== undefined && !segments.some((segment) => segment(facts.segment))) return false;
    return mode === 'enforce' || shareOf(policy.policyId, subscriberId) < percent;
  };
}

function matcher(pattern: string): (name: string) => boolean {
  if (!pattern.endsWith('*')) return (name) => name === pattern;
  const prefix = pattern.slice(0, -1);
  return (name) => name.startsWith(prefix);
}

/** Where a subscriber stands in a policy's stable order, 0 (inclusive) to 100 (exclusive). */
export function shareOf(policyId: string, subscriberId: string): number {
  return ((murmur2(Buffer.from(`${policyId}\u0000${subscriberId}`)) >>> 0) / 0x1_0000_0000) * 100;
}
