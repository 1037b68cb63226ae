import type { PlanVersion } from '../../schemas/profile.ts';
import type { ClassBytes } from '../../schemas/usage-record.ts';
import { minorOf } from './money.ts';

/** Octets of both directions, by class and time of day. */
export interface MeasuredBytes {
  /** each class once, '' = the default one */
  classes: readonly ClassBytes[];
  /** of those what was carried off-peak */
  offPeak: readonly ClassBytes[];
}

/** What of a plan says how bytes count. */
export type CountingTerms = Pick<PlanVersion, 'counted' | 'classFactors' | 'offPeakFactors'>;

const IN_FULL = 1000;

/**
 * Bytes that count by a plan: each class by its factor per mille, off-peak by the factor for these (its own, else that of `*`,
 * else the same), rounded down once a direction (accounting case 19), then in the plan's direction. Each direction is at least 0.
 *
 * @param adjusted bytes of no class that corrections added or took away
 */
export function countedBytes(
  terms: CountingTerms,
  { classes, offPeak }: MeasuredBytes,
  adjusted: { downBytes: number; upBytes: number } = { downBytes: 0, upBytes: 0 },
): number {
  let [down, up] = [0n, 0n];
  for (const { serviceClass, downBytes, upBytes } of classes) {
    const factor = factorOf(terms.classFactors, serviceClass) ?? IN_FULL;
    const { offPeakFactors = {} } = terms;
    const then = factorOf(offPeakFactors, serviceClass) ?? factorOf(offPeakFactors, '*') ?? factor;
    const off = offPeak.find((share) => share.serviceClass === serviceClass);
    down += BigInt(downBytes) * BigInt(factor) + BigInt(off?.downBytes ?? 0) * BigInt(then - factor);
    up += BigInt(upBytes) * BigInt(factor) + BigInt(off?.upBytes ?? 0) * BigInt(then - factor);
  }
  const [downBytes, upBytes] = [
    whole(down) + BigInt(adjusted.downBytes),
    whole(up) + BigInt(adjusted.upBytes),
  ];
  return minorOf(inDirection(terms.counted, atLeast0(downBytes), atLeast0(upBytes)));
}

/** Thousandths, rounded down. */
function whole(perMille: bigint): bigint {
  const rest = perMille % 1000n;
  return (perMille - (rest < 0n ? rest + 1000n : rest)) / 1000n;
}

function atLeast0(value: bigint): bigint {
  return value < 0n ? 0n : value;
}

function inDirection(counted: PlanVersion['counted'], down: bigint, up: bigint): bigint {
  switch (counted) {
    case 'down':
      return down;
    case 'up':
      return up;
    case 'both':
      return down + up;
    case 'max':
      return down > up ? down : up;
  }
}

/** Names come from the network: 'constructor' is in every object, and no factor. */
function factorOf(factors: Readonly<Record<string, number>>, serviceClass: string): number | undefined {
  return Object.hasOwn(factors, serviceClass) ? factors[serviceClass] : undefined;
}
