/**
 * Polls a condition until it holds. The condition may throw while the thing it looks at is not there yet; its
 * last failure is kept as the cause.
 *
 * @param what names the condition in the error, for example "redis answers"
 * @param timeoutMs bound of the wait
 * @throws Error after timeoutMs, or at once when `gaveUp` returns a reason (a dead process never answers)
 */
export async function waitUntil(
  what: string,
  condition: () => Promise<boolean>,
  options: { timeoutMs: number; gaveUp?: () => string | undefined },
): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      if (await condition()) return;
    } catch (error) {
      cause = error;
    }
    const reason = options.gaveUp?.();
    if (reason !== undefined) throw new Error(`${what}: ${reason}`, { cause });
    if (performance.now() > deadline) {
      throw new Error(`${what}: not within ${String(options.timeoutMs)} ms`, { cause });
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

const POLL_MS = 50;
