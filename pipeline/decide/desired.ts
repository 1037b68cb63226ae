import type { DesiredState, Effect, Speed } from '../../schemas/action.ts';
import type { PlanVersion } from '../../schemas/profile.ts';
import type { RuleState } from '../fold/slot-state.ts';

/** Speed where neither a throttle nor a plan says one: nothing is limited. */
const UNLIMITED: Speed = { downBps: 10_000_000_000, upBps: 10_000_000_000 };

const RANK = { block: 0, redirect: 1, throttle: 2 } as const;

/** Of all that rules ask for the effect that counts: block, then redirect, then the lowest throttle; null = the plan's speed. */
export function strongestEffect(rules: readonly RuleState[]): Effect | null {
  let strongest: Effect | null = null;
  for (const { active, effect, key } of rules) {
    if (!active || effect === null || isShadow(key)) continue;
    if (strongest === null || precedes(effect, strongest)) strongest = effect;
  }
  return strongest;
}

/** Equal wishes keep the one that came first; throttles go by download, then upload. */
function precedes(a: Effect, b: Effect): boolean {
  if (a.state !== b.state) return RANK[a.state] < RANK[b.state];
  if (a.state !== 'throttle' || b.state !== 'throttle') return false;
  return a.downBps < b.downBps || (a.downBps === b.downBps && a.upBps < b.upBps);
}

/** States of a candidate in shadow: they show what it would do. */
export function isShadow(key: string): boolean {
  return key.startsWith('~');
}

/** Before the key of a rule that the subscriber's pool holds: it was decided where the pool is. */
export const POOL_RULE = 'pool:';

export function isPoolRule(key: string): boolean {
  return key.startsWith(POOL_RULE);
}

/** The same to the network. */
export function sameEffect(a: Effect | null, b: Effect | null): boolean {
  if (a === null || b === null) return a === b;
  switch (a.state) {
    case 'throttle':
      return (
        b.state === 'throttle' && a.downBps === b.downBps && a.upBps === b.upBps && a.profile === b.profile
      );
    case 'redirect':
      return b.state === 'redirect' && a.profile === b.profile;
    case 'block':
      return b.state === 'block';
  }
}

/** How the network is to treat the line. */
export function desiredState(effect: Effect | null, plan: PlanVersion | null): DesiredState {
  const { downBps, upBps } = plan ?? UNLIMITED;
  switch (effect?.state) {
    case undefined:
      return { state: 'plan', downBps, upBps, profile: null };
    case 'throttle':
      return { ...effect };
    case 'redirect':
      return { state: 'redirect', downBps, upBps, profile: effect.profile };
    case 'block':
      return { state: 'block', downBps, upBps, profile: null };
  }
}
