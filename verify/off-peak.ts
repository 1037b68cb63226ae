import type { OffPeakCalendar } from '../schemas/provider.ts';
import type { LocalCalendar } from './local-calendar.ts';

const MINUTE_MS = 60_000;
/** Whoever waits for a change looks again within a billing cycle: what is further away is none yet. */
const HORIZON_MS = 35 * 24 * 60 * MINUTE_MS;
/** Walked stretches that are remembered. */
const MOST_STRETCHES = 1000;

/** Minutes that were walked, [startMs, endMs), all alike; `changes` = the minute after them is another. */
interface Stretch {
  startMs: number;
  endMs: number;
  changes: boolean;
}

/** A provider's off-peak hours and dates, minute by minute of local time. */
export class OffPeakWalk {
  readonly #settings: OffPeakCalendar;
  readonly #calendar: LocalCalendar;
  readonly #stretches = new Map<string, Stretch[]>();

  constructor(settings: OffPeakCalendar, calendar: LocalCalendar) {
    this.#settings = settings;
    this.#calendar = calendar;
  }

  isOffPeak(zone: string, atMs: number): boolean {
    const { date, time, dayOfWeek } = this.#calendar.timeAt(zone, atMs);
    if (this.#settings.dates.includes(date)) return true;
    const dayBefore = dayOfWeek === 1 ? 7 : dayOfWeek - 1;
    return this.#settings.hours.some(({ days, from, to }) =>
      to > from
        ? days.includes(dayOfWeek) && from <= time && time < to
        : (days.includes(dayOfWeek) && from <= time) || (days.includes(dayBefore) && time < to),
    );
  }

  /** The next minute that is another than this one; null = none in 35 days. */
  nextChangeMs(zone: string, atMs: number): number | null {
    const { hours, dates } = this.#settings;
    if (hours.length === 0 && dates.length === 0) return null;
    const stretch = this.#stretchAt(zone, atMs);
    const now = this.isOffPeak(zone, atMs);
    while (!stretch.changes && stretch.endMs <= atMs + HORIZON_MS) {
      if (this.isOffPeak(zone, stretch.endMs) === now) stretch.endMs += MINUTE_MS;
      else stretch.changes = true;
    }
    return stretch.changes && stretch.endMs <= atMs + HORIZON_MS ? stretch.endMs : null;
  }

  #stretchAt(zone: string, atMs: number): Stretch {
    const known = this.#stretches.get(zone) ?? [];
    const found = known.find(({ startMs, endMs }) => startMs <= atMs && atMs < endMs);
    if (found !== undefined) return found;
    const startMs = Math.floor(atMs / MINUTE_MS) * MINUTE_MS;
    const made = { startMs, endMs: startMs + MINUTE_MS, changes: false };
    this.#stretches.set(zone, [made, ...known].slice(0, MOST_STRETCHES));
    return made;
  }
}
