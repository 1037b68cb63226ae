import type { Assignment, CycleChange, CycleRule, Hold } from '../../schemas/profile.ts';
import type { AddOnTerms, PlanTerms, Span } from '../../schemas/tariff.ts';
import { changedCycleAt, ruleCycleAt, ruleInForce } from '../cycle.ts';

/** What of a subscriber and its account decides what it costs. Bounds are ms since 1970 UTC. */
export interface TariffTimeline {
  /** of the account */
  currency: string;
  taxClass: string;
  /** IANA zone */
  zone: string;
  cycle: CycleRule;
  /** ordered */
  cycleChanges: readonly CycleChange[];
  /** ordered, not overlapping */
  assignments: readonly Assignment[];
  addOns: readonly AddOnSpan[];
  holds: readonly Hold[];
}

export interface AddOnSpan {
  addOnId: string;
  fromMs: number;
  toMs: number | null;
}

/** A cycle, or what of one an account pays. */
export interface PricedSpan extends Span {
  /** where the cycle begins by which versions of plans are taken; absent = the span is all of it */
  pricedFromMs?: number;
}

/** Terms by id, ascending by effectiveFromMs; [] = none are known, and nothing is charged. */
export interface PlanLookup {
  plan(planId: string): readonly PlanTerms[];
  addOn(addOnId: string): readonly AddOnTerms[];
}

/** A stretch of a cycle in which nothing changes. */
export interface Segment {
  fromMs: number;
  toMs: number;
  /** null = no plan, or one that costs nothing */
  terms: PlanTerms | null;
  /** what of the fees is charged */
  heldPerMille: number;
  addOns: readonly AddOnTerms[];
}

/** The billing cycle that contains an instant. */
export function billingCycleAt(t: TariffTimeline, atMs: number): Span {
  return changedCycleAt(t.zone, t.cycle, t.cycleChanges, atMs);
}

/**
 * The cycle that runs at an instant: the calendar's, which does not reach back over what is closed. Where zone, rule or account
 * were changed, time that went to billing would else be in two cycles.
 *
 * @param closedThroughMs where the last closed cycle ends; null = none is
 */
export function runningCycle(
  t: Pick<TariffTimeline, 'zone' | 'cycle' | 'cycleChanges'>,
  closedThroughMs: number | null,
  atMs: number,
): Span {
  const throughMs = closedThroughMs ?? Number.NEGATIVE_INFINITY;
  const { startMs, endMs } = changedCycleAt(t.zone, t.cycle, t.cycleChanges, Math.max(atMs, throughMs));
  return { startMs: Math.max(startMs, throughMs), endMs };
}

/** The cycle by its rule that a cycle is, or of which it is a stub: its seconds are what a fee is for. */
export function wholeCycleOf(t: TariffTimeline, cycle: Span): Span {
  return ruleCycleAt(t.zone, ruleInForce(t.zone, t.cycle, t.cycleChanges, cycle.startMs), cycle.startMs);
}

/**
 * Where the cycle begins by which versions are taken, for what of it an account pays: who moves to another account keeps the
 * price of the cycle that runs, as usage does. It is the slot's cycle: the calendar's, not back over what the slot closed.
 *
 * @param startMs where the account's part begins
 * @param told the last of the cycles that the slot closed that began before that; null = none did
 */
export function pricedFrom(t: TariffTimeline, startMs: number, told: Span | null): number {
  const calendarMs = billingCycleAt(t, startMs).startMs;
  if (told === null) return calendarMs;
  return told.endMs > startMs ? told.startMs : Math.max(calendarMs, told.endMs);
}

/** What a version says of when it holds. */
export interface Versioned {
  version: number;
  /** null, absent = at once */
  effectiveFromMs?: number | null;
}

/**
 * The version of a plan for a stretch of it: of those in effect as its assignment or the cycle began, whichever was later, the last
 * one. "At once" is the beginning of time; of several in effect from one instant the greatest version holds. null = none yet.
 */
export function versionAt<V extends Versioned>(
  versions: readonly V[],
  assignmentFromMs: number,
  cycleStartMs: number,
): V | null {
  const atMs = Math.max(assignmentFromMs, cycleStartMs);
  let found: V | null = null;
  for (const version of versions) {
    const fromMs = effectiveFrom(version);
    if (fromMs > atMs) continue;
    if (found === null || fromMs > effectiveFrom(found)) found = version;
    else if (fromMs === effectiveFrom(found) && version.version > found.version) found = version;
  }
  return found;
}

function effectiveFrom({ effectiveFromMs }: Versioned): number {
  return effectiveFromMs ?? Number.NEGATIVE_INFINITY;
}

/** The version of an add-on: that in effect as it began, for as long as it lasts. null = none. */
export function addOnTermsOf({ addOnId, fromMs }: AddOnSpan, plans: PlanLookup): AddOnTerms | null {
  return versionAt(plans.addOn(addOnId), fromMs, fromMs);
}

/** Terms of the plan in force at an instant of a cycle; null = none. */
export function termsAt(
  t: TariffTimeline,
  { startMs, pricedFromMs = startMs }: PricedSpan,
  plans: PlanLookup,
  atMs: number,
): PlanTerms | null {
  const assigned = t.assignments.find((one) => isIn(one, atMs));
  if (assigned === undefined) return null;
  return versionAt(plans.plan(assigned.planId), assigned.fromMs, pricedFromMs);
}

/** What of the fees of these terms is charged at an instant, per mille: of several holds that which costs least decides. */
export function heldPerMilleAt(t: TariffTimeline, terms: PlanTerms | null, atMs: number): number {
  let least = 1000;
  if (terms === null) return least;
  for (const hold of t.holds) if (isIn(hold, atMs)) least = Math.min(least, terms.heldPerMille[hold.kind]);
  return least;
}

/** [fromMs, toMs) contains it; `toMs` null = open. */
export function isIn({ fromMs, toMs }: { fromMs: number; toMs: number | null }, atMs: number): boolean {
  return fromMs <= atMs && (toMs === null || atMs < toMs);
}

/** Start and end of a cycle and whatever bound of these lies between, each once, ascending. */
export function cutsOf(
  cycle: Span,
  ...dated: readonly (readonly { fromMs: number; toMs: number | null }[])[]
): number[] {
  const cuts = new Set([cycle.startMs, cycle.endMs]);
  for (const { fromMs, toMs } of dated.flat())
    for (const ms of [fromMs, toMs]) if (ms !== null && ms > cycle.startMs && ms < cycle.endMs) cuts.add(ms);
  return [...cuts].sort((a, b) => a - b);
}

/** Stretches of a cycle with one plan version, share and set of add-ons each, in order; they cover what has a plan or an add-on. */
export function segmentsOf(t: TariffTimeline, cycle: Span, plans: PlanLookup): Segment[] {
  const cuts = cutsOf(cycle, t.assignments, t.addOns, t.holds);
  const segments: Segment[] = [];
  for (const [index, fromMs] of cuts.slice(0, -1).entries()) {
    const toMs = cuts[index + 1] ?? cycle.endMs;
    const addOnSpans = t.addOns.filter((one) => isIn(one, fromMs));
    const isAssigned = t.assignments.some((one) => isIn(one, fromMs));
    if (!isAssigned && addOnSpans.length === 0) continue;
    const terms = termsAt(t, cycle, plans, fromMs);
    const addOns = addOnSpans.map((one) => addOnTermsOf(one, plans)).filter((one) => one !== null);
    const segment = { fromMs, toMs, terms, heldPerMille: heldPerMilleAt(t, terms, fromMs), addOns };
    const last = segments.at(-1);
    if (last !== undefined && isSame(last, segment)) last.toMs = toMs;
    else segments.push(segment);
  }
  return segments;
}

function isSame(a: Segment, b: Segment): boolean {
  return (
    a.toMs === b.fromMs &&
    a.terms === b.terms &&
    a.heldPerMille === b.heldPerMille &&
    a.addOns.length === b.addOns.length &&
    a.addOns.every((terms, index) => terms === b.addOns[index])
  );
}
