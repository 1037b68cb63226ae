import type { JobRunsView, JobRunView, JobsView, JobView } from '../../schemas/admin-views.ts';
import type { JobRun, JobStatus, JobStore } from '../../storage/job-ports.ts';
import { nextDue } from './due-jobs.ts';

/** What people see and do of jobs. Calls throw 'unreachable', 'timeout' (retriable). */
export interface JobViews {
  list(): Promise<JobsView>;
  /** null = there is no such job */
  runs(name: string, limit: number): Promise<JobRunsView | null>;
  request(name: string, by: string): Promise<'requested' | 'running' | 'unknown'>;
  /** False where there is no such job. */
  setPaused(name: string, paused: boolean, by: string): Promise<boolean>;
}

/** Jobs as the API shows them; whichever process leads them. */
export function jobViews(store: JobStore): JobViews {
  return {
    list: async () => ({ jobs: (await store.list()).map(jobView) }),
    runs: async (name, limit) => {
      if (!(await store.list()).some((job) => job.name === name)) return null;
      return { runs: (await store.runs(name, limit)).map(runView) };
    },
    request: (name, by) => store.request(name, by),
    setPaused: (name, paused, by) => store.setPaused(name, paused, by),
  };
}

function jobView(status: JobStatus): JobView {
  const { name, cron, paused, requestedBy, running, lastRun } = status;
  return {
    ...{ name, cron, paused, requestedBy },
    nextDue: instant(nextDue(status)),
    running: running === null ? null : runView(running),
    lastRun: lastRun === null ? null : runView(lastRun),
  };
}

function runView({ id, dueMs, who, startedMs, endedMs, outcome, error, progress }: JobRun): JobRunView {
  return {
    ...{ id, outcome, error },
    due: instant(dueMs),
    by: who,
    started: new Date(startedMs).toISOString(),
    ended: instant(endedMs),
    durationMs: endedMs === null ? null : Math.max(0, Math.round(endedMs - startedMs)),
    result: progress,
  };
}

function instant(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
