import { InvalidArgumentError } from 'commander';

/**
 * An instant given on the command line, as ISO 8601 UTC. It must have its zone: without one it would be read in this
 * computer's.
 *
 * @throws InvalidArgumentError
 */
export function instant(text: string): string {
  const timed = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  const timeMs = timed ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(timeMs)) return new Date(timeMs).toISOString();
  throw new InvalidArgumentError('It must be an instant with its zone such as 2025-01-31T12:00:00Z.');
}
