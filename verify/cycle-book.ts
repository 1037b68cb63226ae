import type { CycleChange, CycleRule, SubscriberProfile } from '../schemas/profile.ts';
import type { Amount } from './amount.ts';
import { isNothing, nothing, plus } from './amount.ts';
import type { LocalCalendar } from './local-calendar.ts';
import { cutAnew, freshParts, partAt, sharesByPart } from './parts.ts';
import type { SpreadPart } from './spread.ts';
import { sharesBySpan } from './spread.ts';
import { addToClass, addToOffPeak, totalOf } from './totals.ts';
import type { BandedTotal, Span } from './totals.ts';

/** A billing cycle. */
export interface Cycle extends BandedTotal {
  /** signed corrections by operators, in none of the classes */
  adjusted: Amount;
  closed: boolean;
  /** stretches with another plan or unlimited, in order; none = the cycle is one */
  parts: BandedTotal[];
  /** what it had besides its cap as it rolled; null = it was never the current one */
  spent: Spent | null;
}

/** What covered the bytes of a cycle that is over, besides its cap. */
export interface Spent {
  carryBytes: bigint;
  blocks: number;
  soldBytes: number;
  /** top-up -> what of it was used in this cycle */
  topUps: Map<string, bigint>;
}

/** What a subscriber's cycles and their parts go by. */
export interface CycleTerms {
  zone: string;
  cycle: CycleRule;
  /** in order */
  changes: readonly CycleChange[];
  /** boundaries of parts, ascending */
  cuts: readonly number[];
}

/** Days and billing cycles of one subscriber. */
export class CycleBook {
  /** by start */
  cycles: Cycle[] = [];
  /** start of the cycle that contained the watermark when it was last looked at; null = no watermark yet */
  currentMs: number | null = null;
  /** start of the first cycle that octets or corrections waited in before event time began; null = none did */
  #waitingMs: number | null = null;
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

  /**
   * Moves on to the cycle that contains the watermark. Returns the one that was current before, or that came first before event
   * time began; null = it still is, or none was.
   */
  roll(rule: CycleTerms, watermarkMs: number): Cycle | null {
    const { current } = this;
    if (watermarkMs <= 0) return null;
    if (current !== null && current.startMs <= watermarkMs && watermarkMs < current.endMs) return null;
    const { startMs } = this.#cycleByRule(rule, watermarkMs);
    const before = current ?? this.cycles.find((one) => one.startMs === this.#waitingMs) ?? null;
    this.currentMs = startMs;
    return before !== null && before.startMs < startMs ? before : null;
  }

  /** The cycle before the current one: as it is known, else an empty one, which nobody keeps. */
  before(rule: CycleTerms): Cycle | null {
    const { current } = this;
    if (current === null) return null;
    const known = this.cycles.find(({ endMs }) => endMs === current.startMs);
    return known ?? emptyCycle(this.boundsAt(rule, current.startMs - 1), []);
  }

  /**
   * Adds a part of a record's delta to its days and to its cycle, which is returned, with what each part of the cycle got: where
   * it has none, all of it.
   */
  add(
    rule: CycleTerms,
    serviceClass: string,
    part: SpreadPart,
    offPeak: boolean,
  ): { cycle: Cycle; shares: { part: BandedTotal | null; share: Amount }[] } {
    this.#addToDays(rule, serviceClass, part, offPeak);
    const cycle = this.cycleOf(rule, part.fromMs);
    const { down, up } = part;
    const shares = sharesByPart(cycle.parts, part.fromMs, part.toMs, { down, up });
    for (const { part: to, share } of [{ part: cycle, share: { down, up } }, ...shares]) {
      addToClass(to, serviceClass, share);
      if (offPeak) addToOffPeak(to, serviceClass, share);
    }
    return { cycle, shares: shares.length > 0 ? shares : [{ part: null, share: { down, up } }] };
  }

  /** Brings the parts of the cycles that are not closed to the boundaries that there are now. */
  cutParts(rule: CycleTerms): void {
    for (const cycle of this.cycles) {
      if (cycle.closed) continue;
      cycle.parts = cutAnew(cycle, cycle.parts, rule.cuts, (fromMs, toMs) =>
        this.#calendar.dayAt(rule.zone, fromMs).startMs === fromMs ? this.daysFrom(fromMs, toMs) : null,
      );
    }
  }

  /** The cycle, or of one that a change of the rule cut, what it is a part of. */
  wholeCycle(profile: SubscriberProfile | null, { startMs, endMs }: Span): Span {
    if (profile === null) return { startMs, endMs };
    const { zone, anchorDay, cycle = { kind: 'month', anchorDay }, cycleChanges = [] } = profile;
    const rule = this.#calendar.ruleAt(zone, cycle, cycleChanges, startMs);
    return this.#calendar.ruleCycleAt(zone, rule, startMs);
  }

  /** Whether a cycle that is not closed would be another by this rule. */
  movesBy(rule: CycleTerms): boolean {
    return this.cycles.some(({ closed, startMs, endMs }) => {
      const bounds = this.boundsAt(rule, startMs);
      return !closed && (bounds.startMs !== startMs || bounds.endMs !== endMs);
    });
  }

  /** Days that begin in [fromMs, toMs), by start. */
  daysFrom(fromMs: number, toMs: number): BandedTotal[] {
    const days = [...this.#days.values()].filter(({ startMs }) => startMs >= fromMs && startMs < toMs);
    return days.sort((a, b) => a.startMs - b.startMs);
  }

  /** The cycle that takes what happened at an instant: one that is known, else the calendar's. */
  cycleOf(rule: CycleTerms, atMs: number): Cycle {
    const { current } = this;
    const contains = ({ startMs, endMs }: Cycle): boolean => startMs <= atMs && atMs < endMs;
    if (current === null || atMs >= current.endMs) return this.#cycleByRule(rule, atMs);
    if (contains(current)) return current;
    const past = this.cycles.filter(({ startMs }) => startMs < current.startMs);
    return past.findLast(contains) ?? this.#cycleByRule(rule, atMs);
  }

  /** Cycles that go to billing now, one after the other, oldest first. */
  closing(watermarkMs: number, graceMs: number): Cycle[] {
    return this.cycles.filter(
      ({ startMs, endMs, closed }) =>
        !closed && this.currentMs !== null && startMs < this.currentMs && watermarkMs >= endMs + graceMs,
    );
  }

  /** When the next of the cycles that are over goes to billing; null = none waits. One that is late already goes at once. */
  nextCloseMs(watermarkMs: number, graceMs: number): number | null {
    const times = this.cycles
      .filter(({ startMs, closed }) => !closed && this.currentMs !== null && startMs < this.currentMs)
      .map(({ endMs }) => Math.max(endMs + graceMs, watermarkMs + 1));
    return times.length === 0 ? null : Math.min(...times);
  }

  /**
   * Another zone or anchor: cycles that are not closed are made anew, each day in the one that contains its beginning. Returns
   * those that were over, oldest first, and are the current one's again by most of their octets: what they had is the caller's.
   */
  changeRule(rule: CycleTerms, watermarkMs: number): Cycle[] {
    const closed = this.cycles.filter((cycle) => cycle.closed);
    const open = this.cycles.filter((cycle) => !cycle.closed);
    const wasCurrentMs = this.currentMs;
    const fromMs = this.#closedThroughMs;
    this.cycles = closed;
    this.currentMs = null;
    this.#waitingMs = null;
    this.roll(rule, watermarkMs);
    for (const day of this.daysFrom(fromMs, Number.POSITIVE_INFINITY).reverse()) {
      const cycle = this.cycleOf(rule, day.startMs);
      const part = partAt(cycle.parts, day.startMs);
      for (const to of part === null ? [cycle] : [cycle, part]) {
        for (const [serviceClass, amount] of day.classes) addToClass(to, serviceClass, amount);
        for (const [serviceClass, amount] of day.offPeak) addToOffPeak(to, serviceClass, amount);
      }
    }
    const again = open.filter(
      (cycle) => wasCurrentMs !== null && cycle.startMs < wasCurrentMs && this.#isCurrentAgain(cycle, fromMs),
    );
    this.#moveSpent(
      rule,
      open.filter((cycle) => !again.includes(cycle)),
    );
    for (const { startMs, adjusted } of open) {
      if (isNothing(adjusted)) continue;
      const cycle = this.cycleOf(rule, Math.max(startMs, fromMs));
      cycle.adjusted = plus(cycle.adjusted, adjusted);
    }
    return again;
  }

  /** Whether more of a span's octets are in the current cycle than before it; all of it is where it begins there. */
  #isCurrentAgain({ startMs, endMs }: Span, closedThroughMs: number): boolean {
    const { currentMs } = this;
    if (currentMs === null || endMs <= currentMs) return false;
    const fromMs = startMs > closedThroughMs ? startMs : closedThroughMs;
    if (fromMs >= currentMs) return true;
    const within = this.daysFrom(fromMs, endMs);
    const octets = (days: BandedTotal[]): bigint =>
      days.map(totalOf).reduce((sum, { down, up }) => sum + down + up, 0n);
    const [now, before] = [
      within.filter((day) => day.startMs >= currentMs),
      within.filter((day) => day.startMs < currentMs),
    ];
    return octets(now) > octets(before);
  }

  /** What past cycles had besides their caps goes to the past ones in which they began; of two the newer one's. */
  #moveSpent(rule: CycleTerms, before: readonly Cycle[]): void {
    for (const { startMs, spent } of before.toReversed()) {
      if (spent === null) continue;
      const cycle = this.cycleOf(rule, Math.max(startMs, this.#closedThroughMs));
      if (cycle.startMs < (this.currentMs ?? Number.NEGATIVE_INFINITY)) cycle.spent ??= spent;
    }
  }

  /** The day that takes what happened at an instant; one in which closed cycles end is two. */
  dayOf({ zone }: CycleTerms, atMs: number): Span {
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

  /** The cycle of an instant by a rule, as far as it did not go to billing before. */
  boundsAt({ zone, cycle, changes }: CycleTerms, atMs: number): Span {
    return this.#cut(this.#calendar.changedCycleAt(zone, cycle, changes, atMs), atMs);
  }

  #cycleByRule(rule: CycleTerms, atMs: number): Cycle {
    const bounds = this.boundsAt(rule, atMs);
    const known = this.cycles.find(({ startMs }) => startMs === bounds.startMs);
    if (known !== undefined) return known;
    const made = emptyCycle(bounds, freshParts(bounds, rule.cuts));
    if (this.currentMs === null) this.#waitingMs ??= made.startMs;
    this.cycles.push(made);
    this.cycles.sort((a, b) => a.startMs - b.startMs);
    return made;
  }

  #addToDays(rule: CycleTerms, serviceClass: string, part: SpreadPart, offPeak: boolean): void {
    for (const { span, share } of sharesBySpan(part, (ms) => this.dayOf(rule, ms))) {
      if (isNothing(share)) continue;
      const day = this.#days.get(span.startMs) ?? { ...span, classes: new Map(), offPeak: new Map() };
      this.#days.set(span.startMs, day);
      addToClass(day, serviceClass, share);
      if (offPeak) addToOffPeak(day, serviceClass, share);
    }
  }
}

function emptyCycle({ startMs, endMs }: Span, parts: BandedTotal[]): Cycle {
  return {
    ...{ startMs, endMs, parts },
    classes: new Map(),
    offPeak: new Map(),
    adjusted: nothing(),
    closed: false,
    spent: null,
  };
}
