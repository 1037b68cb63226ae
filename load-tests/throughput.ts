import type { Redis } from 'ioredis';
import { encodeHot } from '../pipeline/commit/subscriber-codec.ts';
import { NEWEST_BLOB_VERSION } from '../pipeline/fold/slot-state.ts';
import type { SlotState } from '../pipeline/fold/slot-state.ts';
import type { WeirProcess } from '../tests/flow/weir-process.ts';
import { follow, sum, untilFlushed } from './follow.ts';
import { generateTopic } from './generated-topic.ts';
import type { GeneratedTopic } from './generated-topic.ts';
import { cpuSeconds, measuredServers, memoryBytes } from './process-usage.ts';
import type { Measured } from './process-usage.ts';
import { readMetrics } from './read-metrics.ts';
import { openTestBed, startWorkers } from './test-bed.ts';
import type { WorkerOptions } from './test-bed.ts';
import { totalFaults } from './verify-totals.ts';

/** Of a run; all checked. */
export interface ThroughputOptions extends WorkerOptions {
  records: number;
  policies: number;
  seed: number;
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
  /** the value written with each record of a subscriber */
  hotValueBytes: { median: number; p95: number };
  commits: { count: number; meanEntries: number; meanBytes: number; meanMs: number };
  topic: { recordsPerSecond: number; bytesPerRecord: number; controls: number };
}

interface Look {
  atMs: number;
  positions: number[];
  cpu: (number | null)[];
}

/**
 * Generates a topic, lets workers of the real program read it, and measures them until everything is committed and
 * flushed. The folding of controls (each subscriber's profile) is not in the figures. Throws where a worker ends, nothing
 * moves for a minute, or a total is wrong: the run is void then.
 */
export async function measureThroughput(
  options: ThroughputOptions,
  env: Readonly<Record<string, string | undefined>>,
  say: (line: string) => void,
): Promise<ThroughputReport> {
  const bed = await openTestBed(options, env);
  const { servers, name, slots, redis, workers } = bed;
  try {
    const generated = await generateTopic({ ...options, broker: servers.brokers, topic: name });
    const written = `${rate(generated.recordsPerSecond)} records/s, ${generated.bytesPerRecord.toFixed(0)} bytes each`;
    say(
      `topic written: ${String(options.records)} records (${written}), ${String(generated.controls)} controls`,
    );
    const ports = await startWorkers(options, bed);
    const measured = [...workers.map(nameOfWorker), ...measuredServers(env)];
    const inputBytes = await redisInputBytes(redis);
    const ends = await bed.topic.ends();
    const looks: Look[] = [];
    await follow(slots, ends, workers, (positions) => looks.push(lookAt(positions, measured)));
    await untilFlushed(workers, ports);
    const done = lookAt(ends, measured);
    const bytes = (await redisInputBytes(redis)) - inputBytes;
    const metrics = await Promise.all(ports.map((port) => readMetrics(port)));
    const memory = memoryOf(measured);
    await endWorkers(workers);
    say('checking every total');
    const states = await slots.states();
    const faults = await totalFaults(options.records, generated.totals, states, bed.databases.clickhouseUrl);
    if (faults.length > 0) throw new Error(`the run is void: ${faults.join('; ')}`);
    const hotBytes = hotValueBytes(states);
    return reportOf({ options, generated, measured, looks, done, ends, metrics, memory, bytes, hotBytes });
  } finally {
    await bed.close();
  }
}

function nameOfWorker({ pid }: WeirProcess, i: number, all: readonly WeirProcess[]): Measured {
  return { name: all.length === 1 ? 'worker' : `worker ${String(i + 1)}`, pid };
}

function lookAt(positions: readonly number[], measured: readonly Measured[]): Look {
  return {
    atMs: performance.now(),
    positions: [...positions],
    cpu: measured.map(({ pid }) => cpuSeconds(pid)),
  };
}

/** Of workers the most that they held, of servers what they hold. */
function memoryOf(measured: readonly Measured[]): Record<string, number | null> {
  return Object.fromEntries(
    measured.map(({ name, pid }) => {
      const used = memoryBytes(pid);
      return [name, (name.startsWith('worker') ? used?.peak : used?.now) ?? null];
    }),
  );
}

/** Has them end as an operator would. Throws where one ends with a failure. */
export async function endWorkers(workers: readonly WeirProcess[]): Promise<void> {
  for (const worker of workers) {
    const { code } = await worker.end('SIGTERM');
    if (code !== 0) throw new Error(`a worker ended with ${String(code)}\n${worker.output.slice(-2_000)}`);
  }
}

/** Size of the value that is written with each record of a subscriber: a commit's cost grows with it. */
function hotValueBytes(states: readonly SlotState[]): { median: number; p95: number } {
  const sizes = states.flatMap((state) =>
    [...state.subscribers.values()].map((one) => encodeHot(one, NEWEST_BLOB_VERSION).length),
  );
  sizes.sort((a, b) => a - b);
  const at = (share: number): number => sizes[Math.floor(sizes.length * share)] ?? 0;
  return { median: at(0.5), p95: at(0.95) };
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
  hotBytes: { median: number; p95: number };
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
    hotValueBytes: run.hotBytes,
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

/** 123,456 */
export function rate(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
