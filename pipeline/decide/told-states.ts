import type { Effect } from '../../schemas/action.ts';
import type { RuleState, Subscriber } from '../fold/slot-state.ts';
import { sameEffect } from './desired.ts';
import { countChange } from './transitions.ts';
import type { Transition } from './transitions.ts';

/** True where `takeTold` would change anything. */
export function differsFromTold(
  rules: readonly RuleState[],
  prefix: string,
  told: ReadonlyMap<string, Effect>,
): boolean {
  let active = 0;
  for (const { key, active: acts, effect } of rules) {
    if (!acts || !key.startsWith(prefix)) continue;
    active += 1;
    const wanted = told.get(key);
    if (wanted === undefined || !sameEffect(effect, wanted)) return true;
  }
  return active !== told.size;
}

/**
 * Begins and ends states that are told from outside, key by key, so that those with the prefix are as told: they stand
 * beside the subscriber's own rules, so the strongest effect counts. No condition is asked, nothing waits. Changes the rule
 * states in place.
 *
 * @param told key, with the prefix -> effect
 */
export function takeTold(
  { rules, cycles }: Subscriber,
  prefix: string,
  told: ReadonlyMap<string, Effect>,
  now: number,
): Transition[] {
  const cycleStartMs = cycles[0]?.startMs;
  if (cycleStartMs === undefined) return [];
  const done: Transition[] = [];
  for (const [key, effect] of told) {
    const known = rules.find((entry) => entry.key === key);
    if (known?.active === true && sameEffect(known.effect, effect)) continue;
    const state: RuleState = known ?? {
      ...{ key, active: false, sinceMs: now, cycleStartMs, ordinal: 0, effect: null, releaseMs: null },
    };
    if (known === undefined) rules.push(state);
    countChange(state, cycleStartMs);
    state.active = true;
    state.sinceMs = now;
    state.effect = effect;
    done.push({ rule: null, state, change: 'began', explanation: [] });
  }
  for (const state of rules) {
    if (!state.active || !state.key.startsWith(prefix) || told.has(state.key)) continue;
    countChange(state, cycleStartMs);
    state.active = false;
    state.effect = null;
    done.push({ rule: null, state, change: 'ended', explanation: [] });
  }
  return done;
}
