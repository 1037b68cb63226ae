import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { jobObserver } from './job-gauges.ts';
import { createMetrics } from './metrics.ts';

function rig() {
  const registry = new Registry();
  const observer = jobObserver(createMetrics(registry));
  const lines = async (): Promise<string[]> =>
    (await registry.metrics()).split('\n').filter((line) => line.startsWith('weir_job_'));
  return { observer, lines };
}

it('has of each job the last run, its duration, its result and its next time', async () => {
  const { observer, lines } = rig();
  observer.leading(true);
  observer.planned('trim', 1_000_000);
  observer.ended('trim', 'failed', 1_500);
  observer.ended('trim', 'done', 2_500);
  observer.succeeded('trim', 900_000);
  expect(await lines()).toEqual([
    'weir_job_leader 1',
    'weir_job_runs_total{job="trim",outcome="failed"} 1',
    'weir_job_runs_total{job="trim",outcome="done"} 1',
    'weir_job_last_success_timestamp_seconds{job="trim"} 900',
    'weir_job_next_timestamp_seconds{job="trim"} 1000',
    'weir_job_duration_seconds{job="trim"} 2.5',
  ]);
});

it('has nothing that another process knows better', async () => {
  const { observer, lines } = rig();
  observer.leading(true);
  observer.planned('trim', 1_000_000);
  observer.planned('paused', 1_000_000);
  observer.planned('paused', null);
  observer.ended('trim', 'done', 2_500);
  observer.succeeded('trim', 900_000);
  expect((await lines()).some((line) => line.includes('paused'))).toBe(false);
  observer.leading(false);
  expect(await lines()).toEqual(['weir_job_leader 0', 'weir_job_runs_total{job="trim",outcome="done"} 1']);
});
