import type { CycleCalendar } from '../../rules/cycle.ts';
import type { CycleChange, CycleRule } from '../../schemas/profile.ts';
import type { Span } from '../../schemas/tariff.ts';
import type { Subscriber } from '../fold/slot-state.ts';

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
  const { profile } = subscriber;
  if (profile === null) return cutAtClosed(subscriber, calendar.at(defaultZone, 1, atMs), atMs);
  return cutAtClosed(subscriber, cycleOf(profile, atMs, calendar), atMs);
}

/** What says when the cycles of a subscriber or pool begin. */
interface CycleTerms {
  zone: string;
  anchorDay: number;
  cycle?: CycleRule;
  cycleChanges?: readonly CycleChange[];
}

/** The cycle that contains an instant by the terms of a profile alone. */
export function cycleOf(terms: CycleTerms, atMs: number, calendar: CycleCalendar): Span {
  const { zone, anchorDay, cycle, cycleChanges } = terms;
  if (cycle === undefined && cycleChanges === undefined) return calendar.at(zone, anchorDay, atMs);
  return calendar.changed(zone, cycle ?? { kind: 'month', anchorDay }, cycleChanges ?? [], atMs);
}

/** The same where no change of the rule cuts it: what a stub is a part of. */
export function wholeCycleOf(terms: CycleTerms, atMs: number, calendar: CycleCalendar): Span {
  const { zone, anchorDay, cycle = { kind: 'month', anchorDay }, cycleChanges = [] } = terms;
  return calendar.whole(zone, cycle, cycleChanges, atMs);
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
