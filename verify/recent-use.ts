import type { Amount } from './amount.ts';
import { isNothing } from './amount.ts';
import { addToClass, totalOf } from './totals.ts';
import type { Total } from './totals.ts';
import type { LocalCalendar } from './local-calendar.ts';
import { sharesBySpan } from './spread.ts';
import type { SpreadPart } from './spread.ts';

/** An hour is known while it begins no longer before the newest one with usage. */
const KEPT_HOURS_MS = 24 * 3_600_000;
/** Classes whose peak is told. */
const MOST_CLASSES = 64;

/** Total of a 5-minute window over all NAS. */
export interface WindowUse {
  startMs: number;
  classes: Map<string, Amount>;
}

/** Most octets in one 5-minute window of a day, in both directions; by class without the default one. */
export interface DayPeak {
  dayStartMs: number;
  bytes: bigint;
  classes: Map<string, bigint>;
}

/** What is known of a subscriber's use by the hour, and of the fastest five minutes of the newest day. */
export class RecentUse {
  /** by start */
  hours = new Map<number, Total>();
  newest: WindowUse | null = null;
  peak: DayPeak | null = null;
  readonly #calendar: LocalCalendar;

  constructor(calendar: LocalCalendar) {
    this.#calendar = calendar;
  }

  /** A part of a record's delta lies in clock hours by its share of time. */
  addToHours(zone: string, serviceClass: string, part: SpreadPart): void {
    for (const { span, share } of sharesBySpan(part, (ms) => this.#calendar.hourAt(zone, ms))) {
      const newestMs = Math.max(...this.hours.keys());
      if (isNothing(share) || span.startMs < newestMs - KEPT_HOURS_MS) continue;
      const hour = this.hours.get(span.startMs) ?? { ...span, classes: new Map<string, Amount>() };
      this.hours.set(span.startMs, hour);
      addToClass(hour, serviceClass, share);
    }
    const newestMs = Math.max(...this.hours.keys());
    for (const startMs of this.hours.keys())
      if (startMs < newestMs - KEPT_HOURS_MS) this.hours.delete(startMs);
  }

  /**
   * The windows of one record. Of the newest window everything is known; of one before it what this record says. Later ones
   * begin anew, and so does the peak with the day of a window.
   */
  addWindows(zone: string, shares: readonly { serviceClass: string; parts: readonly SpreadPart[] }[]): void {
    const windows = new Map<number, Map<string, Amount>>();
    for (const { serviceClass, parts } of shares)
      for (const { windowMs, down, up } of parts) {
        if (windowMs === null || down + up === 0n) continue;
        const classes = windows.get(windowMs) ?? new Map<string, Amount>();
        windows.set(windowMs, classes.set(serviceClass, { down, up }));
      }
    for (const [startMs, classes] of [...windows].sort(([a], [b]) => a - b)) {
      const known = this.#windowUse(startMs, classes);
      this.#raisePeak(this.#calendar.dayAt(zone, startMs).startMs, known, [...classes.keys()]);
    }
  }

  /** Another zone: a peak of a day that is none of it says nothing any more. */
  changeZone(zone: string): void {
    const { peak } = this;
    if (peak !== null && this.#calendar.dayAt(zone, peak.dayStartMs).startMs !== peak.dayStartMs)
      this.peak = null;
  }

  #windowUse(startMs: number, classes: ReadonlyMap<string, Amount>): ReadonlyMap<string, Amount> {
    if (this.newest !== null && startMs < this.newest.startMs) return classes;
    if (this.newest?.startMs !== startMs) this.newest = { startMs, classes: new Map() };
    for (const [serviceClass, amount] of classes) addToClass(this.newest, serviceClass, amount);
    return this.newest.classes;
  }

  #raisePeak(dayStartMs: number, use: ReadonlyMap<string, Amount>, named: readonly string[]): void {
    if (this.peak === null || dayStartMs > this.peak.dayStartMs)
      this.peak = { dayStartMs, bytes: 0n, classes: new Map() };
    const { peak } = this;
    if (dayStartMs < peak.dayStartMs) return;
    const all = totalOf({ classes: new Map(use) });
    if (all.down + all.up > peak.bytes) peak.bytes = all.down + all.up;
    for (const serviceClass of named) {
      const amount = use.get(serviceClass);
      if (serviceClass === '' || amount === undefined) continue;
      const before = peak.classes.get(serviceClass);
      if (before === undefined && peak.classes.size >= MOST_CLASSES) continue;
      const bytes = amount.down + amount.up;
      if (before === undefined || bytes > before) peak.classes.set(serviceClass, bytes);
    }
  }
}
