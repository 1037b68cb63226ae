import type { StatusType, UsageEvent } from '../../schemas/accounting-record.ts';

/** A session as the oracle keeps it; `closedMs` null = open. Lists of them are in the order of closing, open last. */
export interface OracleSession {
  nasId: string;
  sessionId: string;
  service: string;
  serviceClass: string;
  startMs: number;
  lastEventMs: number;
  down: bigint;
  up: bigint;
  lastRecord: [status: StatusType | null, sessionTime: number | null];
  closedMs: number | null;
}

/** What a record says of its session. */
export interface OracleClaim {
  status: StatusType;
  atMs: number;
  sessionTime: number | null;
  down: bigint | null;
  up: bigint | null;
}

/**
 * The session of a record, by "Which session is it" of accounting.md: among the sessions of one key, told apart by
 * their starts. Makes it (and closes the one that it follows) where there is none. Changes the list.
 */
export function chooseSession(
  claim: OracleClaim,
  event: UsageEvent,
  sessions: OracleSession[],
  toleranceMs: number,
  horizonMs: number,
): { session: OracleSession; isNew: boolean } {
  const start = startOf(claim);
  const open = sessions.find((session) => session.closedMs === null);
  const closed = sessions.filter((session) => session.closedMs !== null && session.lastEventMs >= horizonMs);
  const candidate = nearestClosed(closed, start);
  const sameStart = (session: OracleSession): boolean =>
    start !== null && Math.abs(start - session.startMs) <= toleranceMs;
  const follows = (session: OracleSession): boolean =>
    start !== null && !sameStart(session) && start >= session.lastEventMs - toleranceMs;

  if (open !== undefined) {
    // Delivered again after the id was used anew: it names the start of the closed one.
    if (candidate !== undefined && sameStart(candidate) && !sameStart(open))
      return { session: candidate, isNew: false };
    if (claim.status === 'STOP' || !follows(open)) return { session: open, isNew: false };
    open.closedMs = open.lastEventMs;
    moveToClosed(sessions, open);
  } else if (candidate !== undefined) {
    const tail = claim.atMs <= (candidate.closedMs ?? 0) + 600_000;
    const goesOn = (claim.down ?? 0n) >= candidate.down && (claim.up ?? 0n) >= candidate.up;
    const itsOwn = start === null ? tail || goesOn : !follows(candidate);
    if (itsOwn) return { session: candidate, isNew: false };
  }
  const session: OracleSession = {
    nasId: event.nasId,
    sessionId: event.sessionId,
    service: event.serviceName ?? '',
    serviceClass: event.serviceClass ?? '',
    startMs: start ?? claim.atMs,
    lastEventMs: start ?? claim.atMs,
    down: 0n,
    up: 0n,
    lastRecord: [null, null],
    closedMs: null,
  };
  sessions.push(session);
  return { session, isNew: true };
}

function startOf(claim: OracleClaim): number | null {
  if (claim.status === 'START') return claim.atMs;
  if (claim.sessionTime === null || claim.sessionTime === 0) return null;
  return claim.atMs - 1000 * claim.sessionTime;
}

/** By start, or the one that ended last where the record tells none; of equals the one closed first. */
function nearestClosed(closed: readonly OracleSession[], start: number | null): OracleSession | undefined {
  const distance = ({ startMs, lastEventMs }: OracleSession): number =>
    start === null ? -lastEventMs : Math.abs(start - startMs);
  return [...closed].sort((a, b) => distance(a) - distance(b))[0];
}

function moveToClosed(sessions: OracleSession[], session: OracleSession): void {
  sessions.splice(sessions.indexOf(session), 1);
  sessions.push(session);
}
