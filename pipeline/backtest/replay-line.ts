import type { FactName } from '../../rules/facts/catalogue.ts';
import type { Effect } from '../../schemas/action.ts';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import type { UsageSteps } from '../../storage/analytics-ports.ts';
import type { SlotState } from '../fold/slot-state.ts';
import { WATERMARK_DELAY_MS, WINDOW_MS } from '../window/spread.ts';
import { ReplayCalendar } from './replay-calendar.ts';
import * as fold from './side.ts';
import type { Decision, KeptTotals, Side, StepUsage } from './side.ts';
import type { BacktestPage, BacktestTask, Resolution, SideName } from './task.ts';
import { SIDES } from './task.ts';

const RESOLUTION_MS: Record<Exclude<Resolution, '1d'>, number> = { '5m': WINDOW_MS, '1h': 3_600_000 };

/** A time in which an effect was in force on a line, [fromMs, toMs). */
export interface Held {
  effect: Effect;
  fromMs: number;
  toMs: number;
}

/** What one set of policies did to one line within the range; actions that leave only, in order. */
export interface SideOutcome {
  decisions: Decision[];
  held: Held[];
}

/** What became of one line. */
export interface LineOutcome {
  profile: SubscriberProfile;
  /** plan at the end of the range */
  planId: string | null;
  sides: Record<SideName, SideOutcome>;
  /** how often it was looked at */
  looks: number;
}

/** Rows of one subscriber in a page: [from, to). */
export interface RowRange {
  from: number;
  to: number;
}

/**
 * Replays lines, one after the other, under two sets of policies. Time goes in steps of the resolution, cut at the line's
 * midnights; a step is looked at 60 s before its end, where the fold's watermark stands when a record comes at its end: so usage,
 * hour, day and cycle of a step belong together. Between steps a line is looked at where the fold would without a record.
 */
export class LineReplay {
  readonly #task: BacktestTask;
  readonly #calendar = new ReplayCalendar();
  readonly #states: Record<SideName, SlotState>;
  readonly #kept: KeptTotals;
  /** usage means the same to both sides */
  readonly #isShared: boolean;

  constructor(task: BacktestTask) {
    this.#task = task;
    this.#states = { draft: fold.slotOf(task, 'draft'), against: fold.slotOf(task, 'against') };
    const calendars = SIDES.map((side) => JSON.stringify(task.provider[side].offPeak));
    this.#isShared = calendars[0] === calendars[1];
    const asks = (...names: FactName[]): boolean => names.some((name) => task.facts.has(name));
    this.#kept = {
      hours: asks('hourBytes', 'last24hBytes', 'byClass'),
      days: asks('dayBytes', 'usualDayBytes', 'dayToUsualPercent', 'byClass'),
      windows: task.resolution === '5m' && asks('last5mBytes', 'peakRateBps', 'byClass'),
    };
  }

  /** @param range the line's rows in the page's usage, by step */
  replay(
    profile: SubscriberProfile,
    page: Pick<BacktestPage, 'usage' | 'gridMs'>,
    range: RowRange,
  ): LineOutcome {
    const sides = { draft: this.#sideOf('draft', profile), against: this.#sideOf('against', profile) };
    const line = new Line(profile, sides, page, range);
    const { fromMs, toMs } = this.#task;
    const decideFromMs = this.#calendar.at(profile.zone, profile.anchorDay, fromMs).startMs;
    this.#addBefore(line, decideFromMs);
    this.#look(line, decideFromMs);
    for (let row = line.nextMs(); row !== null && row < toMs; row = line.nextMs()) {
      const endMs = this.#endOfStep(profile.zone, row);
      const atMs = Math.max(row, Math.min(endMs, toMs) - WATERMARK_DELAY_MS);
      this.#lookUpTo(line, atMs);
      this.#addUpTo(line, endMs, true);
      this.#look(line, atMs);
    }
    this.#lookUpTo(line, toMs - 1);
    return this.#outcome(line);
  }

  #sideOf(name: SideName, profile: SubscriberProfile): LineSide {
    const state = this.#states[name];
    return new LineSide(state, fold.freshLine(state, profile));
  }

  /** Usage that policies look back on, of cycles that are over. */
  #addBefore(line: Line, endMs: number): void {
    for (const side of line.both()) side.state.watermarkMs = Math.max(1, endMs);
    this.#addUpTo(line, endMs, false);
  }

  #addUpTo(line: Line, endMs: number, counts: boolean): void {
    const { draft, against } = line.sides;
    const { gridMs } = line;
    for (let row = line.nextMs(); row !== null && row < endMs; row = line.nextMs()) {
      const usages = line.takeStep();
      this.#add(draft, usages, gridMs, counts);
      if (!this.#isShared) this.#add(against, usages, gridMs, counts);
    }
    if (this.#isShared) fold.shareUsage(draft.subscriber, against.subscriber);
  }

  #add(side: LineSide, usages: readonly StepUsage[], gridMs: number, counts: boolean): void {
    if (this.#kept.windows) fold.noteWindow(side, usages, this.#calendar);
    for (const usage of usages) fold.addStep(side, usage, gridMs, this.#kept, this.#calendar, counts);
  }

  /** Looks at the line wherever the fold would without usage, up to an instant. */
  #lookUpTo(line: Line, untilMs: number): void {
    for (let dueMs = line.dueMs; dueMs !== null && dueMs <= untilMs; dueMs = line.dueMs) {
      // One that lies behind would be looked at for ever.
      const atMs = Math.max(dueMs, line.lookedMs + 1);
      if (atMs > untilMs) return;
      line.dueMs = null;
      this.#look(line, atMs);
    }
  }

  #look(line: Line, atMs: number): void {
    const { draft, against } = line.sides;
    line.looks += 1;
    line.lookedMs = atMs;
    draft.state.watermarkMs = atMs;
    against.state.watermarkMs = atMs;
    this.#roll(line, atMs);
    const plan = fold.planNow(draft);
    const facts = fold.factsNow(draft, plan, this.#task.facts);
    const isSame =
      this.#isShared && fold.isUntouched(draft, line.profile) && fold.isUntouched(against, line.profile);
    const othersFacts = isSame ? facts : fold.factsNow(against, plan, this.#task.facts);
    let decided = false;
    if (fold.wouldDecide(draft, plan, facts)) decided = this.#decide(draft, atMs);
    if (fold.wouldDecide(against, plan, othersFacts)) decided = this.#decide(against, atMs) || decided;
    if (decided || line.dueMs === null || line.dueMs <= atMs) line.armAfter(atMs);
  }

  #roll({ sides: { draft, against } }: Line, atMs: number): void {
    const cycle = draft.subscriber.cycles[0];
    fold.roll(draft, atMs, this.#calendar);
    if (!this.#isShared) fold.roll(against, atMs, this.#calendar);
    else if (draft.subscriber.cycles[0] !== cycle) fold.shareUsage(draft.subscriber, against.subscriber);
  }

  #decide(side: LineSide, atMs: number): true {
    const { fromMs, toMs } = this.#task;
    const before = side.subscriber.effect;
    for (const decision of fold.decide(side)) {
      const isSent = decision.intent.disposition === 'send';
      if (isSent && atMs >= fromMs && atMs < toMs) side.decisions.push(decision);
    }
    side.noteEffect(before, atMs);
    return true;
  }

  #endOfStep(zone: string, atMs: number): number {
    const day = this.#calendar.day(zone, atMs);
    const { resolution } = this.#task;
    if (resolution === '1d') return day.endMs;
    const length = RESOLUTION_MS[resolution];
    const startMs = day.startMs + Math.floor((atMs - day.startMs) / length) * length;
    return Math.min(startMs + length, day.endMs);
  }

  #outcome(line: Line): LineOutcome {
    const { fromMs, toMs } = this.#task;
    const { profile, looks } = line;
    const outcomeOf = (name: SideName): SideOutcome => {
      const { decisions, held } = line.sides[name].end(fromMs, toMs);
      return { decisions, held };
    };
    const sides = { draft: outcomeOf('draft'), against: outcomeOf('against') };
    for (const side of SIDES) line.sides[side].state.watermarkMs = toMs - 1;
    return { profile, planId: fold.planNow(line.sides.draft)?.planId ?? null, sides, looks };
  }
}

/** One side of a line, and what was decided on it. */
class LineSide implements Side {
  readonly state: SlotState;
  readonly subscriber: Side['subscriber'];
  readonly decisions: Decision[] = [];
  readonly #held: Held[] = [];
  #sinceMs = 0;

  constructor(state: SlotState, subscriber: Side['subscriber']) {
    this.state = state;
    this.subscriber = subscriber;
  }

  /** To be called after a decision. */
  noteEffect(before: Effect | null, atMs: number): void {
    const { effect } = this.subscriber;
    if (effect === before) return;
    if (before !== null) this.#held.push({ effect: before, fromMs: this.#sinceMs, toMs: atMs });
    this.#sinceMs = atMs;
  }

  /** What was decided, and held within [fromMs, toMs). */
  end(fromMs: number, toMs: number): SideOutcome {
    const { effect } = this.subscriber;
    const all = effect === null ? this.#held : [...this.#held, { effect, fromMs: this.#sinceMs, toMs }];
    const held = all
      .map((one) => ({ ...one, fromMs: Math.max(one.fromMs, fromMs), toMs: Math.min(one.toMs, toMs) }))
      .filter((one) => one.fromMs < one.toMs);
    return { decisions: this.decisions, held };
  }
}

/** One line on its way through time. */
class Line {
  readonly profile: SubscriberProfile;
  readonly sides: Record<SideName, LineSide>;
  readonly gridMs: number;
  readonly #usage: UsageSteps;
  readonly #end: number;
  #row: number;
  looks = 0;
  lookedMs = 0;
  /** when it must be looked at again, whatever comes */
  dueMs: number | null = null;

  constructor(
    profile: SubscriberProfile,
    sides: Record<SideName, LineSide>,
    { usage, gridMs }: Pick<BacktestPage, 'usage' | 'gridMs'>,
    range: RowRange,
  ) {
    this.profile = profile;
    this.sides = sides;
    this.#usage = usage;
    this.gridMs = gridMs;
    this.#row = range.from;
    this.#end = range.to;
  }

  both(): LineSide[] {
    return [this.sides.draft, this.sides.against];
  }

  /** Start of the next step with usage; null = there is none. */
  nextMs(): number | null {
    if (this.#row >= this.#end) return null;
    return (this.#usage.seconds[this.#row] ?? 0) * 1000;
  }

  /** All classes of the next step. */
  takeStep(): StepUsage[] {
    const { seconds, classes, classIndexes, down, up } = this.#usage;
    const second = seconds[this.#row] ?? 0;
    const usages: StepUsage[] = [];
    for (; this.#row < this.#end && seconds[this.#row] === second; this.#row += 1) {
      usages.push({
        startMs: second * 1000,
        serviceClass: classes[classIndexes[this.#row] ?? 0] ?? '',
        down: down[this.#row] ?? 0,
        up: up[this.#row] ?? 0,
      });
    }
    return usages;
  }

  /** Nothing but a decision or the passing of this moment changes it: the rest of what it hangs on is the profile's. */
  armAfter(atMs: number): void {
    let next: number | null = null;
    for (const side of this.both()) {
      const dueMs = fold.nextLookMs(side);
      if (dueMs !== null && dueMs > atMs && (next === null || dueMs < next)) next = dueMs;
    }
    this.dueMs = next;
  }
}
