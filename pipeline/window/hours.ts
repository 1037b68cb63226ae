import type { CycleCalendar, LocalHour } from '../../rules/cycle.ts';
import type { ClassTotal, HourTotal, Subscriber } from '../fold/slot-state.ts';
import { addClass } from './class-totals.ts';
import { splitExactly } from './split.ts';

/** An hour is kept while it begins no longer before the newest one. */
export const KEPT_HOURS_MS = 24 * 3_600_000;

/**
 * Adds bytes that were carried in [fromMs, toMs) to the clock hours of the zone, in proportion to time where they span hours;
 * what lies before all hours that are kept is left out. Returns true where an hour in the cold value changed.
 */
export function addToHours(
  subscriber: Subscriber,
  fromMs: number,
  toMs: number,
  bytes: ClassTotal,
  calendar: CycleCalendar,
  zone: string,
): boolean {
  const { hour } = subscriber;
  const first = calendar.hour(zone, fromMs);
  if (hour !== null) {
    if (first.startMs === hour.startMs && toMs <= hour.endMs) {
      addClass(hour, bytes);
      return false;
    }
    if (toMs < hour.startMs - KEPT_HOURS_MS) return false;
  }
  const spans: LocalHour[] = [first];
  for (let last = first; last.endMs < toMs;) {
    last = calendar.hour(zone, last.endMs);
    spans.push(last);
  }
  const lengths = spans.map(({ startMs, endMs }) => Math.min(endMs, toMs) - Math.max(startMs, fromMs));
  const down = splitExactly(bytes.down, lengths);
  const up = splitExactly(bytes.up, lengths);
  let cold = false;
  spans.forEach((span, i) => {
    const share = { serviceClass: bytes.serviceClass, down: down[i] ?? 0, up: up[i] ?? 0 };
    if (share.down + share.up === 0) return;
    const newest = subscriber.hour;
    const total = hourIn(subscriber, span);
    if (total === null) return;
    addClass(total, share);
    cold ||= total !== subscriber.hour || (newest !== null && newest !== total);
  });
  return cold;
}

/** The hour's total, in its place: the newest is hot, those before are cold. Null where it is older than those that are kept. */
function hourIn(subscriber: Subscriber, { startMs, endMs }: LocalHour): HourTotal | null {
  const { hour, hours } = subscriber;
  if (hour?.startMs === startMs) return hour;
  const made: HourTotal = { startMs, endMs, down: 0, up: 0, classes: [] };
  if (hour === null || startMs > hour.startMs) {
    if (hour !== null)
      subscriber.hours = [hour, ...hours].filter((kept) => kept.startMs >= startMs - KEPT_HOURS_MS);
    subscriber.hour = made;
    return made;
  }
  if (startMs < hour.startMs - KEPT_HOURS_MS) return null;
  const known = hours.find((kept) => kept.startMs === startMs);
  if (known !== undefined) return known;
  hours.push(made);
  hours.sort((a, b) => b.startMs - a.startMs);
  return made;
}
