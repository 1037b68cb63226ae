import type { CycleCalendar } from '../../rules/cycle.ts';
import type { ClassTotal, DayTotal, Subscriber } from '../fold/slot-state.ts';
import { addClass } from './class-totals.ts';
import { cycleRule } from './cycles.ts';
import { splitExactly } from './split.ts';

/** Days kept besides the newest: the current cycle and the one before, and a week. */
const KEPT_DAYS = 70;

/**
 * Adds bytes that were carried in [fromMs, toMs) to the day totals, in proportion to time where they span days.
 * Returns true where a day in the cold value changed.
 */
export function addToDays(
  subscriber: Subscriber,
  fromMs: number,
  toMs: number,
  bytes: ClassTotal,
  calendar: CycleCalendar,
  defaultZone: string,
): boolean {
  const { today } = subscriber;
  if (today !== null && fromMs >= today.startMs && toMs <= today.endMs && fromMs < today.endMs) {
    addClass(today, bytes);
    return false;
  }
  const { zone } = cycleRule(subscriber, defaultZone);
  const spans = daysBetween(calendar, zone, fromMs, toMs);
  const lengths = spans.map(({ startMs, endMs }) => Math.min(endMs, toMs) - Math.max(startMs, fromMs));
  const down = splitExactly(bytes.down, lengths);
  const up = splitExactly(bytes.up, lengths);
  let cold = false;
  spans.forEach((span, i) => {
    const share = { serviceClass: bytes.serviceClass, down: down[i] ?? 0, up: up[i] ?? 0 };
    if (share.down + share.up === 0) return;
    const day = dayIn(subscriber, span);
    cold ||= day !== subscriber.today || spans.length > 1 || today !== day;
    addClass(day, share);
  });
  return cold;
}

function daysBetween(
  calendar: CycleCalendar,
  zone: string,
  fromMs: number,
  toMs: number,
): { startMs: number; endMs: number }[] {
  const first = calendar.day(zone, fromMs);
  const spans = [first];
  for (let at = first.endMs; at < toMs;) {
    const span = calendar.day(zone, at);
    spans.push(span);
    at = span.endMs;
  }
  return spans;
}

/** The day's total, in its place: the newest one is hot, the others are cold and bounded in number. */
function dayIn(subscriber: Subscriber, { startMs, endMs }: { startMs: number; endMs: number }): DayTotal {
  const { today, days } = subscriber;
  if (today?.startMs === startMs) return today;
  const made: DayTotal = { startMs, endMs, down: 0, up: 0, classes: [] };
  if (today === null || startMs > today.startMs) {
    if (today !== null) days.unshift(today);
    subscriber.today = made;
    if (days.length > KEPT_DAYS) days.pop();
    return made;
  }
  const known = days.find((day) => day.startMs === startMs);
  if (known !== undefined) return known;
  days.push(made);
  days.sort((a, b) => b.startMs - a.startMs);
  if (days.length > KEPT_DAYS) days.pop();
  return made;
}
