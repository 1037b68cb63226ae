import { setTimeout as pause } from 'node:timers/promises';
import { waitUntil } from '../../dev/processes/wait-until.ts';
import { WORKLOAD_START_MS } from '../../tests/flow/workload.ts';
import { ChaosBed } from './chaos-bed.ts';
import { ChaosServers } from './chaos-servers.ts';
import { makeChaosWorkload } from './chaos-workload.ts';
import { compare, verified } from './compare.ts';
import type { Check } from './checks.ts';
import { DirectoryChanges } from './directory-changes.ts';
import { planFaults } from './fault-plan.ts';
import { Injector } from './injector.ts';
import { operateOnLog } from './log-surgery.ts';
import { measureRecovery, RECOVERY_CHECK } from './recovery.ts';
import type { RecoveryReport } from './recovery.ts';
import { SteadyFeed } from './steady-feed.ts';
import { splitLines, TariffChanges } from './tariff-changes.ts';
import { ChaosWatch } from './watch.ts';

/** Of a run; all checked. */
export interface ChaosOptions {
  seed: number;
  /** of faults, without start, end and comparison */
  minutes: number;
  workers: number;
  partitions: number;
  recordsPerSecond: number;
  /** subscribers of the recovery that is timed; 0 = none */
  recovery: number;
  /** the program, relative to the project */
  program: string;
  /** for logs and the report */
  logDir: string;
}

/** What happened to one kind of fault. */
export interface FaultRow {
  kind: string;
  count: number;
  /** from the fault's end until nothing was behind, ms */
  recoveryMs: number[];
}

/** What a run showed. */
export interface ChaosReport {
  options: ChaosOptions;
  faults: FaultRow[];
  checks: Check[];
  sizes: Record<string, number>;
  settleSeconds: number;
  /** null = not asked for */
  recovery: RecoveryReport | null;
}

/** From this on ClickHouse and Postgres are away for a minute and more. */
const LONG_RUN_MINUTES = 5;
/** The usage of each line covers so many interims: 41 hours, with a first of the month in it. */
const INTERIMS = 492;
const SPARE = 4;
const SETTLE_MS = 240_000;
/** So little is nothing behind: what comes in a second. */
const NEARLY_SECONDS = 1;

/**
 * Three workers under a steady load while processes, servers and connections fail as the seed says; then everything is
 * let run out and compared with what the log means. @throws where the run itself could not be carried out
 */
export async function runChaos(options: ChaosOptions, say: (line: string) => void): Promise<ChaosReport> {
  const servers = await ChaosServers.start();
  try {
    const report = await runOn(servers, options, say);
    if (options.recovery === 0) return report;
    const of = { seed: options.seed, subscribers: options.recovery, program: options.program };
    try {
      const recovery = await measureRecovery(servers.addresses, of, say);
      return { ...report, recovery, checks: [...report.checks, recovery.check] };
    } catch (error) {
      // What was compared before is told all the same.
      const check = { name: RECOVERY_CHECK, faults: [(error as Error).message] };
      return { ...report, checks: [...report.checks, check] };
    }
  } finally {
    await servers.stop();
  }
}

async function runOn(
  servers: ChaosServers,
  options: ChaosOptions,
  say: (line: string) => void,
): Promise<ChaosReport> {
  const durationMs = options.minutes * 60_000;
  const records = Math.ceil((durationMs / 1_000) * options.recordsPerSecond);
  const workload = makeChaosWorkload({
    seed: options.seed,
    subscribers: Math.max(100, Math.round(records / INTERIMS)),
    // More than are fed: what is done after the comparison wants some, and a slow machine takes its time.
    records: SPARE * records,
    partitions: options.partitions,
  });
  const bed = await ChaosBed.open(servers, workload, options);
  try {
    await startFleet(bed);
    say(`servers and ${String(options.workers)} workers are up; logs in ${options.logDir}`);
    const entries = workload.entries[Symbol.iterator]();
    const broker = servers.addresses.brokers;
    const { partitions, recordsPerSecond: perSecond } = options;
    const feed = new SteadyFeed({ broker, topic: bed.name, partitions, entries, perSecond });
    const { byDirectory, byPeople } = splitLines(workload.profiles);
    const changes = new DirectoryChanges(bed.directory, byDirectory, options.seed);
    const tariffs = new TariffChanges(bed.tariffs, byPeople, {
      seed: options.seed,
      nowMs: () => Math.max(feed.atMs, WORKLOAD_START_MS),
    });
    const startedMs = performance.now();
    const watch = new ChaosWatch(bed, startedMs);
    const injector = new Injector(servers, bed.fleet, bed, say);
    for (const part of [feed, changes, tariffs, watch]) part.start();
    const longOutages = options.minutes >= LONG_RUN_MINUTES;
    const plan = planFaults({ seed: options.seed, durationMs, workers: options.workers, longOutages });
    await injector.run(plan, startedMs);
    await pause(Math.max(0, startedMs + durationMs - performance.now()));
    await feed.stop();
    await Promise.all([changes.stop(), tariffs.stop()]);
    bed.fleet.heal();
    const settleSeconds = await settled(bed);
    await watch.stop();
    say(`run out after ${settleSeconds.toFixed(1)} s; comparing`);
    const verification = await verified(bed);
    for (let worker = 0; worker < bed.fleet.size; worker += 1) await bed.fleet.stop(worker);
    const comparison = await compare(bed, changes.plans, tariffs.bought);
    const during = reportOf({ bed, options, feed, changes, tariffs, watch, injector });
    // Only now: what it does to the log halts partitions.
    const operated = await operateOnLog({ bed, broker, entries });
    const [injected, ...watched] = during.checks;
    const checks = [injected, verification, ...comparison.checks, ...watched, ...operated];
    return { ...during, settleSeconds, checks, sizes: { ...comparison.sizes, ...during.sizes } };
  } finally {
    await bed.close();
  }
}

/** What was seen while faults were injected. */
function reportOf(run: {
  bed: ChaosBed;
  options: ChaosOptions;
  feed: SteadyFeed;
  changes: DirectoryChanges;
  tariffs: TariffChanges;
  watch: ChaosWatch;
  injector: Injector;
}): Omit<ChaosReport, 'settleSeconds' | 'checks'> & { checks: [Check, ...Check[]] } {
  const { bed, options, feed, changes, tariffs, watch, injector } = run;
  const kinds = [...new Set(injector.injected.map(({ kind }) => kind))].sort();
  const nearly = NEARLY_SECONDS * options.recordsPerSecond;
  return {
    options,
    recovery: null,
    faults: kinds.map((kind) => {
      const injected = injector.injected.filter((each) => each.kind === kind);
      const recoveryMs = injected.flatMap((each) => watch.recoveryMs(each, nearly) ?? []);
      return { kind, count: injected.length, recoveryMs };
    }),
    checks: [
      { name: 'every fault was injected', faults: injector.failures },
      { name: 'every lost tail raised its alarm', faults: watch.missedAlarms(injector.restored) },
      { name: 'nothing left while it was held', faults: watch.leaks },
      { name: 'no partition was halted', faults: watch.halts.map(({ text }) => text) },
      { name: 'no defect was logged', faults: watch.defects.map(({ text }) => text) },
    ],
    sizes: {
      'entries sent': feed.sent,
      'sent again': feed.resent,
      'profiles changed': changes.plans.size,
      'plans changed': tariffs.made.plans,
      'top-ups bought': tariffs.made.topUps,
      'pools joined or left': tariffs.made.pools,
      'changes refused': tariffs.made.refused,
      'tails lost': watch.tailAlarms.length,
      'looks while held': watch.heldLooks,
      'worker starts': bed.fleet.starts,
      'workers that ended by themselves': bed.fleet.unwantedEnds.length,
      'stops that were not clean': bed.fleet.unclean,
    },
  };
}

/** The first brings the tables up to date; then all, and the directory's content reaches the log. */
async function startFleet(bed: ChaosBed): Promise<void> {
  bed.fleet.start(0);
  await bed.fleet.up(0);
  for (let worker = 1; worker < bed.fleet.size; worker += 1) bed.fleet.start(worker);
  for (let worker = 1; worker < bed.fleet.size; worker += 1) await bed.fleet.up(worker);
  await waitUntil('all controls are in the log', () => bed.relayed(), { timeoutMs: 60_000 });
}

/** Resolves, with the seconds it took, when everything is committed, nothing is held, every action ended, every row is stored. */
async function settled(bed: ChaosBed): Promise<number> {
  const startedMs = performance.now();
  let why = 'nothing was looked at';
  let before = '';
  const quiet = async (): Promise<boolean> => {
    const ends = await bed.ends();
    const positions = await bed.positions();
    why = `positions ${positions.join(', ')}, ends ${ends.join(', ')}`;
    if (positions.some((position, i) => position < (ends[i] ?? 0))) return false;
    const open = await bed.openActions();
    why = `${String(open)} actions are open`;
    if (open > 0 || !(await bed.relayed())) return false;
    const workers = Array.from({ length: bed.fleet.size }, (_, worker) => bed.fleet.metrics(worker));
    const metrics = await Promise.all(workers);
    const sum = (name: string): number =>
      metrics.reduce((all, each) => all + (each?.get(name) ?? Infinity), 0);
    const waiting = sum('weir_flush_backlog_rows') + sum('weir_partitions_egress_held');
    why = `rows waiting and partitions held: ${String(waiting)}`;
    if (waiting > 0) return false;
    // What was under way at the first look has shown itself by the second.
    const now = ends.join();
    const still = before === now;
    before = now;
    return still;
  };
  try {
    await waitUntil('everything has run out', quiet, { timeoutMs: SETTLE_MS });
  } catch (error) {
    throw new Error(`${(error as Error).message}; ${why}`, { cause: error });
  }
  return (performance.now() - startedMs) / 1_000;
}
