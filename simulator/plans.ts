import type { PlanVersion } from '../schemas/profile.ts';
import type { PlanTerms } from '../schemas/tariff.ts';

const MBPS = 1_000_000;
const GB = 1_000_000_000;

/** The tariff plans of the simulated provider. Names of home plans begin with `home-`, so that policies can say `home-*`. */
export const SIMULATED_PLANS = {
  homeLite: plan('home-lite', 'home', 50 * GB, 'both', 500, 100),
  home100: plan('home-100', 'home', 600 * GB, 'both', 100, 40),
  home300: {
    ...plan('home-300', 'home', 1_000 * GB, 'down', 300, 100),
    overage: { blockBytes: 50 * GB, blockPriceMinor: 500, currency: 'EUR', maxBlocks: 10 },
  },
  business500: plan('business-500', 'business', null, 'both', 500, 500),
} as const satisfies Record<string, PlanVersion>;

/** A plan of the provider by its id; undefined = unknown id. */
export function simulatedPlan(planId: string): PlanVersion | undefined {
  return Object.values(SIMULATED_PLANS).find((candidate) => candidate.planId === planId);
}

/** What the provider's plans cost: a fee a cycle in advance, in EUR. */
export const SIMULATED_TERMS: readonly PlanTerms[] = [
  terms(SIMULATED_PLANS.homeLite, 'Home Lite', 1_990),
  terms(SIMULATED_PLANS.home100, 'Home 100', 2_990),
  terms(SIMULATED_PLANS.home300, 'Home 300', 3_990),
  terms(SIMULATED_PLANS.business500, 'Business 500', 9_900),
];

function terms({ planId, version, ...metering }: PlanVersion, name: string, feeMinor: number): PlanTerms {
  return {
    planId,
    version,
    name,
    currency: 'EUR',
    taxClass: 'standard',
    effectiveFromMs: null,
    recurring: { feeMinor, when: 'advance' },
    usage: null,
    heldPerMille: { 'non-payment': 1000, customer: 0, fraud: 1000, legal: 1000 },
    metering,
  };
}

function plan(
  planId: string,
  family: string,
  capBytes: number | null,
  counted: PlanVersion['counted'],
  downMbps: number,
  upMbps: number,
): PlanVersion {
  return {
    planId,
    version: 1,
    family,
    capBytes,
    counted,
    downBps: downMbps * MBPS,
    upBps: upMbps * MBPS,
    overage: null,
    classFactors: {},
  };
}
