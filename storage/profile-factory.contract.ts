import type { SubscriberProfile } from '../schemas/profile.ts';

/** A plain subscriber for tests. */
export function aProfile(subscriberId: string, more: Partial<SubscriberProfile> = {}): SubscriberProfile {
  return {
    subscriberId,
    userName: `${subscriberId}@example.net`,
    segment: 'residential',
    tags: [],
    zone: 'Europe/Vienna',
    anchorDay: 1,
    assignments: [{ planId: 'home', fromMs: 0, toMs: null }],
    topUps: [],
    carryOverBytes: 0,
    holds: [],
    poolId: null,
    billingStatus: 'current',
    overageConsent: false,
    ...more,
  };
}
