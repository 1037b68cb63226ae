import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePorts } from '../dev/processes/ports.ts';
import { AccountingTopic } from '../tests/flow/accounting-topic.ts';
import { dropSlots, makeDatabases, serversOf } from '../tests/flow/servers.ts';
import { SlotReader } from '../tests/flow/slot-reader.ts';
import { WeirProcess } from '../tests/flow/weir-process.ts';
import { generateTopic } from './generated-topic.ts';
import type { GeneratedTopic } from './generated-topic.ts';
import { cpuSeconds, measuredServers, memoryBytes } from './process-usage.ts';
import type { Measured } from './process-usage.ts';
import { readMetrics } from './read-metrics.ts';
import { totalFaults } from './verify-totals.ts';

/** Between two looks at the slots' positions: the resolution of the measured time. */
const LOOK_MS = 50;
/** Without any progress for so long the run is given up. */
const STUCK_MS = 60_000;

/** Of a run; all checked. */
export interface ThroughputOptions {
  records: number;
  subscribers: number;
  partitions: number;
  workers: number;
  policies: number;
  seed: number;
  /** the program, relative to the project */
  program: string;
  /** flags for the workers' node */
  node: string[];
  /** folder for a CPU profile of each worker; null = none */
  profile: string | null;
}

/** What a run showed. Rates are of records from the first to the last commit with records in it. */
export interface ThroughputReport {
  options: ThroughputOptions;
  recordsPerSecond: number;
  seconds: number;
  /** from the last commit until analytics held everything */
  flushTailSeconds: number;
  /** CPU microseconds a record, until everything was flushed; null where /proc does not tell */
  cpuMicrosPerRecord: Record<string, number | null>;
  /** workers: the most they held; servers, which outlive runs: what they held at its end */
  memoryBytes: Record<string, number | null>;
  commits: { count: number; meanEntries: number; meanBytes: number; meanMs: number };
  topic: { recordsPerSecond: number; bytesPerRecord: number; controls: number };
}

interface Look {
  atMs: number;
  positions: number[];
  cpu: (number | null)[];
}

/**
 * One measured run of the whole real path. The topic is written first; then the workers start from its beginning.
 * The folding of controls (each subscriber's profile) is not in the figures.
 *
 * @throws Error when the program ends or gets stuck, or when a total is wrong: the run is void then
 */
export async function measureThroughput(
  options: ThroughputOptions,
  env: Readonly<Record<string, string | undefined>>,
  say: (line: string) => void,
): Promise<ThroughputReport> {
  const servers = serversOf(env);
  const name = `load-${randomBytes(6).toString('hex')}`;
  const databases = await makeDatabases(servers);
  const topic = await AccountingTopic.make(servers.brokers, name, options.partitions);
  const slots = new SlotReader(servers.redisUrl, name, name, options.partitions);
  const scratch = await mkdtemp(join(tmpdir(), 'weir-load-'));
  const redis = new Redis(servers.redisUrl);
  const workers: WeirProcess[] = [];
  try {
    await slots.open();
    const generated = await generateTopic({ ...options, broker: servers.brokers, topic: name });
    const written = `${rate(generated.recordsPerSecond)} records/s, ${generated.bytesPerRecord.toFixed(0)} bytes each`;
    say(
      `topic written: ${String(options.records)} records (${written}), ${String(generated.controls)} controls`,
    );
    const ports = await freePorts(options.workers);
    for (const port of ports) {
      const dataDir = join(scratch, String(port));
      await mkdir(dataDir);
      const profiling =
        options.profile === null
          ? []
          : ['--cpu-prof', `--cpu-prof-dir=${options.profile}`, '--cpu-prof-interval=500'];
      const worker = new WeirProcess(
        {
          KAFKA_BROKERS: servers.brokers,
          KAFKA_TOPIC: name,
          KAFKA_GROUP: name,
          REDIS_URL: servers.redisUrl,
          DATABASE_URL: databases.databaseUrl,
          CLICKHOUSE_URL: databases.clickhouseUrl,
          NODE_ENV: 'production',
          WEIR_ROLES: 'worker,dispatcher',
          WEIR_SIMULATED_TIME: 'on',
          WEIR_SIMULATOR: 'off',
          WEIR_DATA_DIR: dataDir,
          WEIR_METRICS_PORT: String(port),
          // 500 values a bucket, as the configuration page advises.
          WEIR_BUCKETS: String(Math.max(128, Math.ceil(options.subscribers / options.partitions / 500))),
        },
        [...options.node, ...profiling],
        options.program,
      );
      workers.push(worker);
      // One after the other: the first brings the tables up to date.
      await worker.until('the metrics answer', async () => (await readMetrics(port)).size > 0, 60_000);
    }
    const measured = [
      ...workers.map(({ pid }, i) => ({
        name: workers.length === 1 ? 'worker' : `worker ${String(i + 1)}`,
        pid,
      })),
      ...measuredServers(env),
    ];
    const inputBytes = await redisInputBytes(redis);
    const ends = await topic.ends();
    const looks = await watch(slots, ends, workers, measured);
    const flushed = async (): Promise<boolean> => {
      const backlogs = ports.map(
        async (port) => (await readMetrics(port)).get('weir_flush_backlog_rows') ?? 0,
      );
      return (await Promise.all(backlogs)).every((rows) => rows === 0);
    };
    for (const worker of workers) await worker.until('everything is flushed', flushed, STUCK_MS);
    const done: Look = {
      atMs: performance.now(),
      positions: ends,
      cpu: measured.map(({ pid }) => cpuSeconds(pid)),
    };
    const bytes = (await redisInputBytes(redis)) - inputBytes;
    const metrics = await Promise.all(ports.map((port) => readMetrics(port)));
    const memory = Object.fromEntries(
      measured.map(({ name: process, pid }) => {
        const used = memoryBytes(pid);
        return [process, (process.startsWith('worker') ? used?.peak : used?.now) ?? null];
      }),
    );
    for (const worker of workers) {
      const { code } = await worker.end('SIGTERM');
      if (code !== 0) throw new Error(`a worker ended with ${String(code)}\n${worker.output.slice(-2_000)}`);
    }
    say('checking every total');
    const faults = await totalFaults(
      options.records,
      generated.totals,
      await slots.states(),
      databases.clickhouseUrl,
    );
    if (faults.length > 0) throw new Error(`the run is void: ${faults.join('; ')}`);
    return reportOf({ options, generated, measured, looks, done, ends, metrics, memory, bytes });
  } finally {
    await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
    redis.disconnect();
    await slots.close();
    await dropSlots(servers.redisUrl, name);
    await topic.drop();
    await databases.drop();
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Looks at positions and CPU until everything is committed. */
async function watch(
  slots: SlotReader,
  ends: readonly number[],
  workers: readonly WeirProcess[],
  measured: readonly Measured[],
): Promise<Look[]> {
  const looks: Look[] = [];
  let movedMs = performance.now();
  for (;;) {
    const positions = await slots.positions();
    const look = { atMs: performance.now(), positions, cpu: measured.map(({ pid }) => cpuSeconds(pid)) };
    if (sum(positions) !== sum(looks.at(-1)?.positions ?? [])) movedMs = look.atMs;
    looks.push(look);
    if (positions.every((position, partition) => position >= (ends[partition] ?? 0))) return looks;
    const ended = workers.find((worker) => worker.hasEnded);
    if (ended !== undefined) throw new Error(`a worker ended\n${ended.output.slice(-4_000)}`);
    if (look.atMs - movedMs > STUCK_MS) {
      const output = workers.map((worker) => worker.output.slice(-2_000)).join('\n');
      throw new Error(
        `no progress for ${String(STUCK_MS / 1000)} s, positions ${positions.join(', ')}\n${output}`,
      );
    }
    await pause(LOOK_MS);
  }
}

interface Finished {
  options: ThroughputOptions;
  generated: GeneratedTopic;
  measured: readonly Measured[];
  looks: readonly Look[];
  done: Look;
  ends: readonly number[];
  metrics: readonly ReadonlyMap<string, number>[];
  memory: Record<string, number | null>;
  bytes: number;
}

function reportOf(run: Finished): ThroughputReport {
  const { options, generated, measured, looks, done, ends, metrics } = run;
  const { recordsFrom } = generated;
  const past = (look: Look): boolean =>
    look.positions.every((at, partition) => at >= (recordsFrom[partition] ?? 0));
  const first = looks.find(past);
  const last = looks.at(-1);
  if (first === undefined || last === undefined) throw new Error('nothing was committed');
  const records = sum(ends) - sum(first.positions);
  if (records <= 0) throw new Error('too few records to measure: everything was committed between two looks');
  const seconds = (last.atMs - first.atMs) / 1000;
  const cpu = measured.map(({ name }, i): [string, number | null] => {
    const [from, to] = [first.cpu[i] ?? null, done.cpu[i] ?? null];
    return [name, from === null || to === null ? null : ((to - from) * 1e6) / records];
  });
  const total = (name: string): number => metrics.reduce((all, each) => all + (each.get(name) ?? 0), 0);
  const count = total('weir_batches_total');
  return {
    options,
    recordsPerSecond: records / seconds,
    seconds,
    flushTailSeconds: (done.atMs - last.atMs) / 1000,
    cpuMicrosPerRecord: Object.fromEntries(cpu),
    memoryBytes: run.memory,
    commits: {
      count,
      meanEntries: total('weir_batch_entries_sum') / count,
      meanBytes: run.bytes / count,
      meanMs:
        (total('weir_commit_duration_seconds_sum') * 1000) / total('weir_commit_duration_seconds_count'),
    },
    topic: {
      recordsPerSecond: generated.recordsPerSecond,
      bytesPerRecord: generated.bytesPerRecord,
      controls: generated.controls,
    },
  };
}

async function redisInputBytes(redis: Redis): Promise<number> {
  return Number(/total_net_input_bytes:(\d+)/.exec(await redis.info('stats'))?.[1] ?? 0);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, number) => all + number, 0);
}

/** 123,456 */
export function rate(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
