import { parse } from 'node-cron';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Days looked at for the next time; 29 February may be eight years away, around a century's end. */
const MAX_DAYS = 8 * 366 + 1;

/** Times at which something is due, in UTC, to the minute. */
export interface CronTimes {
  /** minutes 0 to 59 and hours 0 to 23, ascending */
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: ReadonlySet<number>;
  /** 1 to 12 */
  readonly months: ReadonlySet<number>;
  /** 0 to 6, 0 = Sunday */
  readonly weekdays: ReadonlySet<number>;
}

/**
 * The times of a cron expression: five fields of numbers, names, ranges, steps and lists, read by node-cron. A day must
 * match both its day of the month and its weekday, as there. Null for what is none, and for what has seconds, the last day
 * of a month or a weekday by its number: nothing here needs them.
 */
export function cronTimes(expression: string): CronTimes | null {
  if (expression.trim().split(/\s+/).length !== 5) return null;
  const fields = parsed(expression);
  if (fields === null) return null;
  const days = numbersOf(fields.dayOfMonth);
  const weekdays = numbersOf(fields.dayOfWeek);
  if (days === null || weekdays === null) return null;
  return {
    minutes: ascending(fields.minute),
    hours: ascending(fields.hour),
    days,
    months: new Set(fields.month),
    weekdays,
  };
}

/** The first time after an instant, ms since 1970 UTC; null where there is none within eight years. */
export function nextTime(times: CronTimes, afterMs: number): number | null {
  const firstDay = Math.floor(afterMs / DAY_MS);
  for (let day = firstDay; day < firstDay + MAX_DAYS; day++) {
    if (!isOn(times, new Date(day * DAY_MS))) continue;
    const found = timeOfDay(times, day * DAY_MS, afterMs);
    if (found !== null) return found;
  }
  return null;
}

/**
 * The last time that is due and was not seen to: however many were missed, it is one. Null where none is.
 *
 * @param seenMs the newest time that was seen to
 */
export function missedTime(times: CronTimes, seenMs: number, nowMs: number): number | null {
  const first = nextTime(times, seenMs);
  if (first === null || first > nowMs) return null;
  return lastTime(times, first, nowMs);
}

/** The last time in [fromMs, nowMs], where `fromMs` is one. */
function lastTime(times: CronTimes, fromMs: number, nowMs: number): number {
  for (let day = Math.floor(nowMs / DAY_MS); day * DAY_MS + DAY_MS > fromMs; day--) {
    if (!isOn(times, new Date(day * DAY_MS))) continue;
    for (const hour of times.hours.toReversed()) {
      for (const minute of times.minutes.toReversed()) {
        const at = day * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS;
        if (at <= nowMs && at >= fromMs) return at;
      }
    }
  }
  return fromMs;
}

function timeOfDay({ hours, minutes }: CronTimes, dayMs: number, afterMs: number): number | null {
  for (const hour of hours) {
    if (dayMs + (hour + 1) * HOUR_MS <= afterMs) continue;
    for (const minute of minutes) {
      const at = dayMs + hour * HOUR_MS + minute * MINUTE_MS;
      if (at > afterMs) return at;
    }
  }
  return null;
}

function isOn({ days, months, weekdays }: CronTimes, day: Date): boolean {
  return months.has(day.getUTCMonth() + 1) && days.has(day.getUTCDate()) && weekdays.has(day.getUTCDay());
}

function parsed(expression: string): ReturnType<typeof parse> | null {
  try {
    return parse(expression);
  } catch {
    return null; // its only way to say that it is none
  }
}

/** Null where one of them is a word (L, 5#2). */
function numbersOf(values: readonly (number | string)[]): ReadonlySet<number> | null {
  const numbers = values.filter((value) => typeof value === 'number');
  return numbers.length === values.length ? new Set(numbers) : null;
}

function ascending(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
