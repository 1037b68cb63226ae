import type { JobObserver } from '../schedule/job-runner.ts';
import type { Metrics } from './metrics.ts';

type JobMetrics = Pick<Metrics, 'jobLeader' | 'jobRuns' | 'jobLastSuccess' | 'jobNext' | 'jobDuration'>;

/** Puts what the jobs do into the metrics. A process that leads no more has none of theirs: only the leader's are right. */
export function jobObserver(metrics: JobMetrics): JobObserver {
  return {
    leading: (leads) => {
      metrics.jobLeader.set(leads ? 1 : 0);
      if (leads) return;
      for (const gauge of [metrics.jobLastSuccess, metrics.jobNext, metrics.jobDuration]) gauge.reset();
    },
    planned: (job, nextMs) => {
      if (nextMs === null) metrics.jobNext.remove({ job });
      else metrics.jobNext.set({ job }, nextMs / 1000);
    },
    succeeded: (job, endedMs) => metrics.jobLastSuccess.set({ job }, endedMs / 1000),
    ended: (job, outcome, durationMs) => {
      metrics.jobRuns.inc({ job, outcome });
      metrics.jobDuration.set({ job }, durationMs / 1000);
    },
  };
}
