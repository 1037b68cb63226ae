import type { CycleCalendar } from '../../rules/cycle.ts';
import type { UsageEvent } from '../../schemas/accounting-record.ts';
import { defaultNasProfile } from '../../schemas/profile.ts';
import { factsOf, nextDueMs, planOf } from '../decide/facts-of.ts';
import { intentsOf } from '../decide/intents.ts';
import type { Cause } from '../decide/intents.ts';
import { hasTransitions, transitionsOf } from '../decide/transitions.ts';
import type { Confirmation, Confirmed } from '../decide/transitions.ts';
import type { Input } from '../decode/input.ts';
import { meterRecord, pruneTombstones } from '../meter/meter.ts';
import type { Metered } from '../meter/meter.ts';
import { recordTime } from '../meter/record-time.ts';
import { rollCycles } from '../window/cycles.ts';
import { WATERMARK_DELAY_MS } from '../window/spread.ts';
import { foldControl } from './controls.ts';
import { addUsage } from './add-usage.ts';
import { refusalOf } from './refuse.ts';
import type { BatchEffects, SessionEnd } from './effects.ts';
import { noEffects } from './effects.ts';
import type { SlotState, Subscriber } from './slot-state.ts';
import { countPopulation, subscriberOf } from './slot-state.ts';

/** Due entries that one input drains at most: no input does unbounded work. */
export const MAX_DRAIN = 2000;

/**
 * Folds decoded inputs, in offset order, into the slot's state. A generator: it yields only where a policy rule changes
 * state and json-rules-engine has to confirm it, and is resumed with the verdict. Returns what must be committed.
 * Pure: the same inputs give the same state, whatever the batch boundaries. On an exception the state is unusable.
 */
export function* foldBatch(
  state: SlotState,
  inputs: readonly Input[],
  nextOffset: number,
  calendar: CycleCalendar,
): Generator<Confirmation, BatchEffects, Confirmed> {
  const effects = noEffects();
  for (const input of inputs) {
    if (input.offset < state.position) continue;
    const cause: Cause = { offset: input.offset, appendTimeMs: input.appendTimeMs };
    if (input.kind === 'usage') {
      yield* foldUsage(state, input.event, cause, effects, calendar);
    } else if (input.kind === 'control') {
      const touched = foldControl(state, input, effects, calendar);
      if (touched !== null) yield* settle(state, touched, cause, effects, calendar);
      yield* drainDue(state, cause, effects, calendar);
    } else {
      state.counts['dead-lettered'] += 1;
      effects.dead.push(input);
      yield* drainDue(state, cause, effects, calendar);
    }
  }
  state.position = Math.max(state.position, nextOffset);
  return effects;
}

function* foldUsage(
  state: SlotState,
  event: UsageEvent,
  cause: Cause,
  effects: BatchEffects,
  calendar: CycleCalendar,
): Generator<Confirmation, void, Confirmed> {
  const time = recordTime(event, cause.appendTimeMs);
  if (!time.skewed) state.watermarkMs = Math.max(state.watermarkMs, time.atMs - WATERMARK_DELAY_MS);
  yield* drainDue(state, cause, effects, calendar);
  if (event.statusType === 'ACCOUNTING_ON' || event.statusType === 'ACCOUNTING_OFF') {
    state.counts['nas-event'] += 1;
    return;
  }
  const known = state.subscribers.get(event.subscriberId);
  if (known !== undefined && known.mark >= cause.offset && !effects.hot.has(known)) {
    // Only after a torn write: this subscriber's value already holds the record.
    state.counts.duplicate += 1;
    return;
  }
  const nas = state.nas.get(event.nasId) ?? defaultNasProfile(event.nasId);
  const refusal = refusalOf(known, event, nas, time.atMs, cause.appendTimeMs);
  if (refusal !== null) {
    state.counts['dead-lettered'] += 1;
    effects.dead.push({ ...cause, ...refusal, key: null, value: null });
    return;
  }
  const subscriber = known ?? subscriberOf(state, event.subscriberId);
  if (rollCycles(subscriber, state.watermarkMs, calendar, state.settings.defaultZone))
    effects.cold.add(subscriber);
  const metered = meterRecord(subscriber, event, nas, time.atMs, state.watermarkMs);
  state.counts[metered.outcome] += 1;
  for (const flag of metered.flags) state.flags[flag] += 1;
  if (time.skewed) state.flags.skewed += 1;
  if (subscriber.profile === null) state.flags.unassigned += 1;
  if (metered.delta.down + metered.delta.up > 0)
    addUsage(state, subscriber, metered, cause, effects, calendar);
  metered.ended.forEach((ended, i) => {
    effects.oneShots.push({ key: `${cause.offset}.s${i}`, row: sessionEnd(subscriber, ended, cause) });
  });
  if (metered.tombstonesChanged) {
    pruneTombstones(subscriber, state.watermarkMs);
    effects.cold.add(subscriber);
  }
  yield* settle(state, subscriber, cause, effects, calendar);
}

function sessionEnd(
  subscriber: Subscriber,
  { session, cause: why }: Metered['ended'][number],
  cause: Cause,
): SessionEnd {
  return {
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
}

/** Takes what is due at the watermark, at most MAX_DRAIN of it. */
function* drainDue(
  state: SlotState,
  cause: Cause,
  effects: BatchEffects,
  calendar: CycleCalendar,
): Generator<Confirmation, void, Confirmed> {
  for (let taken = 0; taken < MAX_DRAIN; taken += 1) {
    const entry = state.due.take(state.watermarkMs);
    if (entry === null) return;
    effects.due.set(entry.key, null);
    const subscriber = state.subscribers.get(entry.key);
    if (subscriber === undefined) continue;
    subscriber.dueMs = null;
    yield* settle(state, subscriber, cause, effects, calendar);
  }
}

/** After anything that touched a subscriber: roll, decide, arm the next due time, mark as changed. */
function* settle(
  state: SlotState,
  subscriber: Subscriber,
  cause: Cause,
  effects: BatchEffects,
  calendar: CycleCalendar,
): Generator<Confirmation, void, Confirmed> {
  if (state.watermarkMs > 0) {
    if (rollCycles(subscriber, state.watermarkMs, calendar, state.settings.defaultZone))
      effects.cold.add(subscriber);
    const plan = planOf(state, subscriber);
    if (subscriber.profile !== null) {
      const facts = factsOf(state, subscriber, plan);
      if (hasTransitions(state, subscriber, facts)) {
        const transitions = yield* transitionsOf(state, subscriber, facts);
        for (const intent of intentsOf(state, subscriber, plan, transitions, cause)) {
          effects.intents.push({ n: state.outboxNext, intent });
          state.outboxNext += 1;
        }
      }
    }
    subscriber.dueMs = nextDueMs(state, subscriber);
    setDue(state, subscriber, effects);
  }
  subscriber.mark = cause.offset;
  countPopulation(state, subscriber);
  effects.hot.add(subscriber);
}

function setDue(state: SlotState, subscriber: Subscriber, effects: BatchEffects): void {
  if (state.due.get(subscriber.id) === subscriber.dueMs && !effects.due.has(subscriber.id)) return;
  state.due.set(subscriber.id, subscriber.dueMs);
  effects.due.set(subscriber.id, subscriber.dueMs);
}
