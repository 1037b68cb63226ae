import { factsOf, nextDueMs } from '../decide/facts-of.ts';
import { planOf } from '../decide/in-force.ts';
import type { Cause } from '../decide/intents.ts';
import { intentsOf } from '../decide/intents.ts';
import { awaitsProfile, givenByProfile } from '../decide/profile-states.ts';
import { hasTransitions, transitionsOf } from '../decide/transitions.ts';
import type { Transition } from '../decide/transitions.ts';
import { endByNasEvents, endOverdue, nextTimeoutMs } from '../meter/session-end.ts';
import type { EndedSession } from '../meter/session-end.ts';
import { isSplitChild } from '../meter/sub-sessions.ts';
import { closingCycles } from '../window/cycles.ts';
import { closedCycle } from './closed-cycle.ts';
import { rollOn } from './cycle-end.ts';
import { useTopUps } from '../decide/allowance.ts';
import type { Facts } from '../../rules/facts/catalogue.ts';
import type { PlanVersion } from '../../schemas/profile.ts';
import { contribute, contributionDueMs } from '../pool/contribute.ts';
import { awaitsPool, heldByPool } from '../pool/held-by-pool.ts';
import type { FoldContext } from './fold.ts';
import { noteFlag, noteOpenSessions } from './feeds.ts';
import { putOneShot } from './one-shot.ts';
import type { Folding } from './requests.ts';
import type { SessionEnd } from './effects.ts';
import type { SlotState, Subscriber } from './slot-state.ts';
import { countPopulation } from './population.ts';

/** Looks at a subscriber that no record touched: timers, marks of the slot, policies. Written only where it changed. */
export function* settle(
  context: FoldContext,
  subscriber: Subscriber,
  cause: Cause,
  changed: boolean,
): Folding<void> {
  const caughtUp = catchUp(context, subscriber, cause);
  const decided = yield* decide(context, subscriber, cause);
  if (changed || caughtUp || decided) touch(context, subscriber, cause);
}

/**
 * What time and the slot's marks have done to a subscriber since it was last looked at: NAS that went down, sessions
 * that timed out, cycles that rolled and closed. Comes before anything else that concerns it. True where it changed.
 */
export function catchUp(context: FoldContext, subscriber: Subscriber, cause: Cause): boolean {
  const { state, effects, calendar } = context;
  const { watermarkMs } = state;
  const { cycleCloseGraceMs } = state.settings;
  if (watermarkMs <= 0) return false;
  let changed = false;
  if (state.nasEvents.size > 0 && subscriber.sessions.length > 0) {
    const ended = endByNasEvents(subscriber, state.nasEvents);
    if (ended.length > 0) changed = noteEnded(context, subscriber, ended, cause);
  }
  const past = subscriber.pastCycles.length;
  if (rollOn(state, subscriber, calendar)) {
    // The first cycle of all has nothing behind it.
    if (past + subscriber.pastCycles.length > 0) effects.cold.add(subscriber);
    changed = true;
  }
  // The due time is never later than the work, so nothing is overdue before it.
  const isDue = subscriber.dueMs === null || subscriber.dueMs <= watermarkMs;
  if (!isDue) return changed;
  const overdue = endOverdue(subscriber, watermarkMs, context.hearing);
  if (overdue.length > 0) changed = noteEnded(context, subscriber, overdue, cause);
  for (const cycle of closingCycles(subscriber, watermarkMs, cycleCloseGraceMs)) {
    // One by one: what an older one leaves still goes into those that are told after it.
    cycle.closed = true;
    effects.outbox.push({ kind: 'closed-cycle', cycle: closedCycle(state, subscriber, cycle, cause) });
    effects.cold.add(subscriber);
    changed = true;
  }
  return changed;
}

/** Rows and counters of sessions that ended; they are tombstones now. */
export function noteEnded(
  context: FoldContext,
  subscriber: Subscriber,
  ended: readonly EndedSession[],
  cause: Cause,
): boolean {
  for (const { session, cause: why, flags } of ended) {
    // Its bytes are part of the parent's row.
    if (isSplitChild(session)) continue;
    for (const flag of flags) noteFlag(context, session.nasId, flag, cause);
    const row: SessionEnd = {
      kind: 'session',
      subscriberId: subscriber.id,
      nasId: session.nasId,
      sessionId: session.sessionId,
      service: session.service,
      startMs: session.startMs,
      endMs: session.lastEventMs,
      down: session.counted.down,
      up: session.counted.up,
      cause: why,
      version: cause.offset + 1,
    };
    putOneShot(context, subscriber, row, cause);
  }
  context.effects.cold.add(subscriber);
  return true;
}

/** False where deciding would change nothing: nearly always, and asking costs no generator a record. */
export function needsDeciding({ state }: FoldContext, subscriber: Subscriber): boolean {
  if (state.watermarkMs <= 0 || subscriber.profile === null) return false;
  if (subscriber.pool !== null && awaitsPool(state, subscriber)) return true;
  if (awaitsProfile(state, subscriber)) return true;
  return mayChange(state, subscriber, planOf(state, subscriber));
}

/** Asked with every record: only the facts that policies in force ask about are reckoned. */
function mayChange(state: SlotState, subscriber: Subscriber, plan: PlanVersion | null): boolean {
  const { compiled } = state;
  const concerned = compiled.concerning(plan?.planId ?? null, subscriber.profile?.segment ?? '');
  if (concerned.length === 0 && subscriber.rules.length === 0) return false;
  return hasTransitions(state, subscriber, plan, factsOf(state, subscriber, plan, compiled.facts));
}

/** Decides anew and arms the next due time. True where the subscriber's value changed by it. */
export function* decide(context: FoldContext, subscriber: Subscriber, cause: Cause): Folding<boolean> {
  const { state, effects } = context;
  if (state.watermarkMs <= 0) return contribute(context, subscriber, cause);
  let changed = false;
  if (subscriber.profile !== null) {
    const plan = planOf(state, subscriber);
    changed = bringUpTopUps(context, subscriber);
    const told = [...heldByPool(state, subscriber), ...givenByProfile(state, subscriber)];
    const hasOwn = mayChange(state, subscriber, plan);
    if (hasOwn || told.length > 0) {
      const facts = factsOf(state, subscriber, plan);
      const own = hasOwn ? yield* confirmed(state, subscriber, plan, facts) : [];
      const transitions = [...told, ...own];
      effects.outbox.push(...intentsOf(state, subscriber, plan, facts, transitions, cause));
      // Blocks that were sold cover what a top-up did.
      bringUpTopUps(context, subscriber);
      changed = true;
    }
  }
  return arm(context, subscriber, cause) || changed;
}

/** Brings uses of top-ups up to what changed; they are cold. True where the value changed by it. */
export function bringUpTopUps({ state, effects }: FoldContext, subscriber: Subscriber): boolean {
  const { profile, topUpUses } = subscriber;
  if (profile === null || (profile.topUps.length === 0 && topUpUses.length === 0)) return false;
  if (!useTopUps(state, subscriber, planOf(state, subscriber))) return false;
  effects.cold.add(subscriber);
  return true;
}

/** Transitions with the library's word on each. Changes the subscriber's rule states. */
export function* confirmed(
  state: SlotState,
  subscriber: Subscriber,
  plan: PlanVersion | null,
  facts: Facts,
): Folding<Transition[]> {
  const deciding = transitionsOf(state, subscriber, plan, facts);
  let step = deciding.next();
  while (step.done !== true) {
    const { confirmed: verdict } = yield { kind: 'confirm', confirmation: step.value };
    if (verdict === undefined) throw new Error('a confirmation was not answered');
    step = deciding.next(verdict);
  }
  return step.value;
}

/** Of the time until its next work, the part that is left when a subscriber that is looked at anyway is armed anew. */
const SOON = 0.25;

/**
 * Tells the subscriber's pool, and arms the next due time. That is left where it is while it is neither too late nor soon: every
 * record moves a session's time-out, and a look in vain now and then is cheaper than a write with each. One that is soon moves
 * with the record that is at hand: the look in vain costs several times as much. True where the value changed: a due time alone
 * is kept among the slot's.
 */
export function arm(context: FoldContext, subscriber: Subscriber, cause: Cause): boolean {
  const { state, effects, hearing } = context;
  const changed = contribute(context, subscriber, cause);
  if (state.watermarkMs <= 0) return changed;
  const next = earlier(
    earlier(nextDueMs(state, subscriber), contributionDueMs(state, subscriber)),
    nextTimeoutMs(subscriber, hearing, state.watermarkMs),
  );
  const { dueMs } = subscriber;
  if (dueMs === next) return changed;
  if (dueMs !== null && next !== null && dueMs <= next) {
    const leftMs = dueMs - state.watermarkMs;
    if (leftMs > 0 && leftMs >= SOON * (next - state.watermarkMs)) return changed;
  }
  subscriber.dueMs = next;
  state.due.set(subscriber.id, next);
  effects.due.set(subscriber.id, next);
  return changed;
}

function earlier(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}

/** The subscriber's value will be written, with the mark of this input. */
export function touch(context: FoldContext, subscriber: Subscriber, cause: Cause): void {
  const { state, effects } = context;
  subscriber.mark = cause.offset;
  subscriber.touchedDueMs = subscriber.dueMs;
  noteOpenSessions(context, subscriber, cause);
  countPopulation(state, subscriber);
  effects.hot.add(subscriber);
}
