import type { BillingItem } from '../schemas/billing.ts';
import type { Money } from '../schemas/tariff.ts';
import { Problem } from './problem.ts';

/** Schema of a currency, ISO 4217. */
export const CURRENCY = { type: 'string', pattern: '^[A-Z]{3}$', description: 'ISO 4217' } as const;

/** Beyond any invoice, and far enough below 2^53 that a cycle's items have a sum. */
export const MOST_MINOR = 1e12;

/** Schema of an amount in minor units that is not negative. */
export const MINOR = {
  type: 'integer',
  minimum: 0,
  maximum: MOST_MINOR,
  description: 'minor units of the currency, net of tax',
} as const;

/** Schema of money that somebody pays. */
export const PRICE = {
  type: 'object',
  properties: { amountMinor: MINOR, currency: CURRENCY },
  required: ['amountMinor', 'currency'],
  additionalProperties: false,
} as const;

/** Schema of octets: a number as far as JSON holds it exactly, or decimal text. */
export const OCTETS = {
  anyOf: [
    { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    { type: 'string', pattern: '^(0|[1-9][0-9]{0,15})$' },
  ],
  description: 'octets, a number or decimal text',
} as const;

/** Octets as a body has them. */
export type AskedOctets = number | string;

/**
 * Octets of a body.
 *
 * @throws Problem 400 beyond 2^53 - 1, or below `least`
 */
export function octetsOf(asked: AskedOctets, name: string, least = 0): number {
  const octets = Number(asked);
  if (!Number.isSafeInteger(octets)) throw new Problem(400, 'invalid-input', `${name} is beyond 2^53`);
  if (octets < least) throw new Problem(400, 'invalid-input', `${name} must be >= ${least}`);
  return octets;
}

/** Schema of a speed. */
export const BPS = { type: 'integer', minimum: 1, maximum: 1e15, description: 'bit/s' } as const;

/**
 * What items come to; null where there are none, or where it is beyond 2^53: what is not exact is not told. An account has one
 * currency, so they have one.
 */
export function sumOf(items: readonly Pick<BillingItem, 'amountMinor' | 'currency'>[]): Money | null {
  const [first] = items;
  if (first === undefined) return null;
  const sum = items.reduce((total, { amountMinor }) => total + BigInt(amountMinor), 0n);
  const amountMinor = Number(sum);
  return Number.isSafeInteger(amountMinor) ? { amountMinor, currency: first.currency } : null;
}
