/** The clock that dispatch waits by; tests put in their own. */
export interface DispatchTimers {
  /** ms since 1970 UTC */
  now(): number;
  /** Calls once after `ms`; returns what cancels it. */
  after(ms: number, run: () => void): () => void;
}

/** The system's clock. */
export const SYSTEM_TIMERS: DispatchTimers = {
  now: () => Date.now(),
  after(ms, run) {
    const handle = setTimeout(run, ms);
    return () => {
      clearTimeout(handle);
    };
  },
};
