/** Type of a fact's value; every fact of one subscriber has one of these or null. `classes` = ClassFacts by service class. */
export type FactType = 'number' | 'string' | 'boolean' | 'strings' | 'classes';

export interface FactDefinition {
  type: FactType;
  /** unit, or '' where there is none */
  unit: '' | 'bytes' | 'bit/s' | '%' | 'seconds' | 'days' | 'hours' | 'blocks' | 'sessions';
  nullable: boolean;
  description: string;
  example: unknown;
  /** all that a text may be; absent = anything */
  values?: readonly string[];
  /** least and greatest value of a number; absent = none */
  min?: number;
  max?: number;
}

const bytes = (description: string, example: number) =>
  ({ type: 'number', unit: 'bytes', nullable: false, description, example, min: 0 }) as const;
const bytesOrNull = (description: string, example: number) =>
  ({ type: 'number', unit: 'bytes', nullable: true, description, example, min: 0 }) as const;
const percentOrNull = (description: string, example: number) =>
  ({ type: 'number', unit: '%', nullable: true, description, example, min: 0 }) as const;
const speedOrNull = (description: string, example: number) =>
  ({ type: 'number', unit: 'bit/s', nullable: true, description, example, min: 0 }) as const;
const textOrNull = (description: string, example: string) =>
  ({ type: 'string', unit: '', nullable: true, description, example }) as const;
const flag = (description: string) =>
  ({ type: 'boolean', unit: '', nullable: false, description, example: false }) as const;

/** What is known of one service class; reached by a path into `byClass`. */
export const CLASS_FACTS = {
  cycleTotalBytes: bytes('Download and upload of the class in this cycle', 12e9),
  cycleDownloadBytes: bytes('Download of the class in this cycle', 10e9),
  cycleUploadBytes: bytes('Upload of the class in this cycle', 2e9),
  last5mBytes: bytes(
    'Bytes of the class in the newest 5-minute window, 0 where that is over 10 minutes old',
    5e6,
  ),
  hourBytes: bytes('Bytes of the class in this clock hour', 1e9),
  dayBytes: bytes('Bytes of the class today', 4e9),
  last24hBytes: bytes('Bytes of the class in this clock hour and the 23 before', 5e9),
  peakRateBps: {
    type: 'number',
    unit: 'bit/s',
    nullable: false,
    description: 'Highest rate of the class over a 5-minute window today',
    example: 8e6,
    min: 0,
  },
  usualDayBytes: bytesOrNull(
    'Median of the class over the days of the last four weeks; null before there are 3 days',
    3e9,
  ),
} as const satisfies Record<string, FactDefinition>;

/** Everything that a condition may ask about: the single source for evaluation, checks, JSON Schema and documentation. */
export const FACTS = {
  planId: textOrNull('The plan in force; null without one', 'home-100'),
  planFamily: textOrNull('The family of the plan in force; null without one', 'home'),
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
    description: 'How the account stands',
    example: 'current',
    values: ['current', 'overdue', 'suspended'],
  },
  overageConsent: flag('The subscriber agreed to pay for extras: blocks beyond the allowance, top-ups'),
  capBytes: bytesOrNull("The plan's cap; null without one", 500e9),
  planDownBps: speedOrNull("The plan's download speed; null without a plan", 100e6),
  planUpBps: speedOrNull("The plan's upload speed; null without a plan", 20e6),
  cycleTotalBytes: bytes('Download and upload in this cycle', 120e9),
  cycleDownloadBytes: bytes('Download in this cycle', 100e9),
  cycleUploadBytes: bytes('Upload in this cycle', 20e9),
  cycleOffPeakBytes: bytes("Download and upload in this cycle in the provider's off-peak hours", 30e9),
  cycleCountedBytes: bytes(
    "Bytes in the plan's direction as counted against the cap, by class and time of day",
    120e9,
  ),
  allowanceBytes: bytesOrNull('Cap, carry-over and live top-ups together; null without a cap', 510e9),
  capUsedPercent: percentOrNull('Counted bytes against the allowance; null without a cap', 80),
  capRemainingBytes: bytesOrNull('Allowance left, never below 0; null without a cap', 20e9),
  topUpRemainingBytes: bytes('What is left of live top-ups: they are used up after cap and carry-over', 10e9),
  overageBlocks: {
    type: 'number',
    unit: 'blocks',
    nullable: false,
    description: 'Paid blocks that this cycle asked for so far',
    example: 2,
    min: 0,
  },
  cycleDay: {
    type: 'number',
    unit: 'days',
    nullable: false,
    description: "Day of the cycle in the subscriber's zone, from 1",
    example: 12,
    min: 1,
  },
  cycleDaysLeft: {
    type: 'number',
    unit: 'days',
    nullable: false,
    description: 'Days after today until the cycle ends; 0 on its last day',
    example: 18,
    min: 0,
  },
  cycleElapsedPercent: {
    type: 'number',
    unit: '%',
    nullable: false,
    description: 'Share of the cycle that is over',
    example: 40,
    min: 0,
    max: 100,
  },
  projectedCapUsedPercent: percentOrNull(
    'capUsedPercent at the end of the cycle if it goes on as it has; null without a cap and in the first twentieth of the cycle',
    130,
  ),
  poolUsedPercent: percentOrNull(
    "What the subscriber's pool has used of its allowance; null without a pool",
    60,
  ),
  last5mBytes: bytes('Bytes in the newest 5-minute window, 0 where that is over 10 minutes old', 50e6),
  hourBytes: bytes("Bytes in this clock hour of the subscriber's zone", 2e9),
  dayBytes: bytes("Bytes today in the subscriber's zone", 8e9),
  last24hBytes: bytes('Bytes in this clock hour and the 23 before', 9e9),
  peakRateBps: {
    type: 'number',
    unit: 'bit/s',
    nullable: false,
    description: 'Highest rate, download and upload together, over a 5-minute window today',
    example: 80e6,
    min: 0,
  },
  usualDayBytes: bytesOrNull('Median of the days of the last four weeks; null before there are 3 days', 6e9),
  /** dayBytes * 100 / usualDayBytes, multiplied first; null where usualDayBytes is null or 0 */
  dayToUsualPercent: percentOrNull(
    'dayBytes against usualDayBytes: 1000 = ten times the usual day; null without a usual day, or where that is 0',
    150,
  ),
  openSessions: {
    type: 'number',
    unit: 'sessions',
    nullable: false,
    description: 'Sessions open now',
    example: 1,
    min: 0,
  },
  longestSessionSeconds: {
    type: 'number',
    unit: 'seconds',
    nullable: false,
    description: 'How long the oldest open session has run; 0 without one',
    example: 86_400,
    min: 0,
  },
  hourOfDay: {
    type: 'number',
    unit: 'hours',
    nullable: false,
    description: "Hour of the day in the subscriber's zone, 0 to 23",
    example: 21,
    min: 0,
    max: 23,
  },
  dayOfWeek: {
    type: 'number',
    unit: '',
    nullable: false,
    description: "Day of the week in the subscriber's zone, 1 = Monday to 7 = Sunday",
    example: 6,
    min: 1,
    max: 7,
  },
  isOffPeak: flag("Now lies in the provider's off-peak hours or dates"),
  date: {
    type: 'string',
    unit: '',
    nullable: false,
    description: "Today in the subscriber's zone, YYYY-MM-DD",
    example: '2026-12-24',
  },
  isThrottled: flag('A throttle is in force'),
  throttledSeconds: {
    type: 'number',
    unit: 'seconds',
    nullable: false,
    description: 'How long the throttle has been in force; 0 without one',
    example: 3600,
    min: 0,
  },
  byClass: {
    type: 'classes',
    unit: '',
    nullable: false,
    description:
      'Facts by service class, by path: $.video.dayBytes. A class without usage has none, and no comparison with it holds',
    example: {},
  },
} as const satisfies Record<string, FactDefinition>;

export type FactName = keyof typeof FACTS;
export type ClassFactName = keyof typeof CLASS_FACTS;

type ValueOf<D extends FactDefinition> =
  | (D['type'] extends 'number'
      ? number
      : D['type'] extends 'string'
        ? string
        : D['type'] extends 'boolean'
          ? boolean
          : D['type'] extends 'strings'
            ? readonly string[]
            : Readonly<Record<string, ClassFacts>>)
  | (D['nullable'] extends true ? null : never);

/** One service class's facts. */
export type ClassFacts = { [K in ClassFactName]: number | null };

/** One subscriber's facts at one moment; always the same shape. */
export type Facts = { [K in FactName]: ValueOf<(typeof FACTS)[K]> };

export function isFactName(name: string): name is FactName {
  return Object.hasOwn(FACTS, name);
}
