import type { Session } from '../fold/slot-state.ts';

/** What a record says about the session it belongs to. */
export interface SessionClaim {
  nasId: string;
  sessionId: string;
  service: string;
  isStart: boolean;
  isStop: boolean;
  /** time of the record, ms since 1970 UTC */
  atMs: number;
  /** seconds, null = absent */
  sessionTimeSeconds: number | null;
  /** totals it reports, null = absent */
  down: number | null;
  up: number | null;
}

export type SessionMatch =
  | { kind: 'open'; session: Session }
  | { kind: 'closed'; session: Session }
  /** a session not seen before; `replaces` is the open one under the same id that it ends */
  | { kind: 'new'; startMs: number; startKnown: boolean; replaces: Session | null };

/** A record after its session's Stop belongs to it without further proof for this long (accounting case 9). */
export const STOP_TAIL_MS = 10 * 60_000;

/**
 * Which session a record belongs to. Sessions under one (NAS, session id, service) differ by their start:
 * a start that differs from the stored one by more than the tolerance AND lies at or after its last event - tolerance
 * is another session; otherwise it is the same. A Stop matches the open session first, unless its start is
 * that of a closed one and not the open one's (a Stop delivered again after its id was used anew).
 * Closed ones whose last event lies before `horizonMs` are as good as forgotten: when they are pruned must not show.
 */
export function whichSession(
  claim: SessionClaim,
  open: readonly Session[],
  closed: readonly Session[],
  toleranceMs: number,
  horizonMs: number,
): SessionMatch {
  const startMs = claimedStart(claim);
  const running = open.find((session) => sameId(session, claim)) ?? null;
  const ended = closestEnded(closed, claim, startMs, horizonMs);
  const near = (session: Session): boolean =>
    startMs !== null && Math.abs(startMs - session.startMs) <= toleranceMs;

  if (running !== null) {
    if (ended !== null && near(ended) && !near(running)) {
      return { kind: 'closed', session: ended };
    }
    if (claim.isStop || startMs === null || near(running) || startMs < running.lastEventMs - toleranceMs) {
      return { kind: 'open', session: running };
    }
    return { kind: 'new', startMs, startKnown: true, replaces: running };
  }
  if (ended !== null && belongsToEnded(claim, ended, startMs, toleranceMs))
    return { kind: 'closed', session: ended };
  return { kind: 'new', startMs: startMs ?? claim.atMs, startKnown: startMs !== null, replaces: null };
}

/**
 * Start by the record: its own time on a Start, else event time - session time; null where nothing tells. A session
 * time of 0 tells nothing: some NAS send it always, others on failures, and believing it would make every interim a
 * session of its own, charged from 0.
 */
function claimedStart(claim: SessionClaim): number | null {
  if (claim.isStart) return claim.atMs;
  if (claim.sessionTimeSeconds === null || claim.sessionTimeSeconds === 0) return null;
  return claim.atMs - claim.sessionTimeSeconds * 1000;
}

function sameId(session: Session, claim: SessionClaim): boolean {
  return (
    session.sessionId === claim.sessionId &&
    session.nasId === claim.nasId &&
    session.service === claim.service
  );
}

/** The closed session of this id whose start is closest; without a start, the one that ended last. */
function closestEnded(
  closed: readonly Session[],
  claim: SessionClaim,
  startMs: number | null,
  horizonMs: number,
): Session | null {
  let best: Session | null = null;
  let bestScore = Number.POSITIVE_INFINITY;
  for (const session of closed) {
    if (session.lastEventMs < horizonMs || !sameId(session, claim)) continue;
    const score = startMs === null ? -session.lastEventMs : Math.abs(startMs - session.startMs);
    if (score < bestScore) {
      best = session;
      bestScore = score;
    }
  }
  return best;
}

function belongsToEnded(
  claim: SessionClaim,
  ended: Session,
  startMs: number | null,
  toleranceMs: number,
): boolean {
  if (startMs !== null) {
    return Math.abs(startMs - ended.startMs) <= toleranceMs || startMs < ended.lastEventMs - toleranceMs;
  }
  // Nothing tells the start: the tail of a Stop, or a counter that went on.
  const continues = (claim.down ?? 0) >= ended.counted.down && (claim.up ?? 0) >= ended.counted.up;
  return continues || claim.atMs <= (ended.closedMs ?? ended.lastEventMs) + STOP_TAIL_MS;
}
