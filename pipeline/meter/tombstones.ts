import type { Session, Subscriber } from '../fold/slot-state.ts';
import type { SessionClaim } from './claim.ts';
import { claimedStart } from './claim.ts';

/** Closed sessions that a subscriber keeps at most. */
export const MAX_TOMBSTONES = 1000;
/** A session that no Stop closed can go on this long: the longest silence that usage is spread over. */
const REOPEN_MS = 35 * 24 * 3_600_000;
/** The watermark may be ahead of the append time that acceptance goes by. */
const SLACK_MS = 3_600_000;

/**
 * True where no record can belong to a closed session any more. Asked whenever one is looked for, so that it does not
 * show when they are pruned. One that a Stop closed is known for acceptLateness, the others longer: they may go on.
 */
export function isForgotten(session: Session, watermarkMs: number, acceptLatenessMs: number): boolean {
  if (session.closedBy === 'stop') return session.lastEventMs < watermarkMs - acceptLatenessMs - SLACK_MS;
  const heldMs = Math.max(REOPEN_MS, acceptLatenessMs) + SLACK_MS;
  return Math.max(session.lastEventMs, session.closedMs ?? 0) < watermarkMs - heldMs;
}

/**
 * Drops closed sessions that no record can belong to, and beyond 1,000 the oldest: `forgottenMs` then says up to when
 * an unknown session may be one of them. Idempotent.
 */
export function pruneTombstones(subscriber: Subscriber, watermarkMs: number, acceptLatenessMs: number): void {
  const kept = subscriber.tombstones.filter(
    (session) => !isForgotten(session, watermarkMs, acceptLatenessMs),
  );
  while (kept.length > MAX_TOMBSTONES) {
    const dropped = kept.reduce((oldest, session) => (isOlder(session, oldest) ? session : oldest));
    kept.splice(kept.indexOf(dropped), 1);
    subscriber.forgottenMs = Math.max(subscriber.forgottenMs, dropped.lastEventMs);
  }
  subscriber.tombstones = kept;
}

/**
 * True where the record of an unknown session may belong to one that was dropped for want of room: charging it could
 * count twice. A Start too: the Stop delivered again behind it would find it open.
 */
export function mayBeForgotten(subscriber: Subscriber, claim: SessionClaim, toleranceMs: number): boolean {
  if (subscriber.forgottenMs === 0) return false;
  const startMs = claimedStart(claim) ?? claim.atMs;
  const slackMs = startMs === claim.atMs ? 0 : toleranceMs;
  return startMs - slackMs <= subscriber.forgottenMs;
}

/** The order in which sessions give way to others: by last event, then start, then id. */
export function isOlder(a: Session, b: Session): boolean {
  if (a.lastEventMs !== b.lastEventMs) return a.lastEventMs < b.lastEventMs;
  if (a.startMs !== b.startMs) return a.startMs < b.startMs;
  return a.sessionId < b.sessionId;
}
