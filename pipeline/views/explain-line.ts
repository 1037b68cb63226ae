import type { DesiredState, Effect } from '../../schemas/action.ts';
import type { PlanVersion } from '../../schemas/profile.ts';
import type { WishView } from '../../schemas/timeline-views.ts';
import { desiredState, isShadow, strongestEffect } from '../decide/desired.ts';
import { POLICY_FACTS_VERSION } from '../fold/slot-state.ts';
import type { RuleState, SlotState, Subscriber } from '../fold/slot-state.ts';
import { holdKey, holdsAt } from '../decide/profile-states.ts';
import { WAITS_TEXT } from '../fold/waits-for-layout.ts';
import { effectWords } from './explain-words.ts';

/** How the line is and why. */
export interface LineView {
  desired: DesiredState;
  because: string;
  wishes: WishView[];
}

/** What asks for what, the strongest first, by the order that decides: hold, block, redirect, the lowest throttle, a boost, the plan. */
export function lineView(state: SlotState, subscriber: Subscriber, plan: PlanVersion | null): LineView {
  const desired = desiredState(subscriber.effect, plan);
  const acting = wishesOf(subscriber.rules);
  const wishes = [...waitingHolds(state, subscriber), ...acting];
  const [winner] = acting;
  if (winner === undefined) return { desired, because: planWords(plan), wishes };
  const others = acting.length - 1;
  const outranked =
    others === 0
      ? ''
      : `; it goes before ${others === 1 ? 'another that acts' : `${others} others that act`} too`;
  return { desired, because: `${winner.by} acts${outranked}`, wishes };
}

function wishesOf(rules: readonly RuleState[]): WishView[] {
  const left = rules.filter(({ active, effect, key }) => active && effect !== null && !isShadow(key));
  const wishes: WishView[] = [];
  for (let effect = strongestEffect(left); effect !== null; effect = strongestEffect(left)) {
    const at = left.findIndex((rule) => rule.effect === effect);
    const [rule] = left.splice(Math.max(at, 0), 1);
    wishes.push({ by: rule?.key ?? '', wants: effectWords(effect), wins: wishes.length === 0 });
  }
  return wishes;
}

/** Holds of which the line knows nothing yet keep notices back all the same. */
function waitingHolds({ watermarkMs, blobVersion }: SlotState, { profile, rules }: Subscriber): WishView[] {
  const left = blobVersion < POLICY_FACTS_VERSION ? `; the rest ${WAITS_TEXT}` : '';
  return holdsAt(profile, watermarkMs)
    .map(holdKey)
    .filter((by) => !rules.some(({ key, active }) => active && key === by))
    .map((by) => ({ by, wants: `no notices${left}`, wins: false }));
}

function planWords(plan: PlanVersion | null): string {
  return plan === null
    ? 'no rule acts and no plan is assigned: nothing is limited'
    : `no rule acts, plan ${plan.planId}`;
}

/** How the line was, by the last action that set it. */
export function pastLineView(effect: Effect | null, plan: PlanVersion | null, by: string | null): LineView {
  const desired = desiredState(effect, plan);
  if (effect === null || by === null) return { desired, because: planWords(plan), wishes: [] };
  return {
    desired,
    because: `${by} had acted`,
    wishes: [{ by, wants: effectWords(effect), wins: true }],
  };
}
