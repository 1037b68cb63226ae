import { setTimeout as pause } from 'node:timers/promises';
import { waitUntil } from '../dev/processes/wait-until.ts';
import { encodeControl } from '../pipeline/decode/control-codec.ts';
import { ACCOUNTING_SCHEMA_TEXT } from '../pipeline/source/accounting-schema.ts';
import { controlKey } from '../schemas/control.ts';
import type { Control } from '../schemas/control.ts';
import { partitionOfText } from '../schemas/partitioning.ts';
import { fastRecordEncoder } from '../simulator/fast-encoder.ts';
import { SIMULATED_PLANS } from '../simulator/plans.ts';
import { simulatedNas } from '../simulator/profiles.ts';
import { Random } from '../simulator/random.ts';
import { nasRecord } from '../simulator/session.ts';
import type { LogAppend } from '../storage/ports.ts';
import { aProfile } from '../storage/profile-factory.contract.ts';
import { BulkWriter } from '../tests/flow/bulk-writer.ts';
import { sessionEntries } from '../tests/flow/tariff-lines.ts';
import { SteadyFeed } from './chaos/steady-feed.ts';
import { HopWatch } from './hop-watch.ts';
import { openTestBed, startBeside } from './test-bed.ts';
import type { TestBed } from './test-bed.ts';

const GIGAWORD = 2 ** 32;
const encode = fastRecordEncoder(ACCOUNTING_SCHEMA_TEXT, 'single-object');
const WAIT_MS = 60_000;
/** Small: what a line carries in a moment must be no absurd claim. */
const ALLOWANCE = 1_000_000;
/** Two points of the allowance: told at once, by the member and to all members. */
const STEP = ALLOWANCE / 50;
/** A pool's hops: its allowance is not used up by them. */
const HOPS_A_POOL = 40;
/** Lines that only send records, under load. */
const OTHERS = 2_000;

/** What is measured. */
export interface HopOptions {
  /** of each stretch, one after the other */
  hops: number;
  /** records a second of other lines, in the second stretch */
  rate: number;
  partitions: number;
  workers: number;
  seed: number;
  /** the program, relative to the project */
  program: string;
}

/** One stretch of the run: how long each hop took, ms, ascending. */
export interface HopStretch {
  name: string;
  hopMs: number[];
}

interface Household {
  poolId: string;
  members: string[];
  usedBytes: number;
  /** by member */
  carried: Map<string, number>;
}

/**
 * Pools whose members lie on partitions other than the pool's and than one another's: a record of one member is appended, and the
 * time runs until the slot of another member has committed what its pool tells of it.
 */
export async function measureHops(
  options: HopOptions,
  env: Readonly<Record<string, string | undefined>>,
  say: (line: string) => void,
): Promise<HopStretch[]> {
  const bed = await openTestBed({ partitions: options.partitions, realTime: true }, env);
  const watch = new HopWatch(bed);
  const writer = new BulkWriter({
    broker: bed.servers.brokers,
    topic: bed.name,
    partitions: options.partitions,
    batchBytes: 64 * 1024,
  });
  try {
    await writer.open();
    const pools = householdsOf(options);
    say(`${pools.length} pools, each with members on ${pools[0]?.members.length ?? 0} partitions`);
    await writeControls(writer, controlsOf(pools), options.partitions);
    const { seed: _seed, hops: _hops, rate: _rate, ...run } = options;
    const worker = { ...run, subscribers: OTHERS, node: [], profile: null, cached: null };
    // By the clock: in simulated time nothing moves that of a partition without records.
    for (let i = 0; i < run.workers; i += 1) await startBeside(worker, bed, { WEIR_SIMULATED_TIME: 'off' });
    await watch.open();
    const bench = new Bench(options, pools, writer, watch);
    await bench.open();
    say('idle');
    const idle = { name: 'idle', hopMs: await bench.stretch() };
    say(`under ${options.rate} records a second`);
    const feed = feedOf(options, bed);
    feed.start();
    const loaded = { name: `${options.rate} records/s`, hopMs: await bench.stretch() };
    await feed.stop();
    return [idle, loaded];
  } finally {
    writer.close();
    await watch.close();
    await bed.close();
  }
}

class Bench {
  readonly #options: HopOptions;
  readonly #pools: readonly Household[];
  readonly #writer: BulkWriter;
  readonly #watch: HopWatch;
  readonly #random: Random;
  #next = 0;

  constructor(options: HopOptions, pools: readonly Household[], writer: BulkWriter, watch: HopWatch) {
    this.#options = options;
    this.#pools = pools;
    this.#writer = writer;
    this.#watch = watch;
    this.#random = new Random(options.seed, 'hops');
  }

  /** Everybody has begun a session and knows how its pool stands; what comes before a slot's event time begins says nothing yet. */
  async open(): Promise<void> {
    const all = this.#pools.flatMap(({ poolId, members }) => members.map((member) => ({ poolId, member })));
    await waitUntil(
      'all members know of their pool',
      async () => {
        const missing = all.filter((one) => !this.#watch.hasHeard(one));
        for (const { member } of missing) this.#writer.add(recordOf(member, 0, this.#options.partitions));
        await this.#writer.flush();
        if (missing.length > 0) await pause(1_000);
        return missing.length === 0;
      },
      { timeoutMs: WAIT_MS },
    );
  }

  async stretch(): Promise<number[]> {
    const hopMs: number[] = [];
    for (let i = 0; i < this.#options.hops; i += 1) {
      hopMs.push(await this.#hop());
      // Not in step with any clock of the program.
      await pause(this.#random.between(0, 20));
    }
    return hopMs.sort((a, b) => a - b);
  }

  /** From just before a member's record is sent until another member's slot has committed what the pool tells of it. */
  async #hop(): Promise<number> {
    const pool = this.#pools[this.#next % this.#pools.length];
    if (pool === undefined) throw new Error('no pools');
    const { poolId, members } = pool;
    const [from = '', to = ''] = [0, 1].map((i) => members[(this.#next + i) % members.length]);
    this.#next += 1;
    const bytes = (pool.carried.get(from) ?? 0) + STEP;
    pool.carried.set(from, bytes);
    pool.usedBytes += STEP;
    const record = recordOf(from, bytes, this.#options.partitions);
    const begin = performance.now();
    this.#writer.add(record);
    await this.#writer.flush();
    const folded = await this.#watch.folded({ poolId, member: to }, pool.usedBytes, WAIT_MS);
    return folded - begin;
  }
}

/** An interim of a member's only session, as the log gets it now. */
function recordOf(subscriberId: string, bytes: number, partitions: number): LogAppend {
  const nowMs = Date.now();
  const value = encode({
    ...nasRecord(simulatedNas(0), `${subscriberId}-${bytes}`, 'ACCOUNTING_ON', nowMs),
    status_type: 'INTERIM_UPDATE',
    subscriber_id: subscriberId,
    user_name: subscriberId,
    session_id: subscriberId,
    input_octets: 0,
    output_octets: bytes % GIGAWORD,
    output_gigawords: Math.floor(bytes / GIGAWORD),
    session_time: Math.floor((nowMs - SESSION_MS) / 1000),
  });
  const partition = partitionOfText(subscriberId, partitions);
  return { partition, key: Buffer.from(subscriberId), value, timeMs: nowMs };
}

/** All sessions of members begin here. */
const SESSION_MS = Date.now() - 3_600_000;

function householdsOf({ hops, partitions, seed }: HopOptions): Household[] {
  const count = Math.ceil((2 * hops) / HOPS_A_POOL);
  return Array.from({ length: count }, (_, k) => {
    const poolId = `pool-${seed}-${k}`;
    const taken = new Set([partitionOfText(poolId, partitions)]);
    const members: string[] = [];
    for (let n = 0; members.length < Math.min(3, partitions - 1); n += 1) {
      const id = `${poolId}-m${n}`;
      const partition = partitionOfText(id, partitions);
      if (taken.has(partition)) continue;
      taken.add(partition);
      members.push(id);
    }
    return { poolId, members, usedBytes: 0, carried: new Map() };
  });
}

function controlsOf(pools: readonly Household[]): Control[] {
  const assignments = [{ planId: SIMULATED_PLANS.business500.planId, fromMs: 0, toMs: null }];
  // Half a month away: no cycle begins in the midst.
  const cycle = { zone: 'UTC', anchorDay: ((new Date().getUTCDate() + 13) % 28) + 1 };
  return [
    { kind: 'plan-version', plan: SIMULATED_PLANS.business500 },
    ...pools.map(({ poolId, members: [billTo = ''] }): Control => {
      const terms = { allowanceBytes: ALLOWANCE, planId: null, overageConsent: false };
      return { kind: 'pool-profile', pool: { poolId, billTo, segment: '', ...terms, ...cycle } };
    }),
    ...pools.flatMap(({ poolId, members }) =>
      members.map((id): Control => ({
        kind: 'subscriber-profile',
        profile: aProfile(id, { poolId, assignments, ...cycle }),
      })),
    ),
  ];
}

async function writeControls(
  writer: BulkWriter,
  controls: readonly Control[],
  partitions: number,
): Promise<void> {
  const all = Array.from({ length: partitions }, (_, i) => i);
  for (const [n, control] of controls.entries()) {
    const key = controlKey(control);
    const value = encodeControl(control);
    for (const partition of key === null ? all : [partitionOfText(key, partitions)]) {
      const bytes = key === null ? null : Buffer.from(key);
      const of = { source: 'load', n: n + 1 };
      if (writer.add({ partition, key: bytes, value, control: of, timeMs: Date.now() })) await writer.drain();
    }
  }
  await writer.flush();
}

/** Records of lines that are in no pool, at an even rate. */
function feedOf({ partitions, rate }: HopOptions, { servers, name }: TestBed): SteadyFeed {
  function* entries(): Generator<LogAppend> {
    for (let round = 0; ; round += 1) {
      const sessions = Array.from({ length: OTHERS }, (_, i) => ({
        ...{ subscriberId: `other-${i}`, startMs: SESSION_MS + round * 1000, minutes: 1, bytes: 1_000_000 },
        stampMs: Date.now(),
      }));
      for (const entry of sessionEntries(sessions, partitions)) yield { ...entry, timeMs: Date.now() };
    }
  }
  return new SteadyFeed({
    broker: servers.brokers,
    topic: name,
    partitions,
    entries: entries(),
    perSecond: rate,
  });
}
