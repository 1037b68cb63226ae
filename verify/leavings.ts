import { addTo, isNothing, nothing, plus } from './amount.ts';
import type { Cycle, CycleRule } from './cycle-book.ts';
import type { Expected, ExpectedAdjustment } from './expected.ts';
import type { Line } from './line.ts';
import { causeOf } from './metering.ts';
import { closeSession } from './sessions.ts';
import type { CloseCause, Session } from './sessions.ts';
import type { SpreadPart } from './spread.ts';

/** Case 21: a part of a delta goes to its window or to a late row, to its cycle, and to billing where that is closed. */
export function addUsagePart(
  expected: Expected,
  line: Line,
  rule: CycleRule,
  part: SpreadPart,
  { serviceClass, nasId, offset }: { serviceClass: string; nasId: string; offset: number },
): void {
  if (isNothing(part)) return;
  const { down, up } = part;
  const cycle = line.book.add(rule, serviceClass, part);
  const isPast = line.book.current !== null && cycle.startMs < line.book.current.startMs;
  if (cycle.closed && isPast) {
    const adjustment = adjustmentOf(line, cycle, serviceClass, offset);
    expected.adjustments.push({ ...adjustment, down, up, reason: 'late-usage' });
  }
  if (part.windowMs === null) {
    const key = [offset, line.id, part.fromMs, part.toMs, serviceClass, nasId];
    addTo(expected.late, JSON.stringify(key), part);
  } else addToWindow(expected, JSON.stringify([line.id, part.windowMs, serviceClass, nasId]), part, offset);
}

function addToWindow({ windows, versions }: Expected, key: string, part: SpreadPart, offset: number): void {
  const before = windows.get(key);
  const now = { ...plus(before ?? nothing(), part), version: offset + 1 };
  windows.set(key, now);
  if (versions === null) return;
  const known = versions.get(key) ?? (before === undefined ? [] : [before]);
  versions.set(key, [...known.filter(({ version }) => version !== now.version), now]);
}

/** What all adjustments of a cycle have in common. */
export function adjustmentOf(
  line: Line,
  cycle: Cycle,
  serviceClass: string,
  offset: number,
): Omit<ExpectedAdjustment, 'down' | 'up' | 'reason'> {
  return { subscriberId: line.id, cycleStartMs: cycle.startMs, serviceClass, offset, letter: null };
}

/** Cases 13 and 14, and operators: a session ends without a Stop. */
export function endSession(
  expected: Expected,
  line: Line,
  session: Session,
  atMs: number,
  by: CloseCause,
  offset: number,
): void {
  closeSession(line.sessions, session, atMs, by);
  if (by !== 'operator' && session.parentId === '') expected.flags['missing-stop'] += 1;
  putSessionRow(expected, line, session, causeOf(session) ?? '', offset);
}

/** The row of a session that ended; a later end replaces it. */
export function putSessionRow(
  expected: Expected,
  line: Line,
  session: Session,
  cause: string,
  offset: number,
): void {
  const { nasId, sessionId, startMs, lastEventMs, counted, parentId } = session;
  // Case 16, split: a child's octets are part of its parent's row.
  if (parentId !== '') return;
  expected.sessionEnds.set(JSON.stringify([line.id, nasId, sessionId, startMs]), {
    ...counted,
    endMs: lastEventMs,
    cause,
    version: offset + 1,
  });
}
