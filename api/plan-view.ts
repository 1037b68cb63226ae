import type { CountedDirection, Hold } from '../schemas/profile.ts';
import { STANDARD_TAX_CLASS } from '../schemas/billing.ts';
import type { AddOnTerms, PlanTerms, Tier, TierMode } from '../schemas/tariff.ts';
import type { Speed } from '../schemas/action.ts';
import type {
  AddOnVersionView,
  MeteringView,
  PlanTermsView,
  PlanVersionView,
} from '../schemas/tariff-views.ts';
import type { AskedOctets } from './money.ts';
import { octetsOf } from './money.ts';
import { instantView, iso } from './tariff-view.ts';

/** Terms as a body has them: what is not said is as AS_USUAL and the fields' texts say. */
export interface AskedTerms {
  name: string;
  currency: string;
  taxClass?: string;
  recurring: PlanTerms['recurring'];
  usage: {
    mode: TierMode;
    tiers: { toBytes: AskedOctets | null; unitBytes: AskedOctets; priceMicro: number }[];
    includedBytes: AskedOctets;
  } | null;
  heldPerMille?: Partial<Record<Hold['kind'], number>>;
  metering: AskedMetering;
}

interface AskedMetering {
  family?: string;
  capBytes: AskedOctets | null;
  counted: CountedDirection;
  downBps: number;
  upBps: number;
  overage: { blockBytes: AskedOctets; blockPriceMinor: number; maxBlocks: number | null } | null;
  classFactors?: Record<string, number>;
  offPeakFactors?: Record<string, number>;
  capProration?: 'whole' | 'prorated';
  usedBefore?: 'counts' | 'fresh';
  carryOver?: { limitBytes: AskedOctets } | null;
  throttled?: Speed | null;
}

/** Share of the fees that is charged on hold, where a plan does not say: a customer who asked for it pays nothing. */
const HELD_PER_MILLE = { 'non-payment': 1000, customer: 0, fraud: 1000, legal: 1000 } as const;

/**
 * Terms of a body as they are stored.
 *
 * @throws Problem 400 for octets beyond 2^53
 */
export function termsOf(
  asked: AskedTerms,
  version: Pick<PlanTerms, 'planId' | 'version' | 'effectiveFromMs'>,
): PlanTerms {
  const { name, currency, taxClass = STANDARD_TAX_CLASS, recurring, usage } = asked;
  return {
    ...version,
    ...{ name, currency, taxClass, recurring },
    usage: usage && {
      mode: usage.mode,
      tiers: usage.tiers.map(tierOf),
      includedBytes: octetsOf(usage.includedBytes, 'includedBytes'),
    },
    heldPerMille: { ...HELD_PER_MILLE, ...asked.heldPerMille },
    metering: meteringOf(asked.metering, version.planId, currency),
  };
}

function tierOf({
  toBytes,
  unitBytes,
  priceMicro,
}: {
  toBytes: AskedOctets | null;
  unitBytes: AskedOctets;
  priceMicro: number;
}): Tier {
  return {
    toBytes: toBytes === null ? null : octetsOf(toBytes, 'toBytes', 1),
    unitBytes: octetsOf(unitBytes, 'unitBytes', 1),
    priceMicro,
  };
}

function meteringOf(asked: AskedMetering, planId: string, currency: string): PlanTerms['metering'] {
  const { family = planId, capBytes, counted, downBps, upBps, overage, classFactors = {} } = asked;
  const { offPeakFactors, capProration, usedBefore, carryOver, throttled } = asked;
  return {
    ...{ family, counted, downBps, upBps, classFactors },
    capBytes: capBytes === null ? null : octetsOf(capBytes, 'capBytes'),
    overage: overage && { ...overage, currency, blockBytes: octetsOf(overage.blockBytes, 'blockBytes', 1) },
    // What a plan does not say is absent: programs of before read only those that say nothing new.
    ...(offPeakFactors === undefined ? {} : { offPeakFactors }),
    ...(capProration === undefined ? {} : { capProration }),
    ...(usedBefore === undefined ? {} : { usedBefore }),
    ...(carryOver === undefined || carryOver === null
      ? {}
      : { carryOver: { limitBytes: octetsOf(carryOver.limitBytes, 'limitBytes') } }),
    ...(throttled === undefined || throttled === null ? {} : { throttled }),
  };
}

export function planVersionView(terms: PlanTerms): PlanVersionView {
  const { planId, version, effectiveFromMs } = terms;
  return { planId, version, effectiveFrom: instantView(effectiveFromMs), terms: termsView(terms) };
}

function termsView({
  name,
  currency,
  taxClass,
  recurring,
  usage,
  heldPerMille,
  metering,
}: PlanTerms): PlanTermsView {
  return {
    ...{ name, currency, taxClass, recurring, heldPerMille },
    usage: usage && {
      mode: usage.mode,
      tiers: usage.tiers.map(({ toBytes, unitBytes, priceMicro }) => ({
        toBytes: toBytes === null ? null : String(toBytes),
        unitBytes: String(unitBytes),
        priceMicro,
      })),
      includedBytes: String(usage.includedBytes),
    },
    metering: meteringView(metering),
  };
}

function meteringView(metering: PlanTerms['metering']): MeteringView {
  const { family, capBytes, counted, downBps, upBps, overage, classFactors, carryOver } = metering;
  return {
    ...{ family, counted, downBps, upBps, classFactors },
    capBytes: capBytes === null ? null : String(capBytes),
    overage: overage && {
      blockBytes: String(overage.blockBytes),
      blockPriceMinor: overage.blockPriceMinor,
      maxBlocks: overage.maxBlocks,
    },
    offPeakFactors: metering.offPeakFactors ?? {},
    capProration: metering.capProration ?? 'whole',
    usedBefore: metering.usedBefore ?? 'counts',
    carryOver: carryOver === undefined ? null : { limitBytes: String(carryOver.limitBytes) },
    throttled: metering.throttled ?? null,
  };
}

/** The version that cycles which begin now have: the latest of those in effect. */
export function currentOf(versions: readonly PlanTerms[], nowMs: number): PlanTerms | null {
  const begun = versions.filter(({ effectiveFromMs }) => (effectiveFromMs ?? -Infinity) <= nowMs);
  return begun.reduce<PlanTerms | null>(
    (latest, one) =>
      latest === null || (one.effectiveFromMs ?? -Infinity) >= (latest.effectiveFromMs ?? -Infinity)
        ? one
        : latest,
    null,
  );
}

export function addOnVersionView({ capBytes, effectiveFromMs, ...terms }: AddOnTerms): AddOnVersionView {
  return { ...terms, capBytes: String(capBytes), effectiveFrom: iso(effectiveFromMs) };
}
