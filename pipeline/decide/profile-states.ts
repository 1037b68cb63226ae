import type { Effect } from '../../schemas/action.ts';
import type { Boost, Hold, SubscriberProfile } from '../../schemas/profile.ts';
import { POLICY_FACTS_VERSION } from '../fold/slot-state.ts';
import type { SlotState, Subscriber } from '../fold/slot-state.ts';
import { PROFILE_RULE } from './desired.ts';
import { nowOf } from './in-force.ts';
import { differsFromTold, takeTold } from './told-states.ts';
import type { Transition } from './transitions.ts';

const NOTHING: ReadonlyMap<string, Effect> = new Map();

/** Key of a hold's state. */
export function holdKey({ kind }: Pick<Hold, 'kind'>): string {
  return `${PROFILE_RULE}hold/${kind}`;
}

function boostKey({ id }: Pick<Boost, 'id'>): string {
  return `${PROFILE_RULE}boost/${id}`;
}

/** Holds that are in force at an instant. */
export function holdsAt(profile: SubscriberProfile | null, atMs: number): Hold[] {
  if (profile === null || profile.holds.length === 0) return [];
  return profile.holds.filter((hold) => isHeld(hold, atMs));
}

/** True where `givenByProfile` would change anything. Asked with every record, and nearly nobody has a hold or a boost. */
export function awaitsProfile(state: SlotState, subscriber: Subscriber): boolean {
  const { profile, rules } = subscriber;
  if (profile === null) return false;
  const now = nowOf(state, subscriber);
  const gives = givesAny(profile, now);
  if (!gives && rules.length === 0) return false;
  if (state.blobVersion < POLICY_FACTS_VERSION) return false;
  return differsFromTold(rules, PROFILE_RULE, gives ? effectsOf(profile, now) : NOTHING);
}

/**
 * What holds and boosts of the profile begin and end at the watermark: states beside those of rules, under keys of their own.
 * Slots in layout 3 cannot store their effects: they come into force when the layout is raised. Changes the rule states in
 * place.
 */
export function givenByProfile(state: SlotState, subscriber: Subscriber): Transition[] {
  if (!awaitsProfile(state, subscriber) || subscriber.profile === null) return [];
  const told = effectsOf(subscriber.profile, nowOf(state, subscriber));
  return takeTold(subscriber, PROFILE_RULE, told, state.watermarkMs);
}

function givesAny({ holds, boosts }: SubscriberProfile, now: number): boolean {
  for (const hold of holds) if (isHeld(hold, now)) return true;
  if (boosts !== undefined) for (const boost of boosts) if (isBoosted(boost, now)) return true;
  return false;
}

function effectsOf(profile: SubscriberProfile, now: number): Map<string, Effect> {
  const effects = new Map<string, Effect>();
  for (const hold of holdsAt(profile, now)) effects.set(holdKey(hold), { state: 'hold' });
  for (const boost of profile.boosts ?? []) {
    const { downBps, upBps } = boost;
    if (isBoosted(boost, now)) effects.set(boostKey(boost), { state: 'boost', downBps, upBps });
  }
  return effects;
}

function isHeld({ fromMs, toMs }: Hold, atMs: number): boolean {
  return fromMs <= atMs && (toMs === null || atMs < toMs);
}

function isBoosted({ fromMs, expiresMs }: Boost, atMs: number): boolean {
  return fromMs <= atMs && atMs < expiresMs;
}
