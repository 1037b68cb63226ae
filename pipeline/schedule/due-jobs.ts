import type { JobState } from '../../storage/job-ports.ts';
import { cronTimes, missedTime, nextTime } from './cron.ts';

/** A job that is to run now. */
export interface DueJob {
  name: string;
  /** the time it is for; null = of none */
  dueMs: number | null;
  /** who asked for it; null = nobody */
  byHand: string | null;
}

/**
 * Jobs that are due at `nowMs` or were asked for, those asked for first. However many times of a job were missed, it is due
 * once, for the last of them. What runs is not due; what is paused runs by hand alone.
 */
export function dueJobs(states: readonly JobState[], nowMs: number): DueJob[] {
  const due = states.flatMap((state): DueJob[] => {
    if (state.running) return [];
    const times = state.paused ? null : cronTimes(state.cron);
    const dueMs = times === null ? null : missedTime(times, state.seenMs, nowMs);
    if (dueMs === null && state.requestedBy === null) return [];
    return [{ name: state.name, dueMs, byHand: state.requestedBy }];
  });
  return due.sort((a, b) => Number(a.byHand === null) - Number(b.byHand === null));
}

/** When a job is due next, ms since 1970 UTC; in the past = it waits for its turn. Null = never, or it is paused. */
export function nextDue(job: Pick<JobState, 'cron' | 'seenMs' | 'paused'>): number | null {
  const times = job.paused ? null : cronTimes(job.cron);
  return times === null ? null : nextTime(times, job.seenMs);
}
