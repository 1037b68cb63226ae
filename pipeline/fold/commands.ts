import type { OperatorCommand, ReplayControl } from '../../schemas/control.ts';
import type { Cause } from '../decide/intents.ts';
import { meterRecord, meterReplayed } from '../meter/meter.ts';
import { nasProfileOf } from '../meter/nas-profile.ts';
import { recordTime } from '../meter/record-time.ts';
import { endByOperator } from '../meter/session-end.ts';
import { cycleFor } from '../window/cycles.ts';
import { partAt } from '../window/parts.ts';
import { missingRows, spreadOf } from './add-usage.ts';
import { reckonLate } from './cycle-end.ts';
import { armAgain, isAhead, load } from './drain.ts';
import type { FoldContext } from './fold.ts';
import { beyondExact, beyondSigned } from './refuse.ts';
import type { Folding } from './requests.ts';
import { catchUp, noteEnded, settle } from './settle.ts';
import type { CycleTotal, Subscriber } from './slot-state.ts';
import { subscriberOf } from './slot-state.ts';
import { addMetered, isEstimated, meterContext, noteDead, suspendIfAbsurd } from './usage.ts';

/** The subscriber that a control is about, read or made; null where its value holds this control already (torn write). */
export function* claimed(context: FoldContext, id: string, cause: Cause): Folding<Subscriber | null> {
  const { state } = context;
  yield* load(state, [id]);
  const subscriber = subscriberOf(state, id);
  if (isAhead(context, subscriber, cause)) {
    armAgain(context, subscriber);
    return null;
  }
  context.touch = { origin: 'i', serial: 0 };
  return subscriber;
}

/** What an operator does to one subscriber. */
export function* foldCommand(context: FoldContext, command: OperatorCommand, cause: Cause): Folding<void> {
  const subscriber = yield* claimed(context, command.subscriberId, cause);
  if (subscriber === null) return;
  catchUp(context, subscriber, cause);
  switch (command.type) {
    case 'close-session': {
      const { nasId, sessionId } = command;
      const ended = endByOperator(subscriber, nasId, sessionId, context.state.watermarkMs);
      if (ended !== null) noteEnded(context, subscriber, [ended], cause);
      break;
    }
    case 'adjust':
      adjust(context, subscriber, command, cause);
      break;
    case 're-evaluate':
      for (const session of subscriber.sessions) session.absurd = false;
      for (const session of subscriber.tombstones) session.absurd = false;
      context.effects.cold.add(subscriber);
      suspendIfAbsurd(subscriber);
      break;
  }
  yield* settle(context, subscriber, cause, true);
}

function adjust(
  context: FoldContext,
  subscriber: Subscriber,
  command: Extract<OperatorCommand, { type: 'adjust' }>,
  cause: Cause,
): void {
  const { state, effects, calendar } = context;
  const { atMs, downBytes, upBytes, reason, by } = command;
  const refusal = beyondSigned(subscriber, command);
  if (refusal !== null) {
    noteDead(context, { ...cause, ...refusal, key: null, value: null, nasId: null });
    return;
  }
  const cycle = cycleFor(subscriber, atMs, calendar, state.settings.defaultZone);
  cycle.adjusted.down += downBytes;
  cycle.adjusted.up += upBytes;
  reckonLate(state, subscriber, cycle);
  effects.cold.add(subscriber);
  effects.outbox.push({
    kind: 'adjustment',
    adjustment: {
      id: `${state.partition}:${cause.offset}:0`,
      ...about(subscriber, cycle),
      serviceClass: '',
      downBytes,
      upBytes,
      reason: 'operator',
      detail: `${by}: ${reason}`,
      ...partTold(cycle, atMs),
      partition: state.partition,
      offset: cause.offset,
    },
  });
}

/**
 * A dead letter's record, put right. Within acceptLateness it is metered like any other: what was counted before is told by
 * its session. Older than that the totals it belongs to are settled: what it adds to its session is an adjustment.
 */
export function* foldReplay(context: FoldContext, replay: ReplayControl, cause: Cause): Folding<void> {
  const { state, effects, calendar } = context;
  const { event, letter } = replay;
  const { atMs } = recordTime(event, replay.appendTimeMs);
  const subscriber = yield* claimed(context, event.subscriberId, cause);
  if (subscriber === null) return;
  catchUp(context, subscriber, cause);
  const nas = nasProfileOf(state.nas, event.nasId);
  const metering = meterContext(context, subscriber, event, nas, atMs);
  if (beyondExact(subscriber, event, nas) !== null) {
    // It stays what it was: a letter. Whoever replays it sees no usage of it, and a command can adjust.
    yield* settle(context, subscriber, cause, true);
    return;
  }
  if (atMs >= cause.appendTimeMs - state.settings.acceptLatenessMs) {
    const metered = meterRecord(subscriber, event, metering);
    // A session that may be one of those forgotten: charged whole it might count twice.
    if ('reason' in metered) {
      yield* settle(context, subscriber, cause, true);
      return;
    }
    const spreads = spreadOf(context, subscriber, metered);
    if (isEstimated(metered, spreads) && !metered.flags.includes('estimated'))
      metered.flags.push('estimated');
    for (const flag of metered.flags) state.flags[flag] += 1;
    const missing = missingRows(subscriber, spreads, event.nasId);
    if (missing !== null) yield { kind: 'rows', subscriber, keys: missing };
    addMetered(context, subscriber, event, metered, spreads, cause);
    // The session that it opened may be over since: its NAS went down, or it was silent for too long.
    yield* settle(context, subscriber, cause, true);
    return;
  }
  const { delta, serviceClass } = meterReplayed(subscriber, event, metering);
  effects.cold.add(subscriber);
  if (delta.down + delta.up > 0) {
    const cycle = cycleFor(subscriber, atMs, calendar, state.settings.defaultZone);
    effects.outbox.push({
      kind: 'adjustment',
      adjustment: {
        id: `letter:${letter.partition}:${letter.offset}`,
        ...about(subscriber, cycle),
        serviceClass,
        downBytes: delta.down,
        upBytes: delta.up,
        reason: 'replay',
        detail: `${replay.by}: NAS ${event.nasId}, session ${event.sessionId}`.slice(0, 500),
        ...partTold(cycle, atMs),
        partition: state.partition,
        offset: cause.offset,
      },
    });
  }
  yield* settle(context, subscriber, cause, true);
}

/** The part that an instant of a cycle lies in; nothing where it has no parts. */
function partTold({ parts }: CycleTotal, atMs: number): { partFromMs?: number } {
  const part = partAt(parts, atMs);
  return part === undefined ? {} : { partFromMs: part.fromMs };
}

function about(
  subscriber: Subscriber,
  cycle: CycleTotal,
): { subscriberId: string; cycleStartMs: number; cycleEndMs: number } {
  return { subscriberId: subscriber.id, cycleStartMs: cycle.startMs, cycleEndMs: cycle.endMs };
}
