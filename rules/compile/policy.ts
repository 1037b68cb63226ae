import type { Effect } from '../../schemas/action.ts';
import { murmur2 } from '../../schemas/partitioning.ts';
import type { Condition, PolicyEvent, PolicyVersion } from '../../schemas/policy.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import type { FactName } from '../facts/catalogue.ts';
import { catalogueShape } from './catalogue-shape.ts';
import { PolicyCompileError } from './compile-error.ts';
import { ConditionCompiler } from './condition-compiler.ts';
import type { Predicate } from './conditions.ts';
import { factsUsed } from './facts-used.ts';
import { rulePriority } from './priorities.ts';

/** A rule ready for the hot path. */
export interface CompiledRule {
  /** `<policy id>/<rule name>`, of a shadow with `~` before it: the key of the rule's state */
  key: string;
  policyId: string;
  policyVersion: string;
  name: string;
  priority: number;
  holds: Predicate;
  conditions: Condition;
  /** conditions that these refer to by name */
  named: Readonly<Record<string, Condition>>;
  /** facts that the conditions ask about */
  facts: ReadonlySet<FactName>;
  event: PolicyEvent;
  /** what it does to the line while it acts; null where it does nothing lasting */
  effect: Effect | null;
  /** it only shows what it would do */
  shadow: boolean;
}

/** A policy version ready for the hot path: rules by priority descending, then file order. */
export interface CompiledPolicy {
  policyId: string;
  version: string;
  /** the plan and segment are among those it is for */
  concerns: (planId: string | null, segment: string) => boolean;
  /** the subscriber is in its share */
  includes: (subscriberId: string) => boolean;
  rules: CompiledRule[];
  /** facts that its rules ask about; none where nobody is concerned */
  facts: ReadonlySet<FactName>;
}

/**
 * Compiles a policy file to plain predicates that give what json-rules-engine gives on the same facts. A rule that names
 * a throttle profile or a top-up product which the provider does not have is left out: it cannot act.
 *
 * @throws PolicyCompileError with the place and the reason; the check of policy files refuses all of that before
 */
export function compilePolicy(policy: PolicyVersion, provider: ProviderSettings): CompiledPolicy {
  const { policyId, version, file } = policy;
  const shadow = file.mode === 'shadow';
  const named = file.conditions ?? {};
  const compiler = new ConditionCompiler({ named, shapeOf: catalogueShape });
  const rules: CompiledRule[] = [];
  for (const [i, rule] of file.rules.entries()) {
    const place = `$.rules[${String(i)}]`;
    const priority = rulePriority(rule.priority);
    if (priority === null)
      throw new PolicyCompileError('malformed', `${place}.priority`, 'must be at least 1');
    const holds = compiler.compile(rule.conditions, `${place}.conditions`);
    const effect = effectOf(rule.event, provider);
    if (effect === undefined) continue;
    rules.push({
      key: `${shadow ? '~' : ''}${policyId}/${rule.name}`,
      policyId,
      policyVersion: version,
      name: rule.name,
      priority,
      holds,
      conditions: rule.conditions,
      named,
      facts: factsUsed(rule.conditions, named),
      event: rule.event,
      effect,
      shadow,
    });
  }
  rules.sort((a, b) => b.priority - a.priority);
  const facts = new Set(file.mode === 'off' ? [] : rules.flatMap((rule) => [...rule.facts]));
  return { policyId, version, ...compileScope(policy), rules, facts };
}

/** What an event does to the line while its rule acts; undefined where it names a profile or product that the provider does not have. */
function effectOf(event: PolicyEvent, provider: ProviderSettings): Effect | null | undefined {
  switch (event.type) {
    case 'throttle': {
      const { params } = event;
      if (!('profile' in params))
        return { state: 'throttle', downBps: params.downBps, upBps: params.upBps, profile: null };
      const { profile } = params;
      if (!Object.hasOwn(provider.throttleProfiles, profile)) return undefined;
      const speed = provider.throttleProfiles[profile];
      return speed === undefined
        ? undefined
        : { state: 'throttle', downBps: speed.downBps, upBps: speed.upBps, profile };
    }
    case 'topup':
      return Object.hasOwn(provider.topUps, event.params.productId) ? null : undefined;
    case 'block':
      return { state: 'block' };
    case 'redirect':
      return { state: 'redirect', profile: event.params.profile };
    default:
      return null;
  }
}

function compileScope(policy: PolicyVersion): Pick<CompiledPolicy, 'concerns' | 'includes'> {
  const { mode, appliesTo } = policy.file;
  const plans = appliesTo?.plans?.map(matcher);
  const segments = appliesTo?.segments?.map(matcher);
  return {
    concerns: (planId, segment) => {
      if (mode === 'off') return false;
      if (plans !== undefined && !plans.some((plan) => planId !== null && plan(planId))) return false;
      return segments === undefined || segments.some((one) => one(segment));
    },
    includes: (subscriberId) => mode !== 'percent' || inShare(policy, subscriberId),
  };
}

/** The subscriber is among the percent of all that a policy in mode percent is for. */
export function inShare({ policyId, file }: PolicyVersion, subscriberId: string): boolean {
  return shareOf(policyId, subscriberId) < (file.percent ?? 0);
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
