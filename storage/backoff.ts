/**
 * Pause before attempt `attempt` (from 1) is repeated, ms: doubles from `firstMs` up to `mostMs`.
 * Without jitter, which is the caller's: partitions that wait for the same server are few and need none.
 */
export function backoffMs(attempt: number, firstMs: number, mostMs: number): number {
  return Math.min(mostMs, firstMs * 2 ** Math.min(attempt - 1, 30));
}
