import { isPoolRule, POOL_RULE, sameEffect } from '../decide/desired.ts';
import { countChange } from '../decide/transitions.ts';
import type { Transition } from '../decide/transitions.ts';
import type { RuleState, Subscriber } from '../fold/slot-state.ts';

/**
 * True where `heldByPool` would change anything: what was told before event time began waits for it. Asked with every record
 * of a member.
 */
export function awaitsPool({ pool, profile, rules }: Subscriber): boolean {
  const told = pool !== null && pool.poolId === profile?.poolId ? pool.told.rules : [];
  let active = 0;
  for (const { key, active: acts } of rules) if (acts && isPoolRule(key)) active += 1;
  if (active !== told.length) return true;
  return told.some(({ policyId, rule, effect }) => {
    const known = rules.find(({ key }) => key === `${POOL_RULE}${policyId}/${rule}`);
    return known?.active !== true || !sameEffect(known.effect, effect);
  });
}

/**
 * What the pool's rules begin and end for a member, by what it was told last: they stand beside its own rules, under keys
 * of their own, so the strongest effect counts. What is not told any more ends, and all of it with the membership.
 * Changes the rule states in place. No condition is asked: the owner of the pool has done so.
 */
export function heldByPool(subscriber: Subscriber, now: number): Transition[] {
  const { pool, profile, rules } = subscriber;
  const told = pool !== null && pool.poolId === profile?.poolId ? pool.told.rules : [];
  if (told.length === 0 && !rules.some(({ key, active }) => active && isPoolRule(key))) return [];
  const cycleStartMs = subscriber.cycles[0]?.startMs;
  if (cycleStartMs === undefined) return [];
  const done: Transition[] = [];
  const wanted = new Map(told.map((rule) => [`${POOL_RULE}${rule.policyId}/${rule.rule}`, rule.effect]));
  for (const [key, effect] of wanted) {
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
    if (!state.active || !isPoolRule(state.key) || wanted.has(state.key)) continue;
    countChange(state, cycleStartMs);
    state.active = false;
    state.effect = null;
    done.push({ rule: null, state, change: 'ended', explanation: [] });
  }
  return done;
}
