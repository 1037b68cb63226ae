import type { Amount } from './amount.ts';
import { addTo, isNothing, nothing, plus } from './amount.ts';
import type { LocalCalendar } from './local-calendar.ts';
import type { SpreadPart } from './spread.ts';
import { sharesBySpan } from './spread.ts';

/** Classes that one total tells apart. */
const MOST_CLASSES = 64;

/** A stretch of time, [startMs, endMs). */
export interface Span {
  startMs: number;
  endMs: number;
}

/** A span of time with octets by service class. */
export interface Total {
  startMs: number;
  endMs: number;
  /** '' is the default class; classes without octets may be missing */
  classes: Map<string, Amount>;
}

/** One of which is known what was carried off-peak. */
export interface BandedTotal extends Total {
  /** of the classes' octets those that were carried off-peak; a class that the total does not tell apart is the default one */
  offPeak: Map<string, Amount>;
}

/** A billing cycle. */
export interface Cycle extends BandedTotal {
  /** signed corrections by operators, in none of the classes */
  adjusted: Amount;
  closed: boolean;
}

/** Zone and anchor that a subscriber's cycles go by. */
export interface CycleRule {
  zone: string;
  anchorDay: number;
}

/** Days and billing cycles of one subscriber. */
export class CycleBook {
  /** by start */
  cycles: Cycle[] = [];
  /** start of the cycle that contained the watermark when it was last looked at; null = no watermark yet */
  currentMs: number | null = null;
  readonly #days = new Map<number, BandedTotal>();
  readonly #calendar: LocalCalendar;

  constructor(calendar: LocalCalendar) {
    this.#calendar = calendar;
  }

  /** The cycle that contains the watermark. */
  get current(): Cycle | null {
    return this.cycles.find(({ startMs }) => startMs === this.currentMs) ?? null;
  }

  /** Takes cycles by start, the current one's start, and days, as they were stored. */
  adopt(cycles: Cycle[], currentMs: number | null, days: readonly BandedTotal[]): void {
    this.cycles = cycles;
    this.currentMs = currentMs;
    for (const day of days) this.#days.set(day.startMs, day);
  }

  /** Moves on to the cycle that contains the watermark. */
  roll(rule: CycleRule, watermarkMs: number): void {
    const { current } = this;
    if (watermarkMs <= 0) return;
    if (current !== null && current.startMs <= watermarkMs && watermarkMs < current.endMs) return;
    this.currentMs = this.#cycleByRule(rule, watermarkMs).startMs;
  }

  /** Adds a part of a record's delta to its days and to its cycle, which is returned. */
  add(rule: CycleRule, serviceClass: string, part: SpreadPart, offPeak: boolean): Cycle {
    this.#addToDays(rule, serviceClass, part, offPeak);
    const cycle = this.cycleOf(rule, part.fromMs);
    addToClass(cycle, serviceClass, part);
    if (offPeak) addToOffPeak(cycle, serviceClass, part);
    return cycle;
  }

  /** Days that begin in [fromMs, toMs), by start. */
  daysFrom(fromMs: number, toMs: number): BandedTotal[] {
    const days = [...this.#days.values()].filter(({ startMs }) => startMs >= fromMs && startMs < toMs);
    return days.sort((a, b) => a.startMs - b.startMs);
  }

  /** The cycle that takes what happened at an instant: one that is known, else the calendar's. */
  cycleOf(rule: CycleRule, atMs: number): Cycle {
    const { current } = this;
    const contains = ({ startMs, endMs }: Cycle): boolean => startMs <= atMs && atMs < endMs;
    if (current === null || atMs >= current.endMs) return this.#cycleByRule(rule, atMs);
    if (contains(current)) return current;
    const past = this.cycles.filter(({ startMs }) => startMs < current.startMs);
    return past.findLast(contains) ?? this.#cycleByRule(rule, atMs);
  }

  /** Cycles that go to billing now, oldest first. */
  close(watermarkMs: number, graceMs: number): Cycle[] {
    const closing = this.cycles.filter(
      ({ startMs, endMs, closed }) =>
        !closed && this.currentMs !== null && startMs < this.currentMs && watermarkMs >= endMs + graceMs,
    );
    for (const cycle of closing) cycle.closed = true;
    return closing;
  }

  /** When the next of the cycles that are over goes to billing; null = none waits. One that is late already goes at once. */
  nextCloseMs(watermarkMs: number, graceMs: number): number | null {
    const times = this.cycles
      .filter(({ startMs, closed }) => !closed && this.currentMs !== null && startMs < this.currentMs)
      .map(({ endMs }) => Math.max(endMs + graceMs, watermarkMs + 1));
    return times.length === 0 ? null : Math.min(...times);
  }

  /** Another zone or anchor: cycles that are not closed are made anew, each day in the one that contains its beginning. */
  changeRule(rule: CycleRule, watermarkMs: number): void {
    const closed = this.cycles.filter((cycle) => cycle.closed);
    const open = this.cycles.filter((cycle) => !cycle.closed);
    const fromMs = this.#closedThroughMs;
    this.cycles = closed;
    this.currentMs = null;
    this.roll(rule, watermarkMs);
    for (const day of this.#days.values()) {
      if (day.startMs < fromMs) continue;
      const cycle = this.cycleOf(rule, day.startMs);
      for (const [serviceClass, amount] of day.classes) addToClass(cycle, serviceClass, amount);
      for (const [serviceClass, amount] of day.offPeak) addToOffPeak(cycle, serviceClass, amount);
    }
    for (const { startMs, adjusted } of open) {
      if (isNothing(adjusted)) continue;
      const cycle = this.cycleOf(rule, Math.max(startMs, fromMs));
      cycle.adjusted = plus(cycle.adjusted, adjusted);
    }
  }

  /** The day that takes what happened at an instant; one in which closed cycles end is two. */
  dayOf({ zone }: CycleRule, atMs: number): Span {
    return this.#cut(this.#calendar.dayAt(zone, atMs), atMs);
  }

  /** By another zone or anchor a span may reach back over what went to billing: it ends or begins there. */
  #cut(span: Span, atMs: number): Span {
    const throughMs = this.#closedThroughMs;
    if (throughMs <= span.startMs || throughMs >= span.endMs) return span;
    return atMs < throughMs ? { ...span, endMs: throughMs } : { ...span, startMs: throughMs };
  }

  /** Where the cycles that went to billing end. */
  get #closedThroughMs(): number {
    const ends = this.cycles.filter(({ closed }) => closed).map(({ endMs }) => endMs);
    return Math.max(...ends, Number.NEGATIVE_INFINITY);
  }

  #cycleByRule({ zone, anchorDay }: CycleRule, atMs: number): Cycle {
    const bounds = this.#cut(this.#calendar.cycleAt(zone, anchorDay, atMs), atMs);
    const known = this.cycles.find(({ startMs }) => startMs === bounds.startMs);
    if (known !== undefined) return known;
    const made: Cycle = {
      ...bounds,
      classes: new Map(),
      offPeak: new Map(),
      adjusted: nothing(),
      closed: false,
    };
    this.cycles.push(made);
    this.cycles.sort((a, b) => a.startMs - b.startMs);
    return made;
  }

  #addToDays(rule: CycleRule, serviceClass: string, part: SpreadPart, offPeak: boolean): void {
    for (const { span, share } of sharesBySpan(part, (ms) => this.dayOf(rule, ms))) {
      if (isNothing(share)) continue;
      const day = this.#days.get(span.startMs) ?? { ...span, classes: new Map(), offPeak: new Map() };
      this.#days.set(span.startMs, day);
      addToClass(day, serviceClass, share);
      if (offPeak) addToOffPeak(day, serviceClass, share);
    }
  }
}

/** Sum over all classes. */
export function totalOf({ classes }: Pick<Total, 'classes'>): Amount {
  return [...classes.values()].reduce(plus, nothing());
}

/** What a plan says of the octets that count, per mille by class. */
interface Factors {
  classFactors: Readonly<Record<string, number>>;
  offPeakFactors?: Readonly<Record<string, number>>;
}

/**
 * Case 19: octets that count, each class by its factor per mille, those that were carried off-peak by the factor for these: its
 * own, that of all classes (`*`), or the same as at other times. Rounded down once.
 */
export function countedOf(cycle: Cycle, factors: Factors): Amount {
  // Classes are named by the network: none is to be found among the names that every object has.
  const usual = new Map(Object.entries(factors.classFactors));
  const then = new Map(Object.entries(factors.offPeakFactors ?? {}));
  const weighted = nothing();
  for (const [serviceClass, { down, up }] of cycle.classes) {
    const factor = usual.get(serviceClass) ?? 1000;
    const offPeakFactor = BigInt(then.get(serviceClass) ?? then.get('*') ?? factor);
    const offPeak = cycle.offPeak.get(serviceClass) ?? nothing();
    weighted.down += (down - offPeak.down) * BigInt(factor) + offPeak.down * offPeakFactor;
    weighted.up += (up - offPeak.up) * BigInt(factor) + offPeak.up * offPeakFactor;
  }
  const corrected = plus({ down: weighted.down / 1000n, up: weighted.up / 1000n }, cycle.adjusted);
  return {
    down: corrected.down > 0n ? corrected.down : 0n,
    up: corrected.up > 0n ? corrected.up : 0n,
  };
}

function addToOffPeak(total: BandedTotal, serviceClass: string, amount: Amount): void {
  addTo(total.offPeak, total.classes.has(serviceClass) ? serviceClass : '', amount);
}

/** Adds octets to their class; to the default one where no more are told apart. */
export function addToClass(total: Pick<Total, 'classes'>, serviceClass: string, { down, up }: Amount): void {
  const named = [...total.classes.keys()].filter((name) => name !== '');
  const isOneTooMany = !total.classes.has(serviceClass) && named.length >= MOST_CLASSES;
  addTo(total.classes, isOneTooMany ? '' : serviceClass, { down, up });
}
