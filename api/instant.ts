import { Problem } from './problem.ts';

/** Schema of an instant in a query or body: ISO 8601 with its offset from UTC. */
export const INSTANT = { type: 'string', format: 'date-time', maxLength: 40 } as const;

/**
 * The instant in ms since 1970 UTC.
 *
 * @throws Problem 400 for what the format allows and no clock shows, such as a leap second
 */
export function instantMs(text: string, name: string): number {
  const ms = Date.parse(text);
  if (!Number.isNaN(ms)) return ms;
  throw new Problem(400, 'invalid-input', `${name} is no instant`);
}
