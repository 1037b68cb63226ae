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
  /** the plan and segment are among those it is for, and its mode acts at all */
  concerns: (planId: string | null, segment: string) => boolean;
  /** the subscriber is in its share; everybody but in mode percent */
  includes: (subscriberId: string) => boolean;
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
  return { policyId: policy.policyId, version: policy.version, ...compileScope(policy), rules };
}

/** Combinations of plan and segment that are kept. */
const MOST_COMBINATIONS = 1000;

/**
 * Policies in force, with those that concern a plan and segment looked up once: asking each of 50 policies record by
 * record cost as much as evaluating them. Bounded by the combinations of plans and segments; emptied when it grows.
 */
export class PolicySet {
  readonly all: readonly CompiledPolicy[];
  /** plan -> segment -> policies */
  private readonly known = new Map<string | null, Map<string, readonly CompiledPolicy[]>>();
  private size = 0;

  /** @param all in the order of evaluation */
  constructor(all: readonly CompiledPolicy[]) {
    this.all = all;
  }

  /** In order. What `includes` says of a subscriber is still to be asked. */
  concerning(planId: string | null, segment: string): readonly CompiledPolicy[] {
    if (this.all.length === 0) return this.all;
    const found = this.known.get(planId)?.get(segment);
    if (found !== undefined) return found;
    if (this.size >= MOST_COMBINATIONS) {
      this.known.clear();
      this.size = 0;
    }
    const concerned = this.all.filter((policy) => policy.concerns(planId, segment));
    const ofPlan = this.known.get(planId) ?? new Map<string, readonly CompiledPolicy[]>();
    this.known.set(planId, ofPlan.set(segment, concerned));
    this.size += 1;
    return concerned;
  }
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

function compileScope(policy: PolicyVersion): Pick<CompiledPolicy, 'concerns' | 'includes'> {
  const { mode, percent = 0, appliesTo } = policy.file;
  const plans = appliesTo?.plans?.map(matcher);
  const segments = appliesTo?.segments?.map(matcher);
  return {
    concerns: (planId, segment) => {
      if (mode === 'off' || mode === 'shadow') return false;
      if (plans !== undefined && !plans.some((plan) => planId !== null && plan(planId))) return false;
      return segments === undefined || segments.some((one) => one(segment));
    },
    includes: (subscriberId) => mode === 'enforce' || shareOf(policy.policyId, subscriberId) < percent,
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
