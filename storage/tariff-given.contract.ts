import type { AddOnTerms, BoughtTopUp, PlanTerms } from '../schemas/tariff.ts';
import type { ChangeContext, SubscriberGiven } from './tariff-ports.ts';

export const DAY = 86_400_000;
/** A midnight in UTC, in the middle of a cycle. */
export const T = Date.UTC(2026, 0, 15);

/** Somebody who changes something. */
export const by = (atMs: number, more: Partial<ChangeContext> = {}): ChangeContext => ({
  by: 'ann',
  atMs,
  reason: '',
  ...more,
});

/** Terms of a plan for tests: 31.00 a month in advance, which is 1.00 a day in January. */
export function terms(planId: string, more: Partial<PlanTerms> = {}): PlanTerms {
  return {
    planId,
    version: 1,
    name: planId,
    currency: 'EUR',
    taxClass: 'standard',
    effectiveFromMs: null,
    recurring: { feeMinor: 3100, when: 'advance' },
    usage: null,
    heldPerMille: { 'non-payment': 1000, customer: 0, fraud: 1000, legal: 1000 },
    metering: {
      family: 'home',
      capBytes: 1e11,
      counted: 'both',
      downBps: 1e8,
      upBps: 2e7,
      overage: null,
      classFactors: {},
    },
    ...more,
  };
}

/** Terms of an add-on: 5 GB for 3.10 a month in advance. */
export function addOn(more: Partial<AddOnTerms> = {}): AddOnTerms {
  const money = { currency: 'EUR', feeMinor: 310, when: 'advance' } as const;
  return {
    addOnId: 'gb',
    version: 1,
    name: 'gb',
    ...money,
    capBytes: 5e9,
    prorated: false,
    effectiveFromMs: 0,
    ...more,
  };
}

/** A subscriber as it is given. */
export function given(subscriberId: string, more: Partial<SubscriberGiven> = {}): SubscriberGiven {
  return {
    subscriberId,
    accountId: `acct-${subscriberId}`,
    externalId: null,
    segment: 'home',
    tags: ['a'],
    zone: 'UTC',
    overageConsent: false,
    credentials: [{ userName: `${subscriberId}@x`, fromMs: 0, toMs: null }],
    ...more,
  };
}

/** 5 GB for 30 days. */
export function bytes(id: string, more: Partial<BoughtTopUp> = {}): BoughtTopUp {
  const span = { fromMs: T, expiresMs: T + 30 * DAY };
  return {
    id,
    kind: 'bytes',
    bytes: 5e9,
    speed: null,
    ...span,
    source: 'api',
    productId: 'gb-5',
    cancelledMs: null,
    ...more,
  };
}
