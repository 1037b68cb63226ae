/** A stamp this far ahead of the append time is not believed. */
export const MAX_AHEAD_MS = 5 * 60_000;

/** Time of a record, and whether it moves the watermark. */
export interface RecordTime {
  atMs: number;
  /** the stamp lay more than 5 min after the append time, which was taken instead */
  skewed: boolean;
}

/**
 * event_time, else received_at - acct_delay, else the append time; more than 5 min after the append time: the append
 * time, flagged (accounting case 15; RFC 2869 5.3, RFC 2866 5.2). All in ms since 1970 UTC.
 */
export function recordTime(
  event: { eventTimeMs: number | null; receivedAtMs: number | null; acctDelaySeconds: number },
  appendTimeMs: number,
): RecordTime {
  const claimed =
    event.eventTimeMs ??
    (event.receivedAtMs === null ? appendTimeMs : event.receivedAtMs - event.acctDelaySeconds * 1000);
  if (claimed > appendTimeMs + MAX_AHEAD_MS) return { atMs: appendTimeMs, skewed: true };
  return { atMs: claimed, skewed: false };
}
