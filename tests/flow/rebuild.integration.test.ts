import { cp, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SlotReport } from '../../pipeline/snapshot/inspect-slot.ts';
import type { OverviewView } from '../../schemas/views.ts';
import type { StoredSnapshot } from '../../storage/snapshot-ports.ts';
import { leftTooEarly, marksOf, tailAlarms } from './alarms.ts';
import type { TailAlarm } from './alarms.ts';
import { outcomeOf } from './flow-outcome.ts';
import type { FlowOutcome } from './flow-outcome.ts';
import { FlowRun } from './flow-run.ts';
import type { CommandEnd } from './flow-run.ts';
import { LedgerWatch } from './ledger-watch.ts';
import { OwnRedis } from './own-redis.ts';
import { SlowRoad } from './slow-road.ts';
import type { WeirProcess } from './weir-process.ts';

const RECORDS = 40_000;
const WAIT_MS = 30_000;
/** Of the state store's answers to commits, while somebody looks. */
const SLOW_MS = 300;
/** The log no longer holds what lies so far before the snapshots. */
const BEFORE_SNAPSHOT = 50;

interface Loss {
  view: OverviewView;
  alarms: TailAlarm[];
  /** actions that were brought to the ledger once more, with the position of their slot */
  again: { partition: number; position: number }[];
}

describe('FLUSHALL in the middle of a run', () => {
  let folder: string;
  let redis: OwnRedis;
  let road: SlowRoad;
  let run: FlowRun;
  let watch: LedgerWatch;
  let first: Loss;
  let alarmsCounted: number;
  let halted: OverviewView;
  let rebuilt: CommandEnd;
  let snapshots: StoredSnapshot[];
  /** entries in the rebuilt slots' outboxes */
  let waiting: number;
  let second: Loss;
  let verified: CommandEnd;
  let outcome: FlowOutcome;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-rebuild-'));
    redis = await OwnRedis.start();
    road = new SlowRoad(redis.url);
    const env = {
      REDIS_URL: `redis://127.0.0.1:${String(await road.listen())}`,
      SNAPSHOT_URL: join(folder, 'snapshots'),
      WEIR_SNAPSHOT_HOURS: '0.001',
      WEIR_LOG_FORMAT: 'json',
    };
    run = await FlowRun.open({ seed: 4, subscribers: 100, records: RECORDS, redisUrl: redis.url, env });
    watch = await LedgerWatch.begin(run.pool);
    const weir = run.start();
    await run.controlsRelayed(weir);
    first = await loseAll(weir);
    alarmsCounted = await run.metric('weir_tail_lost_total');
    await trimToSnapshots(weir);
    halted = await loseAllAgain(weir);
    await weir.end('SIGTERM');
    second = await rebuildAndStart();
    verified = await run.weir('verify');
    outcome = await outcomeOf(run);
  });

  afterAll(async () => {
    await run.close();
    await road.close();
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** The log still begins at 0: the program sees to it by itself. */
  async function loseAll(weir: WeirProcess): Promise<Loss> {
    await run.append(0.4 * RECORDS);
    await weir.until('actions are in the ledger', async () => (await watch.now()) > 10, WAIT_MS);
    const isMarked = async (): Promise<boolean> => (await run.marks()).every((mark) => mark > 0);
    await weir.until('every slot has its mark', isMarked, WAIT_MS);
    const since = await watch.now();
    road.delayMs = SLOW_MS;
    await redis.flushAll();
    await run.append(0.1 * RECORDS);
    const view = await heldView(weir);
    road.delayMs = 0;
    await run.settled(weir, WAIT_MS);
    return { view, alarms: tailAlarms(weir), again: await watch.repeats(since) };
  }

  async function heldView(weir: WeirProcess): Promise<OverviewView> {
    return run.overviewWhen(
      weir,
      'actions are held',
      ({ partitions }) => partitions.some(({ status }) => status === 'egress-held'),
      WAIT_MS,
    );
  }

  /**
   * Retention goes on to just before the newest snapshots, which are put aside. While they were written the ledger took
   * nothing: the actions that waited for it are in them, and reach it afterwards.
   */
  async function trimToSnapshots(weir: WeirProcess): Promise<void> {
    const client = await run.pool.connect();
    await client.query('begin');
    await client.query('lock table action in share mode');
    await run.append(0.1 * RECORDS);
    const ends = await run.topic.ends();
    const listed = async (): Promise<boolean> => {
      snapshots = JSON.parse((await run.weir('state snapshots --json')).out) as StoredSnapshot[];
      return ends.every((end, partition) => end === newestOf(partition)?.position);
    };
    await weir.until('there is a snapshot of all that was committed', listed, WAIT_MS);
    await cp(join(folder, 'snapshots'), join(folder, 'aside'), { recursive: true });
    await client.query('commit');
    client.release();
    await run.topic.deleteBefore(ends.map((end) => end - BEFORE_SNAPSHOT));
  }

  function newestOf(partition: number): StoredSnapshot | undefined {
    return snapshots.find(({ slot }) => slot.partition === partition);
  }

  async function loseAllAgain(weir: WeirProcess): Promise<OverviewView> {
    await run.append(0.2 * RECORDS);
    await run.settled(weir, WAIT_MS);
    await redis.flushAll();
    await run.append(0.05 * RECORDS);
    return run.overviewWhen(
      weir,
      'every partition is halted',
      ({ partitions }) =>
        partitions.length === run.topic.partitions && partitions.every(({ status }) => status === 'halted'),
      WAIT_MS,
    );
  }

  async function rebuildAndStart(): Promise<Loss> {
    await rm(join(folder, 'snapshots'), { recursive: true });
    await rename(join(folder, 'aside'), join(folder, 'snapshots'));
    rebuilt = await run.weir('state rebuild');
    waiting = 0;
    for (let partition = 0; partition < run.topic.partitions; partition += 1) {
      const { out } = await run.weir(`state show ${String(partition)} --json`);
      waiting += (JSON.parse(out) as SlotReport).outbox;
    }
    const since = await watch.now();
    road.delayMs = SLOW_MS;
    const weir = run.start();
    const view = await heldView(weir);
    road.delayMs = 0;
    await run.append();
    await run.settled(weir, WAIT_MS);
    const alarms = tailAlarms(weir);
    await weir.end('SIGTERM');
    return { view, alarms, again: await watch.repeats(since) };
  }

  it('is noticed while the program runs, and what it replays from the log’s beginning sends nothing before it has caught up', () => {
    const held = first.view.partitions.filter(({ status }) => status === 'egress-held');
    for (const { reason } of held)
      expect(reason).toBe('state lost its tail: actions wait until it has caught up');
    expect(alarmsCounted).toBeGreaterThan(0);
    expect(new Set(first.alarms.map(({ partition }) => partition)).size).toBe(run.topic.partitions);
    for (const { position } of first.alarms) expect(position).toBe(0);
    expect(first.again.length).toBeGreaterThan(5);
    expect(leftTooEarly(first.again, marksOf(first.alarms))).toEqual([]);
  });

  it('halts every partition where the log no longer holds its beginning, and says what to do', () => {
    for (const { reason } of halted.partitions) {
      expect(reason).toContain('tail-lost');
      expect(reason).toContain('weir state rebuild');
    }
  });

  it('is made good by weir state rebuild: from the snapshots on, and nothing leaves before it has caught up', () => {
    expect(rebuilt).toMatchObject({ code: 0, err: '' });
    for (let partition = 0; partition < run.topic.partitions; partition += 1) {
      expect(rebuilt.out).toContain(`partition ${String(partition)}: restored from `);
    }
    for (const { partition, position } of second.alarms) {
      expect(position).toBe(newestOf(partition)?.position);
    }
    expect(second.view.partitions.some(({ status }) => status === 'egress-held')).toBe(true);
    expect(waiting).toBeGreaterThan(0);
    expect(second.again.length).toBeGreaterThan(0);
    expect(leftTooEarly(second.again, marksOf(second.alarms))).toEqual([]);
  });

  it('ends with the usage, cycle totals and outcomes of the log', () => {
    expect(outcome.windows).toEqual([]);
    expect(outcome.late).toEqual([]);
    expect(outcome.view).toEqual([]);
    expect(outcome.cycles).toEqual([]);
    expect(outcome.outcomes.actual).toEqual(outcome.outcomes.expected);
    expect(outcome.recordsIn).toBe(RECORDS);
    expect(outcome.sizes.windows).toBeGreaterThan(20_000);
  });

  it('is clean to weir verify', () => {
    expect(verified.out).toMatch(/(^|\D)0 differences/);
    expect(verified.code).toBe(0);
  });

  it('ends with every action once in the ledger and once at the NAS', () => {
    expect(outcome.actions).toEqual([]);
    expect(outcome.sizes.actions).toBeGreaterThan(60);
    const { delivered = 0, superseded = 0 } = outcome.states;
    expect(delivered + superseded).toBe(outcome.sizes.actions);
    expect(run.nas.failures).toEqual([]);
    expect(outcome.effects).toEqual([]);
    expect(run.nas.repeats).toBe(0);
  });
});
