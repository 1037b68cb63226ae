import { BPS, CURRENCY, MINOR, OCTETS } from './money.ts';
import { NAME, NAME_PATTERN } from './names.ts';
import { Problem } from './problem.ts';

/** Schema of a version's number. */
export const VERSION = { type: 'integer', minimum: 1, maximum: 2_147_483_647 } as const;

/**
 * The number after the newest.
 *
 * @throws Problem 409 where somebody has made the last one there is
 */
export function nextVersion(versions: readonly { version: number }[]): number {
  const next = Math.max(0, ...versions.map(({ version }) => version)) + 1;
  if (next <= VERSION.maximum) return next;
  throw new Problem(409, 'conflict', 'there is no number after that of the newest version');
}

const TEXT = { type: 'string', maxLength: 256, pattern: NAME_PATTERN } as const;
const PER_MILLE = { type: 'integer', minimum: 0, maximum: 1000 } as const;
const OR_NONE = { type: 'null' } as const;

const SPEED = {
  type: 'object',
  properties: { downBps: BPS, upBps: BPS },
  required: ['downBps', 'upBps'],
  additionalProperties: false,
} as const;

const FACTORS = {
  type: 'object',
  propertyNames: { maxLength: 256, pattern: NAME_PATTERN },
  additionalProperties: {
    type: 'integer',
    minimum: 0,
    maximum: 1_000_000,
    description: 'per mille; 0 = zero-rated',
  },
  maxProperties: 100,
} as const;

const OVERAGE = {
  type: 'object',
  properties: {
    blockBytes: OCTETS,
    blockPriceMinor: MINOR,
    maxBlocks: {
      anyOf: [{ type: 'integer', minimum: 0, maximum: 1_000_000 }, OR_NONE],
      description: 'a cycle; null = no limit',
    },
  },
  required: ['blockBytes', 'blockPriceMinor', 'maxBlocks'],
  additionalProperties: false,
} as const;

const METERING = {
  type: 'object',
  description: 'what metering and policies are told',
  properties: {
    family: { ...TEXT, description: 'for policies; the plan’s id if not given' },
    capBytes: { anyOf: [...OCTETS.anyOf, OR_NONE], description: 'octets a cycle; null = no cap' },
    counted: { type: 'string', enum: ['down', 'up', 'both', 'max'] },
    downBps: BPS,
    upBps: BPS,
    overage: { anyOf: [OVERAGE, OR_NONE], description: 'paid blocks beyond the cap; null = none' },
    classFactors: { ...FACTORS, description: 'share that counts, by service class; others count in full' },
    offPeakFactors: { ...FACTORS, description: 'the same off-peak, * = all other classes' },
    capProration: { type: 'string', enum: ['whole', 'prorated'], description: 'whole if not given' },
    usedBefore: { type: 'string', enum: ['counts', 'fresh'], description: 'counts if not given' },
    carryOver: {
      anyOf: [
        {
          type: 'object',
          properties: { limitBytes: OCTETS },
          required: ['limitBytes'],
          additionalProperties: false,
        },
        OR_NONE,
      ],
    },
    throttled: { anyOf: [SPEED, OR_NONE], description: 'speed of a line that used its cap up' },
  },
  required: ['capBytes', 'counted', 'downBps', 'upBps', 'overage'],
  additionalProperties: false,
} as const;

const TIER = {
  type: 'object',
  properties: {
    toBytes: { anyOf: [...OCTETS.anyOf, OR_NONE], description: 'octets; null = no end' },
    unitBytes: OCTETS,
    priceMicro: {
      type: 'integer',
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'of a unit, millionths of a minor unit',
    },
  },
  required: ['toBytes', 'unitBytes', 'priceMicro'],
  additionalProperties: false,
} as const;

/** Schema of what a version of a plan costs and gives. */
export const TERMS = {
  type: 'object',
  properties: {
    name: TEXT,
    currency: CURRENCY,
    taxClass: { ...NAME, description: 'standard if not given' },
    recurring: {
      anyOf: [
        {
          type: 'object',
          properties: {
            feeMinor: MINOR,
            when: { type: 'string', enum: ['advance', 'arrears'] },
          },
          required: ['feeMinor', 'when'],
          additionalProperties: false,
        },
        OR_NONE,
      ],
      description: 'fee of a whole cycle; null = none',
    },
    usage: {
      anyOf: [
        {
          type: 'object',
          properties: {
            mode: { type: 'string', enum: ['graduated', 'volume', 'package'] },
            tiers: { type: 'array', items: TIER, minItems: 1, maxItems: 100 },
            includedBytes: OCTETS,
          },
          required: ['mode', 'tiers', 'includedBytes'],
          additionalProperties: false,
        },
        OR_NONE,
      ],
      description: 'price of what is carried; null = none',
    },
    heldPerMille: {
      type: 'object',
      properties: { 'non-payment': PER_MILLE, customer: PER_MILLE, fraud: PER_MILLE, legal: PER_MILLE },
      additionalProperties: false,
      description: 'share of the fees on hold; customer 0 and others 1000 if not given',
    },
    metering: METERING,
  },
  required: ['name', 'currency', 'recurring', 'usage', 'metering'],
  additionalProperties: false,
} as const;
