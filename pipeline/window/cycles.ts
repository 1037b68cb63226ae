import type { CycleCalendar } from '../../rules/cycle.ts';
import type { CycleTotal, DayTotal, Subscriber } from '../fold/slot-state.ts';
import { boundsAt, closedThroughMs, cycleRule } from './calendar-rule.ts';
import type { Span } from '../../schemas/tariff.ts';
import { addCarried, addClass, addOffPeak } from './class-totals.ts';
import type { Carried } from './class-totals.ts';
import type { CyclePart } from '../fold/tariff-state.ts';
import { NO_PARTS } from '../fold/tariff-state.ts';
import { setTodayAside } from './days.ts';
import { addToParts, partAt, partsOf } from './parts.ts';
import { forgetForeignPeak } from './peaks.ts';

/** Rolled cycles that are kept, at least; bytes older than what is kept are counted in the oldest of them. */
const PAST_CYCLES = 3;
/**
 * Shorter cycles are kept for as long as bytes may reach them: a record is at most 35 days late, by configuration, and is spread
 * over 35 more. Months are longer than that already.
 */
const KEPT_MS = 72 * 24 * 3_600_000;

/**
 * Moves the cycles on to the one that contains the watermark. Returns true where a cycle rolled or the first was made:
 * past totals move to the cold value then. Before the first watermark (0) there is no current cycle: bytes wait in theirs.
 */
export function rollCycles(
  subscriber: Subscriber,
  watermarkMs: number,
  calendar: CycleCalendar,
  defaultZone: string,
): boolean {
  const current = subscriber.cycles[0];
  if (watermarkMs <= 0) return false;
  if (current !== undefined && watermarkMs >= current.startMs && watermarkMs < current.endMs) return false;
  const bounds = boundsAt(subscriber, watermarkMs, calendar, defaultZone);
  const ahead = subscriber.cycles.filter((cycle) => cycle.startMs >= bounds.startMs);
  const past = subscriber.cycles.filter((cycle) => cycle.startMs < bounds.startMs);
  // Skewed records before the first watermark may have filed it under the past ones.
  const filed = subscriber.pastCycles.find((cycle) => cycle.startMs === bounds.startMs);
  if (ahead[0]?.startMs !== bounds.startMs)
    ahead.unshift(filed ?? newCycle(bounds, partsOf(subscriber, bounds)));
  subscriber.cycles = ahead;
  const older = subscriber.pastCycles.filter((cycle) => cycle !== filed);
  subscriber.pastCycles = [...past.reverse(), ...older];
  forgetOldest(subscriber.pastCycles, bounds.startMs);
  return true;
}

/** One that is not closed is never forgotten: its close is still to be told. */
function forgetOldest(pastCycles: CycleTotal[], currentStartMs: number): void {
  for (;;) {
    const oldest = pastCycles.at(-1);
    if (oldest === undefined || pastCycles.length <= PAST_CYCLES) return;
    if (!oldest.closed || oldest.endMs > currentStartMs - KEPT_MS) return;
    pastCycles.pop();
  }
}

/**
 * Adds bytes to the cycle that contains an instant, and gives it. One that begins before the current one is cold. Its parts share
 * them by the time in which they were carried, [atMs, toMs).
 */
export function addToCycle(
  subscriber: Subscriber,
  atMs: number,
  bytes: Carried,
  calendar: CycleCalendar,
  defaultZone: string,
  toMs = atMs,
): CycleTotal {
  const cycle = cycleFor(subscriber, atMs, calendar, defaultZone);
  addCarried(cycle, bytes);
  if (cycle.parts.length > 0) addToParts(cycle.parts, atMs, toMs, bytes);
  return cycle;
}

/** The cycle that takes what happened at an instant; what is older than all that are kept goes to the oldest. */
export function cycleFor(
  subscriber: Subscriber,
  atMs: number,
  calendar: CycleCalendar,
  defaultZone: string,
): CycleTotal {
  const [current] = subscriber.cycles;
  if (current !== undefined && atMs >= current.startMs && atMs < current.endMs) return current;
  if (current === undefined || atMs >= current.endMs) {
    const cycle = cycleIn(subscriber, subscriber.cycles, boundsAt(subscriber, atMs, calendar, defaultZone));
    subscriber.cycles.sort((a, b) => a.startMs - b.startMs);
    return cycle;
  }
  const { pastCycles } = subscriber;
  const held = pastCycles.find((cycle) => atMs >= cycle.startMs && atMs < cycle.endMs);
  if (held !== undefined) return held;
  const oldest = pastCycles.at(-1);
  const isOlder = atMs < current.startMs - KEPT_MS;
  if (oldest !== undefined && pastCycles.length >= PAST_CYCLES && isOlder) return oldest;
  const cycle = cycleIn(subscriber, pastCycles, boundsAt(subscriber, atMs, calendar, defaultZone));
  pastCycles.sort((a, b) => b.startMs - a.startMs);
  // One between the kept ones that had no usage so far: the oldest goes, as it does at a roll.
  forgetOldest(pastCycles, current.startMs);
  return cycle;
}

/** The cycles whose time of grace is over and that are not closed, oldest first. */
export function closingCycles(subscriber: Subscriber, watermarkMs: number, graceMs: number): CycleTotal[] {
  return subscriber.pastCycles
    .filter((cycle) => !cycle.closed && watermarkMs >= cycle.endMs + graceMs)
    .reverse();
}

/**
 * A changed zone or anchor: cycles that are not closed are made anew from the day totals, so that each day's bytes lie in
 * the cycle that contains its beginning. Exact where the zone stays; another zone moves whole days.
 *
 * @returns those that were over, newest first, of which the current one has most of the bytes now: what they had besides their
 * caps is not filed with any
 */
export function rebaseCycles(
  subscriber: Subscriber,
  watermarkMs: number,
  calendar: CycleCalendar,
  defaultZone: string,
): CycleTotal[] {
  const over = subscriber.pastCycles.filter((cycle) => !cycle.closed);
  const open = [...subscriber.cycles, ...over];
  subscriber.pastCycles = subscriber.pastCycles.filter((cycle) => cycle.closed);
  const openFromMs = closedThroughMs(subscriber);
  const bounds = boundsAt(subscriber, watermarkMs, calendar, defaultZone);
  subscriber.cycles = watermarkMs > 0 ? [newCycle(bounds, partsOf(subscriber, bounds))] : [];
  setTodayAside(subscriber, calendar, defaultZone);
  forgetForeignPeak(subscriber, cycleRule(subscriber, defaultZone).zone, calendar);
  for (const day of daysOf(subscriber)) {
    if (day.startMs < openFromMs) continue;
    const bytes = { serviceClass: '', down: day.down, up: day.up, offPeak: false };
    const cycle = addToCycle(subscriber, day.startMs, bytes, calendar, defaultZone);
    for (const total of [cycle, partAt(cycle.parts, day.startMs)]) {
      if (total === undefined) continue;
      for (const share of day.classes) addClass(total, share, false);
      for (const share of day.offPeak) addOffPeak(total, share);
    }
  }
  const again = over.filter((cycle) => isCurrentAgain(subscriber, cycle, openFromMs));
  for (const old of open) {
    const { startMs, adjusted } = old;
    const spent = again.includes(old) ? null : old.spent;
    const isAdjusted = adjusted.down !== 0 || adjusted.up !== 0;
    if (!isAdjusted && spent === null) continue;
    const cycle = cycleFor(subscriber, Math.max(startMs, openFromMs), calendar, defaultZone);
    cycle.adjusted.down += adjusted.down;
    cycle.adjusted.up += adjusted.up;
    // What went with the bytes of the current one is in `overage` and uses of top-ups.
    if (spent !== null && subscriber.pastCycles.includes(cycle)) cycle.spent ??= spent;
  }
  return again;
}

/** True where the current cycle has most of the bytes of one that was over, or begins with it or before. */
function isCurrentAgain(subscriber: Subscriber, { startMs, endMs }: CycleTotal, openFromMs: number): boolean {
  const [current] = subscriber.cycles;
  if (current === undefined || endMs <= current.startMs) return false;
  const fromMs = Math.max(startMs, openFromMs);
  if (fromMs >= current.startMs) return true;
  let more = 0;
  for (const day of daysOf(subscriber)) {
    if (day.startMs < fromMs || day.startMs >= endMs) continue;
    more += day.startMs >= current.startMs ? day.down + day.up : -day.down - day.up;
  }
  return more > 0;
}

function daysOf({ today, days }: Subscriber): DayTotal[] {
  return today === null ? days : [today, ...days];
}

/** A cycle without usage. */
export function newCycle(bounds: Span, parts: CyclePart[] = NO_PARTS): CycleTotal {
  const { startMs, endMs } = bounds;
  return {
    startMs,
    endMs,
    down: 0,
    up: 0,
    classes: [],
    adjusted: { down: 0, up: 0 },
    offPeak: [],
    closed: false,
    parts,
    spent: null,
  };
}

function cycleIn(subscriber: Subscriber, cycles: CycleTotal[], bounds: Span): CycleTotal {
  const known = cycles.find((cycle) => cycle.startMs === bounds.startMs);
  if (known !== undefined) return known;
  const made = newCycle(bounds, partsOf(subscriber, bounds));
  cycles.push(made);
  return made;
}
