import type { JobRunView, JobsView } from '../schemas/admin-views.ts';
import { lines, table } from './format.ts';

/** Jobs as a table, a line each. */
export function jobsText({ jobs }: JobsView): string {
  if (jobs.length === 0) return lines(['none: no process with the role scheduler has run yet']);
  const head = ['job', 'cron (UTC)', 'last run', 'took', 'result', 'next'];
  const rows = jobs.map(({ name, cron, lastRun, running, paused, nextDue, requestedBy }) => [
    name,
    cron,
    running?.started ?? lastRun?.started ?? 'never',
    running === null ? durationText(lastRun?.durationMs ?? null) : 'running',
    running === null ? (lastRun?.outcome ?? '-') : '-',
    requestedBy !== null ? `asked for by ${requestedBy}` : paused ? 'paused' : (nextDue ?? 'never'),
  ]);
  const faults = jobs.flatMap(({ name, lastRun }) => faultOf(name, lastRun));
  return lines([...table([head, ...rows]), ...faults]);
}

/** The runs of one job, the last one first. */
export function runsText(runs: readonly JobRunView[]): string {
  if (runs.length === 0) return lines(['it has not run yet']);
  const head = ['started', 'took', 'result', 'by', 'what it did'];
  const rows = runs.map(({ started, durationMs, outcome, by, error, result }) => [
    started,
    durationText(durationMs),
    outcome ?? 'running',
    by ?? '-',
    error ?? (result === null ? '-' : JSON.stringify(result)),
  ]);
  return lines(table([head, ...rows]));
}

function faultOf(name: string, lastRun: JobRunView | null): string[] {
  return lastRun === null || lastRun.error === null ? [] : [`${name}: ${lastRun.error}`];
}

function durationText(ms: number | null): string {
  return ms === null ? '-' : `${(ms / 1000).toFixed(1)} s`;
}
