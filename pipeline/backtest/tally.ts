import type { CycleCalendar } from '../../rules/cycle.ts';
import type { ActionIntent, ActionKind } from '../../schemas/action.ts';
import { changeOf, CONSEQUENCES, consequencesOf, differenceOf } from './difference.ts';
import type { Change, Consequence } from './difference.ts';
import { ReplayCalendar } from './replay-calendar.ts';
import type { LineOutcome } from './replay-line.ts';
import { addSample, mergeSamples } from './samples.ts';
import type { Sample } from './samples.ts';
import { SIDES } from './task.ts';
import type { SideName } from './task.ts';

/** Subscribers on whom each side acts, and on whom only one does. */
export interface Reach {
  draft: number;
  against: number;
  gained: number;
  lost: number;
}

/** What is asked of subscribers in one currency, in minor units. */
export interface Charges {
  blocks: number;
  blocksMinor: number;
  topUps: number;
  topUpsMinor: number;
}

export interface DayTally {
  actions: Record<SideName, Map<ActionKind, number>>;
  /** actions that only one side takes on this day */
  gained: number;
  lost: number;
  /** subscribers whose line some effect held at some time of the day */
  held: Record<SideName, number>;
}

export interface PlanTally {
  subscribers: number;
  reach: Reach;
  actions: Record<SideName, number>;
  charges: Map<string, Record<SideName, Charges>>;
}

/** Figures of some subscribers; sums of those of their parts. */
export interface Tally {
  subscribers: number;
  /** how often lines were looked at */
  looks: number;
  /** with usage, but unknown to the directory: no policy applies to them */
  strangers: number;
  /** subscribers whose actions differ */
  changed: number;
  reach: Map<Consequence | 'any', Reach>;
  actions: Record<SideName, Map<ActionKind, number>>;
  gained: Map<ActionKind, number>;
  lost: Map<ActionKind, number>;
  charges: Map<string, Record<SideName, Charges>>;
  /** `<policy>/<rule>` -> actions */
  rules: Record<SideName, Map<string, number>>;
  /** local date -> */
  days: Map<string, DayTally>;
  /** plan id, '' = none -> */
  plans: Map<string, PlanTally>;
  samples: Map<Change, Sample[]>;
}

/** Nothing counted yet. */
export function noTally(): Tally {
  return {
    subscribers: 0,
    looks: 0,
    strangers: 0,
    changed: 0,
    reach: new Map(),
    actions: perSide(() => new Map()),
    gained: new Map(),
    lost: new Map(),
    charges: new Map(),
    rules: perSide(() => new Map()),
    days: new Map(),
    plans: new Map(),
    samples: new Map(),
  };
}

/** Counts lines one by one. */
export class LineCounter {
  readonly tally = noTally();
  readonly #calendar: CycleCalendar = new ReplayCalendar();
  readonly #samples: number;

  /** @param samples of each kind of difference */
  constructor(samples: number) {
    this.#samples = samples;
  }

  add(outcome: LineOutcome): void {
    const { tally } = this;
    const { sides } = outcome;
    tally.subscribers += 1;
    tally.looks += outcome.looks;
    const plan = entry(tally.plans, outcome.planId ?? '', noPlan);
    plan.subscribers += 1;
    const isIdle = SIDES.every((side) => sides[side].decisions.length + sides[side].held.length === 0);
    if (isIdle) return;
    const difference = differenceOf(sides);
    const found = { draft: consequencesOf(sides.draft), against: consequencesOf(sides.against) };
    this.#addReach(found, plan);
    this.#addActions(outcome);
    this.#addHeld(outcome);
    for (const [which, intents] of Object.entries(difference) as ['gained' | 'lost', ActionIntent[]][]) {
      for (const intent of intents) {
        raise(tally[which], intent.kind);
        entry(tally.days, this.#dateOf(outcome, intent.decidedAtMs), noDay)[which] += 1;
      }
    }
    const change = changeOf(found.draft, found.against, difference);
    if (change === 'none' || change === 'same') return;
    tally.changed += 1;
    addSample(tally.samples, change, outcome, this.#samples);
  }

  #addReach(found: Record<SideName, Set<Consequence>>, plan: PlanTally): void {
    const count = (reach: Reach, draft: boolean, against: boolean): void => {
      if (draft) reach.draft += 1;
      if (against) reach.against += 1;
      if (draft && !against) reach.gained += 1;
      if (against && !draft) reach.lost += 1;
    };
    for (const one of CONSEQUENCES) {
      const [draft, against] = [found.draft.has(one), found.against.has(one)];
      if (draft || against) count(entry(this.tally.reach, one, noReach), draft, against);
    }
    const [draft, against] = [found.draft.size > 0, found.against.size > 0];
    count(entry(this.tally.reach, 'any', noReach), draft, against);
    count(plan.reach, draft, against);
  }

  #addActions(outcome: LineOutcome): void {
    const { tally } = this;
    for (const side of SIDES) {
      for (const { intent, planId } of outcome.sides[side].decisions) {
        const plan = entry(tally.plans, planId ?? '', noPlan);
        plan.actions[side] += 1;
        raise(tally.actions[side], intent.kind);
        raise(tally.rules[side], `${intent.policyId}/${intent.rule}`);
        const day = entry(tally.days, this.#dateOf(outcome, intent.decidedAtMs), noDay);
        raise(day.actions[side], intent.kind);
        addCharge(tally.charges, side, intent);
        addCharge(plan.charges, side, intent);
      }
    }
  }

  #addHeld(outcome: LineOutcome): void {
    for (const side of SIDES) {
      const dates = new Set<string>();
      for (const { fromMs, toMs } of outcome.sides[side].held) {
        for (let atMs = fromMs; atMs < toMs;) {
          dates.add(this.#dateOf(outcome, atMs));
          atMs = this.#calendar.day(outcome.profile.zone, atMs).endMs;
        }
      }
      for (const date of dates) entry(this.tally.days, date, noDay).held[side] += 1;
    }
  }

  #dateOf({ profile }: LineOutcome, atMs: number): string {
    return this.#calendar.hour(profile.zone, atMs).date;
  }
}

/** Adds the figures of other subscribers. */
export function mergeTally(into: Tally, other: Tally, samples: number): void {
  into.subscribers += other.subscribers;
  into.looks += other.looks;
  into.strangers += other.strangers;
  into.changed += other.changed;
  for (const [key, reach] of other.reach) mergeReach(entry(into.reach, key, noReach), reach);
  mergeCounts(into.gained, other.gained);
  mergeCounts(into.lost, other.lost);
  mergeCharges(into.charges, other.charges);
  for (const side of SIDES) {
    mergeCounts(into.actions[side], other.actions[side]);
    mergeCounts(into.rules[side], other.rules[side]);
  }
  for (const [date, day] of other.days) {
    const own = entry(into.days, date, noDay);
    own.gained += day.gained;
    own.lost += day.lost;
    for (const side of SIDES) {
      own.held[side] += day.held[side];
      mergeCounts(own.actions[side], day.actions[side]);
    }
  }
  for (const [planId, plan] of other.plans) {
    const own = entry(into.plans, planId, noPlan);
    own.subscribers += plan.subscribers;
    mergeReach(own.reach, plan.reach);
    for (const side of SIDES) own.actions[side] += plan.actions[side];
    mergeCharges(own.charges, plan.charges);
  }
  mergeSamples(into.samples, other.samples, samples);
}

function addCharge(
  charges: Map<string, Record<SideName, Charges>>,
  side: SideName,
  { overage, topUp }: ActionIntent,
): void {
  if (overage !== null) {
    const own = entry(charges, overage.currency, noCharges)[side];
    own.blocks += 1;
    own.blocksMinor += overage.priceMinor;
  }
  if (topUp !== null) {
    const own = entry(charges, topUp.currency, noCharges)[side];
    own.topUps += 1;
    own.topUpsMinor += topUp.priceMinor;
  }
}

function mergeReach(into: Reach, other: Reach): void {
  into.draft += other.draft;
  into.against += other.against;
  into.gained += other.gained;
  into.lost += other.lost;
}

function mergeCharges(
  into: Map<string, Record<SideName, Charges>>,
  other: ReadonlyMap<string, Record<SideName, Charges>>,
): void {
  for (const [currency, charges] of other) {
    const own = entry(into, currency, noCharges);
    for (const side of SIDES) {
      own[side].blocks += charges[side].blocks;
      own[side].blocksMinor += charges[side].blocksMinor;
      own[side].topUps += charges[side].topUps;
      own[side].topUpsMinor += charges[side].topUpsMinor;
    }
  }
}

function mergeCounts<Key>(into: Map<Key, number>, other: ReadonlyMap<Key, number>): void {
  for (const [key, count] of other) into.set(key, (into.get(key) ?? 0) + count);
}

function raise<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function entry<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

function perSide<Value>(make: () => Value): Record<SideName, Value> {
  return { draft: make(), against: make() };
}

const noReach = (): Reach => ({ draft: 0, against: 0, gained: 0, lost: 0 });
const noCharge = (): Charges => ({ blocks: 0, blocksMinor: 0, topUps: 0, topUpsMinor: 0 });
const noCharges = (): Record<SideName, Charges> => perSide(noCharge);
const noDay = (): DayTally => ({
  actions: perSide(() => new Map()),
  gained: 0,
  lost: 0,
  held: perSide(() => 0),
});
const noPlan = (): PlanTally => ({
  subscribers: 0,
  reach: noReach(),
  actions: perSide(() => 0),
  charges: new Map(),
});
