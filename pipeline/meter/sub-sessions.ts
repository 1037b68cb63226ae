import type { SubSessions } from '../../schemas/profile.ts';
import type { Bytes, ClassTotal, Session, Subscriber } from '../fold/slot-state.ts';
import type { MeterContext, SessionClaim } from './claim.ts';
import { sameNas } from './claim.ts';
import { isForgotten } from './tombstones.ts';

/** True where the NAS's profile leaves a record's octets to its parent, or to its children (accounting case 16). */
export function isIgnored(claim: SessionClaim, rule: SubSessions): boolean {
  if (rule === 'parent') return claim.parentId !== '';
  return rule === 'children' && claim.parentId === '';
}

/** True where a session's counters only say which class its parent's bytes belong to: they are no usage of their own. */
export function isSplitChild(session: Session): boolean {
  return session.parentId !== '';
}

/**
 * True where an open sibling under the same multi-session id shows the same totals: two sessions seem to report one
 * counter and nobody said so (`sum`).
 */
export function isDoubleCount(
  subscriber: Subscriber,
  session: Session,
  claim: SessionClaim,
  groupOf: MeterContext['groupOf'],
): boolean {
  const { down, up } = session.level;
  if (claim.multiId === '' || down + up === 0) return false;
  return subscriber.sessions.some(
    (other) =>
      other !== session &&
      other.multiId === claim.multiId &&
      other.level.down === down &&
      other.level.up === up &&
      sameNas(other, claim.nasId, claim.group, groupOf),
  );
}

/**
 * Splits a parent's delta by class: what its children have counted and not moved yet goes to their classes, oldest
 * start first, the rest is the parent's. The sum is the delta. Raises `moved` of the children.
 * `closedMoved` = a closed child's did change.
 */
export function splitShares(
  subscriber: Subscriber,
  parent: Session,
  delta: Bytes,
  claim: SessionClaim,
  context: MeterContext,
): { shares: ClassTotal[]; closedMoved: boolean } {
  const left = { ...delta };
  const shares: ClassTotal[] = [];
  let closedMoved = false;
  for (const child of childrenOf(subscriber, parent, claim, context)) {
    const down = Math.min(child.counted.down - child.moved.down, left.down);
    const up = Math.min(child.counted.up - child.moved.up, left.up);
    if (down + up === 0) continue;
    child.moved.down += down;
    child.moved.up += up;
    left.down -= down;
    left.up -= up;
    addShare(shares, child.serviceClass, down, up);
    closedMoved ||= child.closedMs !== null;
  }
  if (left.down + left.up > 0) addShare(shares, parent.serviceClass, left.down, left.up);
  return { shares, closedMoved };
}

function childrenOf(
  subscriber: Subscriber,
  parent: Session,
  claim: SessionClaim,
  { groupOf, watermarkMs, acceptLatenessMs }: MeterContext,
): Session[] {
  const isChild = (session: Session): boolean =>
    session.parentId === parent.sessionId && sameNas(session, claim.nasId, claim.group, groupOf);
  const known = subscriber.tombstones.filter(
    (session) => isChild(session) && !isForgotten(session, watermarkMs, acceptLatenessMs),
  );
  return [...subscriber.sessions.filter(isChild), ...known].sort(byStart);
}

function byStart(a: Session, b: Session): number {
  if (a.startMs !== b.startMs) return a.startMs - b.startMs;
  if (a.sessionId === b.sessionId) return 0;
  return a.sessionId < b.sessionId ? -1 : 1;
}

function addShare(shares: ClassTotal[], serviceClass: string, down: number, up: number): void {
  const known = shares.find((share) => share.serviceClass === serviceClass);
  if (known === undefined) shares.push({ serviceClass, down, up });
  else {
    known.down += down;
    known.up += up;
  }
}
