import type { PoolProfile } from '../schemas/pool.ts';
import type { PlanVersion, SubscriberProfile } from '../schemas/profile.ts';

/** A change may be dated as far ahead of its append time. */
const MOST_AHEAD_MS = 5 * 60_000;

/**
 * A profile as a slot takes it in: the instant of its change not far ahead of the log's clock and never before that of the profile
 * before. Slots that know nothing of tariffs leave out what was added for them.
 */
export function knownProfile(
  given: SubscriberProfile,
  before: SubscriberProfile | null,
  appendTimeMs: number,
  tariffs: boolean,
): SubscriberProfile {
  const { asOfMs, cycle, cycleChanges, carryOverUntilMs, unlimited, addOns, poolMemberships, ...plain } =
    given;
  if (!tariffs) return plain;
  const clipped = asOfMs === undefined ? [] : [Math.min(asOfMs, appendTimeMs + MOST_AHEAD_MS)];
  const known = before?.asOfMs === undefined ? clipped : [...clipped, before.asOfMs];
  return {
    ...plain,
    ...(known.length > 0 && { asOfMs: Math.max(...known) }),
    ...(cycle && { cycle }),
    ...(cycleChanges && { cycleChanges }),
    ...(carryOverUntilMs !== undefined && { carryOverUntilMs }),
    ...(unlimited && { unlimited }),
    ...(addOns && { addOns }),
    ...(poolMemberships && { poolMemberships }),
  };
}

export function knownPlan(plan: PlanVersion, tariffs: boolean): PlanVersion {
  if (tariffs) return plan;
  const {
    effectiveFromMs: _e,
    capProration: _p,
    usedBefore: _u,
    carryOver: _c,
    throttled: _t,
    ...plain
  } = plan;
  return plain;
}

export function knownPool(pool: PoolProfile, tariffs: boolean): PoolProfile {
  if (tariffs) return pool;
  const { topUps: _t, cycle: _c, cycleChanges: _d, ...plain } = pool;
  return plain;
}
