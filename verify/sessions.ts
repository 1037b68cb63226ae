import type { StatusType } from '../schemas/accounting-record.ts';
import type { Amount } from './amount.ts';
import { nothing } from './amount.ts';
import { goesOn } from './counters.ts';
import type { Reading } from './record.ts';

const HOUR = 3_600_000;
const TAIL_MS = 600_000;
/** So long a session that its NAS did not end may go on. */
const RESUMABLE_MS = 35 * 24 * HOUR;
const MOST_CLOSED = 1000;

export type CloseCause = 'stop' | 'superseded' | 'timeout' | 'nas-event' | 'operator';

/** A session; `closedMs` null = open. */
export interface Session {
  /** the NAS whose counter `level` is */
  nasId: string;
  sessionId: string;
  service: string;
  serviceClass: string;
  multiId: string;
  /** '' = its octets are usage of their own (case 16, split) */
  parentId: string;
  startMs: number;
  startEstimated: boolean;
  lastEventMs: number;
  /** sum of its deltas */
  counted: Amount;
  /** greatest reading since its counter last began */
  level: Amount;
  /** a later, lower reading that may be a restart (case 7) */
  candidate: (Amount & { atMs: number }) | null;
  /** when its counter began anew, and its greatest reading before; null = it did not */
  restart: (Amount & { atMs: number }) | null;
  absurd: boolean;
  /** what of a child's bytes was taken out of its parent's class (case 16, split) */
  moved: Amount;
  last: { status: StatusType; sessionTime: number | null };
  closedMs: number | null;
  closedBy: CloseCause | null;
}

/** The sessions of one subscriber. Open ones in order of opening, closed ones in order of closing. */
export interface Sessions {
  open: Session[];
  closed: Session[];
  /** last event of the newest session that was dropped for want of room; 0 = none */
  forgottenMs: number;
}

/** Redundancy group of a NAS by its profile in force, '' = it is on its own. */
export type GroupOf = (nasId: string) => string;

/** Which session a record belongs to. */
export type Choice =
  | { kind: 'open'; session: Session }
  /** `isBehind`: an open session uses the id now */
  | { kind: 'closed'; session: Session; isBehind: boolean }
  /** none that is known; `replaces` is the open one whose id it uses anew (case 6) */
  | { kind: 'new'; startMs: number; startKnown: boolean; replaces: Session | null };

export function noSessions(): Sessions {
  return { open: [], closed: [], forgottenMs: 0 };
}

/** "Which session is it": among those of one key, told apart by their starts. Changes nothing. */
export function chooseSession(reading: Reading, { open, closed }: Sessions, groupOf: GroupOf): Choice {
  const { startMs: start, atMs, isShared } = reading;
  const toleranceMs = reading.nas.startToleranceSeconds * 1000;
  const running = open.find((session) => hasKey(session, reading, groupOf));
  const ended = nearest(
    closed.filter((session) => hasKey(session, reading, groupOf)),
    reading,
  );
  const sameStart = (session: Session): boolean =>
    start !== null && Math.abs(start - session.startMs) <= toleranceMs;
  const follows = (session: Session): boolean =>
    start !== null && !sameStart(session) && start >= session.lastEventMs - toleranceMs;

  if (running === undefined) {
    if (ended !== undefined && (isShared || isItsOwn(reading, ended, follows)))
      return { kind: 'closed', session: ended, isBehind: false };
    return { kind: 'new', startMs: start ?? atMs, startKnown: start !== null, replaces: null };
  }
  if (isShared || sameStart(running)) return { kind: 'open', session: running };
  // Delivered again after the id was used anew: it names the closed one's start, or lies in its life.
  const isOfEnded =
    ended !== undefined &&
    (start === null ? atMs < running.startMs && atMs <= ended.lastEventMs : sameStart(ended));
  if (isOfEnded) return { kind: 'closed', session: ended, isBehind: true };
  if (reading.event.statusType === 'STOP' || !follows(running)) return { kind: 'open', session: running };
  return { kind: 'new', startMs: start ?? atMs, startKnown: true, replaces: running };
}

/** A session that a record begins. */
export function openSession(reading: Reading, startMs: number, startKnown: boolean): Session {
  const { event } = reading;
  return {
    nasId: event.nasId,
    sessionId: reading.sessionId,
    service: reading.service,
    serviceClass: reading.serviceClass,
    multiId: reading.multiId,
    parentId: reading.nas.subSessions === 'split' ? reading.parentId : '',
    startMs,
    startEstimated: !startKnown,
    lastEventMs: reading.atMs,
    counted: nothing(),
    level: nothing(),
    candidate: null,
    restart: null,
    absurd: false,
    moved: nothing(),
    last: { status: event.statusType, sessionTime: event.sessionTimeSeconds },
    closedMs: null,
    closedBy: null,
  };
}

export function closeSession(sessions: Sessions, session: Session, closedMs: number, by: CloseCause): void {
  session.closedMs = closedMs;
  session.closedBy = by;
  // After a Stop nothing can confirm a restart any more.
  if (by === 'stop') session.candidate = null;
  sessions.open = sessions.open.filter((other) => other !== session);
  sessions.closed.push(session);
}

export function reopenSession(sessions: Sessions, session: Session): void {
  session.closedMs = null;
  session.closedBy = null;
  sessions.closed = sessions.closed.filter((other) => other !== session);
  sessions.open.push(session);
}

/** Closed sessions are forgotten by event time: sooner after a Stop, since the others may go on. */
export function isForgotten(
  { closedBy, closedMs, lastEventMs }: Session,
  watermarkMs: number,
  acceptLatenessMs: number,
): boolean {
  if (closedBy === 'stop') return lastEventMs < watermarkMs - HOUR - acceptLatenessMs;
  const heldMs = Math.max(RESUMABLE_MS, acceptLatenessMs);
  return Math.max(lastEventMs, closedMs ?? 0) < watermarkMs - HOUR - heldMs;
}

/** Those that a record may belong to. */
export function rememberedOf(sessions: Sessions, watermarkMs: number, acceptLatenessMs: number): Sessions {
  const closed = sessions.closed.filter((one) => !isForgotten(one, watermarkMs, acceptLatenessMs));
  return { ...sessions, closed };
}

/** Drops what is forgotten, and of more than 1,000 closed sessions the one whose last event is oldest. */
export function prune(sessions: Sessions, watermarkMs: number, acceptLatenessMs: number): void {
  sessions.closed = rememberedOf(sessions, watermarkMs, acceptLatenessMs).closed;
  while (sessions.closed.length > MOST_CLOSED) {
    const [oldest] = byAge(sessions.closed);
    if (oldest === undefined) return;
    sessions.closed = sessions.closed.filter((session) => session !== oldest);
    sessions.forgottenMs = Math.max(sessions.forgottenMs, oldest.lastEventMs);
  }
}

/** Who was silent longest first; of equals the earlier start, then the smaller id. */
export function byAge(sessions: readonly Session[]): Session[] {
  const byId = (a: Session, b: Session): number =>
    Number(a.sessionId > b.sessionId) - Number(a.sessionId < b.sessionId);
  return [...sessions].sort((a, b) => a.lastEventMs - b.lastEventMs || a.startMs - b.startMs || byId(a, b));
}

/** Whether the record of an unknown session may belong to one that was dropped for want of room. */
export function mayBeForgotten(reading: Reading, { forgottenMs }: Sessions): boolean {
  const { startMs, atMs } = reading;
  const toleranceMs = startMs === null || startMs === atMs ? 0 : reading.nas.startToleranceSeconds * 1000;
  return forgottenMs > 0 && (startMs ?? atMs) - toleranceMs <= forgottenMs;
}

/** NAS of one redundancy group are one NAS. */
export function isOfNas(session: Session, { event, group }: Reading, groupOf: GroupOf): boolean {
  return session.nasId === event.nasId || (group !== '' && groupOf(session.nasId) === group);
}

function hasKey(session: Session, reading: Reading, groupOf: GroupOf): boolean {
  return (
    session.sessionId === reading.sessionId &&
    session.service === reading.service &&
    isOfNas(session, reading, groupOf)
  );
}

/**
 * By start; where the record tells none, the first to end of those in whose life it lies, else the one that ended last.
 * Of equals the one closed first.
 */
function nearest(closed: readonly Session[], { startMs, atMs, isShared }: Reading): Session | undefined {
  const [newest] = [...closed].sort((a, b) => b.lastEventMs - a.lastEventMs);
  if (isShared) return newest;
  if (startMs === null) {
    const around = closed.filter(({ lastEventMs }) => lastEventMs >= atMs);
    return around.sort((a, b) => a.lastEventMs - b.lastEventMs)[0] ?? newest;
  }
  const distance = (session: Session): number => Math.abs(startMs - session.startMs);
  return [...closed].sort((a, b) => distance(a) - distance(b))[0];
}

function isItsOwn(reading: Reading, ended: Session, follows: (session: Session) => boolean): boolean {
  if (reading.startMs !== null) return !follows(ended);
  const isTail = reading.atMs <= (ended.closedMs ?? 0) + TAIL_MS;
  return isTail || goesOn(ended, reading);
}
