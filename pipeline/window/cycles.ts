import type { CycleCalendar } from '../../rules/cycle.ts';
import type { Bytes, CycleTotal, Subscriber } from '../fold/slot-state.ts';

/** Rolled cycles that are kept; older bytes are counted in the oldest of them. */
const PAST_CYCLES = 3;

/** Zone and anchor of a subscriber; without a profile the provider's zone and calendar month. */
export function cycleRule(subscriber: Subscriber, defaultZone: string): { zone: string; anchorDay: number } {
  const { profile } = subscriber;
  return profile === null ? { zone: defaultZone, anchorDay: 1 } : profile;
}

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
  const { zone, anchorDay } = cycleRule(subscriber, defaultZone);
  const bounds = calendar.at(zone, anchorDay, watermarkMs);
  const ahead = subscriber.cycles.filter((cycle) => cycle.startMs >= bounds.startMs);
  const past = subscriber.cycles.filter((cycle) => cycle.startMs < bounds.startMs);
  // Skewed records before the first watermark may have filed it under the past ones.
  const filed = subscriber.pastCycles.find((cycle) => cycle.startMs === bounds.startMs);
  if (ahead[0]?.startMs !== bounds.startMs) ahead.unshift(filed ?? { ...bounds, down: 0, up: 0 });
  subscriber.cycles = ahead;
  const older = subscriber.pastCycles.filter((cycle) => cycle !== filed);
  subscriber.pastCycles = [...past.reverse(), ...older].slice(0, PAST_CYCLES);
  return true;
}

/** Adds bytes to the cycle that contains an instant. Returns true where that was a past one (cold value). */
export function addToCycle(
  subscriber: Subscriber,
  atMs: number,
  bytes: Bytes,
  calendar: CycleCalendar,
  defaultZone: string,
): boolean {
  const [current] = subscriber.cycles;
  if (current !== undefined && atMs >= current.startMs && atMs < current.endMs) {
    add(current, bytes);
    return false;
  }
  const { zone, anchorDay } = cycleRule(subscriber, defaultZone);
  if (current === undefined || atMs >= current.endMs) {
    add(cycleIn(subscriber.cycles, calendar.at(zone, anchorDay, atMs)), bytes);
    subscriber.cycles.sort((a, b) => a.startMs - b.startMs);
    return false;
  }
  const { pastCycles } = subscriber;
  const oldest = pastCycles.at(-1);
  if (oldest !== undefined && pastCycles.length >= PAST_CYCLES && atMs < oldest.startMs) {
    add(oldest, bytes);
    return true;
  }
  add(cycleIn(pastCycles, calendar.at(zone, anchorDay, atMs)), bytes);
  pastCycles.sort((a, b) => b.startMs - a.startMs);
  // One between the kept ones that had no usage so far: the oldest goes, as it does at a roll.
  if (pastCycles.length > PAST_CYCLES) pastCycles.pop();
  return true;
}

/**
 * A changed zone or anchor: what the cycles so far hold is counted in the cycle that contains the watermark.
 * (Day totals, which allow an exact re-split, come with tariffs.)
 */
export function rebaseCycles(
  subscriber: Subscriber,
  watermarkMs: number,
  calendar: CycleCalendar,
  defaultZone: string,
): void {
  const held = subscriber.cycles;
  if (held.length === 0) return;
  const { zone, anchorDay } = cycleRule(subscriber, defaultZone);
  subscriber.cycles =
    watermarkMs > 0 ? [{ ...calendar.at(zone, anchorDay, watermarkMs), down: 0, up: 0 }] : [];
  for (const cycle of held)
    addToCycle(subscriber, Math.max(watermarkMs, cycle.startMs), cycle, calendar, defaultZone);
}

function cycleIn(cycles: CycleTotal[], bounds: { startMs: number; endMs: number }): CycleTotal {
  const known = cycles.find((cycle) => cycle.startMs === bounds.startMs);
  if (known !== undefined) return known;
  const made = { ...bounds, down: 0, up: 0 };
  cycles.push(made);
  return made;
}

function add(cycle: Bytes, bytes: Bytes): void {
  cycle.down += bytes.down;
  cycle.up += bytes.up;
}
