import type { SubscriberProfile } from '../../schemas/profile.ts';
import type { BytesView, SubscriberView } from '../../schemas/views.ts';
import type { Analytics, UsageReading } from '../../storage/analytics-ports.ts';
import type { ActionLedger } from '../../storage/ports.ts';
import { desiredState, isShadow, sameEffect } from '../decide/desired.ts';
import { factsOf } from '../decide/facts-of.ts';
import { planOf } from '../decide/in-force.ts';
import type { Bytes, SlotState, Subscriber } from '../fold/slot-state.ts';
import type { CyclePart } from '../fold/tariff-state.ts';
import { ALLOWED_LATENESS_MS } from '../window/spread.ts';
import { actionView } from './action-view.ts';
import { readStoredSubscriber } from './stored-subscriber.ts';
import type { StateReader } from './stored-subscriber.ts';

/** What reading one subscriber needs. No ownership: any process can answer. */
export interface SubscriberReader extends StateReader {
  ledger: Pick<ActionLedger, 'ofSubscriber'>;
  analytics: Pick<Analytics, 'subscriberUsage'>;
}

/** One subscriber as support sees it, from committed state; null where nothing is known of it. Windows lag by a flush. */
export async function readSubscriber(reader: SubscriberReader, id: string): Promise<SubscriberView | null> {
  const stored = await readStoredSubscriber(reader, id);
  if (stored === null) return null;
  const { state, subscriber } = stored;
  const since = state.watermarkMs - ALLOWED_LATENESS_MS;
  const [usage, actions] = await Promise.all([
    reader.analytics.subscriberUsage(id, since, state.watermarkMs + 2 * ALLOWED_LATENESS_MS),
    reader.ledger.ofSubscriber(id, 20),
  ]);
  return { ...viewOf(state, subscriber), windows: windowsOf(usage), actions: actions.map(actionView) };
}

function viewOf(state: SlotState, subscriber: Subscriber): Omit<SubscriberView, 'windows' | 'actions'> {
  const plan = planOf(state, subscriber);
  const facts = factsOf(state, subscriber, plan);
  const [cycle] = subscriber.cycles;
  return {
    subscriberId: subscriber.id,
    userName: subscriber.profile?.userName ?? null,
    segment: subscriber.profile?.segment ?? null,
    plan: plan && {
      planId: plan.planId,
      capBytes: plan.capBytes === null ? null : String(plan.capBytes),
      downBps: plan.downBps,
      upBps: plan.upBps,
    },
    cycle: cycle
      ? {
          start: iso(cycle.startMs),
          end: iso(cycle.endMs),
          ...bytesView(cycle),
          countedBytes: String(facts.cycleCountedBytes),
          allowanceBytes: facts.allowanceBytes === null ? null : String(facts.allowanceBytes),
          topUpRemainingBytes: String(facts.topUpRemainingBytes),
          capUsedPercent: facts.capUsedPercent,
          parts: cycle.parts.map((part) => partView(subscriber.profile, part)),
        }
      : null,
    previousCycles: subscriber.pastCycles.map((past) => ({
      start: iso(past.startMs),
      end: iso(past.endMs),
      ...bytesView(past),
    })),
    sessions: subscriber.sessions.map((session) => ({
      nasId: session.nasId,
      sessionId: session.sessionId,
      framedIp: session.framedIp,
      start: iso(session.startMs),
      startEstimated: session.startEstimated,
      lastEvent: iso(session.lastEventMs),
      ...bytesView(session.counted),
    })),
    speed: speedOf(subscriber, plan),
  };
}

type Parts = NonNullable<SubscriberView['cycle']>['parts'];

/** A part begins where a plan or an unlimited time does, or ends: what holds then holds for all of it. */
function partView(profile: SubscriberProfile | null, part: CyclePart): Parts[number] {
  const holds = ({ fromMs, toMs }: { fromMs: number; toMs: number | null }): boolean =>
    fromMs <= part.fromMs && part.fromMs < (toMs ?? Infinity);
  return {
    ...bytesView(part),
    from: iso(part.fromMs),
    to: iso(part.toMs),
    planId: profile?.assignments.find(holds)?.planId ?? null,
    unlimited: profile?.unlimited?.some(holds) ?? false,
  };
}

const EFFECT_WORDS = {
  throttle: 'throttled',
  redirect: 'redirected',
  block: 'blocked',
  hold: 'on hold',
  boost: 'boosted',
};

function speedOf(subscriber: Subscriber, plan: ReturnType<typeof planOf>): SubscriberView['speed'] {
  const { effect } = subscriber;
  if (effect !== null) {
    const by = subscriber.rules
      .filter((rule) => rule.active && !isShadow(rule.key) && sameEffect(rule.effect, effect))
      .map((rule) => rule.key);
    const { downBps, upBps } = desiredState(effect, plan);
    return { downBps, upBps, reason: `${EFFECT_WORDS[effect.state]} by ${by.join(', ')}` };
  }
  if (plan !== null)
    return { downBps: plan.downBps, upBps: plan.upBps, reason: `speed of plan ${plan.planId}` };
  return { downBps: 0, upBps: 0, reason: 'no plan is assigned: Weir sets no speed' };
}

function windowsOf(usage: readonly UsageReading[]): SubscriberView['windows'] {
  return [...usage]
    .sort((a, b) => b.windowStartMs - a.windowStartMs)
    .map(({ windowStartMs, nasId, serviceClass, downBytes, upBytes }) => ({
      start: iso(windowStartMs),
      nasId,
      serviceClass,
      ...bytesView({ down: downBytes, up: upBytes }),
    }));
}

function bytesView(bytes: Bytes): BytesView {
  return { downBytes: String(bytes.down), upBytes: String(bytes.up) };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
