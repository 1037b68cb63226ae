import type { Cycle } from '../../rules/cycle.ts';
import type { ClassFacts } from '../../rules/facts/catalogue.ts';
import type { Bytes, ClassTotal, CycleTotal, DayTotal, HourTotal, Subscriber } from '../fold/slot-state.ts';
import { WINDOW_MS } from '../window/spread.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** A window's bytes are of interest for so long after its end. */
const WINDOW_AGE_MS = 10 * MINUTE_MS;
/** This clock hour and the 23 before. */
const HOURS_BEFORE_MS = 23 * HOUR_MS;
/** 28 days before today, whatever hours the clocks skip or repeat. */
const USUAL_DAYS_MS = (28 * 24 + 12) * HOUR_MS;
/** Of fewer days nobody can say what is usual. */
const LEAST_DAYS = 3;

/** Of a total all bytes, or those of one class. */
type Of = (total: Bytes & { classes: readonly ClassTotal[] }) => number;

/** Bytes of all classes. */
export const allBytes: Of = ({ down, up }) => down + up;

function classBytes(serviceClass: string): Of {
  return ({ classes }) => {
    const share = classes.find((known) => known.serviceClass === serviceClass);
    return share === undefined ? 0 : share.down + share.up;
  };
}

/** When the newest window is too old to be told of; null where it is already, or there is none. */
export function windowEndsMs({ newestWindow }: Subscriber, nowMs: number): number | null {
  if (newestWindow === null) return null;
  const endsMs = newestWindow.startMs + WINDOW_MS + WINDOW_AGE_MS;
  return endsMs > nowMs ? endsMs : null;
}

export function last5mBytes(subscriber: Subscriber, nowMs: number, of: Of): number {
  const { newestWindow } = subscriber;
  return newestWindow === null || windowEndsMs(subscriber, nowMs) === null ? 0 : of(newestWindow);
}

/** Bytes of the clock hour that is now. */
export function hourBytes({ hour, hours }: Subscriber, { startMs }: Cycle, of: Of): number {
  if (hour?.startMs === startMs) return of(hour);
  const known = hours.find((kept) => kept.startMs === startMs);
  return known === undefined ? 0 : of(known);
}

/** Bytes of the clock hours that began within the 23 before this one did, and of this one. */
export function last24hBytes({ hour, hours }: Subscriber, now: Cycle, of: Of): number {
  const counts = ({ startMs }: HourTotal): boolean =>
    startMs >= now.startMs - HOURS_BEFORE_MS && startMs < now.endMs;
  let bytes = hour !== null && counts(hour) ? of(hour) : 0;
  for (const kept of hours) if (counts(kept)) bytes += of(kept);
  return bytes;
}

/** Bytes of what began today: after billing or a change of zone a day may be in two pieces. */
export function dayBytes({ today, days }: Subscriber, { startMs, endMs }: Cycle, of: Of): number {
  const counts = (day: DayTotal): boolean => day.startMs >= startMs && day.startMs < endMs;
  let bytes = today !== null && counts(today) ? of(today) : 0;
  // Newest first: what begins before today ends the search.
  for (const day of days) {
    if (day.startMs < startMs) break;
    if (counts(day)) bytes += of(day);
  }
  return bytes;
}

/** Highest rate over a window of today, bit/s; `serviceClass` null = all classes together. */
export function peakRateBps({ peak }: Subscriber, day: Cycle, serviceClass: string | null): number {
  if (peak?.dayStartMs !== day.startMs) return 0;
  const bytes =
    serviceClass === null
      ? peak.bytes
      : (peak.classes.find((known) => known.serviceClass === serviceClass)?.bytes ?? 0);
  return (bytes * 8 * 1000) / WINDOW_MS;
}

/** Median of the days with usage before today, of the last 28; of two in the middle half their sum, rounded down. */
export function usualDayBytes(subscriber: Subscriber, day: Cycle, of: Of): number | null {
  const bytes = pastDays(subscriber, day).map(of);
  if (bytes.length < LEAST_DAYS) return null;
  bytes.sort((a, b) => a - b);
  const middle = bytes.length >> 1;
  const upper = bytes[middle] ?? 0;
  return bytes.length % 2 === 1 ? upper : Math.floor(((bytes[middle - 1] ?? 0) + upper) / 2);
}

function pastDays({ today, days }: Subscriber, { startMs }: Cycle): DayTotal[] {
  const counts = (day: DayTotal): boolean => day.startMs < startMs && day.startMs >= startMs - USUAL_DAYS_MS;
  return [...(today !== null && counts(today) ? [today] : []), ...days.filter(counts)];
}

/** Facts of each class that had usage in the cycle, today or in the 28 days before. Names come from the network: no prototype. */
export function classFacts(
  subscriber: Subscriber,
  cycle: Pick<CycleTotal, 'classes'>,
  now: { ms: number; hour: Cycle; day: Cycle },
): Record<string, ClassFacts> {
  const names = new Set(cycle.classes.map(({ serviceClass }) => serviceClass));
  const { today, days } = subscriber;
  const recent = pastDays(subscriber, now.day);
  for (const day of today === null ? days : [today, ...days])
    if (recent.includes(day) || (day.startMs >= now.day.startMs && day.startMs < now.day.endMs))
      for (const { serviceClass } of day.classes) names.add(serviceClass);
  const facts = Object.create(null) as Record<string, ClassFacts>;
  for (const name of [...names].sort()) {
    const of = classBytes(name);
    const share = cycle.classes.find(({ serviceClass }) => serviceClass === name);
    facts[name] = {
      cycleTotalBytes: (share?.down ?? 0) + (share?.up ?? 0),
      cycleDownloadBytes: share?.down ?? 0,
      cycleUploadBytes: share?.up ?? 0,
      last5mBytes: last5mBytes(subscriber, now.ms, of),
      hourBytes: hourBytes(subscriber, now.hour, of),
      dayBytes: dayBytes(subscriber, now.day, of),
      last24hBytes: last24hBytes(subscriber, now.hour, of),
      peakRateBps: peakRateBps(subscriber, now.day, name),
      usualDayBytes: usualDayBytes(subscriber, now.day, of),
    };
  }
  return facts;
}
