import type { Amount } from './amount.ts';
import { DIRECTIONS, addTo, isNothing, minus, nothing, plus } from './amount.ts';
import type { Reading } from './record.ts';
import type { GroupOf, Session, Sessions } from './sessions.ts';
import { isOfNas } from './sessions.ts';

/** Case 16: records that are not metered at all, since another session of the line reports the same octets. */
export function isIgnored({ nas, parentId }: Reading): boolean {
  if (nas.subSessions === 'parent') return parentId !== '';
  return nas.subSessions === 'children' && parentId === '';
}

/** Case 16, split: a child's octets are its parent's already; they only say which class those belong to. */
export function isSplitChild(session: Session, { nas }: Reading): boolean {
  return nas.subSessions === 'split' && session.parentId !== '';
}

/** A child from before its NAS's profile said so: what it has counted was usage of its own, and stays where it is. */
export function becomeChild(session: Session, { nas, parentId }: Reading): void {
  if (nas.subSessions !== 'split' || parentId === '' || session.parentId !== '') return;
  session.parentId = parentId;
  session.moved = { ...session.counted };
}

/**
 * A delta by service class. Case 16, split: children among `others` take their bytes out of the parent's, the oldest first.
 * `closedMoved`: a closed one did.
 */
export function sharesOf(
  reading: Reading,
  session: Session,
  others: readonly Session[],
  delta: Amount,
  groupOf: GroupOf,
): { shares: Map<string, Amount>; closedMoved: boolean } {
  const shares = new Map<string, Amount>();
  const rest = { ...delta };
  let closedMoved = false;
  const children = others
    .filter(({ parentId }) => reading.nas.subSessions === 'split' && parentId === session.sessionId)
    .filter((child) => isOfNas(child, reading, groupOf))
    .sort((a, b) => a.startMs - b.startMs || (a.sessionId < b.sessionId ? -1 : 1));
  for (const child of children) {
    const waiting = minus(child.counted, child.moved);
    const taken = nothing();
    for (const d of DIRECTIONS) taken[d] = waiting[d] < rest[d] ? waiting[d] : rest[d];
    if (isNothing(taken)) continue;
    child.moved = plus(child.moved, taken);
    closedMoved ||= child.closedMs !== null;
    rest.down -= taken.down;
    rest.up -= taken.up;
    addTo(shares, child.serviceClass, taken);
  }
  if (!isNothing(rest)) addTo(shares, session.serviceClass, rest);
  return { shares, closedMoved };
}

/** Case 16, not configured: an open sibling reports the same totals. */
export function looksCountedTwice(
  reading: Reading,
  session: Session,
  { open }: Sessions,
  groupOf: GroupOf,
): boolean {
  if (reading.nas.subSessions !== 'sum' || reading.multiId === '' || isNothing(session.level)) return false;
  return open.some(
    (other) =>
      other !== session &&
      other.multiId === reading.multiId &&
      isOfNas(other, reading, groupOf) &&
      other.level.down === session.level.down &&
      other.level.up === session.level.up,
  );
}
