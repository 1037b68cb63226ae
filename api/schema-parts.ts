import { z } from 'zod';
import type { ConditionResult, DesiredState } from '../schemas/action.ts';

/** A number of things. */
export const count = z.int().nonnegative();

/** An instant as ISO 8601. */
export const time = z.iso.datetime().describe('UTC');

/** An object with the same value type under each of a closed list of names. */
export function each<Name extends string, T extends z.ZodType>(
  names: readonly Name[],
  value: T,
): z.ZodObject<Record<Name, T>> {
  return z.object(Object.fromEntries(names.map((name) => [name, value])) as Record<Name, T>);
}

/** One condition's part in a decision. */
export const conditionResult = z.object({
  fact: z.string(),
  path: z.string().exactOptional().describe('into a fact that is an object'),
  operator: z.string(),
  expected: z.unknown(),
  expectedFrom: z
    .object({ fact: z.string(), path: z.string().exactOptional() })
    .exactOptional()
    .describe('where the expected value is that of another fact'),
  actual: z.unknown(),
  result: z.boolean(),
}) satisfies z.ZodType<ConditionResult>;

/** How the network is to treat a line. */
export const desiredState = z.object({
  downBps: z.number().describe('bit/s'),
  upBps: z.number().describe('bit/s'),
  state: z.enum(['plan', 'boost', 'throttle', 'redirect', 'block', 'hold']),
  profile: z.string().nullable().describe('throttle or redirect profile by name'),
}) satisfies z.ZodType<DesiredState>;
