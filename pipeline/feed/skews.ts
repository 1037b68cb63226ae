/**
 * A histogram of append time - event time in ms, signed. Buckets are four times as wide as the one before, in both
 * directions: 0 is below one second, k is [4^(k-1), 4^k) seconds, negative ones (a clock that is ahead) lie mirrored.
 * 14 counters tell a second from a minute and a day, whatever the number of records.
 */
export interface Skews {
  /** by bucket, the most negative first */
  counts: number[];
  /** farthest from zero, the positive one of two equals; ms */
  maxMs: number;
}

/** Beyond 4.5 h late and 4 min ahead (a clock more than 5 min ahead is not believed anyway) nothing is told apart. */
const LATE_BUCKETS = 8;
const AHEAD_BUCKETS = 5;
/** Number of counters. */
export const SKEW_BUCKETS = AHEAD_BUCKETS + 1 + LATE_BUCKETS;

/** No record yet. */
export function noSkews(): Skews {
  return { counts: new Array<number>(SKEW_BUCKETS).fill(0), maxMs: 0 };
}

/** Index of the bucket that a skew falls into. */
export function skewBucket(skewMs: number): number {
  const seconds = Math.min(Math.floor(Math.abs(skewMs) / 1000), 2 ** 30);
  // Number of base-4 digits, 0 for 0.
  const step = (33 - Math.clz32(seconds)) >> 1;
  return AHEAD_BUCKETS + (skewMs < 0 ? -Math.min(step, AHEAD_BUCKETS) : Math.min(step, LATE_BUCKETS));
}

/** Counts one record. */
export function addSkew(skews: Skews, skewMs: number): void {
  const bucket = skewBucket(skewMs);
  skews.counts[bucket] = (skews.counts[bucket] ?? 0) + 1;
  const farther = Math.abs(skewMs) - Math.abs(skews.maxMs);
  if (farther > 0 || (farther === 0 && skewMs > 0)) skews.maxMs = skewMs;
}

/** The median, ms: in the bucket of the true (lower) one, by its rank there. 0 where there is no record. */
export function skewMedian({ counts, maxMs }: Skews): number {
  const records = counts.reduce((sum, count) => sum + count, 0);
  if (records === 0) return 0;
  let before = 0;
  let bucket = 0;
  const rank = Math.ceil(records / 2);
  while (before + (counts[bucket] ?? 0) < rank) {
    before += counts[bucket] ?? 0;
    bucket += 1;
  }
  const [lowMs, highMs] = boundsOf(bucket - AHEAD_BUCKETS, Math.abs(maxMs));
  const share = (rank - before - 0.5) / (counts[bucket] ?? 1);
  return Math.floor(lowMs + (highMs - lowMs) * share);
}

/** Least and greatest ms of a bucket, both within it, and none beyond the greatest that was seen. */
function boundsOf(step: number, farthestMs: number): [lowMs: number, highMs: number] {
  if (step === 0) return [-Math.min(999, farthestMs), Math.min(999, farthestMs)];
  const distance = Math.abs(step);
  const near = 1000 * 4 ** (distance - 1);
  const isLast = step === LATE_BUCKETS || step === -AHEAD_BUCKETS;
  const far = isLast ? farthestMs : Math.min(farthestMs, 1000 * 4 ** distance - 1);
  return step > 0 ? [near, far] : [-far, -near];
}
