import type { PolicyInForce, PolicyVersion } from '../../schemas/policy.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import type { FactName } from '../facts/catalogue.ts';
import type { CompiledPolicy } from './policy.ts';
import { compilePolicy, inShare } from './policy.ts';

/**
 * Policies in force, compiled, by policy id; of one id the base first. A candidate in mode percent takes its share of the
 * subscribers from the base, one in shadow stands beside it.
 *
 * @param subject whom policies have to be about; others are left out
 * @param leaveOut told of a version that can not be compiled, and why; absent = it throws
 */
export function compilePolicies(
  inForce: ReadonlyMap<string, PolicyInForce>,
  provider: ProviderSettings,
  subject: PolicySubject = 'subscriber',
  leaveOut?: (policyId: string, why: string) => void,
): PolicySet {
  const all: CompiledPolicy[] = [];
  const compiledOf = (policy: PolicyVersion): CompiledPolicy | null => {
    if (leaveOut === undefined) return compilePolicy(policy, provider);
    try {
      return compilePolicy(policy, provider);
    } catch (error) {
      leaveOut(policy.policyId, error instanceof Error ? error.message : String(error));
      return null;
    }
  };
  for (const id of [...inForce.keys()].sort()) {
    const base = about(subject, inForce.get(id)?.base);
    const candidate = about(subject, inForce.get(id)?.candidate);
    const [compiled, other] = [base, candidate].map((one) => (one === null ? null : compiledOf(one)));
    if (compiled !== null && compiled !== undefined) {
      // A candidate that is left out takes no share.
      if (candidate?.file.mode === 'percent' && other !== null)
        compiled.includes = (subscriberId) => !inShare(candidate, subscriberId);
      all.push(compiled);
    }
    if (other !== null && other !== undefined) all.push(other);
  }
  return new PolicySet(all);
}

type PolicySubject = 'subscriber' | 'pool';

function about(subject: PolicySubject, policy: PolicyVersion | null | undefined): PolicyVersion | null {
  if (policy === null || policy === undefined) return null;
  return (policy.file.subject ?? 'subscriber') === subject ? policy : null;
}

/** Combinations of plan and segment that are kept. */
const MOST_COMBINATIONS = 1000;

/**
 * Policies in force, with those that concern a plan and segment looked up once: asking each of 50 policies record by
 * record cost as much as evaluating them. Bounded by the combinations of plans and segments; emptied when it grows.
 */
export class PolicySet {
  readonly all: readonly CompiledPolicy[];
  /**
   * Facts that the policies ask about, whoever they concern: all that rules need on the hot path. `concerning` is asked
   * by planId and segment, which stand here only where a rule names them. json-rules-engine explains with all facts.
   */
  readonly facts: ReadonlySet<FactName>;
  /** plan -> segment -> policies */
  private readonly known = new Map<string | null, Map<string, readonly CompiledPolicy[]>>();
  private size = 0;

  /** @param all in the order of evaluation */
  constructor(all: readonly CompiledPolicy[]) {
    this.all = all;
    this.facts = new Set(all.flatMap(({ facts }) => [...facts]));
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
