import { schedule } from 'node-cron';
import type { Logger } from 'pino';

/** What the regular jobs work on. */
export interface JobParts {
  /** drops log entries appended before a time and read by all; null where the broker does that */
  trim: ((beforeMs: number) => Promise<number>) | null;
  retentionMs: number;
  /** the log's clock, ms since 1970 UTC */
  nowMs: () => number;
  log: Pick<Logger, 'info' | 'warn'>;
}

/** Starts the jobs of the scheduler role: trimming the embedded log, every ten minutes. Returns how to end them. */
export function startJobs({ trim, retentionMs, nowMs, log }: JobParts): () => Promise<void> {
  if (trim === null) return () => Promise.resolve();
  let running: Promise<void> = Promise.resolve();
  const run = async (): Promise<void> => {
    try {
      const dropped = await trim(nowMs() - retentionMs);
      if (dropped > 0) log.info({ dropped }, 'old entries of the log were dropped');
    } catch (error) {
      log.warn({ err: error }, 'trimming the log failed; it is tried again');
    }
  };
  const task = schedule(
    '*/10 * * * *',
    () => {
      running = run();
      return running;
    },
    { name: 'trim-log', noOverlap: true },
  );
  return async () => {
    await task.stop();
    await running;
  };
}
