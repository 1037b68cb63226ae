import type { CycleCalendar } from '../../rules/cycle.ts';
import type { DayTotal, Subscriber } from '../fold/slot-state.ts';
import { dayOf } from './calendar-rule.ts';
import type { Span } from '../../schemas/tariff.ts';
import { addCarried } from './class-totals.ts';
import type { Carried } from './class-totals.ts';
import { splitExactly } from './split.ts';

/**
 * Days kept besides the newest: those of all cycles that are open, and a week. The oldest of these ended the longest grace
 * (30 days) ago at most, and was no longer than LONGEST_CYCLE_MS (32 days).
 */
const KEPT_DAYS = 70;
const NO_DAY = { startMs: Number.NEGATIVE_INFINITY };

/**
 * Adds bytes that were carried in [fromMs, toMs) to the day totals, in proportion to time where they span days.
 * Returns true where a day in the cold value changed.
 */
export function addToDays(
  subscriber: Subscriber,
  fromMs: number,
  toMs: number,
  bytes: Carried,
  calendar: CycleCalendar,
  defaultZone: string,
): boolean {
  const { today } = subscriber;
  if (today !== null && fromMs >= today.startMs && toMs <= today.endMs && fromMs < today.endMs) {
    addCarried(today, bytes);
    return false;
  }
  const spans = daysBetween(subscriber, fromMs, toMs, calendar, defaultZone);
  const lengths = spans.map(({ startMs, endMs }) => Math.min(endMs, toMs) - Math.max(startMs, fromMs));
  const down = splitExactly(bytes.down, lengths);
  const up = splitExactly(bytes.up, lengths);
  let cold = false;
  spans.forEach((span, i) => {
    const { serviceClass, offPeak } = bytes;
    const share = { serviceClass, offPeak, down: down[i] ?? 0, up: up[i] ?? 0 };
    if (share.down + share.up === 0) return;
    const day = dayIn(subscriber, span);
    cold ||= day !== subscriber.today || spans.length > 1 || today !== day;
    addCarried(day, share);
  });
  return cold;
}

/** The days that [fromMs, toMs) lies in, ascending, at least one. */
export function daysBetween(
  subscriber: Subscriber,
  fromMs: number,
  toMs: number,
  calendar: CycleCalendar,
  defaultZone: string,
): Span[] {
  const first = dayOf(subscriber, fromMs, calendar, defaultZone);
  const spans = [first];
  for (let at = first.endMs; at < toMs;) {
    const span = dayOf(subscriber, at, calendar, defaultZone);
    spans.push(span);
    at = span.endMs;
  }
  return spans;
}

/**
 * To be called when the zone may have changed: the newest day takes no more bytes where it is none of the zone's, or they would
 * be in the cycle of its beginning at the next change, wherever they are until then.
 */
export function setTodayAside(subscriber: Subscriber, calendar: CycleCalendar, defaultZone: string): void {
  const { today, days } = subscriber;
  if (today === null) return;
  const { startMs, endMs } = dayOf(subscriber, today.startMs, calendar, defaultZone);
  if (startMs === today.startMs && endMs === today.endMs) return;
  days.unshift(today);
  if (days.length > KEPT_DAYS) days.pop();
  subscriber.today = null;
}

/** The day's total, in its place: the newest one is hot, the others are cold and bounded in number. */
function dayIn(subscriber: Subscriber, { startMs, endMs }: Span): DayTotal {
  const { today, days } = subscriber;
  if (today?.startMs === startMs) return today;
  const known = days.find((day) => day.startMs === startMs);
  if (known !== undefined) return known;
  const made: DayTotal = { startMs, endMs, down: 0, up: 0, classes: [], offPeak: [] };
  if (startMs > (today ?? days[0] ?? NO_DAY).startMs) {
    if (today !== null) days.unshift(today);
    subscriber.today = made;
    if (days.length > KEPT_DAYS) days.pop();
    return made;
  }
  days.push(made);
  days.sort((a, b) => b.startMs - a.startMs);
  if (days.length > KEPT_DAYS) days.pop();
  return made;
}
