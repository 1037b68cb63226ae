import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OverviewView } from '../../schemas/views.ts';
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

describe.each([
  ['in the work, and the worker stays up', 5, true],
  ['at rest, and the worker is started again', 6, false],
])('Redis comes back from an older append-only file: %s', (_how, seed, staysUp) => {
  let redis: OwnRedis;
  let road: SlowRoad;
  let run: FlowRun;
  let watch: LedgerWatch;
  let copied: number[];
  let view: OverviewView;
  let alarms: TailAlarm[];
  let alarmsCounted: number;
  let again: { partition: number; position: number }[];
  let verified: CommandEnd;
  let outcome: FlowOutcome;

  beforeAll(async () => {
    redis = await OwnRedis.start();
    road = new SlowRoad(redis.url);
    const env = {
      REDIS_URL: `redis://127.0.0.1:${String(await road.listen())}`,
      WEIR_LOG_FORMAT: 'json',
    };
    run = await FlowRun.open({ seed, subscribers: 100, records: RECORDS, redisUrl: redis.url, env });
    watch = await LedgerWatch.begin(run.pool);
    const weir = run.start();
    await run.controlsRelayed(weir);
    await run.append(0.5 * RECORDS);
    await weir.until('actions are in the ledger', async () => (await watch.now()) > 10, WAIT_MS);
    copied = await run.slots.positions();
    const copy = await redis.copy();
    await goOn(weir);
    const since = await watch.now();
    const after = await goBack(weir, copy);
    again = await watch.repeats(since);
    alarms = tailAlarms(after);
    alarmsCounted = await run.metric('weir_tail_lost_total');
    await after.end('SIGTERM');
    verified = await run.weir('verify');
    outcome = await outcomeOf(run);
  });

  afterAll(async () => {
    await run.close();
    await road.close();
    await redis.stop();
  });

  /** Until every slot has gone on from the copy, in the database's eyes too, and more actions have left. */
  async function goOn(weir: WeirProcess): Promise<void> {
    const leftBefore = await watch.now();
    await run.append(0.3 * RECORDS);
    if (!staysUp) await run.settled(weir, WAIT_MS);
    const wentOn = async (): Promise<boolean> => {
      const ahead = (await run.marks()).every((mark, partition) => mark > (copied[partition] ?? Infinity));
      return ahead && (await watch.now()) > leftBefore + 5;
    };
    await weir.until('every slot has gone on', wentOn, WAIT_MS);
  }

  /** Returns the process that has caught up and folded all the rest. */
  async function goBack(weir: WeirProcess, copy: string): Promise<WeirProcess> {
    if (!staysUp) await weir.end('SIGTERM');
    road.delayMs = SLOW_MS;
    await redis.restore(copy);
    const after = staysUp ? weir : run.start();
    await run.append(0.05 * RECORDS);
    view = await run.overviewWhen(
      after,
      'actions are held',
      ({ partitions }) => partitions.some(({ status }) => status === 'egress-held'),
      WAIT_MS,
    );
    road.delayMs = 0;
    await run.append();
    await run.settled(after, WAIT_MS);
    return after;
  }

  it('is noticed: every slot stands behind its mark', () => {
    const held = view.partitions.filter(({ status }) => status === 'egress-held');
    for (const { reason } of held)
      expect(reason).toBe('state lost its tail: actions wait until it has caught up');
    expect(alarmsCounted).toBeGreaterThan(0);
    expect(new Set(alarms.map(({ partition }) => partition)).size).toBe(run.topic.partitions);
    for (const { partition, position, mark } of alarms) {
      expect(position).toBeLessThan(mark);
      expect(position).toBeGreaterThanOrEqual(copied[partition] ?? Infinity);
    }
  });

  it('sends nothing before it has caught up', () => {
    expect(again.length).toBeGreaterThan(5);
    expect(leftTooEarly(again, marksOf(alarms))).toEqual([]);
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

  it('ends with every action once, and nobody throttled twice', () => {
    expect(outcome.actions).toEqual([]);
    expect(outcome.sizes.actions).toBeGreaterThan(60);
    const { delivered = 0, superseded = 0 } = outcome.states;
    expect(delivered + superseded).toBe(outcome.sizes.actions);
    expect(run.nas.failures).toEqual([]);
    expect(outcome.effects).toEqual([]);
    expect(run.nas.repeats).toBe(0);
  });
});
