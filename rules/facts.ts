/** Type of a fact's value; every fact of one subscriber has one of these or null. */
export type FactType = 'number' | 'string' | 'boolean' | 'strings';

export interface FactDefinition {
  type: FactType;
  /** unit, or '' where there is none */
  unit: string;
  nullable: boolean;
  description: string;
  example: unknown;
}

/** Everything that a condition may ask about: the single source for validation, evaluation and documentation. */
export const FACTS = {
  planId: { type: 'string', unit: '', nullable: true, description: 'The plan in force', example: 'home-100' },
  planFamily: {
    type: 'string',
    unit: '',
    nullable: true,
    description: 'The family of the plan in force',
    example: 'home',
  },
  segment: {
    type: 'string',
    unit: '',
    nullable: false,
    description: 'Market segment',
    example: 'residential',
  },
  tags: {
    type: 'strings',
    unit: '',
    nullable: false,
    description: 'Free labels of the subscriber',
    example: ['student'],
  },
  billingStatus: {
    type: 'string',
    unit: '',
    nullable: false,
    description: 'current, overdue or suspended',
    example: 'current',
  },
  capBytes: {
    type: 'number',
    unit: 'bytes',
    nullable: true,
    description: "The plan's cap; null without one",
    example: 500e9,
  },
  allowanceBytes: {
    type: 'number',
    unit: 'bytes',
    nullable: true,
    description: 'Cap, carry-over and live top-ups together; null without a cap',
    example: 510e9,
  },
  planDownBps: {
    type: 'number',
    unit: 'bit/s',
    nullable: true,
    description: "The plan's download speed",
    example: 100e6,
  },
  planUpBps: {
    type: 'number',
    unit: 'bit/s',
    nullable: true,
    description: "The plan's upload speed",
    example: 20e6,
  },
  cycleTotalBytes: {
    type: 'number',
    unit: 'bytes',
    nullable: false,
    description: 'Download and upload in this cycle',
    example: 120e9,
  },
  cycleDownloadBytes: {
    type: 'number',
    unit: 'bytes',
    nullable: false,
    description: 'Download in this cycle',
    example: 100e9,
  },
  cycleUploadBytes: {
    type: 'number',
    unit: 'bytes',
    nullable: false,
    description: 'Upload in this cycle',
    example: 20e9,
  },
  cycleCountedBytes: {
    type: 'number',
    unit: 'bytes',
    nullable: false,
    description: "Bytes in the plan's direction, as counted against the cap",
    example: 120e9,
  },
  capUsedPercent: {
    type: 'number',
    unit: '%',
    nullable: true,
    description: 'Counted bytes against the allowance; null without a cap',
    example: 80,
  },
  capRemainingBytes: {
    type: 'number',
    unit: 'bytes',
    nullable: true,
    description: 'Allowance left, never below 0; null without a cap',
    example: 20e9,
  },
  openSessions: { type: 'number', unit: '', nullable: false, description: 'Sessions open now', example: 1 },
  isThrottled: {
    type: 'boolean',
    unit: '',
    nullable: false,
    description: 'A throttle is in force',
    example: false,
  },
  isOffPeak: {
    type: 'boolean',
    unit: '',
    nullable: false,
    description: "Now lies in the provider's off-peak hours",
    example: false,
  },
} as const satisfies Record<string, FactDefinition>;

export type FactName = keyof typeof FACTS;

type ValueOf<D extends FactDefinition> =
  | (D['type'] extends 'number'
      ? number
      : D['type'] extends 'string'
        ? string
        : D['type'] extends 'boolean'
          ? boolean
          : readonly string[])
  | (D['nullable'] extends true ? null : never);

/** One subscriber's facts at one moment; always the same shape. */
export type Facts = { [K in FactName]: ValueOf<(typeof FACTS)[K]> };

export function isFactName(name: string): name is FactName {
  return Object.hasOwn(FACTS, name);
}
