import type { CycleCalendar } from '../../rules/cycle.ts';
import type { Subscriber } from '../fold/slot-state.ts';

/** A stretch of time, [startMs, endMs). */
export interface Span {
  startMs: number;
  endMs: number;
}

/** Zone and anchor of a subscriber; without a profile the provider's zone and calendar month. */
export function cycleRule(subscriber: Subscriber, defaultZone: string): { zone: string; anchorDay: number } {
  const { profile } = subscriber;
  return profile === null ? { zone: defaultZone, anchorDay: 1 } : profile;
}

/** Where the cycles that went to billing end; -Infinity where none did. */
export function closedThroughMs({ pastCycles }: Subscriber): number {
  let throughMs = Number.NEGATIVE_INFINITY;
  for (const { closed, endMs } of pastCycles) if (closed && endMs > throughMs) throughMs = endMs;
  return throughMs;
}

/** The subscriber's cycle that contains an instant, by the calendar; it does not reach back over what went to billing. */
export function boundsAt(
  subscriber: Subscriber,
  atMs: number,
  calendar: CycleCalendar,
  defaultZone: string,
): Span {
  const { zone, anchorDay } = cycleRule(subscriber, defaultZone);
  return cutAtClosed(subscriber, calendar.at(zone, anchorDay, atMs), atMs);
}

/** The subscriber's day that contains an instant; one in which closed cycles end is two. */
export function dayOf(
  subscriber: Subscriber,
  atMs: number,
  calendar: CycleCalendar,
  defaultZone: string,
): Span {
  const { zone } = cycleRule(subscriber, defaultZone);
  return cutAtClosed(subscriber, calendar.day(zone, atMs), atMs);
}

/**
 * The calendar knows nothing of a change of zone or anchor: its cycle or day may reach back over what went to billing by the
 * rule before, and bytes of that time would be in two cycles, or in none. So it is cut there: the part with the instant.
 */
function cutAtClosed(subscriber: Subscriber, span: Span, atMs: number): Span {
  const throughMs = closedThroughMs(subscriber);
  if (throughMs <= span.startMs || throughMs >= span.endMs) return span;
  return atMs >= throughMs
    ? { startMs: throughMs, endMs: span.endMs }
    : { startMs: span.startMs, endMs: throughMs };
}
