import type { CycleChange, CycleRule } from '../schemas/profile.ts';

const MINUTE_MS = 60_000;
const QUARTER_MS = 15 * MINUTE_MS;
const HOUR_MS = 4 * QUARTER_MS;
const DAY_MS = 24 * HOUR_MS;
/** A Monday: 1970-01-05. */
const MONDAY_MS = 4 * DAY_MS;
/** Quarters of an hour whose local time is remembered. */
const MOST_QUARTERS = 200_000;

/** What clocks and calendars of a zone show at an instant. */
export interface LocalTime {
  /** YYYY-MM-DD */
  date: string;
  /** days since 1970-01-01 of that date */
  dayNumber: number;
  /** 1 = Monday to 7 = Sunday */
  dayOfWeek: number;
  hour: number;
  /** HH:MM */
  time: string;
}

/**
 * Cycle and day boundaries from nothing but Intl's rendering of local time, by bisection: slow and obvious, so that it shares
 * no code and no library with the product's calendar.
 */
export class LocalCalendar {
  private readonly formats = new Map<string, Intl.DateTimeFormat>();
  private readonly anchors = new Map<string, number>();
  private readonly days = new Map<string, { startMs: number; endMs: number }[]>();
  private readonly clocks = new Map<string, Intl.DateTimeFormat>();
  private readonly offsets = new Map<string, number>();
  private readonly hours = new Map<string, { startMs: number; endMs: number }[]>();
  private readonly found = new Map<string, { startMs: number; endMs: number }[]>();

  /** The cycle [startMs, endMs) that contains an instant. */
  cycleAt(zone: string, anchorDay: number, atMs: number): { startMs: number; endMs: number } {
    const key = `${zone} ${anchorDay}`;
    const known = this.found.get(key) ?? [];
    const hit = known.find(({ startMs, endMs }) => startMs <= atMs && atMs < endMs);
    if (hit !== undefined) return hit;
    const utc = new Date(atMs);
    let month = utc.getUTCFullYear() * 12 + utc.getUTCMonth() + 1;
    while (this.anchor(zone, anchorDay, month) > atMs) month -= 1;
    const cycle = {
      startMs: this.anchor(zone, anchorDay, month),
      endMs: this.anchor(zone, anchorDay, month + 1),
    };
    known.push(cycle);
    this.found.set(key, known);
    return cycle;
  }

  /**
   * The cycle that contains an instant where the rule changes: each change ends what was before, at the midnight next to it, and
   * the rest of the cycle by the new rule is the first one.
   */
  changedCycleAt(
    zone: string,
    rule: CycleRule,
    changes: readonly CycleChange[],
    atMs: number,
  ): { startMs: number; endMs: number } {
    const midnights = changes.map(({ fromMs }) => this.midnightBy(zone, fromMs));
    const { startMs, endMs } = this.ruleCycleAt(zone, this.ruleAt(zone, rule, changes, atMs), atMs);
    return {
      startMs: Math.max(startMs, ...midnights.filter((ms) => ms <= atMs)),
      endMs: Math.min(endMs, ...midnights.filter((ms) => ms > atMs)),
    };
  }

  /** The rule that is in force at an instant. */
  ruleAt(zone: string, rule: CycleRule, changes: readonly CycleChange[], atMs: number): CycleRule {
    return changes.findLast(({ fromMs }) => this.midnightBy(zone, fromMs) <= atMs)?.cycle ?? rule;
  }

  /** The local midnight that is not half a day away: the beginning of the day or the next one's. */
  private midnightBy(zone: string, atMs: number): number {
    const { startMs, endMs } = this.dayAt(zone, atMs);
    const noon = atMs + DAY_MS / 2;
    return noon < endMs ? startMs : this.dayAt(zone, noon).startMs;
  }

  /** The cycle by one rule. */
  ruleCycleAt(zone: string, rule: CycleRule, atMs: number): { startMs: number; endMs: number } {
    if (rule.kind === 'month') return this.cycleAt(zone, rule.anchorDay, atMs);
    if (rule.kind === 'week') return this.everyDaysAt(zone, MONDAY_MS + (rule.weekday - 1) * DAY_MS, 7, atMs);
    return this.everyDaysAt(zone, Date.parse(`${rule.from}T00:00:00Z`), rule.days, atMs);
  }

  /** Every so many local dates from one on, given as the UTC midnight of the same name. */
  private everyDaysAt(
    zone: string,
    from: number,
    days: number,
    atMs: number,
  ): { startMs: number; endMs: number } {
    const stepMs = days * DAY_MS;
    let date = from + Math.floor((this.localDate(zone, atMs) - from) / stepMs) * stepMs;
    while (this.begins(zone, date + stepMs) <= atMs) date += stepMs;
    return { startMs: this.begins(zone, date), endMs: this.begins(zone, date + stepMs) };
  }

  /** The local calendar day [startMs, endMs) that contains an instant. */
  dayAt(zone: string, atMs: number): { startMs: number; endMs: number } {
    const known = this.days.get(zone) ?? [];
    const hit = known.find(({ startMs, endMs }) => startMs <= atMs && atMs < endMs);
    if (hit !== undefined) return hit;
    let date = this.localDate(zone, atMs);
    // Where clocks went back over midnight the next day has begun already.
    while (this.begins(zone, date + DAY_MS) <= atMs) date += DAY_MS;
    const day = { startMs: this.begins(zone, date), endMs: this.begins(zone, date + DAY_MS) };
    known.unshift(day);
    this.days.set(zone, known.slice(0, 100));
    return day;
  }

  timeAt(zone: string, atMs: number): LocalTime {
    const local = new Date(atMs + this.offsetMs(zone, atMs));
    const [date = '', time = ''] = local.toISOString().split('T');
    return {
      date,
      dayNumber: Math.floor(local.getTime() / DAY_MS),
      dayOfWeek: ((local.getUTCDay() + 6) % 7) + 1,
      hour: local.getUTCHours(),
      time: time.slice(0, 5),
    };
  }

  /** The clock hour [startMs, endMs) that contains an instant: local time goes on in it, and shows one hour of one day. */
  hourAt(zone: string, atMs: number): { startMs: number; endMs: number } {
    const known = this.hours.get(zone) ?? [];
    const hit = known.find(({ startMs, endMs }) => startMs <= atMs && atMs < endMs);
    if (hit !== undefined) return hit;
    const offsetMs = this.offsetMs(zone, atMs);
    const hourOf = (ms: number): number => Math.floor((ms + offsetMs) / HOUR_MS);
    const isSame = (ms: number): boolean =>
      this.offsetMs(zone, ms) === offsetMs && hourOf(ms) === hourOf(atMs);
    let startMs = Math.floor(atMs / MINUTE_MS) * MINUTE_MS;
    while (isSame(startMs - MINUTE_MS)) startMs -= MINUTE_MS;
    let endMs = startMs;
    while (isSame(endMs)) endMs += MINUTE_MS;
    const hour = { startMs, endMs };
    known.unshift(hour);
    this.hours.set(zone, known.slice(0, 100));
    return hour;
  }

  /** Local time less UTC. Clocks are changed at quarters of an hour; years ago some were at 00:01. */
  private offsetMs(zone: string, atMs: number): number {
    const quarterMs = Math.floor(atMs / QUARTER_MS) * QUARTER_MS;
    const key = `${quarterMs} ${zone}`;
    const known = this.offsets.get(key);
    if (known !== undefined) return known;
    let format = this.clocks.get(zone);
    if (format === undefined) {
      const numeric = { year: 'numeric', month: 'numeric', day: 'numeric' } as const;
      const time = { hour: 'numeric', minute: 'numeric', second: 'numeric', hourCycle: 'h23' } as const;
      format = new Intl.DateTimeFormat('en-US', { timeZone: zone, ...numeric, ...time });
      this.clocks.set(zone, format);
    }
    const shown = format.format(quarterMs).match(/\d+/g) ?? [];
    const [month = 1, day = 1, year = 1970, hour = 0, minute = 0, second = 0] = shown.map(Number);
    const offsetMs = Date.UTC(year, month - 1, day, hour, minute, second) - quarterMs;
    if (this.offsets.size >= MOST_QUARTERS) this.offsets.clear();
    this.offsets.set(key, offsetMs);
    return offsetMs;
  }

  /** First instant of the anchor day in a month (months since year 0). */
  private anchor(zone: string, anchorDay: number, month: number): number {
    const key = `${zone} ${anchorDay} ${month}`;
    const known = this.anchors.get(key);
    if (known !== undefined) return known;
    const year = Math.floor(month / 12);
    const daysInMonth = new Date(Date.UTC(year, (month % 12) + 1, 0)).getUTCDate();
    const wanted = Date.UTC(year, month % 12, Math.min(anchorDay, daysInMonth));
    const found = this.begins(zone, wanted);
    this.anchors.set(key, found);
    return found;
  }

  /** First instant of a local date, given as the UTC midnight of the same name. */
  private begins(zone: string, wanted: number): number {
    // No zone is further than 15 hours from UTC; transitions fall on whole minutes.
    let before = wanted / 60_000 - 24 * 60;
    let after = wanted / 60_000 + 24 * 60;
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (this.localDate(zone, middle * 60_000) >= wanted) after = middle;
      else before = middle;
    }
    return after * 60_000;
  }

  /** Local calendar date, as the UTC midnight of the same name. */
  private localDate(zone: string, atMs: number): number {
    let format = this.formats.get(zone);
    if (format === undefined) {
      format = new Intl.DateTimeFormat('en-US', {
        timeZone: zone,
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
      });
      this.formats.set(zone, format);
    }
    const [month = 0, day = 0, year = 0] = format.format(atMs).split('/').map(Number);
    return Date.UTC(year, month - 1, day);
  }
}
