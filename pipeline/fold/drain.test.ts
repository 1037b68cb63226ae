import { describe, expect, it } from 'vitest';
import type { Control } from '../../schemas/control.ts';
import {
  capPolicy,
  fold,
  HOUR,
  intentsOf,
  LogBuilder,
  MINUTE,
  nasProfile,
  NOON,
  plan,
  profile,
  SETTINGS,
} from '../../tests/factories.ts';
import { SLOT, WorkerRig } from '../../tests/worker-rig.ts';
import type { BatchEffects } from './effects.ts';
import { MAX_DRAIN } from './drain.ts';
import { emptySlot } from './slot-state.ts';
import type { SlotState } from './slot-state.ts';

const AUGUST = Date.UTC(2026, 7, 1);
/** A bound for busy machines only. */
const TIMEOUT_MS = 60_000;

function withdrawn(): Control {
  return { kind: 'policy-withdrawn', policyId: 'home-fup' };
}

function slot(bucketCount: number): SlotState {
  return emptySlot(0, { ...SETTINGS, bucketCount }, 0);
}

/** Folds the newest inputs of a log one by one; what each looked at besides its own subscriber. */
function eachDrained(state: SlotState, log: LogBuilder): { drained: number; effects: BatchEffects }[] {
  return log.inputs
    .filter(({ offset }) => offset >= state.position)
    .map((input) => {
      const effects = fold(state, [input]);
      return { drained: effects.drained, effects };
    });
}

function ids(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `sub-${String(i).padStart(5, '0')}`);
}

/** One record each, all in July, beyond the cap where they have a profile. */
function everybody(log: LogBuilder, count: number, withProfiles: boolean): LogBuilder {
  for (const subscriberId of ids(count)) {
    if (withProfiles) log.control({ kind: 'subscriber-profile', profile: profile({ subscriberId }) });
    log.record({ subscriberId, statusType: 'STOP', eventTimeMs: NOON, outputOctets: 1500 });
  }
  return log;
}

describe('due work', { timeout: TIMEOUT_MS }, () => {
  it('is done in the order of its time, then of its key, whatever the order it came in', () => {
    const log = new LogBuilder()
      .control({ kind: 'nas-profile', nas: nasProfile({ interimSeconds: 600 }) })
      .record({ subscriberId: 'z', eventTimeMs: NOON + 20_000 })
      .record({ subscriberId: 'b', eventTimeMs: NOON + 10_000 })
      .record({ subscriberId: 'c', eventTimeMs: NOON })
      .record({ subscriberId: 'a', eventTimeMs: NOON + 10_000 })
      .record({ subscriberId: 'Z', eventTimeMs: NOON + 10_000 })
      .record({ subscriberId: 'other', statusType: 'START', eventTimeMs: NOON + 30 * MINUTE + 20_000 });
    const state = slot(16);
    fold(state, log.inputs);
    const { oneShots } = fold(state, log.tick(NOON + 31 * MINUTE).inputs);
    const ended = oneShots.flatMap(({ row }) => (row.kind === 'session' ? [row.subscriberId] : []));
    expect(ended).toEqual(['c', 'Z', 'a', 'b', 'z']);
  });

  it('is at most 2,000 an input: 2,500 cycles roll with two', () => {
    const log = everybody(new LogBuilder(), 2500, false);
    const state = slot(16);
    fold(state, log.inputs);
    log
      .tick(AUGUST)
      .tick(AUGUST + 1)
      .tick(AUGUST + 2);
    expect(eachDrained(state, log).map(({ drained }) => drained)).toEqual([2000, 500, 0]);
    for (const { cycles, pastCycles } of state.subscribers.values())
      expect([cycles[0]?.startMs, pastCycles[0]?.down]).toEqual([AUGUST, 1500]);
  });

  it('of somebody whom a record touches first is done with the record', () => {
    const log = everybody(new LogBuilder(), 2500, false);
    const state = slot(16);
    fold(state, log.inputs);
    log.tick(AUGUST);
    fold(state, log.inputs);
    const [last = ''] = ids(2500).slice(-1);
    expect(state.subscribers.get(last)?.cycles[0]?.startMs).toBeLessThan(AUGUST);
    const straight = slot(16);
    log.record({ subscriberId: last, sessionId: 's2', eventTimeMs: AUGUST + MINUTE, outputOctets: 100 });
    fold(straight, log.inputs);
    expect(straight.subscribers.get(last)?.cycles).toMatchObject([{ startMs: AUGUST, down: 100 }]);
  });

  it('sets no more free than one commit holds: a batch is cut and committed in parts, with the same end', async () => {
    const log = everybody(new LogBuilder(), 6500, false);
    const first = log.inputs.length;
    for (let i = 0; i < 6; i += 1) log.tick(AUGUST + i);
    const whole = new WorkerRig(log.inputs);
    const positions: number[] = [];
    const { store } = whole;
    const commit = store.commit.bind(store);
    store.commit = (given) => {
      positions.push(given.position);
      return commit(given);
    };
    const worker = whole.worker();
    await whole.open(worker);
    await whole.deliver(worker, 0, first);
    expect(await whole.deliver(worker, first, 6)).toBe(first + 6);
    await worker.close(0);
    expect(positions).toEqual([first, first + 2, first + 6]);
    const single = new WorkerRig(log.inputs);
    await single.run(() => 1000);
    expect(whole.store.dumpText(SLOT)).toEqual(single.store.dumpText(SLOT));
  });
  it('loses nothing of a long batch that is cut in the middle', async () => {
    const log = everybody(new LogBuilder(), 6500, false);
    const uses = (from: number, atMs: number): void => {
      for (const subscriberId of ids(from + 300).slice(from))
        log.record({ subscriberId, sessionId: 's2', eventTimeMs: atMs, outputOctets: 100 });
    };
    uses(0, AUGUST - HOUR);
    for (let i = 0; i < 4; i += 1) log.tick(AUGUST + i);
    uses(300, AUGUST + MINUTE);
    const whole = new WorkerRig(log.inputs);
    const worker = whole.worker();
    await whole.open(worker);
    expect(await whole.deliver(worker, 0, log.inputs.length)).toBe(log.inputs.length);
    await worker.close(0);
    const small = new WorkerRig(log.inputs);
    await small.run(() => 100);
    expect(whole.store.dumpText(SLOT)).toEqual(small.store.dumpText(SLOT));
  });
});

describe('a sweep', { timeout: TIMEOUT_MS }, () => {
  /** So many in two buckets, all of them throttled. */
  function throttled(count: number): { state: SlotState; log: LogBuilder } {
    const log = new LogBuilder()
      .control({ kind: 'plan-version', plan: plan() })
      .control({ kind: 'policy-version', policy: capPolicy({ minHoldSeconds: 0 }) });
    everybody(log, count, true).tick(NOON);
    const state = slot(2);
    fold(state, log.inputs);
    for (let i = 1; state.sweep !== null; i += 1) fold(state, log.tick(NOON + i).inputs);
    expect(state.population.throttled).toBe(count);
    return { state, log };
  }

  it('looks at 2,000 an input and goes on with the following ones, until everybody was looked at', () => {
    const { state, log } = throttled(6000);
    log.control(withdrawn());
    for (let i = 0; i < 3; i += 1) log.tick(NOON + HOUR + i);
    const steps = eachDrained(state, log);
    expect(steps.map(({ drained }) => drained)).toEqual([MAX_DRAIN, MAX_DRAIN, MAX_DRAIN, 0]);
    expect(state.sweep).toBeNull();
    const restored = steps.flatMap(({ effects }) => intentsOf(effects));
    expect(restored.every(({ kind }) => kind === 'restore')).toBe(true);
    expect(new Set(restored.map(({ subscriberId }) => subscriberId)).size).toBe(6000);
    expect(state.population.throttled).toBe(0);
  });

  it('goes through a bucket by id, and says where it stands', () => {
    const { state, log } = throttled(2500);
    fold(state, log.control(withdrawn()).inputs);
    const order = [...state.subscribers.values()]
      .sort((a, b) => a.bucket - b.bucket || (a.id < b.id ? -1 : 1))
      .map(({ id, effect, bucket }) => ({ id, bucket, isDone: effect === null }));
    expect(order.map(({ isDone }) => isDone)).toEqual(order.map((_, i) => i < MAX_DRAIN));
    const last = order[MAX_DRAIN - 1];
    expect(state.sweep).toEqual({ bucket: 1, after: last?.id, left: 1 });
    expect(last?.bucket).toBe(1);
  });

  it('begins again with a second change: nobody keeps what the first one left', () => {
    const { state, log } = throttled(2500);
    const slower = (downBps: number): Control => ({
      kind: 'policy-version',
      policy: capPolicy({ minHoldSeconds: 0, downBps }),
    });
    log.control(slower(1_000_000)).control(slower(900_000));
    eachDrained(state, log);
    // From where the first one stood, and once around: 2,000 of them a second time.
    expect(state.sweep).toMatchObject({ left: 1 });
    for (let i = 1; state.sweep !== null && i < 9; i += 1) fold(state, log.tick(NOON + HOUR + i).inputs);
    expect(state.sweep).toBeNull();
    const speeds = [...state.subscribers.values()].map(({ effect }) =>
      effect?.state === 'throttle' ? effect.downBps : null,
    );
    expect(new Set(speeds)).toEqual(new Set([900_000]));
  });

  it('shares the 2,000 with due work, which comes first', () => {
    const { state, log } = throttled(3000);
    // 1,500 come up at once: nothing about their cycles, only a look.
    ids(1500).forEach((id) => state.due.set(id, NOON + HOUR));
    log
      .tick(NOON + HOUR)
      .control(withdrawn())
      .tick(NOON + HOUR + 1)
      .tick(NOON + HOUR + 2);
    const steps = eachDrained(state, log);
    expect(steps.map(({ drained }) => drained)).toEqual([1500, 2000, 1000, 0]);
    ids(1500).forEach((id) => state.due.set(id, NOON + 2 * HOUR));
    log.control({ kind: 'plan-version', plan: plan({ version: 2 }) }).tick(NOON + 2 * HOUR);
    expect(eachDrained(state, log).map(({ drained }) => drained)).toEqual([2000, 2000]);
    fold(state, log.tick(NOON + 2 * HOUR + 1).inputs);
    expect(state.sweep).toBeNull();
  });

  it('takes at most four buckets an input: each is read as a whole', () => {
    const log = everybody(new LogBuilder(), 160, false);
    const state = slot(16);
    fold(state, log.inputs);
    log.control({ kind: 'plan-version', plan: plan() });
    for (let i = 0; i < 4; i += 1) log.tick(NOON + i);
    const left = log.inputs.slice(-5).map((input) => {
      fold(state, [input]);
      return state.sweep?.left ?? null;
    });
    expect(left).toEqual([12, 8, 4, null, null]);
  });

  it('finds those that lie in the store only: all are restored, never heard of again', async () => {
    const log = new LogBuilder()
      .control({ kind: 'plan-version', plan: plan() })
      .control({ kind: 'policy-version', policy: capPolicy({ minHoldSeconds: 0 }) });
    everybody(log, 300, true);
    log.control(withdrawn());
    for (let i = 0; i < 5; i += 1) log.tick(NOON + HOUR + i);
    const rig = new WorkerRig(log.inputs);
    rig.cachedSubscribers = 3;
    await rig.run(() => 50);
    const actions = (await rig.left()).flatMap((record) => (record.kind === 'action' ? [record.intent] : []));
    const of = (kind: string): string[] =>
      actions.flatMap((intent) => (intent.kind === kind ? [intent.subscriberId] : [])).sort();
    expect(of('throttle')).toEqual(ids(300));
    expect(of('restore')).toEqual(ids(300));
  });

  it('case 14: closes sessions of subscribers that are not in memory', async () => {
    const log = new LogBuilder();
    for (const subscriberId of ids(100)) log.record({ subscriberId, eventTimeMs: NOON, outputOctets: 5 });
    log.control({ kind: 'nas-event', nasId: 'nas-1', event: 'off', atMs: NOON + MINUTE }, 7, 'slot-4');
    for (let i = 0; i < 5; i += 1) log.tick(NOON + HOUR + i);
    const rig = new WorkerRig(log.inputs);
    rig.cachedSubscribers = 0;
    await rig.run(() => 10);
    const ended = rig.submitted.flatMap(({ sessions }) => sessions);
    expect(new Set(ended.map(({ subscriberId }) => subscriberId))).toEqual(new Set(ids(100)));
    expect(new Set(ended.map(({ terminateCause }) => terminateCause))).toEqual(new Set(['NAS-Reboot']));
  });
});
