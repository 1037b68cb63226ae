import type { Effect } from '../schemas/action.ts';
import { murmur2 } from '../schemas/partitioning.ts';
import type { PolicyRule, PolicyVersion } from '../schemas/policy.ts';
import type { PlanVersion } from '../schemas/profile.ts';
import type { ProviderSettings } from '../schemas/provider.ts';
import type { Line } from './line.ts';

/** Policies that were published and not withdrawn, by id, and what the provider sets for all of them. */
export interface PolicyWorld {
  /** mode enforce or off */
  bases: Map<string, PolicyVersion>;
  /** mode shadow or percent, beside those */
  candidates: Map<string, PolicyVersion>;
  provider: ProviderSettings;
  /** the slot's layout holds throttles by speed and nothing else */
  throttlesOnly: boolean;
  /** whose policies are asked */
  subject: 'subscriber' | 'pool';
}

/** A rule that is for a subscriber. */
export interface AskedRule {
  policyId: string;
  rule: PolicyRule;
  /** conditions by name */
  named: PolicyVersion['file']['conditions'];
  /** what it asks of the line; null = nothing that lasts */
  effect: Effect | null;
  /** it only shows what it would do */
  shadow: boolean;
}

/** A policy's own version takes the place of what was in force; a candidate stands beside it. */
export function publish({ bases, candidates }: PolicyWorld, policy: PolicyVersion): void {
  const { mode } = policy.file;
  if (mode === 'shadow' || mode === 'percent') candidates.set(policy.policyId, policy);
  else {
    bases.set(policy.policyId, policy);
    candidates.delete(policy.policyId);
  }
}

export function withdraw({ bases, candidates }: PolicyWorld, policyId: string): void {
  bases.delete(policyId);
  candidates.delete(policyId);
}

/**
 * Rules for a subscriber: policies by id, the base before the candidate, rules by priority, then in file order. `share` false:
 * those that its plan and segment are among, whoever is in a candidate's share.
 */
export function rulesFor(
  line: Line,
  world: PolicyWorld,
  plan: PlanVersion | null,
  share: boolean,
): AskedRule[] {
  const { subject } = world;
  const ids = [...new Set([...world.bases.keys(), ...world.candidates.keys()])].sort((a, b) =>
    a < b ? -1 : 1,
  );
  return ids.flatMap((id) => {
    const base = ofSubject(world.bases.get(id), subject);
    const candidate = ofSubject(world.candidates.get(id), subject);
    const isTaken = candidate?.file.mode === 'percent' && isInShare(candidate, line);
    const versions: PolicyVersion[] = [];
    if (base !== undefined && !(share && isTaken)) versions.push(base);
    if (candidate !== undefined && (!share || isTaken || candidate.file.mode === 'shadow'))
      versions.push(candidate);
    return versions
      .filter((policy) => concerns(policy, line, plan))
      .flatMap((policy) => rulesOf(policy, world));
  });
}

function ofSubject(
  policy: PolicyVersion | undefined,
  subject: PolicyWorld['subject'],
): PolicyVersion | undefined {
  return (policy?.file.subject ?? 'subscriber') === subject ? policy : undefined;
}

function rulesOf({ policyId, file }: PolicyVersion, world: PolicyWorld): AskedRule[] {
  const ranked = [...file.rules].sort((a, b) => (b.priority ?? 1) - (a.priority ?? 1));
  return ranked.flatMap((rule) => {
    const effect = effectOf(rule, world.provider);
    const isPool = world.subject === 'pool';
    if (effect === undefined || (!isPool && world.throttlesOnly && !isOldKind(rule))) return [];
    if (isPool && rule.event.type === 'topup') return [];
    return [{ policyId, rule, named: file.conditions, effect, shadow: file.mode === 'shadow' }];
  });
}

function isOldKind({ event }: PolicyRule): boolean {
  return event.type === 'notify' || (event.type === 'throttle' && 'downBps' in event.params);
}

/** Undefined where the provider has nothing of the name: such a rule is none. */
function effectOf({ event }: PolicyRule, provider: ProviderSettings): Effect | null | undefined {
  switch (event.type) {
    case 'block':
      return { state: 'block' };
    case 'redirect':
      return { state: 'redirect', profile: event.params.profile };
    case 'throttle': {
      const { params } = event;
      if ('downBps' in params)
        return { state: 'throttle', downBps: params.downBps, upBps: params.upBps, profile: null };
      const speed = new Map(Object.entries(provider.throttleProfiles)).get(params.profile);
      return speed && { state: 'throttle', ...speedOf(speed), profile: params.profile };
    }
    case 'topup':
      return Object.hasOwn(provider.topUps, event.params.productId) ? null : undefined;
    default:
      return null;
  }
}

function speedOf({ downBps, upBps }: { downBps: number; upBps: number }): { downBps: number; upBps: number } {
  return { downBps, upBps };
}

function concerns({ file }: PolicyVersion, line: Line, plan: PlanVersion | null): boolean {
  const { mode, appliesTo } = file;
  if (mode === 'off') return false;
  const matches = (pattern: string, name: string): boolean =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
  const { plans, segments } = appliesTo ?? {};
  if (plans !== undefined && (plan === null || !plans.some((one) => matches(one, plan.planId)))) return false;
  const segment = line.profile?.segment ?? '';
  return segments === undefined || segments.some((one) => matches(one, segment));
}

/** Each subscriber has a stable place in each policy's order; the first percent of it are the share. */
function isInShare({ policyId, file }: PolicyVersion, line: Line): boolean {
  const place = (murmur2(Buffer.from(`${policyId}\u0000${line.id}`)) >>> 0) / 2 ** 32;
  return place * 100 < (file.percent ?? 0);
}
