import type { Session } from '../fold/slot-state.ts';
import type { MeterContext, SessionClaim } from './claim.ts';
import { claimedStart, sameNas } from './claim.ts';
import { lifted } from './counters.ts';
import { isForgotten } from './tombstones.ts';

export type SessionMatch =
  | { kind: 'open'; session: Session }
  /** `behind`: an open session uses the id now */
  | { kind: 'closed'; session: Session; behind: boolean }
  /** a session not seen before; `replaces` is the open one under the same id that it ends */
  | { kind: 'new'; startMs: number; startKnown: boolean; replaces: Session | null };

/** What of the context the choice goes by. */
export type ChoiceContext = Pick<MeterContext, 'nas' | 'groupOf' | 'watermarkMs' | 'acceptLatenessMs'>;

/** A record after its session's Stop belongs to it without further proof for this long (accounting case 9). */
export const STOP_TAIL_MS = 10 * 60_000;

/**
 * Which session a record belongs to. Sessions under one (NAS or redundancy group, session id, service) differ by their
 * start: a start that differs from the stored one by more than the tolerance AND lies at or after its last event -
 * tolerance is another session; otherwise it is the same. A Stop matches the open session first, unless its start is
 * that of a closed one and not the open one's (a Stop delivered again after its id was used anew). Where nothing tells
 * a start, a record older than the open session is that of the closed one in whose life it lies. Siblings that share
 * a counter are one session whatever their starts. Closed ones that are forgotten are not seen, pruned or not.
 */
export function whichSession(
  claim: SessionClaim,
  open: readonly Session[],
  closed: readonly Session[],
  context: ChoiceContext,
): SessionMatch {
  const toleranceMs = context.nas.startToleranceSeconds * 1000;
  const startMs = claimedStart(claim);
  const running = runningOf(claim, open, context);
  if (running === null) {
    const ended = closestEnded(closed, claim, startMs, context);
    if (ended !== null && (claim.shared || belongsToEnded(claim, ended, startMs, toleranceMs)))
      return { kind: 'closed', session: ended, behind: false };
    return { kind: 'new', startMs: startMs ?? claim.atMs, startKnown: startMs !== null, replaces: null };
  }
  if (claim.shared || isNear(startMs, running, toleranceMs)) return { kind: 'open', session: running };
  if (startMs !== null || claim.atMs < running.startMs) {
    const ended = closestEnded(closed, claim, startMs, context);
    const isIts =
      ended !== null &&
      (startMs === null ? claim.atMs <= ended.lastEventMs : isNear(startMs, ended, toleranceMs));
    if (isIts) return { kind: 'closed', session: ended, behind: true };
  }
  if (claim.isStop || startMs === null || startMs < running.lastEventMs - toleranceMs)
    return { kind: 'open', session: running };
  return { kind: 'new', startMs, startKnown: true, replaces: running };
}

function isNear(startMs: number | null, session: Session, toleranceMs: number): boolean {
  return startMs !== null && Math.abs(startMs - session.startMs) <= toleranceMs;
}

function sameKey(session: Session, claim: SessionClaim, context: ChoiceContext): boolean {
  return (
    session.sessionId === claim.sessionId &&
    session.service === claim.service &&
    sameNas(session, claim.nasId, claim.group, context.groupOf)
  );
}

function runningOf(claim: SessionClaim, open: readonly Session[], context: ChoiceContext): Session | null {
  for (const session of open) if (sameKey(session, claim, context)) return session;
  return null;
}

/**
 * The closed session of this key whose start is closest. Without a start: the one in whose life the record lies, the first
 * to end where there are several, else the one that ended last.
 */
function closestEnded(
  closed: readonly Session[],
  claim: SessionClaim,
  startMs: number | null,
  context: ChoiceContext,
): Session | null {
  let best: Session | null = null;
  let bestScore = Number.POSITIVE_INFINITY;
  for (const session of closed) {
    if (!sameKey(session, claim, context)) continue;
    if (isForgotten(session, context.watermarkMs, context.acceptLatenessMs)) continue;
    const score = distance(session, claim, startMs);
    if (score < bestScore) {
      best = session;
      bestScore = score;
    }
  }
  return best;
}

/** Smaller is closer. Instants are below 2^43, so any life that holds the record is closer than any that ended before. */
function distance(session: Session, claim: SessionClaim, startMs: number | null): number {
  if (claim.shared) return -session.lastEventMs;
  if (startMs !== null) return Math.abs(startMs - session.startMs);
  return session.lastEventMs >= claim.atMs ? session.lastEventMs : 2 ** 44 - session.lastEventMs;
}

function belongsToEnded(
  claim: SessionClaim,
  ended: Session,
  startMs: number | null,
  toleranceMs: number,
): boolean {
  if (startMs !== null) {
    return isNear(startMs, ended, toleranceMs) || startMs < ended.lastEventMs - toleranceMs;
  }
  // Nothing tells the start: the tail of a Stop, or a counter that went on.
  return claim.atMs <= (ended.closedMs ?? ended.lastEventMs) + STOP_TAIL_MS || goesOn(claim, ended);
}

/** Totals that did not fall. A record without any tells nothing: it belongs to a session that may still go on. */
function goesOn(claim: SessionClaim, ended: Session): boolean {
  const { level } = ended;
  const { wrap } = claim;
  // A Stop's zeros say no more than absent octets (case 8).
  const down = claim.isStop && claim.down === 0 ? null : claim.down;
  const up = claim.isStop && claim.up === 0 ? null : claim.up;
  if (down === null && up === null) return ended.closedBy !== 'stop';
  return lifted(down, level.down, wrap) >= level.down && lifted(up, level.up, wrap) >= level.up;
}
