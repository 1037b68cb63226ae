import type { Assignment, PlanVersion } from '../../schemas/profile.ts';
import { assignmentAt } from '../fold/plan-table.ts';
import type { CycleTotal, SlotState, Subscriber } from '../fold/slot-state.ts';
import { TARIFF_VERSION } from '../fold/tariff-state.ts';

/**
 * The instant that decides what of a profile is in force, ms since 1970 UTC: the watermark, or that of the change that made the
 * profile, where it is ahead. Never beyond the current cycle: what begins with the next one begins with the roll, or its plan would
 * be asked about this one's bytes.
 */
export function nowOf({ watermarkMs }: SlotState, { profile, cycles }: Subscriber): number {
  const asOfMs = profile?.asOfMs;
  if (asOfMs === undefined || asOfMs <= watermarkMs) return watermarkMs;
  const endMs = cycles[0]?.endMs;
  return endMs === undefined ? asOfMs : Math.max(watermarkMs, Math.min(asOfMs, endMs - 1));
}

/** The plan in force now; null where none is assigned or the plan is not known yet. */
export function planOf(state: SlotState, subscriber: Subscriber): PlanVersion | null {
  const { profile } = subscriber;
  if (profile === null) return null;
  // Asked several times a record: nearly no profile has an instant of its own that is ahead.
  const { plans, watermarkMs } = state;
  const now = profile.asOfMs === undefined ? watermarkMs : nowOf(state, subscriber);
  const cycle = subscriber.cycles[0];
  return plans.inForce(profile, now, cycle === undefined ? watermarkMs : cycle.startMs);
}

/** The instant that a cycle's plan is asked for: now for the current one, its end for others. */
function momentOf(state: SlotState, subscriber: Subscriber, cycle: CycleTotal): number {
  return cycle === subscriber.cycles[0] ? nowOf(state, subscriber) : cycle.endMs - 1;
}

/** The assignment whose plan a cycle goes by as a whole; null = none. */
export function assignmentOf(state: SlotState, subscriber: Subscriber, cycle: CycleTotal): Assignment | null {
  const { profile } = subscriber;
  return profile === null ? null : assignmentAt(profile, momentOf(state, subscriber, cycle));
}

/** The plan that a cycle goes by as a whole: slots of a layout before know only what is in force now. */
export function planOfCycle(state: SlotState, subscriber: Subscriber, cycle: CycleTotal): PlanVersion | null {
  if (state.blobVersion < TARIFF_VERSION || cycle === subscriber.cycles[0]) return planOf(state, subscriber);
  const assignment = assignmentOf(state, subscriber, cycle);
  return assignment === null ? null : state.plans.assigned(assignment, cycle.startMs);
}

/** The pool that a subscriber is in now; null = none. */
export function poolIdOf(state: SlotState, subscriber: Subscriber): string | null {
  const { profile } = subscriber;
  if (profile === null) return null;
  const { poolMemberships } = profile;
  if (poolMemberships === undefined) return profile.poolId;
  const now = nowOf(state, subscriber);
  const membership = poolMemberships.find(
    ({ fromMs, toMs }) => fromMs <= now && (toMs === null || now < toMs),
  );
  return membership?.poolId ?? null;
}
