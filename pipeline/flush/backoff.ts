import { backoffMs as doubledMs } from '../../storage/backoff.ts';

const FIRST_MS = 250;
const MOST_MS = 30_000;

/**
 * How long to wait after the n-th failure in a row: 250 ms doubled each time up to 30 s, of which a random
 * half is taken off, so that workers do not come back to a recovering server all at once.
 *
 * @param failures from 1
 * @param random in [0, 1)
 */
export function backoffMs(failures: number, random: number): number {
  return Math.round(doubledMs(failures, FIRST_MS, MOST_MS) * (1 - random / 2));
}
