import { addTo, isNothing, nothing, plus } from './amount.ts';
import type { Cycle, CycleTerms } from './cycle-book.ts';
import type { Expected, ExpectedAdjustment } from './expected.ts';
import { ruleOf } from './line.ts';
import type { Line } from './line.ts';
import { causeOf } from './metering.ts';
import type { Metered } from './metering.ts';
import { partAt } from './parts.ts';
import { closeSession } from './sessions.ts';
import type { CloseCause, Session } from './sessions.ts';
import { spreadOf } from './spread.ts';
import type { SpreadPart } from './spread.ts';
import { noteLate } from './top-up-use.ts';
import type { World } from './world.ts';

/** Whose bytes they are, and which entry brought them. */
interface Origin {
  serviceClass: string;
  /** whether what was carried from an instant on was carried off-peak */
  isOffPeak: (atMs: number) => boolean;
  nasId: string;
  offset: number;
  world: World;
}

/** What the entry that was metered stands in. */
interface Surroundings {
  nasId: string;
  offset: number;
  watermarkMs: number;
  world: World;
}

/** What a metered record leaves: usage, rows of ended sessions, flags. */
export function addMetered(
  expected: Expected,
  line: Line,
  metered: Metered,
  { nasId, offset, watermarkMs, world }: Surroundings,
): void {
  for (const flag of metered.flags) expected.flags[flag] += 1;
  const { session } = metered;
  if (session !== null) {
    const rule = ruleOf(line, world);
    const dayOf = (ms: number): { endMs: number } => line.book.dayOf(rule, ms);
    const shares = [...metered.shares].map(([serviceClass, share]) => ({
      serviceClass,
      parts: spreadOf(share, metered.fromMs, metered.atMs, watermarkMs, dayOf),
    }));
    const isEstimated =
      shares.length > 0 && (session.startEstimated || shares.some(({ parts }) => parts.length > 1));
    const keeps = !world.throttlesOnly;
    const isOffPeak = (ms: number): boolean => keeps && world.offPeak.isOffPeak(rule.zone, ms);
    const touched = new Set<Cycle>();
    if (keeps) line.recent.addWindows(rule.zone, shares);
    for (const { serviceClass, parts } of shares) {
      if (keeps)
        for (const part of parts) if (!isNothing(part)) line.recent.addToHours(rule.zone, serviceClass, part);
      addUsageParts(expected, line, rule, parts, touched, { serviceClass, nasId, offset, isOffPeak, world });
    }
    // The earlier cycle comes first: what it uses and leaves is there for the later ones.
    const inOrder = [...touched].sort((a, b) => a.startMs - b.startMs);
    if (world.tariffs) for (const cycle of inOrder) noteLate(line, cycle, world.plans);
    if (isEstimated && !metered.flags.includes('estimated')) expected.flags.estimated += 1;
  }
  for (const one of metered.ended) putSessionRow(expected, line, one.session, one.cause, offset);
}

/**
 * Case 21: the parts of a delta go to their windows, or late ones to a late row a cycle; all of them to their cycles, and to
 * billing where that is closed.
 */
function addUsageParts(
  expected: Expected,
  line: Line,
  rule: CycleTerms,
  parts: readonly SpreadPart[],
  touched: Set<Cycle>,
  origin: Origin,
): void {
  let late = null as { cycle: Cycle; part: SpreadPart } | null;
  for (const part of parts) {
    if (isNothing(part)) continue;
    // By the beginning of its window; what is late by its own.
    const offPeak = origin.isOffPeak(part.windowMs ?? part.fromMs);
    const { cycle, shares } = line.book.add(rule, origin.serviceClass, part, offPeak);
    const follows = part.windowMs === null && late?.cycle === cycle;
    if (cycle.closed)
      for (const { part: of, share } of shares) {
        const place = { partFromMs: of?.startMs ?? null, offPeak };
        const known = follows ? expected.adjustments.at(-1) : undefined;
        const one = { ...adjustmentOf(line, cycle, origin.serviceClass, origin.offset), ...place };
        adjust(expected, known, { ...one, ...share, reason: 'late-usage' });
      }
    touched.add(cycle);
    if (part.windowMs !== null) {
      const key = [line.id, part.windowMs, origin.serviceClass, origin.nasId];
      addToWindow(expected, JSON.stringify(key), part, origin.offset);
    } else if (late?.cycle === cycle) {
      late.part = { ...part, ...plus(late.part, part), fromMs: late.part.fromMs };
    } else {
      if (late !== null) addLate(expected, line, late.part, origin);
      late = { cycle, part };
    }
  }
  if (late !== null) addLate(expected, line, late.part, origin);
}

function addLate(expected: Expected, line: Line, part: SpreadPart, origin: Origin): void {
  const { serviceClass, nasId, offset } = origin;
  const key = [offset, line.id, part.fromMs, part.toMs, serviceClass, nasId];
  addTo(expected.late, JSON.stringify(key), { down: part.down, up: part.up });
}

/** Usage of a cycle that went to billing; pieces of one late row that follow one another in one part are one. */
function adjust(expected: Expected, known: ExpectedAdjustment | undefined, more: ExpectedAdjustment): void {
  if (isNothing(more)) return;
  const isSame = known?.partFromMs === more.partFromMs && known.offPeak === more.offPeak;
  if (isSame) Object.assign(known, plus(known, more));
  else expected.adjustments.push(more);
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
): Omit<ExpectedAdjustment, 'down' | 'up' | 'reason' | 'partFromMs' | 'offPeak'> {
  return { subscriberId: line.id, cycleStartMs: cycle.startMs, serviceClass, offset, letter: null };
}

/** The part that something without a time of its own belongs to. */
export function placeIn({ parts }: Cycle, atMs: number): Pick<ExpectedAdjustment, 'partFromMs' | 'offPeak'> {
  return { partFromMs: partAt(parts, atMs)?.startMs ?? null, offPeak: false };
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
