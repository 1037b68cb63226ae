import { Temporal } from 'temporal-polyfill';
import type { CycleChange, CycleRule } from '../schemas/profile.ts';

/** A billing cycle: [startMs, endMs), both at 00:00 in the subscriber's zone, ms since 1970 UTC. */
export interface Cycle {
  startMs: number;
  endMs: number;
}

/** Days of a cycle that counts them, at most: as many as a month has. What is kept for cycles is kept for so long. */
export const MOST_CYCLE_DAYS = 31;
/** Every cycle is shorter, ms: a day may have 25 hours. */
export const LONGEST_CYCLE_MS = (MOST_CYCLE_DAYS + 1) * 24 * 3_600_000;

/**
 * The cycle that contains `atMs`: from the anchor day 00:00 in the zone to the next anchor.
 * An anchor of 29-31 falls on the month's last day where the month is shorter. A midnight that daylight saving skips
 * begins at the first instant of that day. Throws RangeError on an unknown zone.
 */
export function cycleAt(zone: string, anchorDay: number, atMs: number): Cycle {
  const local = Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(zone).toPlainDate();
  const thisMonth = Temporal.PlainYearMonth.from({ year: local.year, month: local.month });
  const anchored = anchorIn(thisMonth, anchorDay, zone);
  if (atMs >= anchored) {
    const next = anchorIn(thisMonth.add({ months: 1 }), anchorDay, zone);
    if (atMs < next) return { startMs: anchored, endMs: next };
    // The anchor's midnight has come, then clocks went back to the day before (St. John's until 2011, at 00:01).
    return { startMs: next, endMs: anchorIn(thisMonth.add({ months: 2 }), anchorDay, zone) };
  }
  return { startMs: anchorIn(thisMonth.subtract({ months: 1 }), anchorDay, zone), endMs: anchored };
}

function anchorIn(month: Temporal.PlainYearMonth, anchorDay: number, zone: string): number {
  const date = month.toPlainDate({ day: Math.min(anchorDay, month.daysInMonth) });
  return date.toZonedDateTime({ timeZone: zone }).epochMilliseconds;
}

/**
 * The cycle by a rule that contains `atMs`: monthly as `cycleAt`; weekly from the weekday 00:00 in the zone; every n days from
 * 00:00 of the local date, counted by dates, so that changes of the clocks move nothing. A midnight that is skipped begins at the
 * first instant of its day. Throws RangeError on an unknown zone.
 */
export function ruleCycleAt(zone: string, rule: CycleRule, atMs: number): Cycle {
  switch (rule.kind) {
    case 'month':
      return cycleAt(zone, rule.anchorDay, atMs);
    case 'week':
      return everyDaysAt(zone, MONDAY.add({ days: rule.weekday - 1 }), 7, atMs);
    case 'days':
      return everyDaysAt(zone, Temporal.PlainDate.from(rule.from), rule.days, atMs);
  }
}

/** A Monday. */
const MONDAY = Temporal.PlainDate.from('1970-01-05');

function everyDaysAt(zone: string, from: Temporal.PlainDate, days: number, atMs: number): Cycle {
  const beginsAt = (n: number): number =>
    from.add({ days: n * days }).toZonedDateTime({ timeZone: zone }).epochMilliseconds;
  const local = Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(zone).toPlainDate();
  let n = Math.floor(from.until(local, { largestUnit: 'days' }).days / days);
  let [startMs, endMs] = [beginsAt(n), beginsAt(n + 1)];
  // The next date's midnight has come, then clocks went back; or the zone has left that date out.
  while (atMs >= endMs) [startMs, endMs] = [endMs, beginsAt(++n + 1)];
  return { startMs, endMs };
}

/**
 * When a change of the rule takes effect: at the local midnight next to its instant. That is one where it was made, and may be none
 * in a zone that was corrected since, or in that of another service of the account: a cycle of an hour would come of it.
 */
export function changeBegins(zone: string, fromMs: number): number {
  return dayAt(zone, fromMs + HALF_DAY_MS).startMs;
}

const HALF_DAY_MS = 12 * 3_600_000;

/** The changes with the instants at which they take effect in a zone. */
function changesIn(zone: string, changes: readonly CycleChange[]): CycleChange[] {
  return changes.map(({ fromMs, cycle }) => ({ fromMs: changeBegins(zone, fromMs), cycle }));
}

/** The rule of an instant: that of the last change that has taken effect. Throws RangeError on an unknown zone. */
export function ruleInForce(
  zone: string,
  rule: CycleRule,
  changes: readonly CycleChange[],
  atMs: number,
): CycleRule {
  return lastOf(rule, changesIn(zone, changes), atMs);
}

function lastOf(rule: CycleRule, changes: readonly CycleChange[], atMs: number): CycleRule {
  let inForce = rule;
  for (const { fromMs, cycle } of changes) if (fromMs <= atMs) inForce = cycle;
  return inForce;
}

/**
 * The cycle that contains `atMs` where the rule changes: each change ends the cycle before as it takes effect (`changeBegins`), and
 * the first one by the new rule is what is left of its cycle, a stub. Throws RangeError on an unknown zone.
 *
 * @param changes ordered by fromMs
 */
export function changedCycleAt(
  zone: string,
  rule: CycleRule,
  changes: readonly CycleChange[],
  atMs: number,
): Cycle {
  const begun = changesIn(zone, changes);
  return cutAtChanges(ruleCycleAt(zone, lastOf(rule, begun, atMs), atMs), begun, atMs);
}

function cutAtChanges(cycle: Cycle, changes: readonly CycleChange[], atMs: number): Cycle {
  let { startMs, endMs } = cycle;
  for (const { fromMs } of changes) {
    if (fromMs <= atMs) startMs = Math.max(startMs, fromMs);
    else endMs = Math.min(endMs, fromMs);
  }
  return { startMs, endMs };
}

/** The calendar day of the zone that contains `atMs`: 23 to 25 hours. Throws RangeError on an unknown zone. */
export function dayAt(zone: string, atMs: number): Cycle {
  const date = Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(zone).toPlainDate();
  const startMs = date.toZonedDateTime({ timeZone: zone }).epochMilliseconds;
  const endMs = date.add({ days: 1 }).toZonedDateTime({ timeZone: zone }).epochMilliseconds;
  if (atMs < endMs) return { startMs, endMs };
  // Midnight has come, then clocks went back to the day before.
  const nextMs = date.add({ days: 2 }).toZonedDateTime({ timeZone: zone }).epochMilliseconds;
  return { startMs: endMs, endMs: nextMs };
}

/**
 * Whether cycles can be reckoned in a zone. Intl is no judge of that: it takes abbreviations, BST for Bangladesh among
 * them, that Temporal refuses.
 */
export function isZone(zone: string): boolean {
  try {
    cycleAt(zone, 1, 0);
    return true;
  } catch {
    return false; // RangeError: the only way Temporal has to say so
  }
}

/** A stretch of time with one distance from UTC. */
export interface OffsetSpan extends Cycle {
  /** local time less UTC */
  offsetMs: number;
}

/** A clock hour of a zone: full hours of local time, cut where the clocks are changed. Local time is one thing throughout. */
export interface LocalHour extends Cycle {
  /** 0 to 23 */
  hourOfDay: number;
  /** 1 = Monday to 7 = Sunday */
  dayOfWeek: number;
  /** YYYY-MM-DD */
  date: string;
  /** days since 1970-01-01 of that date */
  dayNumber: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The stretch around `atMs` in which the zone's clocks are not changed. Throws RangeError on an unknown zone. */
export function offsetAt(zone: string, atMs: number): OffsetSpan {
  const zoned = Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(zone);
  // A change at this very instant is one before: 'previous' is told the next millisecond.
  const previous = zoned.add({ milliseconds: 1 }).getTimeZoneTransition('previous');
  return {
    startMs: previous?.epochMilliseconds ?? Number.NEGATIVE_INFINITY,
    endMs: zoned.getTimeZoneTransition('next')?.epochMilliseconds ?? Number.POSITIVE_INFINITY,
    offsetMs: zoned.offsetNanoseconds / 1e6,
  };
}

function hourIn({ startMs, endMs, offsetMs }: OffsetSpan, atMs: number): LocalHour {
  const localMs = Math.floor((atMs + offsetMs) / HOUR_MS) * HOUR_MS;
  const local = new Date(localMs);
  return {
    startMs: Math.max(localMs - offsetMs, startMs),
    endMs: Math.min(localMs - offsetMs + HOUR_MS, endMs),
    hourOfDay: local.getUTCHours(),
    dayOfWeek: local.getUTCDay() === 0 ? 7 : local.getUTCDay(),
    date: local.toISOString().slice(0, 10),
    dayNumber: Math.floor(localMs / DAY_MS),
  };
}

/** Spans that are remembered, by kind: bounds what a lookup looks through. */
const MOST_CYCLES = 6;
/** Rules that are not monthly: of days each date is one of its own, and accounts begin on any. */
const MOST_RULES = 10_000;
const MOST_DAYS = 40;
const MOST_HOURS = 30;

/** Of all calendars: looking for the changes around an instant takes 1 to 6 ms. */
const offsets = new Map<string, OffsetSpan[]>();

/** cycleAt, dayAt and local time with the last ones of each zone remembered: calendar maths costs about 27 us, a look-up 0.1. */
export class CycleCalendar {
  private readonly cycles = new Map<number, Map<string, Cycle[]>>();
  /** by zone and rule, of those that are not monthly */
  private readonly others = new Map<string, Cycle[]>();
  private readonly changes = new WeakMap<
    readonly CycleChange[],
    { zone: string; begun: readonly CycleChange[] }
  >();
  private readonly days = new Map<string, Cycle[]>();
  private readonly hours = new Map<string, LocalHour[]>();

  at(zone: string, anchorDay: number, atMs: number): Cycle {
    let ofAnchor = this.cycles.get(anchorDay);
    if (ofAnchor === undefined) this.cycles.set(anchorDay, (ofAnchor = new Map<string, Cycle[]>()));
    return (
      spanAt(ofAnchor.get(zone), atMs) ??
      remember(ofAnchor, zone, cycleAt(zone, anchorDay, atMs), MOST_CYCLES)
    );
  }

  /** `ruleCycleAt`, remembered. */
  ofRule(zone: string, rule: CycleRule, atMs: number): Cycle {
    if (rule.kind === 'month') return this.at(zone, rule.anchorDay, atMs);
    const key = rule.kind === 'week' ? `${zone} ${rule.weekday}` : `${zone} ${rule.from} ${rule.days}`;
    if (this.others.size >= MOST_RULES && !this.others.has(key)) this.others.clear();
    return (
      spanAt(this.others.get(key), atMs) ??
      remember(this.others, key, ruleCycleAt(zone, rule, atMs), MOST_CYCLES)
    );
  }

  /** `changedCycleAt`, remembered. */
  changed(zone: string, rule: CycleRule, changes: readonly CycleChange[], atMs: number): Cycle {
    if (changes.length === 0) return this.ofRule(zone, rule, atMs);
    const begun = this.changesIn(zone, changes);
    return cutAtChanges(this.ofRule(zone, lastOf(rule, begun, atMs), atMs), begun, atMs);
  }

  /** The same where no change cuts it: the whole cycle by `ruleInForce`. */
  whole(zone: string, rule: CycleRule, changes: readonly CycleChange[], atMs: number): Cycle {
    const begun = changes.length === 0 ? changes : this.changesIn(zone, changes);
    return this.ofRule(zone, lastOf(rule, begun, atMs), atMs);
  }

  /** Profiles are replaced, never changed: their changes are asked about with every record. */
  private changesIn(zone: string, changes: readonly CycleChange[]): readonly CycleChange[] {
    const known = this.changes.get(changes);
    if (known?.zone === zone) return known.begun;
    const begun = changesIn(zone, changes);
    this.changes.set(changes, { zone, begun });
    return begun;
  }

  day(zone: string, atMs: number): Cycle {
    return spanAt(this.days.get(zone), atMs) ?? remember(this.days, zone, dayAt(zone, atMs), MOST_DAYS);
  }

  /** The clock hour that contains an instant, with what is told of it. */
  hour(zone: string, atMs: number): LocalHour {
    return (
      spanAt(this.hours.get(zone), atMs) ??
      remember(this.hours, zone, hourIn(this.offset(zone, atMs), atMs), MOST_HOURS)
    );
  }

  /** The stretch of one distance from UTC that contains an instant. */
  offset(zone: string, atMs: number): OffsetSpan {
    return spanAt(offsets.get(zone), atMs) ?? remember(offsets, zone, offsetAt(zone, atMs), MOST_CYCLES);
  }
}

/** Asked several times a record: no closure, no object. */
function spanAt<Span extends Cycle>(spans: readonly Span[] | undefined, atMs: number): Span | undefined {
  if (spans === undefined) return undefined;
  for (const span of spans) if (atMs >= span.startMs && atMs < span.endMs) return span;
  return undefined;
}

function remember<Span extends Cycle>(
  known: Map<string, Span[]>,
  key: string,
  span: Span,
  most: number,
): Span {
  const spans = known.get(key);
  if (spans === undefined) known.set(key, [span]);
  else {
    spans.unshift(span);
    if (spans.length > most) spans.pop();
  }
  return span;
}
