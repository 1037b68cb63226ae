import type { UsageEvent } from '../../schemas/accounting-record.ts';
import type { Bytes, Session, Subscriber } from '../fold/slot-state.ts';
import { claimOf, classOf } from './claim.ts';
import type { MeterContext, SessionClaim } from './claim.ts';
import { baseline, takeIn } from './counters.ts';
import { beginsBeforeCount, openSession } from './open-session.ts';
import { close } from './session-end.ts';
import { isIgnored, isSplitChild } from './sub-sessions.ts';
import { pruneTombstones } from './tombstones.ts';
import { whichSession } from './which-session.ts';

/**
 * Meters a record that was refused because it was too old (case 10), for an adjustment: what it adds to its session, or all
 * of it where that is unknown. An unknown session leaves a tombstone, so that a second letter of it, or a record that
 * is still on its way, adds only what is new. Opens, closes and reopens nothing. `session` null = ignored (case 16).
 */
export function meterReplayed(
  subscriber: Subscriber,
  event: UsageEvent,
  context: MeterContext,
): { delta: Bytes; session: Session | null; serviceClass: string } {
  const claim = claimOf(event, context);
  const nothing = { down: 0, up: 0 };
  if (isIgnored(claim, context.nas.subSessions))
    return { delta: nothing, session: null, serviceClass: classOf(event, context.nas) };
  const match = whichSession(claim, subscriber.sessions, subscriber.tombstones, context);
  let session: Session;
  let delta: Bytes;
  if (match.kind === 'new') {
    session = openSession(claim, event, match.startMs, match.startKnown, context);
    delta = firstReading(session, claim, context);
    subscriber.sessions.push(session);
    close(subscriber, session, Math.max(context.watermarkMs, claim.atMs), 'operator');
    pruneTombstones(subscriber, context.watermarkMs, context.acceptLatenessMs);
  } else {
    ({ session } = match);
    // Not as a newer record, though it may be: it is no proof of a restart.
    delta = takeIn(session, claim, false, []);
    session.lastEventMs = Math.max(session.lastEventMs, claim.atMs);
  }
  // A child's octets are its parent's only while its NAS's profile says so, as with any other record.
  const isParents = context.nas.subSessions === 'split' && isSplitChild(session);
  return { delta: isParents ? nothing : delta, session, serviceClass: session.serviceClass };
}

function firstReading(session: Session, claim: SessionClaim, context: MeterContext): Bytes {
  return beginsBeforeCount(claim, session.startMs, context)
    ? baseline(session, claim)
    : takeIn(session, claim, false, []);
}
