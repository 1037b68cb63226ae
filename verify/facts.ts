import type { PlanVersion } from '../schemas/profile.ts';
import { nothing } from './amount.ts';
import type { Facts } from './conditions.ts';
import { countedOf, totalOf } from './cycle-book.ts';
import type { Line } from './line.ts';

/** Everything that a policy may ask of a subscriber, at an instant of event time. */
export function factsAt(line: Line, plan: PlanVersion | null, atMs: number): Facts {
  const { profile } = line;
  const cycle = line.book.current;
  const total = cycle === null ? nothing() : totalOf(cycle);
  const byDirection = cycle === null ? nothing() : countedOf(cycle, plan?.classFactors ?? {});
  const { down, up } = byDirection;
  const counted = { down, up, both: down + up, max: down > up ? down : up }[plan?.counted ?? 'both'];
  const allowance =
    plan === null || plan.capBytes === null ? null : BigInt(plan.capBytes) + extra(line, atMs);
  return {
    planId: plan?.planId ?? null,
    planFamily: plan?.family ?? null,
    segment: profile?.segment ?? '',
    tags: profile?.tags ?? [],
    billingStatus: profile?.billingStatus ?? 'current',
    capBytes: plan?.capBytes ?? null,
    allowanceBytes: allowance === null ? null : Number(allowance),
    planDownBps: plan?.downBps ?? null,
    planUpBps: plan?.upBps ?? null,
    cycleTotalBytes: Number(total.down + total.up),
    cycleDownloadBytes: Number(total.down),
    cycleUploadBytes: Number(total.up),
    cycleCountedBytes: Number(counted),
    capUsedPercent: allowance === null ? null : percent(counted, allowance),
    capRemainingBytes: allowance === null ? null : Number(counted > allowance ? 0n : allowance - counted),
    openSessions: line.sessions.open.length,
    isThrottled: line.throttle !== null,
    isOffPeak: false,
  };
}

/** Carry-over and what was bought on top, as long as it lives. */
function extra({ profile }: Line, atMs: number): bigint {
  if (profile === null) return 0n;
  return profile.topUps
    .filter(({ fromMs, expiresMs }) => fromMs <= atMs && atMs < expiresMs)
    .reduce((sum, { bytes }) => sum + BigInt(bytes), BigInt(profile.carryOverBytes));
}

/** Nothing of nothing is all of it. Multiplied first, so that a threshold is reached to the byte. */
function percent(counted: bigint, allowance: bigint): number {
  return allowance === 0n ? 100 : (Number(counted) * 100) / Number(allowance);
}
