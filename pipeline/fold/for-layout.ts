import type { PoolProfile } from '../../schemas/pool.ts';
import type { PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';
import { TARIFF_VERSION } from './tariff-state.ts';

/**
 * A profile as far as a slot of this layout goes by it: one from before tariffs leaves out what it has no room to act on. Else a
 * rebuilt slot would be told of the past what the first one could not do.
 */
export function profileFor(profile: SubscriberProfile, blobVersion: number): SubscriberProfile {
  if (blobVersion >= TARIFF_VERSION) return profile;
  const { asOfMs, cycle, cycleChanges, carryOverUntilMs, unlimited, addOns, poolMemberships, ...rest } =
    profile;
  const news = [asOfMs, cycle, cycleChanges, carryOverUntilMs, unlimited, addOns, poolMemberships];
  return news.every((value) => value === undefined) ? profile : rest;
}

/** A plan likewise. */
export function planFor(plan: PlanVersion, blobVersion: number): PlanVersion {
  if (blobVersion >= TARIFF_VERSION) return plan;
  const { effectiveFromMs, capProration, usedBefore, carryOver, throttled, ...rest } = plan;
  const news = [effectiveFromMs, capProration, usedBefore, carryOver, throttled];
  return news.every((value) => value === undefined) ? plan : rest;
}

/** A pool likewise. */
export function poolFor(profile: PoolProfile, blobVersion: number): PoolProfile {
  if (blobVersion >= TARIFF_VERSION) return profile;
  const { topUps, cycle, cycleChanges, ...rest } = profile;
  return [topUps, cycle, cycleChanges].every((value) => value === undefined) ? profile : rest;
}
