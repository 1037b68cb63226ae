/** What is of use for a time only: after it nobody may go by it any more. */
export const EXPIRING = ['idempotency-keys', 'import-lines', 'api-keys'] as const;
/** Records of what was, kept for whoever looks back. */
export const RECORDS = ['shadow-decisions', 'job-runs', 'reconciliations'] as const;
/** What is kept for a time and then goes. */
export const KEPT = [...EXPIRING, ...RECORDS] as const;
export type Kept = (typeof KEPT)[number];

/** Drops what was kept long enough. Ages count by the store's clock. Calls throw 'unreachable', 'timeout' (retriable). */
export interface Retention {
  /**
   * Drops a bounded piece of what is older than `olderThanMs`. To be called until nothing is left; idempotent.
   *
   * API keys count from their end on, expired or revoked; those that work stay. Of shadow decisions those stay by which a
   * policy that is in shadow still holds a subscriber; of runs the last one of each job. An import whose lines go is
   * 'expired': it cannot be resumed.
   *
   * @param token of the leader
   * @param after what the call before returned; null = from the beginning
   * @throws 'conflict' where another process leads: nothing was dropped
   */
  trim(kept: Kept, olderThanMs: number, token: string, after: TrimCursor | null): Promise<Trimmed>;
}

/** Where a call went on to; opaque outside the store. */
export type TrimCursor = string;

export interface Trimmed {
  dropped: number;
  /** null = nothing older is left */
  next: TrimCursor | null;
}
