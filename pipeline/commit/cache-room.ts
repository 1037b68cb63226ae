/** Up to so many due times for each place, there are MOST times as many places. */
const FEW_DUE = 4;
/** From so many due times for each place on, there are no more than configured. */
const MANY_DUE = 20;
const MOST = 2.4;

/**
 * Subscribers that a worker keeps in memory. What it holds of those that are not kept, their due times above all, leaves less
 * room the more there are: at the default of 50,000 they are 120,000 with up to 200,000 due times and 50,000 from a million on,
 * within the same memory. A worker that took over another's partitions would else read nearly each subscriber anew with each
 * record: 73 µs instead of 30.
 * @param least as configured
 * @param due due times in memory
 */
export function cacheRoom(least: number, due: number): number {
  const share = (MANY_DUE - due / Math.max(1, least)) / (MANY_DUE - FEW_DUE);
  return Math.floor(least * (1 + (MOST - 1) * Math.min(1, Math.max(0, share))));
}
