import type { UsageEvent } from '../../schemas/accounting-record.ts';
import type { Flag, Outcome } from '../../schemas/outcome.ts';
import type { Refusal } from '../fold/refuse.ts';
import type { Bytes, ClassTotal, Session, Subscriber } from '../fold/slot-state.ts';
import { claimOf } from './claim.ts';
import type { MeterContext, SessionClaim } from './claim.ts';
import { baseline, falls, hasWrapped, isNewer, isRepeat, takeIn } from './counters.ts';
import { beginsBeforeCount, openSession } from './open-session.ts';
import { close, makeRoom, reopen, ROW_CAUSES } from './session-end.ts';
import type { EndedSession } from './session-end.ts';
import { isDoubleCount, isIgnored, isSplitChild, splitShares } from './sub-sessions.ts';
import { mayBeForgotten } from './tombstones.ts';
import { STOP_TAIL_MS, whichSession } from './which-session.ts';
import type { SessionMatch } from './which-session.ts';

export type { MeterContext } from './claim.ts';
export { meterReplayed } from './replay.ts';
export { pruneTombstones } from './tombstones.ts';

/** What one session record came to. */
export interface Metered {
  outcome: Outcome;
  flags: Flag[];
  /** a session that is not kept where the record was ignored (case 16) */
  session: Session;
  /** octets that are new, never negative */
  delta: Bytes;
  /** the delta by service class; sums to it */
  shares: readonly ClassTotal[];
  /** the time in which they were carried, (fromMs, atMs] */
  fromMs: number;
  atMs: number;
  /** time since the session's record before, where this is an interim in order; null otherwise */
  intervalMs: number | null;
  /** sessions that ended with this record, with their final totals; a closed one again where its totals rose */
  ended: readonly EndedSession[];
  /** the closed sessions changed, so the cold value must be written */
  tombstonesChanged: boolean;
}

/** More than this many times what the line carries is absurd (case 20). */
const ABSURD_FACTOR = 4;
/** Shorter intervals are not held against the line's speed: clocks of NAS count seconds. */
const MIN_ABSURD_MS = 60_000;

const NOTHING: Readonly<Bytes> = { down: 0, up: 0 };
const NO_SHARES: readonly ClassTotal[] = [];
const NO_ENDS: readonly EndedSession[] = [];

/**
 * Turns one cumulative session record into non-negative deltas (RFC 2866, the cases of accounting). Changes the
 * subscriber's sessions in place, a refusal changes nothing. Sum over a session of its deltas = its greatest totals,
 * whatever the order and number of deliveries, but for restarted counters (7), reused ids (6) and baselines (12).
 */
export function meterRecord(
  subscriber: Subscriber,
  event: UsageEvent,
  context: MeterContext,
): Metered | Refusal {
  const claim = claimOf(event, context);
  if (isIgnored(claim, context.nas.subSessions)) return ignored(claim, event, context);
  const match = whichSession(claim, subscriber.sessions, subscriber.tombstones, context);
  if (match.kind !== 'new') return meterKnown(subscriber, event, claim, match, context);
  if (mayBeForgotten(subscriber, claim, context.nas.startToleranceSeconds * 1000)) return FORGOTTEN;
  return meterNew(subscriber, event, claim, match, context);
}

const FORGOTTEN: Refusal = {
  reason: 'beyond-horizon',
  detail: 'its session may be one of those forgotten: the subscriber had more than 1,000 since',
};

/** First record of a session (cases 6, 11, 12). */
function meterNew(
  subscriber: Subscriber,
  event: UsageEvent,
  claim: SessionClaim,
  match: Extract<SessionMatch, { kind: 'new' }>,
  context: MeterContext,
): Metered {
  const flags: Flag[] = [];
  const ended: EndedSession[] = [];
  if (match.replaces !== null) {
    close(subscriber, match.replaces, match.replaces.lastEventMs, 'superseded');
    ended.push({ session: match.replaces, cause: ROW_CAUSES.superseded, flags: [] });
    flags.push('id-reused');
  }
  const session = openSession(claim, event, match.startMs, match.startKnown, context);
  subscriber.sessions.push(session);
  const displaced = makeRoom(subscriber, session);
  if (displaced !== null) ended.push(displaced);
  if (!claim.isStart) flags.push('no-start');
  const isBaseline = beginsBeforeCount(claim, match.startMs, context);
  const taken = isBaseline ? baseline(session, claim) : takeIn(session, claim, false, flags);
  if (taken.down + taken.up > 0 && !claim.isStart) flags.push('estimated');
  let outcome: Outcome = taken.down + taken.up > 0 ? 'metered' : 'zero-delta';
  if (isBaseline) outcome = 'baselined';
  return conclude(subscriber, event, claim, context, {
    outcome,
    flags,
    session,
    delta: taken,
    shares: NO_SHARES,
    fromMs: match.startMs,
    atMs: claim.atMs,
    intervalMs: null,
    ended,
    tombstonesChanged: ended.length > 0,
  });
}

/** A further record of a session, open or closed. */
function meterKnown(
  subscriber: Subscriber,
  event: UsageEvent,
  claim: SessionClaim,
  match: Exclude<SessionMatch, { kind: 'new' }>,
  context: MeterContext,
): Metered {
  const { session } = match;
  const flags: Flag[] = [];
  ignoreZeros(session, claim);
  const newer = isNewer(session, claim);
  const repeated = isRepeat(session, claim);
  const wasClosed = match.kind === 'closed';
  let ended = NO_ENDS;
  if (wasClosed && !match.behind && newer && mayGoOn(session, claim)) {
    reopen(subscriber, session);
    flags.push('resurrected');
    const displaced = makeRoom(subscriber, session);
    if (displaced !== null) ended = [displaced];
  }
  const waiting = session.candidate;
  const beforeMs = session.lastEventMs;
  if (context.nas.subSessions === 'split') becomeChild(session, claim);
  const intervalMs = match.kind === 'open' && newer ? intervalOf(session, event, claim) : null;
  const delta = repeated ? NOTHING : takeIn(session, claim, newer, flags);
  const isCharged = delta.down + delta.up > 0;
  const late = session.closedBy === 'stop' && !claim.shared && claim.atMs > stopTailEnd(session);
  let outcome: Outcome = newer ? 'zero-delta' : 'reordered';
  if (isCharged) outcome = late ? 'late' : 'metered';
  else if (repeated) outcome = 'duplicate';
  if (isCharged && late && !claim.isStart) flags.push('estimated');
  if (newer && !repeated) settleAbsurd(session, claim, flags);
  if (newer || claim.atMs === beforeMs) remember(session, claim, event);
  return conclude(subscriber, event, claim, context, {
    outcome,
    flags,
    session,
    delta,
    shares: NO_SHARES,
    fromMs: waiting !== null && flags.includes('restarted') ? waiting.atMs : Math.min(beforeMs, claim.atMs),
    atMs: claim.atMs,
    intervalMs,
    ended,
    tombstonesChanged: wasClosed,
  });
}

/** What a record's delta means for the line, its siblings and its classes, and whether it ends the session. */
function conclude(
  subscriber: Subscriber,
  event: UsageEvent,
  claim: SessionClaim,
  context: MeterContext,
  metered: Metered,
): Metered {
  const { session, flags } = metered;
  if (isAbsurd(metered, context)) {
    flags.push('absurd');
    session.absurd = true;
  }
  const rule = context.nas.subSessions;
  if (rule === 'sum' && isDoubleCount(subscriber, session, claim, context.groupOf))
    flags.push('double-count');
  if (rule === 'split' && isSplitChild(session)) leaveToParent(metered);
  else if (metered.delta.down + metered.delta.up > 0) share(subscriber, claim, context, metered);
  noteEnd(subscriber, event, claim, metered);
  return metered;
}

/** A Stop ends its session; a closed session whose totals rose has its row again. */
function noteEnd(subscriber: Subscriber, event: UsageEvent, claim: SessionClaim, metered: Metered): void {
  const { session, delta, ended } = metered;
  if (session.closedMs === null) {
    if (!claim.isStop) return;
    close(subscriber, session, claim.atMs, 'stop');
    metered.tombstonesChanged = true;
  } else if (delta.down + delta.up === 0) return;
  const { closedBy } = session;
  const cause =
    closedBy === null || closedBy === 'stop' ? (event.terminateCause ?? '') : ROW_CAUSES[closedBy];
  metered.ended = [...ended, { session, cause, flags: [] }];
}

/** The delta by class. */
function share(subscriber: Subscriber, claim: SessionClaim, context: MeterContext, metered: Metered): void {
  const { session, delta } = metered;
  if (context.nas.subSessions === 'split') {
    const split = splitShares(subscriber, session, delta, claim, context);
    metered.shares = split.shares;
    metered.tombstonesChanged ||= split.closedMoved;
  } else {
    metered.shares = [{ serviceClass: session.serviceClass, down: delta.down, up: delta.up }];
  }
}

/** What a child counts is its parent's usage. */
function leaveToParent(metered: Metered): void {
  metered.flags.push('sub-session');
  if (metered.delta.down + metered.delta.up === 0) return;
  metered.delta = { down: 0, up: 0 };
  metered.outcome = 'zero-delta';
}

/** A record whose octets its parent or its children report: it changes nothing. */
function ignored(claim: SessionClaim, event: UsageEvent, context: MeterContext): Metered {
  return {
    outcome: 'zero-delta',
    flags: ['sub-session'],
    session: openSession(claim, event, claim.atMs, false, context),
    delta: { down: 0, up: 0 },
    shares: NO_SHARES,
    fromMs: claim.atMs,
    atMs: claim.atMs,
    intervalMs: null,
    ended: NO_ENDS,
    tombstonesChanged: false,
  };
}

/** A child known from before its NAS's profile said so: what it has counted was usage of its own, and stays where it is. */
function becomeChild(session: Session, claim: SessionClaim): void {
  if (claim.parentId === '' || session.parentId !== '') return;
  session.parentId = claim.parentId;
  session.moved = { ...session.counted };
}

/** A Stop's zeros that contradict what was counted say no more than absent octets (case 8). */
function ignoreZeros(session: Session, claim: SessionClaim): void {
  if (!claim.isStop) return;
  if (claim.down === 0 && session.level.down > 0) claim.down = null;
  if (claim.up === 0 && session.level.up > 0) claim.up = null;
}

/** True where a closed session goes on with a later record: no Stop of its own closed it (cases 13, 14), totals did not fall. */
function mayGoOn(session: Session, claim: SessionClaim): boolean {
  if (session.closedBy === 'stop' && !claim.shared) return false;
  // What the NAS carried before it went down is the tail of a session that is over.
  if (session.closedBy === 'nas-event' && claim.atMs <= (session.closedMs ?? 0)) return false;
  return !falls(session, claim) || hasWrapped(session, claim);
}

function stopTailEnd(session: Session): number {
  return (session.closedMs ?? session.lastEventMs) + STOP_TAIL_MS;
}

/** Interims in a row tell how often the NAS sends them (case 13). */
function intervalOf(session: Session, event: UsageEvent, claim: SessionClaim): number | null {
  if (event.statusType !== 'INTERIM_UPDATE' || session.lastStatus > claim.status) return null;
  return claim.atMs - session.lastEventMs;
}

function isAbsurd({ delta, fromMs, atMs }: Metered, { lineBps }: MeterContext): boolean {
  const bytesPerBps = (ABSURD_FACTOR * Math.max(atMs - fromMs, MIN_ABSURD_MS)) / 8000;
  return delta.down > lineBps.down * bytesPerBps || delta.up > lineBps.up * bytesPerBps;
}

/** An absurd claim is believed once the next record does not fall back. */
function settleAbsurd(session: Session, claim: SessionClaim, flags: readonly Flag[]): void {
  if (!session.absurd || (claim.down === null && claim.up === null)) return;
  session.absurd = flags.includes('fell') || flags.includes('restarted');
}

/** Keeps what tells the next duplicate; an older record changes nothing of it. */
function remember(session: Session, claim: SessionClaim, event: UsageEvent): void {
  session.lastEventMs = claim.atMs;
  session.lastStatus = claim.status;
  session.lastSessionTime = claim.sessionTimeSeconds ?? -1;
  // What is the same stays the same text: the record's own would live on from each to the next.
  const { framedIp, nasIp } = event;
  if (framedIp !== null && framedIp !== session.framedIp) session.framedIp = framedIp;
  if (nasIp !== null && nasIp !== session.nasIp) session.nasIp = nasIp;
  if (claim.multiId !== '' && claim.multiId !== session.multiId) session.multiId = claim.multiId;
  // While a low total waits, the NAS that had the session before tells whether another one took it over.
  if (session.candidate !== null) return;
  if (claim.nasId !== session.nasId) session.nasId = claim.nasId;
  session.group = claim.group;
}
