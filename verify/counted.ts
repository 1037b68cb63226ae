import type { PlanVersion } from '../schemas/profile.ts';
import type { Amount } from './amount.ts';
import { nothing, plus } from './amount.ts';
import type { BandedTotal } from './totals.ts';

/** What a plan says of the octets that count: per mille by class, and the direction. */
export type Counting = Pick<PlanVersion, 'classFactors' | 'offPeakFactors' | 'counted'>;

/** Where nobody says anything else. */
export const IN_FULL: Counting = { classFactors: {}, counted: 'both' };

/**
 * Case 19: octets that count, each class by its factor per mille, those that were carried off-peak by the factor for these: its
 * own, that of all classes (`*`), or the same as at other times. Rounded down once. Corrections come on top; never below 0.
 */
export function countedOf(
  total: Pick<BandedTotal, 'classes' | 'offPeak'>,
  factors: Counting,
  adjusted: Amount,
): Amount {
  // Classes are named by the network: none is to be found among the names that every object has.
  const usual = new Map(Object.entries(factors.classFactors));
  const then = new Map(Object.entries(factors.offPeakFactors ?? {}));
  const weighted = nothing();
  for (const [serviceClass, { down, up }] of total.classes) {
    const factor = usual.get(serviceClass) ?? 1000;
    const offPeakFactor = BigInt(then.get(serviceClass) ?? then.get('*') ?? factor);
    const offPeak = total.offPeak.get(serviceClass) ?? nothing();
    weighted.down += (down - offPeak.down) * BigInt(factor) + offPeak.down * offPeakFactor;
    weighted.up += (up - offPeak.up) * BigInt(factor) + offPeak.up * offPeakFactor;
  }
  const corrected = plus({ down: weighted.down / 1000n, up: weighted.up / 1000n }, adjusted);
  return { down: notBelow0(corrected.down), up: notBelow0(corrected.up) };
}

/** Octets in the direction that counts. */
export function inDirection({ down, up }: Amount, direction: PlanVersion['counted']): bigint {
  return { down, up, both: down + up, max: down > up ? down : up }[direction];
}

export function notBelow0(value: bigint): bigint {
  return value > 0n ? value : 0n;
}
