import type { CountedDirection, PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';
import { assignmentAt } from '../fold/plan-table.ts';
import type { Bytes, CycleTotal, SlotState, Subscriber } from '../fold/slot-state.ts';
import type { CyclePart } from '../fold/tariff-state.ts';
import { countedByClass } from '../window/class-totals.ts';
import type { Banded } from '../window/class-totals.ts';
import { assignmentOf, planOfCycle } from './in-force.ts';

/** Bytes that count against the cap. */
export function countedBytes(total: Bytes, direction: CountedDirection): number {
  switch (direction) {
    case 'down':
      return total.down;
    case 'up':
      return total.up;
    case 'both':
      return total.down + total.up;
    case 'max':
      return Math.max(total.down, total.up);
  }
}

const IN_FULL = { classFactors: {} };

/** What of a cycle's bytes counts: classes by the plan's factors, and operators' corrections; never negative. */
function countedOf(cycle: CycleTotal, plan: PlanVersion | null): Bytes {
  const counted = countedByClass(cycle, plan ?? IN_FULL);
  const { adjusted } = cycle;
  if (adjusted.down === 0 && adjusted.up === 0) return counted;
  return {
    down: Math.max(0, counted.down + adjusted.down),
    up: Math.max(0, counted.up + adjusted.up),
  };
}

/**
 * Bytes of a cycle that count against the cap: in the plan's direction, classes and times of day by its factors. Of a cycle with
 * parts each by the plan of its own.
 *
 * @param plan that of the cycle as a whole
 * @param freshFromMs parts that begin before it are left out
 */
export function countedIn(
  state: SlotState,
  subscriber: Subscriber,
  cycle: CycleTotal,
  plan: PlanVersion | null,
  freshFromMs = Number.NEGATIVE_INFINITY,
): number {
  const { profile } = subscriber;
  if (cycle.parts.length === 0) {
    if (profile?.unlimited !== undefined && isUnlimited(profile, cycle.startMs)) return 0;
    return countedBytes(countedOf(cycle, plan), plan?.counted ?? 'both');
  }
  let counted = correctionOf(cycle, plan);
  for (const part of cycle.parts)
    if (part.fromMs >= freshFromMs) counted += countedInPart(state, profile, cycle, part);
  return Math.max(0, counted);
}

/** The same by the plan of the cycle, nothing left out; never more than can be stored. */
export function cycleCountedBytes(state: SlotState, subscriber: Subscriber, cycle: CycleTotal): number {
  const plan = planOfCycle(state, subscriber, cycle);
  return Math.min(countedIn(state, subscriber, cycle, plan), Number.MAX_SAFE_INTEGER);
}

/** Counted bytes of one part by its own plan; without a plan none, in full where the slot does not know it. */
export function countedInPart(
  state: SlotState,
  profile: SubscriberProfile | null,
  { startMs }: Pick<CycleTotal, 'startMs'>,
  part: CyclePart,
): number {
  const assignment = profile === null ? null : assignmentAt(profile, part.fromMs);
  if (profile === null || assignment === null || isUnlimited(profile, part.fromMs)) return 0;
  return countedByPlan(part, state.plans.assigned(assignment, startMs));
}

/** Bytes that count by a plan, without corrections; in full where it is not known. */
export function countedByPlan(total: Banded, plan: PlanVersion | null): number {
  return countedBytes(countedByClass(total, plan ?? IN_FULL), plan?.counted ?? 'both');
}

/** Operators' corrections of a cycle as they count: in the plan's direction, of 'max' in the one that carried more. Signed. */
export function correctionOf({ adjusted, down, up }: CycleTotal, plan: PlanVersion | null): number {
  switch (plan?.counted ?? 'both') {
    case 'down':
      return adjusted.down;
    case 'up':
      return adjusted.up;
    case 'both':
      return adjusted.down + adjusted.up;
    case 'max':
      return down >= up ? adjusted.down : adjusted.up;
  }
}

/** True where no byte counts at an instant. */
export function isUnlimited({ unlimited = [] }: SubscriberProfile, atMs: number): boolean {
  return unlimited.some(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs);
}

/**
 * From when on bytes of a cycle count against the cap: where its plan says so, from the change to it. -Infinity = all of them do.
 */
export function freshFromMs(
  state: SlotState,
  subscriber: Subscriber,
  cycle: CycleTotal,
  plan: PlanVersion | null,
): number {
  const nothing = Number.NEGATIVE_INFINITY;
  if (plan?.usedBefore !== 'fresh' || cycle.parts.length === 0) return nothing;
  const { profile } = subscriber;
  const assignment = assignmentOf(state, subscriber, cycle);
  if (profile === null || assignment === null) return nothing;
  let { fromMs } = assignment;
  // One plan that follows on itself was not changed to.
  for (const before of profile.assignments.toReversed())
    if (before.planId === assignment.planId && before.toMs === fromMs) fromMs = before.fromMs;
  return fromMs > cycle.startMs && fromMs < cycle.endMs ? fromMs : nothing;
}
