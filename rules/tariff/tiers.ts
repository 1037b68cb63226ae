import type { Tier, TierMode } from '../../schemas/tariff.ts';
import { halfEven, minorOf, splitMoney } from './money.ts';

/** What one tier adds to a price. */
export interface TierLine {
  /** from 0 */
  tier: number;
  bytes: number;
  /** units that are begun */
  units: number;
  amountMinor: number;
}

/** Prices are told in millionths of a minor unit. */
const MICRO = 1_000_000n;
const MOST_TIERS = 50;

/**
 * Price of bytes by tiers that `checkTiers` takes. Exact; rounded half-even once, at the end, and the lines sum to it.
 * - graduated: each byte by the tier that it falls into;
 * - volume: all bytes by the tier that the total reaches;
 * - package: each unit that is begun, at the flat price of the tier that the total reaches.
 * A total at a tier's boundary belongs to that tier. Throws RangeError beyond 2^53 - 1.
 */
export function priceUsage(
  mode: TierMode,
  tiers: readonly Tier[],
  bytes: number,
): { totalMinor: number; lines: TierLine[] } {
  if (bytes <= 0) return { totalMinor: 0, lines: [] };
  const shares = mode === 'graduated' ? graduated(tiers, bytes) : [reached(tiers, bytes)];
  const common = shares.reduce((d, { tier }) => lcm(d, BigInt(tier.unitBytes)), 1n);
  const weights = shares.map(({ tier, bytes: of }) => {
    const price = BigInt(tier.priceMicro);
    return mode === 'package'
      ? BigInt(begun(of, tier)) * price * common
      : BigInt(of) * price * (common / BigInt(tier.unitBytes));
  });
  const sum = weights.reduce((total, weight) => total + weight, 0n);
  const totalMinor = minorOf(halfEven(sum, common * MICRO));
  const amounts = splitMoney(totalMinor, weights);
  const lines = shares.map(({ index, tier, bytes: of }, i): TierLine => {
    return { tier: index, bytes: of, units: begun(of, tier), amountMinor: amounts[i] ?? 0 };
  });
  return { totalMinor, lines };
}

interface TierShare {
  index: number;
  tier: Tier;
  bytes: number;
}

function graduated(tiers: readonly Tier[], bytes: number): TierShare[] {
  const shares: TierShare[] = [];
  let before = 0;
  for (const [index, tier] of tiers.entries()) {
    const isLast = index === tiers.length - 1;
    const until = isLast ? bytes : Math.min(tier.toBytes ?? bytes, bytes);
    if (until > before) shares.push({ index, tier, bytes: until - before });
    before = Math.max(before, until);
  }
  return shares;
}

function reached(tiers: readonly Tier[], bytes: number): TierShare {
  const found = tiers.findIndex(({ toBytes }) => toBytes === null || bytes <= toBytes);
  const index = found === -1 ? tiers.length - 1 : found;
  const tier = tiers[index];
  if (tier === undefined) throw new RangeError('a price without tiers');
  return { index, tier, bytes };
}

function begun(bytes: number, { unitBytes }: Tier): number {
  return Number((BigInt(bytes) + BigInt(unitBytes) - 1n) / BigInt(unitBytes));
}

function lcm(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b];
  while (y > 0n) [x, y] = [y, x % y];
  return (a / x) * b;
}

/** What is wrong with tiers, one line for people; null = nothing. */
export function checkTiers(tiers: readonly Tier[]): string | null {
  if (tiers.length === 0 || tiers.length > MOST_TIERS) return `there must be 1 to ${MOST_TIERS} tiers`;
  let before = 0;
  for (const [index, { toBytes, unitBytes, priceMicro }] of tiers.entries()) {
    const name = `tier ${index + 1}`;
    if (!Number.isSafeInteger(unitBytes) || unitBytes < 1)
      return `${name}: unitBytes must be a whole number from 1`;
    if (!Number.isSafeInteger(priceMicro) || priceMicro < 0)
      return `${name}: priceMicro must be a whole number from 0`;
    if (index === tiers.length - 1)
      return toBytes === null ? null : `${name} is the last: toBytes must be null`;
    if (toBytes === null) return `${name} has no end, and another comes after it`;
    if (!Number.isSafeInteger(toBytes) || toBytes <= before)
      return `${name}: toBytes must be a whole number above ${before}`;
    before = toBytes;
  }
  return null;
}
