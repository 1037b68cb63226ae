import { schedule } from 'node-cron';
import type { Logger } from 'pino';

/** What the regular jobs work on. */
export interface JobParts {
  /** drops log entries appended before a time and read by all; null where the broker does that */
  trim: ((beforeMs: number) => Promise<number>) | null;
  retentionMs: number;
  /** the log's clock, ms since 1970 UTC */
  nowMs: () => number;
  /** drops dead letters that were kept long enough, or are too many */
  trimLetters: () => Promise<number>;
  log: Pick<Logger, 'info' | 'warn'>;
}

/**
 * Starts the jobs of the scheduler role: trimming the embedded log and the dead letters, every ten minutes. Returns
 * how to end them.
 */
export function startJobs({ trim, retentionMs, nowMs, trimLetters, log }: JobParts): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  const drop = async (what: string, job: () => Promise<number>): Promise<void> => {
    try {
      const dropped = await job();
      if (dropped > 0) log.info({ dropped }, `old ${what} were dropped`);
    } catch (error) {
      log.warn({ err: error }, `trimming ${what} failed; it is tried again`);
    }
  };
  const run = async (): Promise<void> => {
    if (trim !== null) await drop('entries of the log', () => trim(nowMs() - retentionMs));
    await drop('dead letters', trimLetters);
  };
  const task = schedule(
    '*/10 * * * *',
    () => {
      running = run();
      return running;
    },
    { name: 'trim', noOverlap: true },
  );
  return async () => {
    await task.stop();
    await running;
  };
}
