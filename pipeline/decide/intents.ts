import { createHash } from 'node:crypto';
import type { ActionIntent, ActionKind, Speed } from '../../schemas/action.ts';
import type { PlanVersion } from '../../schemas/profile.ts';
import type { SlotState, Subscriber } from '../fold/slot-state.ts';
import { lowestThrottle } from './transitions.ts';
import type { Transition } from './transitions.ts';

/** The log entry that a decision came from. */
export interface Cause {
  offset: number;
  appendTimeMs: number;
}

/** Speed where neither a throttle nor a plan says one: nothing is limited. */
const UNLIMITED: Speed = { downBps: 10_000_000_000, upBps: 10_000_000_000 };

/**
 * Action intents of one evaluation: a notice each, and at most one change of speed, the net one: where the effective
 * throttle stays what it was, nothing is sent. Sets the subscriber's throttle.
 */
export function intentsOf(
  state: SlotState,
  subscriber: Subscriber,
  plan: PlanVersion | null,
  transitions: readonly Transition[],
  cause: Cause,
): ActionIntent[] {
  const intents: ActionIntent[] = [];
  const planSpeed: Speed = plan === null ? UNLIMITED : { downBps: plan.downBps, upBps: plan.upBps };
  const throttle = lowestThrottle(subscriber);
  const changed =
    throttle?.downBps !== subscriber.throttle?.downBps || throttle?.upBps !== subscriber.throttle?.upBps;
  const desired = throttle ?? planSpeed;
  const make = (kind: ActionKind, transition: Transition): ActionIntent =>
    intentOf(state, subscriber, kind, transition, desired, cause);

  for (const transition of transitions) {
    if (transition.rule?.event.type === 'notify' && transition.began)
      intents.push(make('notify', transition));
  }
  if (changed) {
    const kind = throttle === null ? 'restore' : 'throttle';
    const speedy = transitions.filter((transition) => transition.rule?.event.type !== 'notify');
    const winner = speedy.find((transition) => transition.began === (kind === 'throttle')) ?? speedy[0];
    if (winner !== undefined) intents.push(make(kind, winner));
    subscriber.throttle = throttle === null ? null : { ...throttle };
  }
  return intents;
}

function intentOf(
  state: SlotState,
  subscriber: Subscriber,
  kind: ActionKind,
  transition: Transition,
  desired: Speed,
  cause: Cause,
): ActionIntent {
  const { rule, state: ruleState } = transition;
  const [policyId = '', name = ''] = ruleState.key.split('/');
  return {
    id: actionId(policyId, name, subscriber.id, ruleState.cycleStartMs, ruleState.ordinal),
    kind,
    subscriberId: subscriber.id,
    userName: subscriber.profile?.userName ?? '',
    policyId,
    policyVersion: rule?.policyVersion ?? '',
    rule: name,
    cycleStartMs: ruleState.cycleStartMs,
    ordinal: ruleState.ordinal,
    desired,
    notice: rule?.event.type === 'notify' ? rule.event.params : null,
    sessions: subscriber.sessions.map(({ nasId, nasIp, sessionId, framedIp }) => ({
      nasId,
      nasIp,
      sessionId,
      framedIp,
    })),
    decidedAtMs: state.watermarkMs,
    partition: state.partition,
    offset: cause.offset,
    appendTimeMs: cause.appendTimeMs,
    explanation: transition.explanation,
  };
}

/** hash(policy id, rule name, subscriber, cycle, ordinal): the same decision has the same id on every replay. */
export function actionId(
  policyId: string,
  rule: string,
  subscriberId: string,
  cycleStartMs: number,
  ordinal: number,
): string {
  const text = JSON.stringify([policyId, rule, subscriberId, cycleStartMs, ordinal]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
