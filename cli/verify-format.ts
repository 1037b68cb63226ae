import { lines } from './format.ts';
import type { Verification } from '../verify/verify-log.ts';

/** Every difference on a line of its own, and how many there are. */
export function verificationText({ differences, notes, entries, compared }: Verification): string {
  return lines([
    ...notes,
    ...differences.map(
      ({ kind, partition, key, expected, found }) =>
        `${kind} ${key} (partition ${partition}): expected ${expected}, found ${found}`,
    ),
    `${entries} log entries recomputed, ${compared} things compared`,
    `${differences.length} ${differences.length === 1 ? 'difference' : 'differences'}`,
  ]);
}
