import type { DesiredState, Effect, Speed } from '../../schemas/action.ts';
import type { PlanVersion } from '../../schemas/profile.ts';
import type { RuleState } from '../fold/slot-state.ts';

/** Speed where neither a throttle nor a plan says one: nothing is limited. */
const UNLIMITED: Speed = { downBps: 10_000_000_000, upBps: 10_000_000_000 };

const RANK = { hold: 0, block: 1, redirect: 2, throttle: 3, boost: 4 } as const;

/** Of all wishes the effect that counts: hold, block, redirect, the lowest throttle, the fastest boost; null = the plan's speed. */
export function strongestEffect(rules: readonly RuleState[]): Effect | null {
  let strongest: Effect | null = null;
  for (const { active, effect, key } of rules) {
    if (!active || effect === null || isShadow(key)) continue;
    if (strongest === null || precedes(effect, strongest)) strongest = effect;
  }
  return strongest;
}

/** Equal wishes keep the one that came first; speeds go by download, then upload. */
function precedes(a: Effect, b: Effect): boolean {
  if (a.state !== b.state) return RANK[a.state] < RANK[b.state];
  if (a.state === 'throttle' && b.state === 'throttle') return isSlower(a, b);
  return a.state === 'boost' && b.state === 'boost' && isSlower(b, a);
}

function isSlower(a: Speed, b: Speed): boolean {
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

/** Before the key of what the subscriber's profile gives: no policy decides it. */
export const PROFILE_RULE = 'profile:';

/** True of states that are told, and not decided here by conditions: the pool's and the profile's. */
export function isToldRule(key: string): boolean {
  return isPoolRule(key) || key.startsWith(PROFILE_RULE);
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
    case 'boost':
      return b.state === 'boost' && a.downBps === b.downBps && a.upBps === b.upBps;
    case 'block':
    case 'hold':
      return b.state === a.state;
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
    case 'hold':
      return { state: effect.state, downBps, upBps, profile: null };
    // The plan may have become faster since it was bought.
    case 'boost':
      return {
        state: 'boost',
        downBps: Math.max(effect.downBps, downBps),
        upBps: Math.max(effect.upBps, upBps),
        profile: null,
      };
  }
}
