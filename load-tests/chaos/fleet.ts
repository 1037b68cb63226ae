import type { ChildProcess } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from '../../dev/processes/ports.ts';
import { waitUntil } from '../../dev/processes/wait-until.ts';
import { readMetrics } from '../read-metrics.ts';
import { FaultProxy } from './fault-proxy.ts';
import type { ProxiedServer } from './fault-plan.ts';
import { WorkerProcess } from './worker-process.ts';
import type { LogLine } from './worker-process.ts';

/** What all workers share. */
export interface FleetOptions {
  workers: number;
  /** relative to the project */
  program: string;
  /** addresses and settings; those of Redis and Postgres are replaced by each worker's proxies */
  env: Readonly<Record<string, string>> & { REDIS_URL: string; DATABASE_URL: string };
  /** folder for logs and data */
  dir: string;
  /** takes care that a process does not outlive this one */
  adopt: (child: ChildProcess) => void;
}

/** A line of one worker's log. */
export interface FleetLine extends LogLine {
  worker: number;
}

/** A worker that ended although nobody ended it. */
export interface UnwantedEnd {
  worker: number;
  how: string;
  /** newest lines of its log */
  tail: string[];
}

interface Place {
  process: WorkerProcess | null;
  readonly proxies: Record<ProxiedServer, FaultProxy>;
  readonly env: Record<string, string>;
  readonly metricsPort: number;
  readonly tail: string[];
}

const TAIL_LINES = 40;
/** A process of a supervisor comes back after so long. */
const RESTART_MS = 500;
/** Between SIGTERM and kill -9: the program's own grace and some more. */
const STOP_GRACE_MS = 15_000;

/** Workers of one consumer group, each behind proxies of its own, and the supervisor that starts them again. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #places: Place[] = [];
  readonly #listeners: ((line: FleetLine) => void)[] = [];
  /** ended by themselves */
  readonly unwantedEnds: UnwantedEnd[] = [];
  /** did not end within the grace after SIGTERM, or not with 0 */
  unclean = 0;
  starts = 0;
  #closing = false;

  private constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** Makes proxies and folders; starts nobody yet. */
  static async open(options: FleetOptions): Promise<Fleet> {
    const fleet = new Fleet(options);
    const ports = await freePorts(2 * options.workers);
    for (let worker = 0; worker < options.workers; worker += 1) {
      const [redisUrl, redis] = await proxied(options.env.REDIS_URL);
      const [databaseUrl, postgres] = await proxied(options.env.DATABASE_URL);
      const dataDir = join(options.dir, `data-${String(worker)}`);
      await mkdir(dataDir, { recursive: true });
      const metricsPort = ports[2 * worker] ?? 0;
      fleet.#places.push({
        process: null,
        proxies: { redis, postgres },
        metricsPort,
        tail: [],
        env: {
          ...options.env,
          REDIS_URL: redisUrl,
          DATABASE_URL: databaseUrl,
          WEIR_DATA_DIR: dataDir,
          WEIR_METRICS_PORT: String(metricsPort),
          WEIR_API_PORT: String(ports[2 * worker + 1] ?? 0),
          WEIR_LOG_FORMAT: 'json',
          WEIR_STOP_GRACE_SECONDS: '10',
        },
      });
    }
    return fleet;
  }

  get size(): number {
    return this.#places.length;
  }

  /** Calls for every line of every worker's log from now on. */
  onLine(listener: (line: FleetLine) => void): void {
    this.#listeners.push(listener);
  }

  proxy(worker: number, server: ProxiedServer): FaultProxy {
    return this.#place(worker).proxies[server];
  }

  /** The worker's process, whatever state it is in; changes with each start. */
  process(worker: number): WorkerProcess | null {
    return this.#place(worker).process;
  }

  /** Starts a worker that does not run. */
  start(worker: number): void {
    const place = this.#place(worker);
    if (this.#closing || (place.process !== null && !place.process.hasEnded)) return;
    this.starts += 1;
    const started = new WorkerProcess({
      program: this.#options.program,
      env: place.env,
      logFile: join(this.#options.dir, `worker-${String(worker)}.log`),
      adopt: this.#options.adopt,
      onLine: (line) => {
        place.tail.push(line.text);
        if (place.tail.length > TAIL_LINES) place.tail.shift();
        for (const listener of this.#listeners) listener({ ...line, worker });
      },
    });
    place.process = started;
    void started.ended.then(async ({ code, signal }) => {
      if (place.process !== started || this.#closing) return;
      this.unwantedEnds.push({ worker, how: signal ?? `exit ${String(code)}`, tail: [...place.tail] });
      await pause(RESTART_MS);
      if (place.process === started) this.start(worker);
    });
  }

  /** Resolves when the worker's metrics answer. @throws Error after a minute, with the end of its log */
  async up(worker: number): Promise<void> {
    const { metricsPort, tail } = this.#place(worker);
    const answers = async (): Promise<boolean> => (await readMetrics(metricsPort)).size > 0;
    try {
      await waitUntil(`worker ${String(worker)} is up`, answers, { timeoutMs: 60_000 });
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${tail.join('\n')}`, { cause: error });
    }
  }

  /** kill -9. It stays dead until `start`. */
  async kill(worker: number): Promise<void> {
    const process = this.#take(worker);
    process?.signal('SIGKILL');
    await process?.ended;
  }

  /** SIGTERM, and kill -9 where that does not end it in time. It stays dead until `start`. */
  async stop(worker: number): Promise<void> {
    const process = this.#take(worker);
    if (process === null) return;
    process.signal('SIGCONT');
    process.signal('SIGTERM');
    const late = pause(STOP_GRACE_MS, null, { ref: false });
    const end = await Promise.race([process.ended, late]);
    if (end === null) {
      process.signal('SIGKILL');
      await process.ended;
    }
    if (end?.code !== 0) this.unclean += 1;
  }

  /** SIGSTOP. */
  freeze(worker: number): void {
    this.#place(worker).process?.signal('SIGSTOP');
  }

  /** SIGCONT. */
  thaw(worker: number): void {
    this.#place(worker).process?.signal('SIGCONT');
  }

  /** Metrics of a worker, series summed; null where it does not answer now. */
  async metrics(worker: number): Promise<ReadonlyMap<string, number> | null> {
    const { process, metricsPort } = this.#place(worker);
    if (process === null || process.hasEnded || process.frozen) return null;
    try {
      return await readMetrics(metricsPort);
    } catch {
      // It starts, stops, or waits for a server that is away: that is what this run is about.
      return null;
    }
  }

  /** No fault of a connection lasts; everybody runs. */
  heal(): void {
    this.#places.forEach((place, worker) => {
      for (const proxy of Object.values(place.proxies)) proxy.heal();
      if (place.process?.frozen === true) this.thaw(worker);
      this.start(worker);
    });
  }

  /** Kills what runs and closes the proxies. */
  async close(): Promise<void> {
    this.#closing = true;
    for (let worker = 0; worker < this.size; worker += 1) await this.kill(worker);
    for (const { proxies } of this.#places) {
      await Promise.all(Object.values(proxies).map((proxy) => proxy.close()));
    }
  }

  /** The process, which from now on may end without being missed. */
  #take(worker: number): WorkerProcess | null {
    const place = this.#place(worker);
    const { process } = place;
    place.process = null;
    return process;
  }

  #place(worker: number): Place {
    const place = this.#places[worker];
    if (place === undefined) throw new RangeError(`no worker ${String(worker)}`);
    return place;
  }
}

/** The same URL by way of a proxy. */
async function proxied(url: string): Promise<[string, FaultProxy]> {
  const through = new URL(url);
  const proxy = new FaultProxy(through.hostname, Number(through.port));
  through.port = String(await proxy.listen());
  return [through.href, proxy];
}
