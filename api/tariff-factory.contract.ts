import type { BillingItem } from '../schemas/billing.ts';
import type { Account, BoughtTopUp, PlanTerms, SubscriberRows } from '../schemas/tariff.ts';

/** Rows and items with every field filled, for tests. Instants are of July 2026. */
export const NOW_MS = Date.UTC(2026, 6, 10, 12);

export function account(changes: Partial<Account> = {}): Account {
  return {
    accountId: 'acct-1',
    currency: 'EUR',
    taxClass: 'standard',
    cycle: { kind: 'month', anchorDay: 1 },
    cycleChanges: [{ fromMs: Date.UTC(2026, 7, 1), cycle: { kind: 'week', weekday: 1 }, source: 'billing' }],
    billingStatus: 'current',
    billingRef: 'K-17',
    revision: 4,
    ...changes,
  };
}

export function topUp(changes: Partial<BoughtTopUp> = {}): BoughtTopUp {
  return {
    id: 't1',
    kind: 'bytes',
    bytes: 5_000_000_000,
    speed: null,
    fromMs: Date.UTC(2026, 6, 5),
    expiresMs: Date.UTC(2026, 7, 1),
    source: 'api',
    productId: 'extra-5',
    cancelledMs: null,
    ...changes,
  };
}

export function subscriberRows(changes: Partial<SubscriberRows> = {}): SubscriberRows {
  const open = { fromMs: Date.UTC(2026, 5, 1), toMs: null };
  return {
    subscriberId: 's1',
    account: account(),
    externalId: 'CRM-1',
    segment: 'home',
    tags: ['staff'],
    zone: 'UTC',
    overageConsent: true,
    openingCarry: { bytes: 0, untilMs: null },
    asOfMs: NOW_MS,
    terminatedMs: null,
    closedThroughMs: null,
    revision: 7,
    // Of a directory: ever since.
    credentials: [{ userName: 'ann', fromMs: Number.MIN_SAFE_INTEGER, toMs: null, exclusive: false }],
    assignments: [{ id: '11', planId: 'fibre', source: 'api', ...open }],
    addOns: [{ id: '21', addOnId: 'more', ...open }],
    topUps: [topUp()],
    holds: [{ id: '31', kind: 'customer', source: 'api', fromMs: NOW_MS, toMs: NOW_MS + 86_400_000 }],
    pools: [{ poolId: 'p1', source: 'api', ...open }],
    ...changes,
  };
}

export function planTerms(changes: Partial<PlanTerms> = {}): PlanTerms {
  return {
    planId: 'fibre',
    version: 1,
    name: 'Fibre 500',
    currency: 'EUR',
    taxClass: 'standard',
    effectiveFromMs: null,
    recurring: { feeMinor: 3990, when: 'advance' },
    usage: {
      mode: 'graduated',
      tiers: [{ toBytes: null, unitBytes: 1_000_000_000, priceMicro: 50_000_000 }],
      includedBytes: 100_000_000_000,
    },
    heldPerMille: { 'non-payment': 1000, customer: 0, fraud: 1000, legal: 1000 },
    metering: {
      family: 'fibre',
      capBytes: 1_000_000_000_000,
      counted: 'both',
      downBps: 500_000_000,
      upBps: 50_000_000,
      overage: { blockBytes: 1_000_000_000, blockPriceMinor: 200, currency: 'EUR', maxBlocks: 10 },
      classFactors: { iptv: 0 },
      carryOver: { limitBytes: 10_000_000_000 },
      throttled: { downBps: 2_000_000, upBps: 1_000_000 },
    },
    ...changes,
  };
}

export function billingItem(changes: Partial<BillingItem> = {}): BillingItem {
  return {
    key: 'k1',
    type: 'proration',
    accountId: 'acct-1',
    subscriberId: 's1',
    poolId: null,
    amountMinor: -1250,
    currency: 'EUR',
    quantity: 1,
    taxClass: 'standard',
    line: 'plan:fibre',
    description: 'Fibre 500',
    cycleStartMs: Date.UTC(2026, 6, 1),
    cycleEndMs: Date.UTC(2026, 7, 1),
    periodFromMs: NOW_MS,
    periodToMs: Date.UTC(2026, 7, 1),
    source: { actionId: '', policyId: '', policyVersion: '', rule: '', what: 'assignment' },
    ...changes,
  };
}
