import type { OffPeakCalendar } from '../schemas/provider.ts';
import type { Cycle, CycleCalendar } from './cycle.ts';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;
const DAY_MS = DAY_MINUTES * MINUTE_MS;

/** A change further ahead is not told: whoever waits for one asks again within a billing cycle. */
export const OFF_PEAK_HORIZON_MS = 35 * DAY_MS;

/** Stretches that are remembered a zone. */
const MOST_BANDS = 16;

/** A stretch of time that is off-peak, or not, throughout. */
interface Band extends Cycle {
  offPeak: boolean;
  /** at its end it changes; else nobody has looked further yet */
  changes: boolean;
}

/**
 * A provider's off-peak hours and dates, read once. By local time: an hour that the clocks skip is none, one that they repeat is
 * two. What is asked is remembered zone by zone, so a look-up costs about 50 ns.
 */
export class OffPeakBands {
  readonly #calendar: CycleCalendar;
  readonly #dates: ReadonlySet<string>;
  /** ISO day -> [from, to) in minutes of that day */
  readonly #hours = new Map<number, [from: number, to: number][]>();
  /** minutes of a day at which something may begin or end, ascending; the first is 0 */
  readonly #edges: number[];
  readonly #isEmpty: boolean;
  readonly #bands = new Map<string, Band[]>();

  constructor(settings: OffPeakCalendar, calendar: CycleCalendar) {
    this.#calendar = calendar;
    this.#dates = new Set(settings.dates);
    const edges = new Set([0]);
    for (const { days, from, to } of settings.hours) {
      const [begin, end] = [minutesOf(from), minutesOf(to)];
      edges.add(begin).add(end % DAY_MINUTES);
      for (const day of days) {
        this.#put(day, begin, end > begin ? end : DAY_MINUTES);
        if (end <= begin) this.#put((day % 7) + 1, 0, end);
      }
    }
    this.#edges = [...edges].sort((a, b) => a - b);
    this.#isEmpty = settings.hours.length === 0 && settings.dates.length === 0;
  }

  /** Whether an instant, ms since 1970 UTC, is off-peak in a zone. Throws RangeError on an unknown zone. */
  isOffPeak(zone: string, atMs: number): boolean {
    return !this.#isEmpty && this.#bandAt(zone, atMs).offPeak;
  }

  /** The first instant after `atMs` at which isOffPeak gives something else; null = none within 35 days. */
  nextChangeMs(zone: string, atMs: number): number | null {
    if (this.#isEmpty) return null;
    const band = this.#bandAt(zone, atMs);
    const untilMs = atMs + OFF_PEAK_HORIZON_MS;
    while (!band.changes && band.endMs <= untilMs) {
      if (this.#holds(zone, band.endMs) !== band.offPeak) band.changes = true;
      else band.endMs = this.#edgeAfter(zone, band.endMs);
    }
    return band.changes && band.endMs <= untilMs ? band.endMs : null;
  }

  #put(day: number, from: number, to: number): void {
    if (from === to) return;
    const ranges = this.#hours.get(day) ?? [];
    ranges.push([from, to]);
    this.#hours.set(day, ranges);
  }

  #bandAt(zone: string, atMs: number): Band {
    let bands = this.#bands.get(zone);
    if (bands === undefined) {
      bands = [];
      this.#bands.set(zone, bands);
    }
    for (const band of bands) if (atMs >= band.startMs && atMs < band.endMs) return band;
    const made: Band = {
      startMs: this.#edgeBefore(zone, atMs),
      endMs: this.#edgeAfter(zone, atMs),
      offPeak: this.#holds(zone, atMs),
      changes: false,
    };
    bands.unshift(made);
    if (bands.length > MOST_BANDS) bands.pop();
    return made;
  }

  /** By the local date, day of the week and minute. */
  #holds(zone: string, atMs: number): boolean {
    const { offsetMs } = this.#calendar.offset(zone, atMs);
    const local = new Date(atMs + offsetMs);
    if (this.#dates.size > 0 && this.#dates.has(local.toISOString().slice(0, 10))) return true;
    const minute = local.getUTCHours() * 60 + local.getUTCMinutes();
    const ranges = this.#hours.get(local.getUTCDay() === 0 ? 7 : local.getUTCDay());
    return ranges?.some(([from, to]) => from <= minute && minute < to) ?? false;
  }

  /** The last instant, at `atMs` or before, from which on local time may be in another band. */
  #edgeBefore(zone: string, atMs: number): number {
    const { startMs, offsetMs } = this.#calendar.offset(zone, atMs);
    const localMs = atMs + offsetMs;
    const dayMs = Math.floor(localMs / DAY_MS) * DAY_MS;
    const edge = this.#edges.findLast((minute) => dayMs + minute * MINUTE_MS <= localMs) ?? 0;
    return Math.max(dayMs + edge * MINUTE_MS - offsetMs, startMs);
  }

  #edgeAfter(zone: string, atMs: number): number {
    const { endMs, offsetMs } = this.#calendar.offset(zone, atMs);
    const localMs = atMs + offsetMs;
    const dayMs = Math.floor(localMs / DAY_MS) * DAY_MS;
    const edge = this.#edges.find((minute) => dayMs + minute * MINUTE_MS > localMs) ?? DAY_MINUTES;
    return Math.min(dayMs + edge * MINUTE_MS - offsetMs, endMs);
  }
}

/** HH:MM as minutes; 24:00 is 1440. */
function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

const read = new WeakMap<OffPeakCalendar, OffPeakBands>();

/** A provider's off-peak times, read when they are asked for the first time. */
export function offPeakBands(settings: OffPeakCalendar, calendar: CycleCalendar): OffPeakBands {
  let bands = read.get(settings);
  if (bands === undefined) {
    bands = new OffPeakBands(settings, calendar);
    read.set(settings, bands);
  }
  return bands;
}
