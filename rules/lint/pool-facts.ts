import type { FactName } from '../facts/catalogue.ts';

/** Facts that are the same for all members of a pool: those that a policy for pools may ask about. */
export const POOL_FACTS: ReadonlySet<string> = new Set([
  'poolUsedPercent',
  'planId',
  'planFamily',
  'segment',
  'cycleDay',
  'cycleDaysLeft',
  'cycleElapsedPercent',
  'hourOfDay',
  'dayOfWeek',
  'isOffPeak',
  'date',
] satisfies FactName[]);
