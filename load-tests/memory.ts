import { fileURLToPath } from 'node:url';
import { waitUntil } from '../dev/processes/wait-until.ts';
import type { WeirProcess } from '../tests/flow/weir-process.ts';
import { endWorkers } from './throughput.ts';
import { follow, sum, untilFlushed } from './follow.ts';
import { catalogueOf, START_MS } from './generated-topic.ts';
import { cpuSeconds, memoryBytes } from './process-usage.ts';
import { SessionLoad } from './session-load.ts';
import { SessionTopic } from './session-topic.ts';
import { openTestBed, startWorkers } from './test-bed.ts';
import type { TestBed, WorkerOptions } from './test-bed.ts';
import { streamedFaults } from './verify-streamed.ts';

const PROBE = fileURLToPath(new URL('worker-probe.mjs', import.meta.url));

/** Of a run; all checked. One worker. */
export interface MemoryOptions extends WorkerOptions {
  /** share of the subscribers that have a profile */
  profiles: number;
  /** rounds of interims in random order */
  rounds: number;
  policies: number;
  seed: number;
}

/** One part of the topic, from its first byte until everything of it is flushed. */
export interface MemoryPhase {
  name: string;
  entries: number;
  /** from when all was written to the last commit: until then the generator takes its share of the machine */
  entriesPerSecond: number;
  cpuMicrosPerEntry: number;
  /** of the worker's main thread: what the collector kept it from working, young and old generation */
  minorGcMicrosPerEntry: number;
  majorGcMicrosPerEntry: number;
  /** resident memory of the worker at its highest in this phase; what other figures are in, after two collections */
  peakBytes: number;
  idleBytes: number;
  heapUsedBytes: number;
  heapTotalBytes: number;
  /** buffers and the like */
  externalBytes: number;
  /** what Redis holds more than before the run */
  redisBytes: number;
}

/** What a run showed. */
export interface MemoryReport {
  options: MemoryOptions;
  phases: MemoryPhase[];
  /** resident memory of the worker at its highest, as the kernel saw it */
  peakBytes: number;
}

interface Run {
  bed: TestBed;
  worker: WeirProcess;
  ports: readonly number[];
  redisBefore: number;
  /** what the worker told at the end of the last phase */
  before: Probe | null;
}

/** What worker-probe.mjs prints; times so far. */
interface Probe extends NodeJS.MemoryUsage {
  minorMs: number;
  majorMs: number;
}

/**
 * Gives each of many subscribers an open session, then interims to all of them in random order, so that nearly every one
 * has to be read back, and looks at the memory of the one worker that meters them. Throws where the worker ends, nothing
 * moves for a minute, or a total is wrong: the run is void then.
 */
export async function measureMemory(
  options: MemoryOptions,
  env: Readonly<Record<string, string | undefined>>,
  say: (line: string) => void,
): Promise<MemoryReport> {
  const bed = await openTestBed(options, env);
  const { subscribers, partitions, seed, rounds } = options;
  const load = new SessionLoad({ seed, subscribers, startMs: START_MS });
  const { servers, name: topic } = bed;
  const writer = new SessionTopic(load, { broker: servers.brokers, topic, partitions, startMs: START_MS });
  try {
    await writer.open();
    const redisBefore = await redisBytes(bed);
    const probing = ['--expose-gc', '--import', PROBE];
    const ports = await startWorkers({ ...options, node: [...options.node, ...probing] }, bed);
    const [worker] = bed.workers;
    if (worker === undefined) throw new Error('no worker was started');
    const run: Run = { bed, worker, ports, redisBefore, before: null };
    const phases: MemoryPhase[] = [];
    const phase = async (name: string, write: () => Promise<void>): Promise<void> => {
      const seen = await measurePhase(run, name, write);
      phases.push(seen);
      say(`${name}: ${megabytes(seen.peakBytes)} at most, ${megabytes(seen.idleBytes)} idle`);
    };
    await phase('catalogue', async () => {
      const nas = load.nas.map(({ profile }) => profile);
      await writer.catalogue(await catalogueOf(nas, options.policies));
    });
    const profiles = Math.round(subscribers * options.profiles);
    if (profiles > 0) await phase('profiles', () => writer.profiles(profiles));
    await phase('starts', () => writer.records(load.round('in turn')));
    await phase('interims in turn', () => writer.records(load.round('in turn')));
    for (let round = 0; round < rounds; round += 1)
      await phase('interims at random', () => writer.records(load.round('at random')));
    const peakBytes = memoryBytes(worker.pid)?.peak ?? Math.max(...phases.map((each) => each.peakBytes));
    await endWorkers(bed.workers);
    say('checking every total');
    const faults = await streamedFaults(
      load,
      subscribers * (2 + rounds),
      { redisUrl: servers.redisUrl, name: topic, partitions },
      bed.databases.clickhouseUrl,
    );
    if (faults.length > 0) throw new Error(`the run is void: ${faults.join('; ')}`);
    return { options, phases, peakBytes };
  } finally {
    writer.close();
    await bed.close();
  }
}

async function measurePhase(run: Run, name: string, write: () => Promise<void>): Promise<MemoryPhase> {
  const { bed, worker, ports } = run;
  let peakBytes = 0;
  const look = (): void => {
    peakBytes = Math.max(peakBytes, memoryBytes(worker.pid)?.now ?? 0);
  };
  const before = sum(await bed.topic.ends());
  const cpuBefore = cpuSeconds(worker.pid) ?? 0;
  const sampling = setInterval(look, 100);
  try {
    await write();
    const writtenMs = performance.now();
    const ends = await bed.topic.ends();
    const atWritten = sum(await bed.slots.positions());
    await follow(bed.slots, ends, bed.workers, look);
    const seconds = (performance.now() - writtenMs) / 1000;
    await untilFlushed(bed.workers, ports);
    look();
    const entries = sum(ends) - before;
    const cpu = (cpuSeconds(worker.pid) ?? 0) - cpuBefore;
    const since = run.before;
    const idle = await collected(worker);
    // Without the collections that were asked for.
    run.before = await collected(worker);
    return {
      name,
      entries,
      entriesPerSecond: (sum(ends) - atWritten) / seconds,
      cpuMicrosPerEntry: (cpu * 1e6) / entries,
      minorGcMicrosPerEntry: ((idle.minorMs - (since?.minorMs ?? 0)) * 1e3) / entries,
      majorGcMicrosPerEntry: ((idle.majorMs - (since?.majorMs ?? 0)) * 1e3) / entries,
      peakBytes,
      idleBytes: idle.rss,
      heapUsedBytes: idle.heapUsed,
      heapTotalBytes: idle.heapTotal,
      externalBytes: idle.external,
      redisBytes: (await redisBytes(bed)) - run.redisBefore,
    };
  } finally {
    clearInterval(sampling);
  }
}

/** Has the worker collect its garbage, and tells what is left. */
async function collected(worker: WeirProcess): Promise<Probe> {
  const lines = (): string[] => worker.output.match(/^probe .*$/gm) ?? [];
  const said = lines().length;
  process.kill(worker.pid, 'SIGUSR2');
  await waitUntil('the worker tells its memory', () => Promise.resolve(lines().length > said), {
    timeoutMs: 60_000,
  });
  return JSON.parse(lines().at(-1)?.slice('probe '.length) ?? '{}') as Probe;
}

async function redisBytes({ redis }: TestBed): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1] ?? 0);
}

/** 1,234 MB; of a million bytes each */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6).toLocaleString('en-US')} MB`;
}
