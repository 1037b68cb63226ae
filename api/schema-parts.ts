import { z } from 'zod';

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
