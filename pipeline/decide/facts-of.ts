import type { Facts } from '../../rules/facts/catalogue.ts';
import type { CountedDirection, PlanVersion } from '../../schemas/profile.ts';
import type { Bytes, CycleTotal, SlotState, Subscriber } from '../fold/slot-state.ts';
import { countedByClass } from '../window/class-totals.ts';

/** The plan in force at the watermark; null where none is assigned or the plan is not known yet. */
export function planOf(state: SlotState, subscriber: Subscriber): PlanVersion | null {
  const now = state.watermarkMs;
  for (const { planId, fromMs, toMs } of subscriber.profile?.assignments ?? []) {
    if (fromMs <= now && (toMs === null || now < toMs)) return state.plans.get(planId) ?? null;
  }
  return null;
}

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

const NO_USAGE: Pick<CycleTotal, 'down' | 'up' | 'classes' | 'adjusted'> = {
  down: 0,
  up: 0,
  classes: [],
  adjusted: { down: 0, up: 0 },
};

/** What of a cycle's bytes counts: classes by the plan's factors, and operators' corrections; never negative. */
function countedOf(cycle: typeof NO_USAGE, plan: PlanVersion | null): Bytes {
  const counted = countedByClass(cycle, plan?.classFactors ?? {});
  const { adjusted } = cycle;
  if (adjusted.down === 0 && adjusted.up === 0) return counted;
  return {
    down: Math.max(0, counted.down + adjusted.down),
    up: Math.max(0, counted.up + adjusted.up),
  };
}

/** All facts of a subscriber at the watermark. Late bytes of rolled cycles are not in them: they start nothing. */
export function factsOf(state: SlotState, subscriber: Subscriber, plan: PlanVersion | null): Facts {
  const { profile } = subscriber;
  const cycle = subscriber.cycles[0] ?? NO_USAGE;
  const counted = countedBytes(countedOf(cycle, plan), plan?.counted ?? 'both');
  const capBytes = plan?.capBytes ?? null;
  const allowanceBytes = capBytes === null ? null : capBytes + extraAllowance(state, subscriber);
  return {
    planId: plan?.planId ?? null,
    planFamily: plan?.family ?? null,
    segment: profile?.segment ?? '',
    tags: profile?.tags ?? [],
    billingStatus: profile?.billingStatus ?? 'current',
    capBytes,
    allowanceBytes,
    planDownBps: plan?.downBps ?? null,
    planUpBps: plan?.upBps ?? null,
    cycleTotalBytes: cycle.down + cycle.up,
    cycleDownloadBytes: cycle.down,
    cycleUploadBytes: cycle.up,
    cycleCountedBytes: counted,
    capUsedPercent: allowanceBytes === null ? null : usedPercent(counted, allowanceBytes),
    capRemainingBytes: allowanceBytes === null ? null : Math.max(0, allowanceBytes - counted),
    openSessions: subscriber.sessions.length,
    isThrottled: subscriber.throttle !== null,
    isOffPeak: false,
  };
}

/**
 * An allowance of 0 is at 100 % from the beginning. Multiplied first: 29 of 100 are 29 % then, not 28.999999999999996,
 * and a threshold is reached to the byte.
 */
function usedPercent(counted: number, allowance: number): number {
  return allowance === 0 ? 100 : (counted * 100) / allowance;
}

function extraAllowance(state: SlotState, subscriber: Subscriber): number {
  const { profile } = subscriber;
  if (profile === null) return 0;
  const now = state.watermarkMs;
  let bytes = profile.carryOverBytes;
  for (const topUp of profile.topUps) if (topUp.fromMs <= now && now < topUp.expiresMs) bytes += topUp.bytes;
  return bytes;
}

/** The next instant after the watermark at which this subscriber's facts or cycle change without a record; null = none. */
export function nextDueMs(state: SlotState, subscriber: Subscriber): number | null {
  const now = state.watermarkMs;
  let next = Number.POSITIVE_INFINITY;
  const consider = (atMs: number | null): void => {
    if (atMs !== null && atMs > now && atMs < next) next = atMs;
  };
  consider(subscriber.cycles[0]?.endMs ?? null);
  const { cycleCloseGraceMs } = state.settings;
  // Late usage may make one whose time of grace is over already: that one closes at the next look.
  for (const { closed, endMs } of subscriber.pastCycles)
    consider(closed ? null : Math.max(endMs + cycleCloseGraceMs, now + 1));
  for (const rule of subscriber.rules) consider(rule.active ? rule.releaseMs : null);
  for (const { fromMs, toMs } of subscriber.profile?.assignments ?? []) {
    consider(fromMs);
    consider(toMs);
  }
  for (const { fromMs, expiresMs } of subscriber.profile?.topUps ?? []) {
    consider(fromMs);
    consider(expiresMs);
  }
  return next === Number.POSITIVE_INFINITY ? null : next;
}
