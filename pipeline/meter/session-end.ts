import type { Flag } from '../../schemas/outcome.ts';
import type { CloseCause, Session, Subscriber } from '../fold/slot-state.ts';
import { isOlder } from './tombstones.ts';

/** A session that is closed now, with its final totals. */
export interface EndedSession {
  session: Session;
  /** what its row says of the end */
  cause: string;
  flags: readonly Flag[];
}

/** How long a session of a NAS may be silent, and the greatest event time of that NAS, both in ms. */
export type Hearing = (nasId: string) => { timeoutMs: number; heardMs: number };

/** What rows say of sessions that no Stop ended; after a Stop it is the NAS's own word. */
export const ROW_CAUSES: Readonly<Record<Exclude<CloseCause, 'stop'>, string>> = {
  superseded: 'superseded',
  timeout: 'Weir-Timeout',
  'nas-event': 'NAS-Reboot',
  operator: 'Operator',
};

/** Sessions that a subscriber has open at most; a shared account of a hotspot has some hundred. */
export const MAX_OPEN_SESSIONS = 1000;

const MINUTE_MS = 60_000;
/** A session is silent for at least this long before it times out. */
const MIN_TIMEOUT_MS = 15 * MINUTE_MS;
/** A session of a NAS that sends no interims, or of which nothing is known, times out after this. */
const LONG_TIMEOUT_MS = 48 * 60 * MINUTE_MS;
/** A silent NAS holds its sessions open for this long beyond their time-out. */
const MAX_PAUSE_MS = LONG_TIMEOUT_MS;
/** Sessions that only wait for their NAS to be heard are looked at again after this. */
const LOOK_AGAIN_MS = 15 * MINUTE_MS;

const NONE: readonly EndedSession[] = [];
const MISSING_STOP: readonly Flag[] = ['missing-stop'];

/**
 * How long a session may be silent (accounting case 13): 3 interim intervals, at least 15 min.
 * @param interimSeconds by the NAS profile; 0 = it sends none, null = as learned
 * @param learnedMs null = nothing known yet
 */
export function timeoutMs(interimSeconds: number | null, learnedMs: number | null): number {
  const intervalMs = interimSeconds === null ? learnedMs : interimSeconds * 1000;
  if (intervalMs === null || intervalMs <= 0) return LONG_TIMEOUT_MS;
  return Math.max(3 * intervalMs, MIN_TIMEOUT_MS);
}

/** Makes an open session a tombstone. Its usage stays. */
export function close(
  subscriber: Subscriber,
  session: Session,
  closedMs: number,
  closedBy: CloseCause,
): void {
  session.closedMs = closedMs;
  session.closedBy = closedBy;
  if (closedBy === 'stop') session.candidate = null;
  subscriber.sessions = subscriber.sessions.filter((other) => other !== session);
  subscriber.tombstones.push(session);
}

/**
 * Closes the open session that was silent longest where `latest` is one too many: session ids are the network's word, and every
 * record of a subscriber looks at its open sessions and writes them. A later record takes it up again. Null = there is room.
 */
export function makeRoom(subscriber: Subscriber, latest: Session): EndedSession | null {
  const { sessions } = subscriber;
  if (sessions.length <= MAX_OPEN_SESSIONS) return null;
  let oldest: Session | null = null;
  for (const session of sessions)
    if (session !== latest && (oldest === null || isOlder(session, oldest))) oldest = session;
  if (oldest === null) return null;
  close(subscriber, oldest, oldest.lastEventMs, 'superseded');
  return { session: oldest, cause: ROW_CAUSES.superseded, flags: [] };
}

/** Takes a tombstone up again: the session goes on. */
export function reopen(subscriber: Subscriber, session: Session): void {
  session.closedMs = null;
  session.closedBy = null;
  subscriber.tombstones = subscriber.tombstones.filter((other) => other !== session);
  subscriber.sessions.push(session);
}

/**
 * Closes the sessions of NAS that went down (case 14): those begun at or before the event and not heard of since.
 * @param marks NAS -> time of its last Accounting-On or -Off
 */
export function endByNasEvents(
  subscriber: Subscriber,
  marks: ReadonlyMap<string, number>,
): readonly EndedSession[] {
  return endWhere(subscriber, 'nas-event', MISSING_STOP, ({ nasId, startMs, lastEventMs }) => {
    const atMs = marks.get(nasId);
    return atMs !== undefined && startMs <= atMs && lastEventMs <= atMs ? atMs : null;
  });
}

/**
 * Closes sessions that have been silent for their NAS's time-out, while the NAS was heard; where it was not, 48 h later (case
 * 13). They end at the time-out, whenever this is called.
 */
export function endOverdue(
  subscriber: Subscriber,
  watermarkMs: number,
  hearing: Hearing,
): readonly EndedSession[] {
  return endWhere(subscriber, 'timeout', MISSING_STOP, (session) => {
    const due = dueOf(session, hearing);
    return watermarkMs >= (due.isHeard ? due.atMs : due.atMs + MAX_PAUSE_MS) ? due.atMs : null;
  });
}

/**
 * Earliest watermark at which endOverdue may have something to do, ms; later than `watermarkMs` once it ran. A session whose
 * NAS is silent is looked at every 15 min. null = no open session.
 */
export function nextTimeoutMs(subscriber: Subscriber, hearing: Hearing, watermarkMs: number): number | null {
  let next: number | null = null;
  for (const session of subscriber.sessions) {
    const { atMs, isHeard } = dueOf(session, hearing);
    const lookMs =
      isHeard || atMs > watermarkMs ? atMs : Math.min(watermarkMs + LOOK_AGAIN_MS, atMs + MAX_PAUSE_MS);
    if (next === null || lookMs < next) next = lookMs;
  }
  return next;
}

/** Closes the open session of a NAS and id by an operator's word; null where there is none. */
export function endByOperator(
  subscriber: Subscriber,
  nasId: string,
  sessionId: string,
  watermarkMs: number,
): EndedSession | null {
  const session = subscriber.sessions.find((open) => open.nasId === nasId && open.sessionId === sessionId);
  if (session === undefined) return null;
  close(subscriber, session, watermarkMs, 'operator');
  return { session, cause: ROW_CAUSES.operator, flags: [] };
}

/** `closedMsOf` = when it ended, null = it goes on. */
function endWhere(
  subscriber: Subscriber,
  closedBy: Exclude<CloseCause, 'stop'>,
  flags: readonly Flag[],
  closedMsOf: (session: Session) => number | null,
): readonly EndedSession[] {
  let ended: EndedSession[] | null = null;
  for (const session of subscriber.sessions) {
    const closedMs = closedMsOf(session);
    if (closedMs === null) continue;
    close(subscriber, session, closedMs, closedBy);
    ended ??= [];
    ended.push({ session, cause: ROW_CAUSES[closedBy], flags });
  }
  return ended ?? NONE;
}

/** When a session's silence lasts too long, and whether its NAS was heard since. */
function dueOf(session: Session, hearing: Hearing): { atMs: number; isHeard: boolean } {
  const heard = hearing(session.nasId);
  const atMs = session.lastEventMs + heard.timeoutMs;
  return { atMs, isHeard: heard.heardMs >= atMs };
}
