import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { waitUntil } from '../dev/processes/wait-until.ts';
import { freePorts } from '../dev/processes/ports.ts';
import { connectPostgres } from '../storage/postgres/pool.ts';
import { follow } from './follow.ts';
import { ask, bringIn, changePlan } from './import-api.ts';
import type { ApiAccess, ImportTimes } from './import-api.ts';
import { assignmentsFile, IMPORTED_PLANS, subscribersFile } from './import-file.ts';
import { cpuSeconds, measuredServers } from './process-usage.ts';
import { readMetrics } from './read-metrics.ts';
import { openTestBed, startBeside, startWorkers } from './test-bed.ts';
import type { TestBed, WorkerOptions } from './test-bed.ts';
import { endWorkers } from './throughput.ts';

/** People whose plans change while the files go in. */
const PROBES = 20;
const BETWEEN_CHANGES_MS = 500;

/** Of a run; all checked. */
export interface ImportOptions extends WorkerOptions {
  seed: number;
  /** plans come in a file of their own, after that of subscribers */
  twoFiles: boolean;
}

/** What a run showed; seconds. */
export interface ImportReport {
  options: ImportOptions;
  subscribers: ImportTimes;
  /** null = they came with the subscribers */
  assignments: ImportTimes | null;
  /** from the last chunk until nothing waited for the log */
  relaySeconds: number;
  /** from then until every profile was folded */
  foldSeconds: number;
  /** from the first byte of the first file until every profile was folded */
  totalSeconds: number;
  /** plans that were changed meanwhile, ms until answered and until folded */
  changes: { count: number; answered: Percentiles; folded: Percentiles };
  /** seconds of CPU by process; null where /proc does not tell */
  cpu: Record<string, number | null>;
}

interface Percentiles {
  p50: number;
  p99: number;
  most: number;
}

/**
 * Brings files of subscribers and of their plans in over the API of a process of its own; another relays their controls, a
 * worker folds them, and people get other plans meanwhile. Throws where something ends, stops, or not everybody is in the slots: the run is
 * void then.
 */
export async function measureImport(
  options: ImportOptions,
  env: Readonly<Record<string, string | undefined>>,
  say: (line: string) => void,
): Promise<ImportReport> {
  const bed = await openTestBed(options, env);
  try {
    const ports = await startWorkers(options, bed);
    const [apiPort = 0] = await freePorts(1);
    const url = `http://127.0.0.1:${String(apiPort)}`;
    const keyFile = join(bed.scratch, 'admin-key');
    const { process: intake } = await startBeside(options, bed, {
      WEIR_ROLES: 'api',
      WEIR_API_PORT: String(apiPort),
      WEIR_API_RATE_LIMIT: '100000',
      WEIR_API_KEY_RATE_LIMIT: '100000',
      WEIR_ADMIN_KEY_FILE: keyFile,
    });
    const { process: relay } = await startBeside(options, bed, { WEIR_ROLES: 'relay' });
    const access = { url, key: (await readFile(keyFile, 'utf8')).trim() };
    await makePlans(access);
    const probes = await makeProbes(access);
    const measured = [
      { name: 'worker', pid: bed.workers[0]?.pid ?? 0 },
      { name: 'api', pid: intake.pid },
      { name: 'relay', pid: relay.pid },
      ...measuredServers(env),
    ];
    const cpuBefore = measured.map(({ pid }) => cpuSeconds(pid));
    const changes = new Changes(access, probes);
    const begin = performance.now();
    const changing = changes.go();
    const times = await bringAllIn(options, access, bed, say);
    const totalSeconds = (performance.now() - begin) / 1000;
    await changes.end(changing);
    const cpu = Object.fromEntries(
      measured.map(({ name, pid }, i) => [name, difference(cpuSeconds(pid), cpuBefore[i] ?? null)]),
    );
    await allAreIn(options.subscribers + PROBES, ports);
    await endWorkers(bed.workers);
    return { options, ...times, totalSeconds, changes: changes.report(), cpu };
  } finally {
    await bed.close();
  }
}

async function bringAllIn(
  { subscribers, seed, twoFiles }: ImportOptions,
  access: ApiAccess,
  bed: TestBed,
  say: (line: string) => void,
): Promise<Pick<ImportReport, 'subscribers' | 'assignments' | 'relaySeconds' | 'foldSeconds'>> {
  const told = (kind: string, { checkSeconds, applySeconds }: ImportTimes): void =>
    say(`${kind}: checked ${checkSeconds.toFixed(1)} s, applied ${applySeconds.toFixed(1)} s`);
  const people = await bringIn(access, 'subscribers', subscribersFile(subscribers, seed, !twoFiles));
  told('subscribers', people);
  const plans = twoFiles ? await bringIn(access, 'assignments', assignmentsFile(subscribers, seed)) : null;
  if (plans !== null) told('assignments', plans);
  const applied = performance.now();
  await untilRelayed(bed);
  const relayed = performance.now();
  await follow(bed.slots, await bed.topic.ends(), bed.workers, () => undefined);
  return {
    subscribers: people,
    assignments: plans,
    relaySeconds: (relayed - applied) / 1000,
    foldSeconds: (performance.now() - relayed) / 1000,
  };
}

/** Until the outbox was empty once. */
async function untilRelayed({ databases }: TestBed): Promise<void> {
  const pool = await connectPostgres(databases.databaseUrl, { warn: () => undefined }, { max: 1 });
  try {
    const isEmpty = async (): Promise<boolean> =>
      (await pool.query('select from control_outbox limit 1')).rowCount === 0;
    await waitUntil('everything is in the log', isEmpty, { timeoutMs: 600_000 });
  } finally {
    await pool.end();
  }
}

/** Everybody is in a slot of a worker. */
async function allAreIn(subscribers: number, ports: readonly number[]): Promise<void> {
  const known = async (): Promise<number> => {
    const all = await Promise.all(ports.map((port) => readMetrics(port)));
    return all.reduce((sum, metrics) => sum + (metrics.get('weir_subscribers') ?? 0), 0);
  };
  const found = await known();
  if (found !== subscribers)
    throw new Error(`the run is void: workers know ${String(found)} of ${String(subscribers)} subscribers`);
}

async function makePlans(access: ApiAccess): Promise<void> {
  for (const [i, planId] of IMPORTED_PLANS.entries()) {
    const speed = (i + 1) * 100_000_000;
    const terms = {
      ...{ name: planId, currency: 'EUR', taxClass: 'standard', usage: null },
      recurring: { feeMinor: 2_000 + i * 1_000, when: 'advance' },
      metering: {
        ...{ family: planId, capBytes: '600000000000', counted: 'both', downBps: speed, upBps: speed / 4 },
        ...{ overage: null, classFactors: {} },
      },
    };
    await ask(access, 'POST', `/v1/plans/${planId}/versions`, { terms, effectiveFrom: null });
  }
}

async function makeProbes(access: ApiAccess): Promise<string[]> {
  const ids = Array.from({ length: PROBES }, (_, n) => `probe-${String(n)}`);
  for (const id of ids)
    await ask(access, 'PUT', `/v1/subscribers/${id}`, {
      ...{
        accountId: `acct-${id}`,
        externalId: null,
        segment: 'residential',
        tags: [],
        zone: 'Europe/Berlin',
      },
      ...{ overageConsent: false, credentials: [] },
    });
  return ids;
}

/** Changes plans of people in turn, and notes how long each takes to be folded. */
class Changes {
  readonly #access: ApiAccess;
  readonly #ids: readonly string[];
  readonly #answeredMs: number[] = [];
  readonly #foldedMs: number[] = [];
  #isOver = false;

  constructor(access: ApiAccess, ids: readonly string[]) {
    this.#access = access;
    this.#ids = ids;
  }

  async go(): Promise<void> {
    for (let n = 0; !this.#isOver; n += 1) {
      const id = this.#ids[n % this.#ids.length] ?? '';
      const plan = IMPORTED_PLANS[Math.floor(n / this.#ids.length) % 2] ?? IMPORTED_PLANS[0];
      const { answeredMs, foldedMs } = await changePlan(this.#access, id, plan, `change-${String(n)}`);
      this.#answeredMs.push(answeredMs);
      this.#foldedMs.push(foldedMs);
      await pause(BETWEEN_CHANGES_MS);
    }
  }

  async end(going: Promise<void>): Promise<void> {
    this.#isOver = true;
    await going;
  }

  report(): ImportReport['changes'] {
    const [answered, folded] = [percentiles(this.#answeredMs), percentiles(this.#foldedMs)];
    return { count: this.#foldedMs.length, answered, folded };
  }
}

function percentiles(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), most: at(1) };
}

function difference(now: number | null, before: number | null): number | null {
  return now === null || before === null ? null : now - before;
}
