import type { CycleCalendar } from '../../rules/cycle.ts';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import type { Span } from '../../schemas/tariff.ts';
import type { ClassTotal, CycleTotal, Subscriber } from '../fold/slot-state.ts';
import { NO_PARTS } from '../fold/tariff-state.ts';
import type { CyclePart } from '../fold/tariff-state.ts';
import { addCarried, addClass, addOffPeak } from './class-totals.ts';
import type { Carried } from './class-totals.ts';
import { cutPart } from './cut-part.ts';
import { splitExactly } from './split.ts';

/**
 * Parts of one cycle; they are in the value that each record writes. The store sells no more than make 120 boundaries in 32 days
 * (`tooLong`), so more come of hand-made controls alone.
 */
export const MAX_PARTS = 128;

/**
 * Where parts of a cycle begin besides its start, ascending: beginnings and ends of assignments and unlimited times. Of more than
 * can be kept the last ones.
 */
export function boundariesIn(profile: SubscriberProfile | null, { startMs, endMs }: Span): number[] {
  const found = new Set<number>();
  const add = (atMs: number | null): void => {
    if (atMs !== null && atMs > startMs && atMs < endMs) found.add(atMs);
  };
  for (const { fromMs, toMs } of profile?.assignments ?? []) {
    add(fromMs);
    add(toMs);
  }
  for (const { fromMs, toMs } of profile?.unlimited ?? []) {
    add(fromMs);
    add(toMs);
  }
  return [...found].sort((a, b) => a - b).slice(1 - MAX_PARTS);
}

/** Parts of a cycle that has carried nothing; none where no boundary lies in it. */
export function partsOf({ keepsParts, profile }: Subscriber, span: Span): CyclePart[] {
  const boundaries = keepsParts ? boundariesIn(profile, span) : [];
  if (boundaries.length === 0) return NO_PARTS;
  return [span.startMs, ...boundaries].map((fromMs, i) => ({
    fromMs,
    toMs: boundaries[i] ?? span.endMs,
    ...{ down: 0, up: 0, classes: [], offPeak: [] },
  }));
}

/** The part that contains an instant; what lies before the first or behind the last belongs to these. */
export function partAt(parts: readonly CyclePart[], atMs: number): CyclePart | undefined {
  let found = parts[0];
  for (const part of parts) if (part.fromMs <= atMs) found = part;
  return found;
}

/** What of some bytes one part has. */
export interface PartShare {
  part: CyclePart;
  down: number;
  up: number;
}

/** Divides bytes that were carried in [fromMs, toMs) over the parts that it touches, in proportion to time. */
export function sharesOf(
  parts: readonly CyclePart[],
  fromMs: number,
  toMs: number,
  bytes: { down: number; up: number },
): PartShare[] {
  const first = partAt(parts, fromMs);
  const touched = parts.filter((part) => part === first || (part.fromMs > fromMs && part.fromMs < toMs));
  const lengths = touched.map((part, i) => {
    const beginMs = i === 0 ? fromMs : part.fromMs;
    return (touched[i + 1]?.fromMs ?? toMs) - beginMs;
  });
  const down = splitExactly(bytes.down, lengths);
  const up = splitExactly(bytes.up, lengths);
  return touched.map((part, i) => ({ part, down: down[i] ?? 0, up: up[i] ?? 0 }));
}

/** Adds what was carried in [fromMs, toMs) to the parts of its cycle. */
export function addToParts(
  parts: readonly CyclePart[],
  fromMs: number,
  toMs: number,
  { serviceClass, offPeak, ...bytes }: Carried,
): void {
  for (const { part, down, up } of sharesOf(parts, fromMs, toMs, bytes))
    if (down + up > 0) addCarried(part, { serviceClass, offPeak, down, up });
}

/**
 * Brings the parts of all cycles that are not closed to what the profile says now. Parts between which it has no boundary any more
 * become one; a new boundary cuts the part that it lies in (`cutPart`).
 */
export function alignParts(subscriber: Subscriber, calendar: CycleCalendar, zone: string): void {
  if (!subscriber.keepsParts) return;
  for (const cycle of subscriber.cycles) align(subscriber, cycle, calendar, zone);
  for (const cycle of subscriber.pastCycles) if (!cycle.closed) align(subscriber, cycle, calendar, zone);
}

function align(subscriber: Subscriber, cycle: CycleTotal, calendar: CycleCalendar, zone: string): void {
  const boundaries = boundariesIn(subscriber.profile, cycle);
  if (boundaries.length === 0) {
    cycle.parts = NO_PARTS;
    return;
  }
  const isSame =
    cycle.parts.length === boundaries.length + 1 &&
    boundaries.every((atMs, i) => cycle.parts[i + 1]?.fromMs === atMs);
  if (isSame) return;
  let parts = cycle.parts.length === 0 ? [wholeOf(cycle)] : joined(cycle.parts, boundaries);
  for (const atMs of boundaries) {
    const at = parts.findIndex((part) => part.fromMs < atMs && atMs < part.toMs);
    const part = parts[at];
    if (part !== undefined)
      parts = parts.toSpliced(at, 1, ...cutPart(part, atMs, subscriber, calendar, zone));
  }
  cycle.parts = parts;
}

/** A cycle as its only part. */
function wholeOf({ startMs, endMs, down, up, classes, offPeak }: CycleTotal): CyclePart {
  return { fromMs: startMs, toMs: endMs, down, up, classes: copied(classes), offPeak: copied(offPeak) };
}

/** Parts whose boundary is none any more are added to those before. */
function joined(parts: readonly CyclePart[], boundaries: readonly number[]): CyclePart[] {
  const kept: CyclePart[] = [];
  for (const part of parts) {
    const before = kept.at(-1);
    if (before === undefined || boundaries.includes(part.fromMs)) {
      kept.push({ ...part, classes: copied(part.classes), offPeak: copied(part.offPeak) });
      continue;
    }
    before.toMs = part.toMs;
    before.down += part.down;
    before.up += part.up;
    for (const share of part.classes) addClass(before, share, false);
    for (const share of part.offPeak) addOffPeak(before, share);
  }
  return kept;
}

function copied(classes: readonly ClassTotal[]): ClassTotal[] {
  return classes.map((share) => ({ ...share }));
}
