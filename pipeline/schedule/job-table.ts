import type { Job } from '../../storage/job-ports.ts';

/** Jobs that Weir knows and when each is due, in UTC, unless WEIR_JOBS says otherwise. Minutes differ so that they do not meet. */
export const JOB_CRONS = {
  /** opens the billing cycles that began and itemises fees in advance */
  'open-cycles': '*/5 * * * *',
  /** looks for cycles that were not closed in time, and tries failed closes again */
  'close-late': '4-59/15 * * * *',
  /** tells profiles of what begins by date alone */
  'refresh-dated': '*/5 * * * *',
  /** gives an account to subscribers of the release before */
  'absorb-profiles': '11 * * * *',
  /** takes anchors and states of accounts from the billing system, and gives it the cycles */
  'sync-billing': '7 * * * *',
  /** compares items with those of the billing system */
  'reconcile-billing': '30 3 * * *',
  /** drops what is of no use any more: answers to repeats, records of imports, keys that ended */
  expiry: '17 * * * *',
  /** drops records that were kept long enough */
  retention: '23 * * * *',
  /** looks whether workers write snapshots; by hand, has them write one of each partition */
  snapshots: '37 * * * *',
  /** drops entries of the embedded log */
  'trim-log': '*/10 * * * *',
  /** says which tables need care */
  'partition-care': '43 2 * * *',
} as const;

/** Money and plans wait for them: they begin whatever else runs, and what they do is bounded. */
const PROMPT: ReadonlySet<string> = new Set<keyof typeof JOB_CRONS>([
  'open-cycles',
  'close-late',
  'refresh-dated',
]);

export type JobName = keyof typeof JOB_CRONS;

/** Crons that differ from the table's. */
export type JobTimes = Readonly<Partial<Record<JobName, string>>>;

export function isJobName(name: string): name is JobName {
  return Object.hasOwn(JOB_CRONS, name);
}

/** The jobs that there is something to do for, in the table's order. */
export function jobsOf(runs: Readonly<Partial<Record<JobName, Job['run']>>>, times: JobTimes): Job[] {
  return Object.entries(JOB_CRONS).flatMap(([name, cron]) => {
    const run = isJobName(name) ? runs[name] : undefined;
    if (run === undefined || !isJobName(name)) return [];
    return [{ name, cron: times[name] ?? cron, isPrompt: PROMPT.has(name), run }];
  });
}
