import type { Span } from '../../schemas/tariff.ts';
import { halfEven, minorOf } from './money.ts';

/** Whole seconds between two instants, ms; those of adjacent stretches sum to those of the whole. */
export function secondsBetween(fromMs: number, toMs: number): bigint {
  return BigInt(Math.floor(toMs / 1000) - Math.floor(fromMs / 1000));
}

/** A stretch of a cycle in which one share of a fee is charged. */
export interface Share extends Span {
  perMille: number;
}

/**
 * Fee of [fromMs, toMs) by the seconds of a cycle. C(t) is what the time from the cycle's start to t costs, rounded half-even; the
 * fee is C(to) - C(from). So the parts of any period sum to the whole, and no remainder is kept anywhere.
 *
 * @param feeMinor of a whole cycle, >= 0
 * @param whole the cycle by its rule, where `cycle` is a stub of it; its seconds are what the fee is for
 */
export function prorate(
  feeMinor: number,
  cycle: Span,
  fromMs: number,
  toMs: number,
  whole: Span = cycle,
): number {
  return prorateShares(feeMinor, [{ ...cycle, perMille: 1000 }], fromMs, toMs, whole);
}

/** A stub, shorter or longer than its rule's cycle, costs the part of the fee that it is of the cycle which has its start. */
export function stubFee(feeMinor: number, stub: Span, whole: Span): number {
  return prorate(feeMinor, stub, stub.startMs, stub.endMs, whole);
}

/**
 * `prorate` where only a share is charged at times. C(t) sums seconds by their share before it rounds, and it is reckoned from the
 * start of the first share whatever [fromMs, toMs) is: that keeps the sums exact. A cycle without a whole second costs nothing.
 *
 * @param shares in order, one after the other, from the start of the cycle to its end
 */
export function prorateShares(
  feeMinor: number,
  shares: readonly Share[],
  fromMs: number,
  toMs: number,
  whole: Span,
): number {
  const d = 1000n * secondsBetween(whole.startMs, whole.endMs);
  if (d === 0n) return 0;
  const until = (ms: number): bigint => halfEven(BigInt(feeMinor) * weightUntil(shares, ms), d);
  return minorOf(until(Math.max(fromMs, toMs)) - until(fromMs));
}

/** Seconds of the shares before an instant, each times its share per mille. */
function weightUntil(shares: readonly Share[], ms: number): bigint {
  let weight = 0n;
  for (const { startMs, endMs, perMille } of shares) {
    if (ms <= startMs) break;
    weight += BigInt(perMille) * secondsBetween(startMs, Math.min(ms, endMs));
  }
  return weight;
}

/** Bytes of [fromMs, toMs) of a cap for a whole cycle: as `prorate`, but rounded down. */
export function prorateBytes(
  capBytes: number,
  cycle: Span,
  fromMs: number,
  toMs: number,
  whole: Span = cycle,
): number {
  const d = secondsBetween(whole.startMs, whole.endMs);
  if (d === 0n) return 0;
  const until = (ms: number): bigint => {
    const inside = Math.min(Math.max(ms, cycle.startMs), cycle.endMs);
    return (BigInt(capBytes) * secondsBetween(cycle.startMs, inside)) / d;
  };
  return minorOf(until(Math.max(fromMs, toMs)) - until(fromMs));
}
