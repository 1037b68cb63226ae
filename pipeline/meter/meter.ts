import type { UsageEvent } from '../../schemas/accounting-record.ts';
import { STATUS_TYPES } from '../../schemas/accounting-record.ts';
import type { Flag, Outcome } from '../../schemas/outcome.ts';
import type { NasProfile } from '../../schemas/profile.ts';
import type { Bytes, Session, Subscriber } from '../fold/slot-state.ts';
import { STOP_TAIL_MS, whichSession } from './which-session.ts';
import type { SessionClaim } from './which-session.ts';

/** Records older than this before their append time are not metered (accounting case 10); so long is a closed session known. */
export const ACCEPT_LATENESS_MS = 7 * 24 * 3_600_000;

/** What one session record came to. */
export interface Metered {
  outcome: Outcome;
  flags: Flag[];
  session: Session;
  /** octets that are new, never negative */
  delta: Bytes;
  /** the time in which they were carried, (fromMs, atMs] */
  fromMs: number;
  atMs: number;
  /** sessions that ended with this record, with their final totals */
  ended: { session: Session; cause: string }[];
  /** the closed sessions changed, so the cold value must be written */
  tombstonesChanged: boolean;
}

/**
 * Turns one cumulative session record into non-negative deltas (RFC 2866, accounting cases 1, 4-6, 9, 11).
 * Changes the subscriber's sessions in place. Sum over a session of its deltas = its greatest totals.
 */
export function meterRecord(
  subscriber: Subscriber,
  event: UsageEvent,
  nas: NasProfile,
  atMs: number,
  watermarkMs: number,
): Metered {
  const claim = claimOf(event, nas, atMs);
  const match = whichSession(
    claim,
    subscriber.sessions,
    subscriber.tombstones,
    nas.startToleranceSeconds * 1000,
    tombstoneHorizon(watermarkMs),
  );
  const ended: Metered['ended'] = [];
  const flags: Flag[] = [];
  let session: Session;
  if (match.kind === 'new') {
    if (match.replaces !== null) {
      close(subscriber, match.replaces, match.replaces.lastEventMs);
      ended.push({ session: match.replaces, cause: 'superseded' });
      flags.push('id-reused');
    }
    session = openSession(claim, event, match.startMs, match.startKnown);
    subscriber.sessions.push(session);
    if (!claim.isStart) flags.push('no-start');
  } else session = match.session;

  const known = match.kind !== 'new';
  const late = match.kind === 'closed' && atMs > (session.closedMs ?? 0) + STOP_TAIL_MS;
  const before = { ...session.counted };
  const fromMs = Math.min(session.lastEventMs, atMs);
  const delta = takeIn(session, claim);
  const outcome = outcomeOf(session, claim, event, before, delta, known, late);
  const isNews = outcome === 'zero-delta' || outcome === 'metered';
  if (known && isNews && fell(claim, before)) flags.push('fell');
  if (outcome === 'metered' && (!known || late) && !claim.isStart) flags.push('estimated');
  remember(session, claim, event);
  const tombstonesChanged =
    match.kind === 'closed' || ended.length > 0 || (claim.isStop && session.closedMs === null);
  if (claim.isStop && session.closedMs === null) {
    close(subscriber, session, atMs);
    ended.push({ session, cause: event.terminateCause ?? '' });
  } else if (match.kind === 'closed' && delta.down + delta.up > 0) {
    ended.push({ session, cause: event.terminateCause ?? '' });
  }
  return { outcome, flags, session, delta, fromMs, atMs, ended, tombstonesChanged };
}

/** Drops tombstones that no record can belong to any more. */
export function pruneTombstones(subscriber: Subscriber, watermarkMs: number): void {
  const horizonMs = tombstoneHorizon(watermarkMs);
  subscriber.tombstones = subscriber.tombstones.filter((session) => session.lastEventMs >= horizonMs);
}

/** Octets that one of the NAS's units stands for. */
export function unitFactor(nas: NasProfile): number {
  return nas.unit === 'kilobytes' ? 1000 : 1;
}

/**
 * Closed sessions whose last event is older are forgotten. An hour longer than records are accepted: the watermark may be
 * ahead of the append time that acceptance goes by.
 */
function tombstoneHorizon(watermarkMs: number): number {
  return watermarkMs - ACCEPT_LATENESS_MS - 3_600_000;
}

function claimOf(event: UsageEvent, nas: NasProfile, atMs: number): SessionClaim {
  const factor = unitFactor(nas);
  const input = event.inputOctets === null ? null : event.inputOctets * factor;
  const output = event.outputOctets === null ? null : event.outputOctets * factor;
  return {
    nasId: event.nasId,
    sessionId: event.sessionId,
    service: event.serviceName ?? '',
    isStart: event.statusType === 'START',
    isStop: event.statusType === 'STOP',
    atMs,
    sessionTimeSeconds: event.sessionTimeSeconds,
    // Input is from the subscriber (RFC 2866 5.3), so upload, unless this NAS counts the other way.
    up: nas.reversed ? output : input,
    down: nas.reversed ? input : output,
  };
}

function openSession(claim: SessionClaim, event: UsageEvent, startMs: number, startKnown: boolean): Session {
  return {
    nasId: claim.nasId,
    sessionId: claim.sessionId,
    service: claim.service,
    serviceClass: event.serviceClass ?? '',
    nasIp: event.nasIp,
    framedIp: event.framedIp,
    startMs,
    startEstimated: !startKnown,
    lastEventMs: startMs,
    counted: { down: 0, up: 0 },
    lastStatus: -1,
    lastSessionTime: -1,
    closedMs: null,
  };
}

/** Raises the session's totals to the record's; gives what was new. Absent octets change nothing. */
function takeIn(session: Session, claim: SessionClaim): Bytes {
  const { counted } = session;
  const down = Math.max(0, (claim.down ?? counted.down) - counted.down);
  const up = Math.max(0, (claim.up ?? counted.up) - counted.up);
  counted.down += down;
  counted.up += up;
  return { down, up };
}

function outcomeOf(
  session: Session,
  claim: SessionClaim,
  event: UsageEvent,
  before: Bytes,
  delta: Bytes,
  known: boolean,
  late: boolean,
): Outcome {
  if (delta.down + delta.up > 0) return late ? 'late' : 'metered';
  if (!known) return 'zero-delta';
  const same =
    STATUS_TYPES.indexOf(event.statusType) === session.lastStatus &&
    (event.sessionTimeSeconds ?? -1) === session.lastSessionTime &&
    (claim.down ?? before.down) === before.down &&
    (claim.up ?? before.up) === before.up;
  if (same) return 'duplicate';
  return claim.atMs > session.lastEventMs ? 'zero-delta' : 'reordered';
}

function fell(claim: SessionClaim, before: Bytes): boolean {
  return (claim.down ?? before.down) < before.down || (claim.up ?? before.up) < before.up;
}

/** Keeps what tells the next duplicate; an older record changes nothing of it. */
function remember(session: Session, claim: SessionClaim, event: UsageEvent): void {
  if (claim.atMs < session.lastEventMs) return;
  session.lastEventMs = claim.atMs;
  session.lastStatus = STATUS_TYPES.indexOf(event.statusType);
  session.lastSessionTime = event.sessionTimeSeconds ?? -1;
  if (event.framedIp !== null) session.framedIp = event.framedIp;
  if (event.nasIp !== null) session.nasIp = event.nasIp;
}

function close(subscriber: Subscriber, session: Session, closedMs: number): void {
  session.closedMs = closedMs;
  subscriber.sessions = subscriber.sessions.filter((other) => other !== session);
  subscriber.tombstones.push(session);
}
