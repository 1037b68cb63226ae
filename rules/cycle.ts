import { Temporal } from 'temporal-polyfill';

/** A billing cycle: [startMs, endMs), both at 00:00 in the subscriber's zone, ms since 1970 UTC. */
export interface Cycle {
  startMs: number;
  endMs: number;
}

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

/** cycleAt, dayAt and local time with the last ones of each zone remembered: calendar maths costs about 27 us, a look-up 0.1. */
export class CycleCalendar {
  private readonly cycles = new Map<string, Cycle[]>();
  private readonly days = new Map<string, Cycle[]>();
  private readonly hours = new Map<string, LocalHour[]>();
  private readonly offsets = new Map<string, OffsetSpan[]>();

  at(zone: string, anchorDay: number, atMs: number): Cycle {
    return remembered(this.cycles, `${anchorDay} ${zone}`, atMs, 6, () => cycleAt(zone, anchorDay, atMs));
  }

  day(zone: string, atMs: number): Cycle {
    return remembered(this.days, zone, atMs, 40, () => dayAt(zone, atMs));
  }

  /** The clock hour that contains an instant, with what is told of it. */
  hour(zone: string, atMs: number): LocalHour {
    return remembered(this.hours, zone, atMs, 30, () => hourIn(this.offset(zone, atMs), atMs));
  }

  /** The stretch of one distance from UTC that contains an instant. */
  offset(zone: string, atMs: number): OffsetSpan {
    return remembered(this.offsets, zone, atMs, 6, () => offsetAt(zone, atMs));
  }
}

function remembered<Span extends Cycle>(
  known: Map<string, Span[]>,
  key: string,
  atMs: number,
  most: number,
  reckon: () => Span,
): Span {
  let spans = known.get(key);
  if (spans === undefined) {
    spans = [];
    known.set(key, spans);
  }
  for (const span of spans) {
    if (atMs >= span.startMs && atMs < span.endMs) return span;
  }
  const span = reckon();
  spans.unshift(span);
  if (spans.length > most) spans.pop();
  return span;
}
