import type { UsageEvent } from '../../schemas/accounting-record.ts';
import type { Flag } from '../../schemas/outcome.ts';
import type { NasProfile } from '../../schemas/profile.ts';
import type { Cause } from '../decide/intents.ts';
import { isAhead as hasFastClock, noteInterim, noteLead } from '../feed/nas-feed.ts';
import type { NasFeed } from '../feed/nas-feed.ts';
import { meterRecord, pruneTombstones } from '../meter/meter.ts';
import type { Metered, MeterContext } from '../meter/meter.ts';
import { nasProfileOf } from '../meter/nas-profile.ts';
import { recordTime } from '../meter/record-time.ts';
import { WATERMARK_DELAY_MS } from '../window/spread.ts';
import { addUsage, missingRows, spreadOf } from './add-usage.ts';
import type { Spread } from './add-usage.ts';
import { armAgain, drainDue, hasWork, isAhead } from './drain.ts';
import type { DeadInput } from './effects.ts';
import { FASTEST_LINE, feedOf, lineOf, note } from './feeds.ts';
import type { FoldContext } from './fold.ts';
import type { Folding, RowKey } from './requests.ts';
import { refusalOf } from './refuse.ts';
import type { Refusal } from './refuse.ts';
import { arm, bringUpTopUps, catchUp, decide, needsDeciding, noteEnded, touch } from './settle.ts';
import type { SlotState, Subscriber } from './slot-state.ts';
import { subscriberOf } from './slot-state.ts';

/** A record on its way through the fold. */
interface Incoming {
  event: UsageEvent;
  cause: Cause;
  feed: NasFeed;
  atMs: number;
  skewed: boolean;
}

/**
 * Takes one accounting record in: event time first, then what is due, then the record. Nearly always that is done when this
 * returns null: a generator a record costs a tenth of the fold. Else what is returned has to be run.
 */
export function foldUsage(context: FoldContext, event: UsageEvent, cause: Cause): Folding<void> | null {
  const { state } = context;
  const { atMs, skewed } = recordTime(event, cause.appendTimeMs);
  const feed = feedOf(context, event.nasId, cause);
  // The same text with every record of a NAS: told apart at a glance, and none lives on in each session.
  if (feed.nasId === event.nasId) event.nasId = feed.nasId;
  if (event.eventTimeMs !== null) noteLead(feed, event.eventTimeMs - cause.appendTimeMs);
  if (!skewed && !hasFastClock(feed))
    state.watermarkMs = Math.max(state.watermarkMs, atMs - WATERMARK_DELAY_MS);
  const incoming: Incoming = { event, cause, feed, atMs, skewed };
  const known = subscriberBy(state, event);
  const isReady = !hasWork(state) && (known !== undefined || !isUnread(state, event));
  return isReady ? takeIn(context, incoming, known) : afterReading(context, incoming);
}

/** Whom the record is of, if in memory. */
function subscriberBy(state: SlotState, event: UsageEvent): Subscriber | undefined {
  return isNasEvent(event) ? undefined : state.subscribers.get(event.subscriberId);
}

/** True where the store has to be asked for the subscriber. */
function isUnread({ subscribers, absent }: SlotState, event: UsageEvent): boolean {
  const { subscriberId } = event;
  return !isNasEvent(event) && !subscribers.has(subscriberId) && !absent.has(subscriberId);
}

function isNasEvent({ statusType }: UsageEvent): boolean {
  return statusType === 'ACCOUNTING_ON' || statusType === 'ACCOUNTING_OFF';
}

function* afterReading(context: FoldContext, incoming: Incoming): Folding<void> {
  const { state } = context;
  const { event, cause } = incoming;
  if (hasWork(state)) yield* drainDue(context, cause);
  if (isUnread(state, event)) yield { kind: 'subscribers', ids: [event.subscriberId] };
  const rest = takeIn(context, incoming, subscriberBy(state, event));
  if (rest !== null) yield* rest;
}

function takeIn(
  context: FoldContext,
  incoming: Incoming,
  known: Subscriber | undefined,
): Folding<void> | null {
  const { state } = context;
  const { event, cause, feed, atMs, skewed } = incoming;
  if (isNasEvent(event)) {
    tellNasEvent(context, event, atMs, cause);
    note(context, feed, { event, atMs, outcome: 'nas-event', flags: NO_FLAGS, line: FASTEST_LINE }, cause);
    return null;
  }
  if (known !== undefined && isAhead(context, known, cause)) {
    armAgain(context, known);
    const line = lineOf(state, known);
    note(context, feed, { event, atMs, outcome: 'duplicate', flags: NO_FLAGS, line }, cause);
    return null;
  }
  const { acceptLatenessMs } = state.settings;
  const nas = nasProfileOf(state.nas, event.nasId);
  const refusal = refusalOf(known, event, nas, atMs, cause.appendTimeMs, acceptLatenessMs);
  if (refusal !== null) {
    refuse(context, feed, event, refusal, atMs, cause);
    return null;
  }
  context.touch = { origin: 'i', serial: 0 };
  const subscriber = known ?? subscriberOf(state, event.subscriberId);
  catchUp(context, subscriber, cause);
  const meter = meterContext(context, subscriber, event, nas, atMs);
  const metered = meterRecord(subscriber, event, meter);
  if ('reason' in metered) {
    refuse(context, feed, event, metered, atMs, cause);
    return settleUsage(context, subscriber, cause);
  }
  const { flags } = metered;
  if (skewed) flags.push('skewed');
  if (subscriber.profile === null) flags.push('unassigned');
  const spreads = spreadOf(context, subscriber, metered);
  if (isEstimated(metered, spreads) && !flags.includes('estimated')) flags.push('estimated');
  note(context, feed, { event, atMs, outcome: metered.outcome, flags, line: meter.lineBps }, cause);
  if (metered.intervalMs !== null) noteInterim(feed, metered.intervalMs);
  const missing = missingRows(subscriber, spreads, event.nasId);
  if (missing !== null) return afterRows(context, subscriber, event, metered, spreads, missing, cause);
  addMetered(context, subscriber, event, metered, spreads, cause);
  return settleUsage(context, subscriber, cause);
}

const NO_FLAGS: readonly Flag[] = [];

function* afterRows(
  context: FoldContext,
  subscriber: Subscriber,
  event: UsageEvent,
  metered: Metered,
  spreads: readonly Spread[],
  missing: readonly RowKey[],
  cause: Cause,
): Folding<void> {
  yield { kind: 'rows', subscriber, keys: missing };
  addMetered(context, subscriber, event, metered, spreads, cause);
  const rest = settleUsage(context, subscriber, cause);
  if (rest !== null) yield* rest;
}

function settleUsage(context: FoldContext, subscriber: Subscriber, cause: Cause): Folding<void> | null {
  bringUpTopUps(context, subscriber);
  if (needsDeciding(context, subscriber)) return decided(context, subscriber, cause);
  arm(context, subscriber, cause);
  touch(context, subscriber, cause);
  return null;
}

function* decided(context: FoldContext, subscriber: Subscriber, cause: Cause): Folding<void> {
  yield* decide(context, subscriber, cause);
  touch(context, subscriber, cause);
}

/** How a delta lies in time is an estimate where its session's start is one, or it spans windows. */
export function isEstimated({ session }: Metered, spreads: readonly Spread[]): boolean {
  return spreads.length > 0 && (session.startEstimated || spreads.some(({ parts }) => parts.length > 1));
}

/** What a metered record leaves: usage, ended sessions, tombstones, whether anything may be enforced from it. */
export function addMetered(
  context: FoldContext,
  subscriber: Subscriber,
  event: UsageEvent,
  metered: Metered,
  spreads: readonly Spread[],
  cause: Cause,
): void {
  const { state, effects } = context;
  // The NAS that reported it: within a redundancy group the session may have moved on since.
  addUsage(context, subscriber, spreads, event.nasId, cause);
  // Counted, but not its session's last word: its rows begin after all that the sessions tell.
  if (metered.atMs > metered.session.lastEventMs)
    subscriber.strayMs = Math.max(subscriber.strayMs, metered.atMs);
  if (metered.ended.length > 0) noteEnded(context, subscriber, metered.ended, cause);
  if (metered.tombstonesChanged) {
    pruneTombstones(subscriber, state.watermarkMs, state.settings.acceptLatenessMs);
    effects.cold.add(subscriber);
  }
  if (subscriber.suspended || metered.session.absurd) suspendIfAbsurd(subscriber);
}

/** Rules begin again once no session's last claim is absurd (accounting case 20). */
export function suspendIfAbsurd(subscriber: Subscriber): void {
  const { sessions, tombstones } = subscriber;
  subscriber.suspended =
    sessions.some((session) => session.absurd) || tombstones.some((session) => session.absurd);
}

/** What the meter must know besides the record. */
export function meterContext(
  { state, groupOf }: FoldContext,
  subscriber: Subscriber,
  event: UsageEvent,
  nas: NasProfile,
  atMs: number,
): MeterContext {
  return {
    nas,
    groupOf,
    countFromMs: state.feedProfiles.get(event.feedId)?.countFromMs ?? null,
    atMs,
    watermarkMs: state.watermarkMs,
    acceptLatenessMs: state.settings.acceptLatenessMs,
    lineBps: lineOf(state, subscriber),
  };
}

function refuse(
  context: FoldContext,
  feed: NasFeed,
  event: UsageEvent,
  refusal: Refusal,
  atMs: number,
  cause: Cause,
): void {
  note(context, feed, { event, atMs, outcome: 'dead-lettered', flags: [], line: FASTEST_LINE }, cause);
  context.effects.dead.push({ ...cause, ...refusal, key: null, value: null, nasId: event.nasId });
}

/** Counts what could not even be read. Nobody knows which NAS sent it: it is nobody's feed. */
export function noteDead({ state, effects }: FoldContext, dead: DeadInput): void {
  state.counts['dead-lettered'] += 1;
  const { offset, appendTimeMs, reason, detail, key, value, nasId } = dead;
  effects.dead.push({ offset, appendTimeMs, reason, detail, key, value, nasId });
}

/** The event goes to every slot, this one too, as a control whose number is made from the offset: a repeat is known as one. */
function tellNasEvent({ state, effects }: FoldContext, event: UsageEvent, atMs: number, cause: Cause): void {
  effects.outbox.push({
    kind: 'control',
    id: { source: `slot-${state.partition}`, n: cause.offset + 1 },
    appendTimeMs: cause.appendTimeMs,
    control: {
      kind: 'nas-event',
      nasId: event.nasId,
      event: event.statusType === 'ACCOUNTING_ON' ? 'on' : 'off',
      atMs,
    },
  });
}
