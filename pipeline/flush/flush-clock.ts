/** Time as the flusher sees it; tests give their own. */
export interface FlushClock {
  /** ms since 1970 UTC */
  nowMs(): number;
  /** Calls once after delayMs unless the returned function is called before. */
  after(delayMs: number, call: () => void): () => void;
}

export const systemClock: FlushClock = {
  nowMs: () => Date.now(),
  after: (delayMs, call) => {
    const timer = setTimeout(call, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
};
