import type { Effect } from '../../schemas/action.ts';
import { POOL_RULE } from '../decide/desired.ts';
import { poolIdOf } from '../decide/in-force.ts';
import { differsFromTold, takeTold } from '../decide/told-states.ts';
import type { Transition } from '../decide/transitions.ts';
import type { SlotState, Subscriber } from '../fold/slot-state.ts';

/**
 * True where `heldByPool` would change anything: what was told before event time began waits for it. Asked with every record
 * of a member.
 */
export function awaitsPool(state: SlotState, subscriber: Subscriber): boolean {
  return differsFromTold(subscriber.rules, POOL_RULE, toldEffects(state, subscriber));
}

/**
 * What the pool's rules begin and end for a member, by what it was told last. What is not told any more ends, and all of it
 * with the membership. No condition is asked: the owner of the pool has done so.
 */
export function heldByPool(state: SlotState, subscriber: Subscriber): Transition[] {
  return takeTold(subscriber, POOL_RULE, toldEffects(state, subscriber), state.watermarkMs);
}

const NOTHING: ReadonlyMap<string, Effect> = new Map();

function toldEffects(state: SlotState, subscriber: Subscriber): ReadonlyMap<string, Effect> {
  const { pool } = subscriber;
  const told = pool !== null && pool.poolId === poolIdOf(state, subscriber) ? pool.told.rules : [];
  if (told.length === 0) return NOTHING;
  return new Map(told.map(({ policyId, rule, effect }) => [`${POOL_RULE}${policyId}/${rule}`, effect]));
}
