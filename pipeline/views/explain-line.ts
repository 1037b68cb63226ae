import type { DesiredState, Effect } from '../../schemas/action.ts';
import type { PlanVersion } from '../../schemas/profile.ts';
import type { WishView } from '../../schemas/timeline-views.ts';
import { desiredState, isShadow, strongestEffect } from '../decide/desired.ts';
import type { RuleState, SlotState, Subscriber } from '../fold/slot-state.ts';
import { effectWords } from './explain-words.ts';

/** How the line is and why. */
export interface LineView {
  desired: DesiredState;
  because: string;
  wishes: WishView[];
}

/** What asks for what, the strongest first, by the order that decides: block, redirect, the lowest throttle, the plan. */
export function lineView(state: SlotState, subscriber: Subscriber, plan: PlanVersion | null): LineView {
  const desired = desiredState(subscriber.effect, plan);
  const wishes = [...holdsOf(state, subscriber), ...wishesOf(subscriber.rules)];
  const ruling = wishes.filter(({ wins }) => wins);
  const [winner] = ruling;
  const asking = wishes.filter(({ by }) => by.includes('/'));
  if (winner === undefined) return { desired, because: planWords(plan), wishes };
  const others = asking.length - 1;
  const outranked =
    others === 0
      ? ''
      : `; it goes before ${others === 1 ? 'one other rule' : `${others} other rules`} that act${others === 1 ? 's' : ''} too`;
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

/** Holds keep notices back; what the line itself gets is for rules to say. */
function holdsOf({ watermarkMs }: SlotState, { profile }: Subscriber): WishView[] {
  const live = (profile?.holds ?? []).filter(
    ({ fromMs, toMs }) => fromMs <= watermarkMs && (toMs === null || watermarkMs < toMs),
  );
  return live.map(({ kind }) => ({ by: `hold (${kind})`, wants: 'no notices', wins: false }));
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
