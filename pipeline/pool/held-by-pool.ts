import type { Effect } from '../../schemas/action.ts';
import { POOL_RULE } from '../decide/desired.ts';
import { differsFromTold, takeTold } from '../decide/told-states.ts';
import type { Transition } from '../decide/transitions.ts';
import type { Subscriber } from '../fold/slot-state.ts';

/**
 * True where `heldByPool` would change anything: what was told before event time began waits for it. Asked with every record
 * of a member.
 */
export function awaitsPool(subscriber: Subscriber): boolean {
  return differsFromTold(subscriber.rules, POOL_RULE, toldEffects(subscriber));
}

/**
 * What the pool's rules begin and end for a member, by what it was told last. What is not told any more ends, and all of it
 * with the membership. No condition is asked: the owner of the pool has done so.
 */
export function heldByPool(subscriber: Subscriber, now: number): Transition[] {
  return takeTold(subscriber, POOL_RULE, toldEffects(subscriber), now);
}

const NOTHING: ReadonlyMap<string, Effect> = new Map();

function toldEffects({ pool, profile }: Subscriber): ReadonlyMap<string, Effect> {
  const told = pool !== null && pool.poolId === profile?.poolId ? pool.told.rules : [];
  if (told.length === 0) return NOTHING;
  return new Map(told.map(({ policyId, rule, effect }) => [`${POOL_RULE}${policyId}/${rule}`, effect]));
}
