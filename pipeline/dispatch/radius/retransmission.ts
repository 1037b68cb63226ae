/** When a request without an answer is sent again (RFC 5080 section 2.2.1). */
export interface RetransmissionPolicy {
  /** Wait for the first answer (IRT). */
  readonly firstMs: number;
  /** A single wait doubles up to this (MRT). */
  readonly maxMs: number;
  /** Sends in all, the first included (MRC). */
  readonly maxSends: number;
  /** Time from the first send to giving up (MRD). */
  readonly maxDurationMs: number;
  /** Each wait is off by up to this share, so that many clients do not send in step. */
  readonly jitter: number;
}

/** RFC 5080's values for CoA: waits of about 2, 4, 8, 16 s, at most 5 sends and 30 s. */
export const RFC5080_RETRANSMISSION: RetransmissionPolicy = {
  firstMs: 2000,
  maxMs: 16_000,
  maxSends: 5,
  maxDurationMs: 30_000,
  jitter: 0.1,
};

/**
 * The next wait in ms: firstMs, then twice the previous one, capped at maxMs; each with jitter.
 *
 * @param previousMs the wait before this one; undefined for the first
 * @param random 0 <= random < 1, drawn anew for each wait
 */
export function nextWaitMs(
  policy: RetransmissionPolicy,
  previousMs: number | undefined,
  random: number,
): number {
  const factor = (random * 2 - 1) * policy.jitter;
  if (previousMs === undefined) return policy.firstMs * (1 + factor);
  const doubled = previousMs * (2 + factor);
  return doubled > policy.maxMs ? policy.maxMs * (1 + factor) : doubled;
}
