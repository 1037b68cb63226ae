import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import type { AdminSources } from '../api/admin-sources.ts';
import { FolderSnapshotStore } from '../storage/folder/snapshot-store.ts';
import type { Job } from '../storage/job-ports.ts';
import { PostgresCycleKeeping } from '../storage/postgres/cycle-keeping.ts';
import { requireLeader } from '../storage/postgres/job-leader.ts';
import { PostgresJobStore } from '../storage/postgres/job-store.ts';
import { PostgresProfileKeeping } from '../storage/postgres/profile-keeping.ts';
import { PostgresRetention } from '../storage/postgres/retention.ts';
import { reportTables } from '../storage/postgres/table-care.ts';
import type { StoredSnapshot } from '../storage/snapshot-ports.ts';
import type { Assembly } from './compose-parts.ts';
import type { Stores } from './compose-stores.ts';
import type { Config } from './config.ts';
import type { LifecyclePart } from './lifecycle.ts';
import { JobRunner } from './schedule/job-runner.ts';
import type { JobName } from './schedule/job-table.ts';
import { jobsOf } from './schedule/job-table.ts';
import { jobViews } from './schedule/job-views.ts';
import {
  absorbJob,
  closeLateJob,
  expiryJob,
  keptFor,
  openCyclesJob,
  refreshDatedJob,
  retentionJob,
  trimLogJob,
} from './schedule/job-work.ts';
import { snapshotsJob } from './schedule/snapshot-job.ts';
import { jobObserver } from './telemetry/job-gauges.ts';

const HOUR_MS = 3_600_000;
/** Dead letters kept, whatever their age: 2 GB of records of the usual size. */
const MAX_DEAD_LETTERS = 1_000_000;

/** What a job does, by its name. */
type Work = Partial<Record<JobName, Job['run']>>;

/** Runs the jobs, while this process is the one that does. */
export function schedulerPart(assembly: Assembly): LifecyclePart {
  const { config, around, stores, simulation } = assembly;
  const { log, metrics } = around.telemetry;
  const runner = new JobRunner({
    store: jobStore(config, stores),
    jobs: jobsOf(workOf(assembly), config.jobTimes),
    process: `${hostname()}:${String(process.pid)}`,
    clockMs: Date.now,
    nowMs: () => simulation?.provider.nowMs ?? Date.now(),
    log,
    observer: jobObserver(metrics),
  });
  return { name: 'scheduler', start: () => runner.start(), stop: (graceMs) => runner.stop(graceMs) };
}

/** What the API shows and does of jobs, keys and the audit. */
export function adminSources(config: Config, stores: Stores): AdminSources {
  return {
    jobs: jobViews(jobStore(config, stores)),
    keys: stores.keys,
    audit: stores.tariffReads,
  };
}

/** The jobs of this database. */
export function jobStore({ databaseUrl }: Config, { pool }: Stores): PostgresJobStore {
  return new PostgresJobStore(pool, { ownSessions: databaseUrl !== null });
}

/** A job that is not named here does not run: `jobsOf` leaves it out. */
function workOf(assembly: Assembly): Work {
  const { config, stores, log, billing } = assembly;
  const { deadLetters, pool, tariffs, tariffReads } = stores;
  const trimLetters = (): Promise<number> => deadLetters.trim(config.deadLetterRetentionMs, MAX_DEAD_LETTERS);
  const retention = new PostgresRetention(pool);
  const kept = keptFor(config.shadowDays);
  return {
    ...cycleWork(assembly),
    ...profileWork(assembly),
    ...billing.work({ reads: tariffReads, tariffs }),
    expiry: expiryJob(retention, kept),
    retention: retentionJob(retention, trimLetters, kept),
    ...snapshotWork(config),
    ...(log.trim === null ? {} : { 'trim-log': trimLogJob(log.trim, config.logRetentionMs) }),
    'partition-care': () => reportTables(pool),
  };
}

function snapshotWork({ snapshots, group, topic }: Config): Work {
  if (snapshots === null) return {};
  const store = new FolderSnapshotStore(snapshots.folder);
  const list = (): Promise<StoredSnapshot[]> => store.list(group, topic);
  const { intervalMs } = snapshots;
  return { snapshots: snapshotsJob({ list, intervalMs, pause: (ms) => setTimeout(ms) }) };
}

function cycleWork({ config, around, stores }: Assembly): Work {
  const { log, metrics } = around.telemetry;
  const cyclesOf = (token: string): PostgresCycleKeeping =>
    new PostgresCycleKeeping(stores.pool, {
      guard: (client) => requireLeader(client, token),
      onFault: (error, what) => {
        metrics.closeFailures.inc();
        const of = 'subscriberNo' in what ? what : { subscriberId: what.subscriberId };
        log.error({ err: error, ...of }, 'fees of a billing cycle cannot be itemised');
      },
    });
  return {
    'open-cycles': openCyclesJob(cyclesOf),
    'close-late': closeLateJob(cyclesOf, config.cycleCloseGraceHours * HOUR_MS, log),
  };
}

function profileWork({ config, stores }: Assembly): Work {
  const profilesOf = (token: string): PostgresProfileKeeping =>
    new PostgresProfileKeeping(stores.pool, config.defaultCurrency, (client) => requireLeader(client, token));
  return {
    'refresh-dated': refreshDatedJob((token, fromMs, toMs) => profilesOf(token).refreshDated(fromMs, toMs)),
    'absorb-profiles': absorbJob((token, limit) => profilesOf(token).absorb(limit)),
  };
}
