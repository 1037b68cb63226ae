import { setTimeout as pause } from 'node:timers/promises';
import { waitUntil } from '../../dev/processes/wait-until.ts';
import { encodeControl } from '../../pipeline/decode/control-codec.ts';
import { ACCOUNTING_SCHEMA_TEXT } from '../../pipeline/source/accounting-schema.ts';
import type { Control } from '../../schemas/control.ts';
import { controlKey } from '../../schemas/control.ts';
import { partitionOfText } from '../../schemas/partitioning.ts';
import { fastRecordEncoder } from '../../simulator/fast-encoder.ts';
import { generateRecords } from '../../simulator/load.ts';
import type { Load } from '../../simulator/load.ts';
import { simulatedNas } from '../../simulator/profiles.ts';
import type { LogAppend } from '../../storage/ports.ts';
import { BulkWriter } from '../../tests/flow/bulk-writer.ts';
import type { FlowServers } from '../../tests/flow/servers.ts';
import { catalogueOf, START_MS } from '../generated-topic.ts';
import { readMetrics } from '../read-metrics.ts';
import { openTestBed, startWorkers } from '../test-bed.ts';
import type { TestBed } from '../test-bed.ts';
import type { Check } from './checks.ts';
import { SteadyFeed } from './steady-feed.ts';

/** Of a run. */
export interface RecoveryOptions {
  seed: number;
  subscribers: number;
  /** relative to the project */
  program: string;
}

/** What it showed. */
export interface RecoveryReport {
  subscribers: number;
  /** records/s that both workers take together */
  fullLoad: number;
  /** records/s that were fed */
  load: number;
  /** from the kill until the group had given all partitions to the other worker */
  detectedSeconds: number;
  /** entries behind at that moment */
  backlog: number;
  /** from then until nothing was behind */
  recoverySeconds: number;
  check: Check;
}

/** What the run is checked for. */
export const RECOVERY_CHECK: Check['name'] = 'one of two workers killed: every record has one outcome';

const PARTITIONS = 4;
const NAS = 16;
const LOOK_MS = 100;
/** Nothing is behind when everything is committed that was in the log so long ago: the feed never ends. */
const FRESH_MS = 500;
const STEADY_MS = 5_000;
const WAIT_MS = 120_000;

/**
 * kill -9 of one of two workers at half of the rate that both take together. All subscribers have an open session, and
 * the survivor has half of them to load.
 */
export async function measureRecovery(
  servers: FlowServers,
  options: RecoveryOptions,
  say: (line: string) => void,
): Promise<RecoveryReport> {
  const bed = await openTestBed(
    { partitions: PARTITIONS },
    {
      KAFKA_BROKERS: servers.brokers,
      REDIS_URL: servers.redisUrl,
      DATABASE_URL: servers.databaseUrl,
      CLICKHOUSE_URL: servers.clickhouseUrl,
    },
  );
  try {
    return await measureOn(bed, options, say);
  } finally {
    await bed.close();
  }
}

async function measureOn(
  bed: TestBed,
  options: RecoveryOptions,
  say: (line: string) => void,
): Promise<RecoveryReport> {
  const { subscribers } = options;
  const load = generateRecords({
    seed: options.seed,
    subscribers,
    records: 20 * subscribers,
    duplicates: 0.01,
    reordering: 0.01,
    startMs: START_MS,
    nasCount: NAS,
  });
  const entries = entriesOf(load);
  await write(bed, await controlEntries(load));
  await write(bed, take(entries, subscribers));
  const workers = { workers: 2, partitions: PARTITIONS, subscribers, program: options.program };
  const ports = await startWorkers({ ...workers, node: [], profile: null, cached: null }, bed);
  await waitUntil('both workers have read everything', () => isRead(bed), { timeoutMs: WAIT_MS });
  const fullLoad = await timeBurst(bed, take(entries, subscribers), subscribers);
  const perSecond = Math.round(fullLoad / 2);
  say(`recovery: two workers take ${String(Math.round(fullLoad))} records/s, half of that is fed`);

  const broker = bed.servers.brokers;
  const feed = new SteadyFeed({ broker, topic: bed.name, partitions: PARTITIONS, entries, perSecond });
  feed.start();
  await pause(STEADY_MS);
  const [survivor, victim] = bed.workers;
  const [port] = ports;
  if (survivor === undefined || victim === undefined || port === undefined) throw new Error('no workers');
  const killedMs = performance.now();
  await victim.end('SIGKILL');
  const owned = async (): Promise<boolean> =>
    (await readMetrics(port)).get('weir_partitions_owned') === PARTITIONS;
  await survivor.until('the survivor has all partitions', owned, WAIT_MS);
  const detectedMs = performance.now();
  const { backlog, doneMs } = await watchCatchingUp(bed);
  await feed.stop();
  await survivor.until('everything is read', () => isRead(bed), WAIT_MS);
  await survivor.end('SIGTERM');
  const outcomes = (await bed.slots.states())
    .flatMap(({ counts }) => Object.values(counts))
    .reduce((sum, count) => sum + count, 0);
  const sent = 2 * subscribers + feed.sent + feed.resent;
  return {
    subscribers,
    fullLoad,
    load: perSecond,
    detectedSeconds: (detectedMs - killedMs) / 1_000,
    backlog,
    recoverySeconds: (doneMs - detectedMs) / 1_000,
    check: {
      name: RECOVERY_CHECK,
      faults: outcomes === sent ? [] : [`${String(outcomes)} outcomes of ${String(sent)} records`],
    },
  };
}

async function watchCatchingUp(bed: TestBed): Promise<{ backlog: number; doneMs: number }> {
  const history: { atMs: number; ends: number[] }[] = [];
  let backlog: number | null = null;
  for (;;) {
    const ends = await bed.topic.ends();
    history.push({ atMs: performance.now(), ends });
    const positions = await bed.slots.positions();
    const doneMs = performance.now();
    backlog ??= ends.reduce((sum, end, i) => sum + Math.max(0, end - (positions[i] ?? 0)), 0);
    const old = history.findLast(({ atMs }) => atMs <= doneMs - FRESH_MS);
    if (old !== undefined && old.ends.every((end, i) => (positions[i] ?? 0) >= end))
      return { backlog, doneMs };
    if (doneMs - (history[0]?.atMs ?? 0) > WAIT_MS) throw new Error('the survivor does not catch up');
    await pause(LOOK_MS);
  }
}

/** Records/s from the moment at which they are all in the log. */
async function timeBurst(bed: TestBed, burst: Iterable<LogAppend>, count: number): Promise<number> {
  const before = (await bed.slots.positions()).reduce((sum, position) => sum + position, 0);
  await write(bed, burst);
  const read = (await bed.slots.positions()).reduce((sum, position) => sum + position, 0) - before;
  const startedMs = performance.now();
  await waitUntil('the burst is read', () => isRead(bed), { timeoutMs: WAIT_MS });
  return ((count - read) * 1_000) / (performance.now() - startedMs);
}

async function isRead(bed: TestBed): Promise<boolean> {
  const ended = bed.workers.find((worker) => worker.hasEnded && worker !== bed.workers[1]);
  if (ended !== undefined) throw new Error(`a worker ended\n${ended.output.slice(-2_000)}`);
  const ends = await bed.topic.ends();
  const positions = await bed.slots.positions();
  return ends.every((end, i) => (positions[i] ?? 0) >= end);
}

async function write(bed: TestBed, entries: Iterable<LogAppend>): Promise<void> {
  const { brokers: broker } = bed.servers;
  const writer = new BulkWriter({ broker, topic: bed.name, partitions: PARTITIONS });
  await writer.open();
  try {
    for (const entry of entries) if (writer.add(entry)) await writer.drain();
    await writer.flush();
  } finally {
    writer.close();
  }
}

/** So many of what is left; the iterator goes on after them. */
function* take(entries: Iterator<LogAppend>, count: number): Generator<LogAppend> {
  for (let i = 0; i < count; i += 1) {
    const next = entries.next();
    if (next.done === true) return;
    yield next.value;
  }
}

function* entriesOf(load: Load): Generator<LogAppend> {
  const encode = fastRecordEncoder(ACCOUNTING_SCHEMA_TEXT, 'single-object');
  for (const { record, key, arrivalMs } of load.records) {
    const partition = partitionOfText(key, PARTITIONS);
    yield { partition, key: Buffer.from(key, 'utf8'), value: encode(record), timeMs: arrivalMs };
  }
}

/** Plans, NAS and one policy to every partition, each profile to its own. */
async function controlEntries(load: Load): Promise<LogAppend[]> {
  const nas = Array.from({ length: NAS }, (_, i) => simulatedNas(i).profile);
  const controls = [
    ...(await catalogueOf(nas, 1)),
    ...load.subscribers.map(({ profile }): Control => ({ kind: 'subscriber-profile', profile })),
  ];
  return controls.flatMap((control, i): LogAppend[] => {
    const key = controlKey(control);
    const value = encodeControl(control);
    const entry = { value, control: { source: 'load', n: i + 1 }, timeMs: START_MS };
    return key === null
      ? Array.from({ length: PARTITIONS }, (_, partition) => ({ ...entry, partition, key: null }))
      : [{ ...entry, partition: partitionOfText(key, PARTITIONS), key: Buffer.from(key, 'utf8') }];
  });
}
