import { compilePolicies } from '../../rules/compile/policy-set.ts';
import type { FactName } from '../../rules/facts/catalogue.ts';
import type { CycleCalendar } from '../../rules/cycle.ts';
import type { PolicyInForce } from '../../schemas/policy.ts';
import type { OffPeakCalendar, ProviderSettings } from '../../schemas/provider.ts';
import { WINDOW_MS } from '../window/spread.ts';
import type { Resolution } from './task.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Facts that are made from 5-minute windows, of the line or of a class: no coarser look sees them. */
const OF_WINDOWS = ['last5mBytes', 'peakRateBps'] as const;
/** How far before the cycle facts look back. */
const DAYS_BACK: Partial<Record<FactName, number>> = {
  usualDayBytes: 29,
  dayToUsualPercent: 29,
  last24hBytes: 2,
  byClass: 29,
};

/** A subscriber's place in the calendar. */
export interface ZoneAndAnchor {
  zone: string;
  anchorDay: number;
}

/** What the policies of either side ask about. */
export function factsAskedBy(
  sides: readonly { policies: ReadonlyMap<string, PolicyInForce>; provider: ProviderSettings }[],
): Set<FactName> {
  return new Set(sides.flatMap(({ policies, provider }) => [...compilePolicies(policies, provider).facts]));
}

/** Those of the facts of 5-minute windows that some policies ask about. */
export function windowFactsAskedBy(sets: readonly ReadonlyMap<string, PolicyInForce>[]): string[] {
  const texts = sets.flatMap((set) =>
    [...set.values()].map(({ base, candidate }) =>
      JSON.stringify([base, candidate].map((one) => [one?.file.rules, one?.file.conditions])),
    ),
  );
  // As a fact, or in a path into byClass: a name that only looks like one costs time, nothing else.
  return OF_WINDOWS.filter((name) => texts.some((text) => text.includes(name)));
}

/**
 * Length of the steps in which usage is to come: an hour, or less where the zones' hours or off-peak times do not begin on
 * those of UTC, so that no step lies in two days, cycles or off-peak bands. At least 5 minutes.
 */
export function gridOf(
  resolution: Resolution,
  offPeak: readonly OffPeakCalendar[],
  offsetsMs: readonly number[],
): number {
  if (resolution === '5m') return WINDOW_MS;
  const times = offPeak.flatMap(({ hours }) =>
    hours.flatMap(({ from, to }) => [minutesOf(from), minutesOf(to)]),
  );
  let grid = HOUR_MS;
  for (const ms of [...times.map((minutes) => minutes * MINUTE_MS), ...offsetsMs])
    grid = greatestCommonDivisor(grid, Math.abs(ms));
  return Math.max(grid, WINDOW_MS);
}

/** Distances from UTC that a zone has from one instant to another. */
export function offsetsOf(calendar: CycleCalendar, zone: string, fromMs: number, toMs: number): number[] {
  const offsets: number[] = [];
  for (let atMs = fromMs; atMs < toMs;) {
    const span = calendar.offset(zone, atMs);
    offsets.push(span.offsetMs);
    atMs = span.endMs;
  }
  return offsets;
}

/**
 * From when on usage must be read so that all is right at `fromMs`: from the beginning of the cycle then, and so long before as
 * the policies look back. By the earliest of these subscribers.
 */
export function readFromMs(
  facts: ReadonlySet<FactName>,
  rules: readonly ZoneAndAnchor[],
  calendar: CycleCalendar,
  fromMs: number,
): number {
  let daysBack = 0;
  for (const fact of facts) daysBack = Math.max(daysBack, DAYS_BACK[fact] ?? 0);
  let earliest = fromMs;
  for (const { zone, anchorDay } of rules)
    earliest = Math.min(earliest, calendar.at(zone, anchorDay, fromMs).startMs - daysBack * DAY_MS);
  return earliest;
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
