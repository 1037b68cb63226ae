import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePorts } from '../dev/processes/ports.ts';
import { AccountingTopic } from '../tests/flow/accounting-topic.ts';
import { dropSlots, makeDatabases, serversOf } from '../tests/flow/servers.ts';
import { SlotReader } from '../tests/flow/slot-reader.ts';
import { WeirProcess } from '../tests/flow/weir-process.ts';
import { readMetrics } from './read-metrics.ts';

/** Of the workers of a run. */
export interface WorkerOptions {
  /** processes */
  workers: number;
  partitions: number;
  /** how many there will be: the number of buckets follows from it */
  subscribers: number;
  /** the program, relative to the project */
  program: string;
  /** flags for the workers' node */
  node: string[];
  /** folder for a CPU profile of each worker; null = none */
  profile: string | null;
  /** subscribers that stay in a worker's memory; null = as many as it holds by default */
  cached: number | null;
}

/** What one run has for itself on the real servers: a topic, databases, slots; nothing is left after close. */
export interface TestBed {
  servers: ReturnType<typeof serversOf>;
  /** of the topic, the group and the slots */
  name: string;
  databases: Awaited<ReturnType<typeof makeDatabases>>;
  topic: AccountingTopic;
  slots: SlotReader;
  redis: Redis;
  scratch: string;
  /** filled by startWorkers */
  workers: WeirProcess[];
  close(): Promise<void>;
}

/** Makes it; throws what a server throws. @param options `realTime`: the topic's times are those of the broker's clock */
export async function openTestBed(
  { partitions, realTime = false }: Pick<WorkerOptions, 'partitions'> & { realTime?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): Promise<TestBed> {
  const servers = serversOf(env);
  const name = `load-${randomBytes(6).toString('hex')}`;
  const databases = await makeDatabases(servers);
  const stamps = realTime ? 'LogAppendTime' : 'CreateTime';
  const topic = await AccountingTopic.make(servers.brokers, name, partitions, stamps);
  const slots = new SlotReader(servers.redisUrl, name, name, partitions);
  const scratch = await mkdtemp(join(tmpdir(), 'weir-load-'));
  const redis = new Redis(servers.redisUrl);
  const workers: WeirProcess[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
    redis.disconnect();
    await slots.close();
    await dropSlots(servers.redisUrl, name);
    await topic.drop();
    await databases.drop();
    await rm(scratch, { recursive: true, force: true });
  };
  try {
    await slots.open();
  } catch (error) {
    await close();
    throw error;
  }
  return { servers, name, databases, topic, slots, redis, scratch, workers, close };
}

/** Starts the workers one after the other (the first brings the tables up to date); gives their metrics ports. */
export async function startWorkers(options: WorkerOptions, bed: TestBed): Promise<number[]> {
  const ports = await freePorts(options.workers);
  const profiling = profilingOf(options);
  for (const port of ports) {
    const dataDir = join(bed.scratch, String(port));
    await mkdir(dataDir);
    const env = workerEnv(options, bed, port, dataDir);
    const worker = new WeirProcess(env, [...options.node, ...profiling], options.program);
    bed.workers.push(worker);
    await worker.until('the metrics answer', async () => (await readMetrics(port)).size > 0, 60_000);
  }
  return ports;
}

/** Starts a process of the program beside the workers. @param more put over what a worker is given */
export async function startBeside(
  options: WorkerOptions,
  bed: TestBed,
  more: Readonly<Record<string, string>>,
): Promise<{ process: WeirProcess; metricsPort: number }> {
  const [metricsPort = 0] = await freePorts(1);
  const dataDir = join(bed.scratch, String(metricsPort));
  await mkdir(dataDir);
  const env = { ...workerEnv(options, bed, metricsPort, dataDir), ...more };
  const process = new WeirProcess(env, [...options.node, ...profilingOf(options)], options.program);
  bed.workers.push(process);
  await process.until('the metrics answer', async () => (await readMetrics(metricsPort)).size > 0, 60_000);
  return { process, metricsPort };
}

function profilingOf({ profile }: WorkerOptions): string[] {
  return profile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`, '--cpu-prof-interval=500'];
}

function workerEnv(
  options: WorkerOptions,
  { servers, databases, name }: TestBed,
  port: number,
  dataDir: string,
): Record<string, string> {
  return {
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
    ...(options.cached === null ? {} : { WEIR_CACHED_SUBSCRIBERS: String(options.cached) }),
  };
}
