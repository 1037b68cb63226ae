import type { Assignment, PlanVersion, SubscriberProfile } from '../schemas/profile.ts';
import { asNumber, baseOf, cover } from './allowance.ts';
import type { Coverage, Stretch } from './allowance.ts';
import { IN_FULL, countedOf, inDirection, notBelow0 } from './counted.ts';
import type { Cycle } from './cycle-book.ts';
import { extrasIn } from './extras.ts';
import type { Line } from './line.ts';
import type { PlanBook } from './plan-book.ts';
import { totalOf } from './totals.ts';
import type { BandedTotal, Span } from './totals.ts';

/** A cycle of a line, looked at from an instant: now for the current one, the last one of a cycle that is over. */
export interface View {
  line: Line;
  cycle: Cycle;
  plans: PlanBook;
  /** decides which assignment is in force, and for the current cycle what has begun */
  atMs: number;
  isCurrent: boolean;
}

/** The current cycle; null where there is none. */
export function currentView(line: Line, plans: PlanBook, watermarkMs: number): View | null {
  const cycle = line.book.current;
  return cycle === null ? null : { line, cycle, plans, atMs: nowOf(line, watermarkMs), isCurrent: true };
}

/** A cycle that is over. */
export function pastView(line: Line, cycle: Cycle, plans: PlanBook): View {
  return { line, cycle, plans, atMs: cycle.endMs - 1, isCurrent: false };
}

/**
 * What of the profile is in force is decided at the later of event time and the change that the profile comes of, but not
 * beyond the current cycle.
 */
export function nowOf({ profile, book }: Line, watermarkMs: number): number {
  const asOfMs = profile?.asOfMs ?? watermarkMs;
  const lastMs = book.current === null ? asOfMs : book.current.endMs - 1;
  return Math.max(watermarkMs, Math.min(asOfMs, lastMs));
}

/** The pool that a subscriber is in, as event time has come to an instant. */
export function poolOf(line: Line, watermarkMs: number): string | null {
  const { profile } = line;
  if (profile?.poolMemberships === undefined) return profile?.poolId ?? null;
  const nowMs = nowOf(line, watermarkMs);
  return profile.poolMemberships.find((one) => isIn(one, nowMs))?.poolId ?? null;
}

/** The plan that is in force as event time has come to an instant; null where none is, or nobody said what it is. */
export function planNow(line: Line, plans: PlanBook, watermarkMs: number): PlanVersion | null {
  const assigned = assignmentAt(line.profile, nowOf(line, watermarkMs));
  if (assigned === null) return null;
  return plans.versionFor(assigned.planId, assigned.fromMs, line.book.current?.startMs ?? watermarkMs);
}

function assignmentAt(profile: SubscriberProfile | null, atMs: number): Assignment | null {
  return profile?.assignments.find((one) => isIn(one, atMs)) ?? null;
}

function isIn({ fromMs, toMs }: { fromMs: number; toMs: number | null }, atMs: number): boolean {
  return fromMs <= atMs && (toMs === null || atMs < toMs);
}

function versionOf({ plans, cycle }: View, assigned: Assignment | null): PlanVersion | null {
  return assigned === null ? null : plans.versionFor(assigned.planId, assigned.fromMs, cycle.startMs);
}

/** The plan that decides for the cycle as a whole. */
export function planOf(view: View): PlanVersion | null {
  return versionOf(view, assignmentAt(view.line.profile, view.atMs));
}

/** The assignment that a part goes by, and its plan: of a cycle without parts the one of the cycle. */
export function planOfPart(
  view: View,
  part: Span | null,
): { assigned: Assignment | null; plan: PlanVersion | null } {
  const assigned = assignmentAt(view.line.profile, part?.startMs ?? view.atMs);
  return { assigned, plan: versionOf(view, assigned) };
}

/** Whether no octet of a part counts: by its beginning. */
export function isUnlimited({ profile }: Line, { startMs }: Span): boolean {
  return (profile?.unlimited ?? []).some((span) => isIn(span, startMs));
}

/** Octets of a part that count, without corrections; a cycle without parts goes by its own plan. */
export function countedOfPart(view: View, part: BandedTotal, isWhole = false): bigint {
  if (isUnlimited(view.line, part)) return 0n;
  const { assigned, plan } = planOfPart(view, isWhole ? null : part);
  if (assigned === null) return 0n;
  const counting = plan ?? IN_FULL;
  return inDirection(countedOf(part, counting, { down: 0n, up: 0n }), counting.counted);
}

/** Octets of a cycle that count; those before a change to a plan that begins afresh may be left out. */
export function countedIn(view: View, leavesOut: 'nothing' | 'before-fresh'): bigint {
  const { line, cycle } = view;
  const { parts, adjusted } = cycle;
  const direction = planOf(view)?.counted ?? 'both';
  if (parts.length === 0) {
    const none = { classes: new Map<never, never>(), offPeak: new Map<never, never>() };
    const measured = isUnlimited(line, cycle) ? none : cycle;
    return inDirection(countedOf(measured, planOf(view) ?? IN_FULL, adjusted), direction);
  }
  const fromMs = leavesOut === 'nothing' ? null : freshFromMs(view);
  const counting = parts.filter(({ startMs }) => fromMs === null || startMs >= fromMs);
  const sum = counting.reduce((all, part) => all + countedOfPart(view, part), 0n);
  return notBelow0(sum + correctionOf(view));
}

/** Corrections in the direction that counts: of `max` the one in which the cycle carried more. */
export function correctionOf(view: View): bigint {
  const { down, up } = view.cycle.adjusted;
  const direction = planOf(view)?.counted ?? 'both';
  if (direction !== 'max') return inDirection({ down, up }, direction);
  const measured = totalOf(view.cycle);
  return measured.up > measured.down ? up : down;
}

/** Where a plan began that does not ask what was used before; null = the cycle counts from its beginning. */
function freshFromMs(view: View): number | null {
  const { line, cycle, atMs } = view;
  if (planOf(view)?.usedBefore !== 'fresh') return null;
  // One that ends as it begins was never in force.
  const assignments = (line.profile?.assignments ?? []).filter(({ fromMs, toMs }) => fromMs !== toMs);
  let first = assignments.findIndex((one) => isIn(one, atMs));
  const follows = (): boolean => {
    const [before, one] = [assignments[first - 1], assignments[first]];
    return before !== undefined && before.toMs === one?.fromMs && before.planId === one.planId;
  };
  while (follows()) first -= 1;
  const fromMs = assignments[first]?.fromMs ?? cycle.startMs;
  return fromMs > cycle.startMs && fromMs < cycle.endMs ? fromMs : null;
}

/** What the cap of the cycle comes to; null = there is none. */
export function baseIn(view: View): bigint | null {
  const { line, cycle, atMs, isCurrent } = view;
  const { addOns: bought = [], cycleChanges } = line.profile ?? {};
  const addOns = bought.filter(({ fromMs }) => !isCurrent || fromMs <= atMs);
  if (cycle.parts.length === 0 && bought.length === 0 && cycleChanges === undefined) {
    const capBytes = planOf(view)?.capBytes ?? null;
    return capBytes === null ? null : BigInt(capBytes);
  }
  const whole = cycleChanges === undefined ? cycle : line.book.wholeCycle(line.profile, cycle);
  return baseOf(cycle, whole, stretchesOf(view), addOns);
}

function stretchesOf(view: View): Stretch[] {
  const { line, cycle, atMs, isCurrent } = view;
  const freshMs = freshFromMs(view);
  const stretches: Stretch[] = [];
  for (const one of line.profile?.assignments ?? []) {
    const fromMs = Math.max(one.fromMs, cycle.startMs);
    const toMs = Math.min(one.toMs ?? cycle.endMs, cycle.endMs);
    if (fromMs >= toMs || (isCurrent && one.fromMs > atMs)) continue;
    if (freshMs === null || fromMs >= freshMs) stretches.push({ fromMs, toMs, plan: versionOf(view, one) });
  }
  return stretches;
}

/** What was brought into a cycle: of the cycle before, and what the profile gives. */
export function carriedInto(view: View): bigint {
  const { carry } = view.line;
  return carriedWith(view, carry?.cycleStartMs === view.cycle.startMs ? carry.bytes : 0n);
}

/** The same where the cycle before left so much; at most what a number can say. */
export function carriedWith({ line: { profile }, atMs }: View, left: bigint): bigint {
  const isGiven = atMs < (profile?.carryOverUntilMs ?? Number.POSITIVE_INFINITY);
  return asNumber(BigInt(isGiven ? (profile?.carryOverBytes ?? 0) : 0) + left);
}

/** What of the cap is left for the next cycle; null where the plan carries nothing over. */
export function carryOf(view: View): bigint | null {
  const limit = planOf(view)?.carryOver?.limitBytes;
  const base = baseIn(view);
  if (limit === undefined || base === null) return null;
  const rest = notBelow0(base - countedIn(view, 'before-fresh'));
  return rest < BigInt(limit) ? rest : BigInt(limit);
}

/** What covers the current cycle; null = no cap. */
export function coverageOf(view: View): Coverage | null {
  const { line, cycle, atMs } = view;
  const base = baseIn(view);
  if (base === null) return null;
  const supply = {
    base,
    counted: countedIn(view, 'before-fresh'),
    carried: carriedInto(view),
    sold: BigInt(extrasIn(line, cycle.startMs).soldBytes),
  };
  return cover(supply, line.profile?.topUps ?? [], line.topUpUses, atMs);
}
