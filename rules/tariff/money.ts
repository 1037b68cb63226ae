import type { Money } from '../../schemas/tariff.ts';
import { exponentOf } from './currencies.ts';

/** n/d to the nearest integer, ties to the even one; exact for any size. Throws RangeError unless d > 0. */
export function halfEven(n: bigint, d: bigint): bigint {
  if (d <= 0n) throw new RangeError(`cannot divide by ${d}`);
  let [floor, rest] = [n / d, n % d];
  // BigInt division rounds to 0.
  if (rest < 0n) [floor, rest] = [floor - 1n, rest + d];
  const twice = rest * 2n;
  const isUp = twice > d || (twice === d && floor % 2n !== 0n);
  return isUp ? floor + 1n : floor;
}

/** An amount as it is stored. Throws RangeError beyond 2^53 - 1: it is refused, never rounded. */
export function minorOf(amount: bigint): number {
  const number = Number(amount);
  if (!Number.isSafeInteger(number))
    throw new RangeError(`${amount} minor units are more than can be stored`);
  return number;
}

/**
 * Splits a rounded amount by weights, which must not be negative: each gets its share rounded down, what is left goes one by one
 * to the largest remainders, of equal ones to the first. The shares sum to the total exactly. Without any weight the first one
 * gets all; of no weights there is none. A credit is split as the charge is.
 */
export function splitMoney(totalMinor: number, weights: readonly bigint[]): number[] {
  if (totalMinor < 0) return splitMoney(-totalMinor, weights).map((share) => (share === 0 ? 0 : -share));
  const total = BigInt(totalMinor);
  let sum = 0n;
  for (const weight of weights) sum += weight;
  if (sum === 0n) return weights.map((_, index) => (index === 0 ? totalMinor : 0));
  let left = total;
  const shares = weights.map((weight, index) => {
    const floor = (total * weight) / sum;
    left -= floor;
    return { index, floor, rest: (total * weight) % sum };
  });
  const byRest = [...shares].sort((a, b) =>
    a.rest === b.rest ? a.index - b.index : a.rest > b.rest ? -1 : 1,
  );
  for (const share of byRest.slice(0, Number(left))) share.floor += 1n;
  return shares.map(({ floor }) => Number(floor));
}

/** For people and for CSV: `12.34 EUR`, `1234 JPY`, `-1.234 KWD`. Throws RangeError on an unknown currency. */
export function formatMoney({ amountMinor, currency }: Money): string {
  const exponent = exponentOf(currency);
  if (exponent === null) throw new RangeError(`${currency} is no currency`);
  const sign = amountMinor < 0 ? '-' : '';
  const digits = String(Math.abs(amountMinor)).padStart(exponent + 1, '0');
  const whole = digits.slice(0, digits.length - exponent);
  const part = digits.slice(digits.length - exponent);
  return `${sign}${whole}${part === '' ? '' : `.${part}`} ${currency}`;
}

/** Reads `12.34`, `-5` or `1234`: plain digits, a point, at most the currency's decimals. null = it is none, or too much. */
export function parseMoney(text: string, currency: string): Money | null {
  const exponent = exponentOf(currency);
  const parts = /^(-?)(\d{1,16})(?:\.(\d{1,4}))?$/.exec(text);
  if (exponent === null || parts === null) return null;
  const [, sign = '', whole = '', part = ''] = parts;
  if (part.length > exponent) return null;
  const amount = Number(`${whole}${part.padEnd(exponent, '0')}`);
  if (!Number.isSafeInteger(amount)) return null;
  return { amountMinor: sign === '' || amount === 0 ? amount : -amount, currency };
}
