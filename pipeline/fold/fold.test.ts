import { describe, expect, it } from 'vitest';
import {
  capPolicy,
  DAY,
  fold,
  intentsOf,
  freshSlot,
  HOUR,
  LogBuilder,
  MINUTE,
  nasProfile,
  NOON,
  plan,
  profile,
} from '../../tests/factories.ts';
import type { SlotState } from './slot-state.ts';

function cycleOf(state: SlotState): { down: number; up: number } | undefined {
  const cycle = state.subscribers.get('sub-1')?.cycles[0];
  return cycle && { down: cycle.down, up: cycle.up };
}

function windowsOf(state: SlotState): [number, number, number][] {
  return [...state.subscribers.values()]
    .flatMap(({ rows }) => rows)
    .map(({ startMs, down, up }): [number, number, number] => [(startMs - NOON) / MINUTE, down, up])
    .sort(([a], [b]) => a - b);
}

describe('foldBatch: metering', () => {
  it('turns cumulative counters into deltas (case 1)', () => {
    const log = new LogBuilder()
      .record({ statusType: 'START', eventTimeMs: NOON })
      .record({ eventTimeMs: NOON + MINUTE, sessionTimeSeconds: 60, outputOctets: 100, inputOctets: 10 })
      .record({ eventTimeMs: NOON + 2 * MINUTE, sessionTimeSeconds: 120, outputOctets: 250, inputOctets: 30 })
      .record({
        statusType: 'STOP',
        eventTimeMs: NOON + 2 * MINUTE,
        sessionTimeSeconds: 120,
        outputOctets: 300,
        inputOctets: 30,
      });
    const state = freshSlot();
    const effects = fold(state, log.inputs);
    expect(cycleOf(state)).toEqual({ down: 300, up: 30 });
    expect(state.counts).toMatchObject({ metered: 3, 'zero-delta': 1 });
    expect(effects.oneShots.map(({ row }) => row)).toMatchObject([{ kind: 'session', down: 300, up: 30 }]);
  });

  it.each([
    [
      'an exact duplicate (case 4)',
      { eventTimeMs: NOON + 2 * MINUTE, sessionTimeSeconds: 120, outputOctets: 250 },
      'duplicate',
    ],
    [
      'an older record (case 5)',
      { eventTimeMs: NOON + MINUTE, sessionTimeSeconds: 60, outputOctets: 100 },
      'reordered',
    ],
    [
      'an idle interim',
      { eventTimeMs: NOON + 3 * MINUTE, sessionTimeSeconds: 180, outputOctets: 250 },
      'zero-delta',
    ],
    [
      'a fallen counter: never refunded',
      { eventTimeMs: NOON + 3 * MINUTE, sessionTimeSeconds: 180, outputOctets: 90 },
      'zero-delta',
    ],
    [
      'a Stop without octets',
      { statusType: 'STOP', eventTimeMs: NOON + 3 * MINUTE, outputOctets: null, inputOctets: null },
      'zero-delta',
    ],
  ] as const)('charges nothing for %s', (_name, record, outcome) => {
    const log = new LogBuilder()
      .record({ statusType: 'START', eventTimeMs: NOON })
      .record({ eventTimeMs: NOON + MINUTE, sessionTimeSeconds: 60, outputOctets: 100 })
      .record({ eventTimeMs: NOON + 2 * MINUTE, sessionTimeSeconds: 120, outputOctets: 250 });
    const state = freshSlot();
    fold(state, log.inputs);
    const before = state.counts[outcome];
    log.record(record);
    fold(state, log.inputs.slice(-1));
    expect(cycleOf(state)?.down).toBe(250);
    expect(state.counts[outcome]).toBe(before + 1);
  });

  it('charges another session under the same id from 0 and closes the old one (case 6)', () => {
    const log = new LogBuilder()
      .record({ statusType: 'START', eventTimeMs: NOON })
      .record({ eventTimeMs: NOON + 10 * MINUTE, sessionTimeSeconds: 600, outputOctets: 500 })
      .record({ eventTimeMs: NOON + 25 * MINUTE, sessionTimeSeconds: 300, outputOctets: 40 });
    const state = freshSlot();
    const effects = fold(state, log.inputs);
    expect(cycleOf(state)?.down).toBe(540);
    expect(effects.oneShots.map(({ row }) => row)).toMatchObject([{ down: 500, cause: 'superseded' }]);
    expect(state.flags['id-reused']).toBe(1);
  });

  it('does not believe a session time of 0: interims of a NAS that always sends it are one session', () => {
    const log = new LogBuilder().record({ statusType: 'START', eventTimeMs: NOON, sessionTimeSeconds: 0 });
    for (const minutes of [10, 20, 30]) {
      log.record({
        eventTimeMs: NOON + minutes * MINUTE,
        sessionTimeSeconds: 0,
        outputOctets: minutes * 100,
      });
    }
    const state = freshSlot();
    fold(state, log.inputs);
    expect(cycleOf(state)?.down).toBe(3000);
    expect(state.subscribers.get('sub-1')?.sessions).toHaveLength(1);
  });

  it('a Start delivered again after its id was used anew, with session time 0, is a duplicate', () => {
    const start = { statusType: 'START', eventTimeMs: NOON, sessionTimeSeconds: 0 } as const;
    const log = new LogBuilder()
      .record(start)
      .record({ eventTimeMs: NOON + 3 * MINUTE, sessionTimeSeconds: 1, outputOctets: 4 })
      .record(start, NOON + 4 * MINUTE);
    const state = freshSlot();
    fold(state, log.inputs);
    expect(state.counts).toMatchObject({ duplicate: 1, reordered: 0 });
    expect(state.subscribers.get('sub-1')?.sessions).toHaveLength(1);
    expect(cycleOf(state)?.down).toBe(4);
  });

  it('a Stop delivered again after its id was used anew charges nothing', () => {
    const stop = {
      statusType: 'STOP',
      eventTimeMs: NOON + 10 * MINUTE,
      sessionTimeSeconds: 600,
      outputOctets: 500,
    } as const;
    const log = new LogBuilder()
      .record({ statusType: 'START', eventTimeMs: NOON })
      .record(stop)
      .record({ statusType: 'START', eventTimeMs: NOON + 20 * MINUTE })
      .record({ eventTimeMs: NOON + 22 * MINUTE, sessionTimeSeconds: 120, outputOctets: 7 })
      .record(stop, NOON + 23 * MINUTE);
    const state = freshSlot();
    fold(state, log.inputs);
    expect(cycleOf(state)?.down).toBe(507);
    expect(state.subscribers.get('sub-1')?.sessions).toHaveLength(1);
  });

  it('spreads the first total of a session without Start over its whole time (cases 11, 21)', () => {
    const log = new LogBuilder().record({
      eventTimeMs: NOON + 10 * MINUTE,
      sessionTimeSeconds: 900,
      outputOctets: 1000,
    });
    const state = freshSlot();
    fold(state, log.inputs);
    expect(windowsOf(state)).toEqual([
      [-5, 334, 0],
      [0, 333, 0],
      [5, 333, 0],
    ]);
    expect(state.flags['no-start']).toBe(1);
  });

  it('puts a boundary event without duration in the later window', () => {
    const state = freshSlot();
    fold(state, new LogBuilder().record({ eventTimeMs: NOON + 5 * MINUTE, outputOctets: 9 }).inputs);
    expect(windowsOf(state)).toEqual([[5, 9, 0]]);
  });

  it('takes the append time where the stamp lies more than 5 min ahead, and does not move the watermark (case 15)', () => {
    const state = freshSlot();
    fold(state, new LogBuilder().record({ eventTimeMs: NOON + 10 * HOUR, outputOctets: 9 }, NOON).inputs);
    expect(state.watermarkMs).toBe(0);
    expect(windowsOf(state)).toEqual([[0, 9, 0]]);
    expect(state.flags.skewed).toBe(1);
  });

  it('counts what is older than allowed lateness in the cycle, as a late row and in no window', () => {
    const log = new LogBuilder()
      .record({ subscriberId: 'sub-2', eventTimeMs: NOON + 3 * HOUR, outputOctets: 1 })
      .record({ eventTimeMs: NOON, outputOctets: 50 }, NOON + 3 * HOUR);
    const state = freshSlot();
    const effects = fold(state, log.inputs);
    expect(cycleOf(state)?.down).toBe(50);
    expect(effects.oneShots.map(({ row }) => row)).toMatchObject([{ kind: 'late', down: 50, offset: 1 }]);
    expect(windowsOf(state)).toEqual([[180, 1, 0]]);
  });

  it('counts upload and download by what the NAS profile says (case 17)', () => {
    const log = new LogBuilder()
      .control({
        kind: 'nas-profile',
        nas: nasProfile({ reversed: true, unit: 'kilobytes' }),
      })
      .record({ inputOctets: 7, outputOctets: 2 });
    const state = freshSlot();
    fold(state, log.inputs);
    expect(cycleOf(state)).toEqual({ down: 7000, up: 2000 });
  });

  it('gives every record exactly one outcome', () => {
    const log = new LogBuilder().enforced().record({ outputOctets: 5 }).record({ outputOctets: 5 });
    log.record({ statusType: 'ACCOUNTING_ON', subscriberId: '' });
    log.inputs.push({
      kind: 'dead',
      offset: log.inputs.length,
      appendTimeMs: NOON,
      reason: 'empty',
      detail: '',
      key: null,
      value: null,
    });
    const state = freshSlot();
    fold(state, log.inputs);
    expect(Object.values(state.counts).reduce((a, b) => a + b, 0)).toBe(4);
    expect(state.controlsFolded).toBe(3);
  });
});

describe('foldBatch: decisions', () => {
  const crossed = (): LogBuilder =>
    new LogBuilder().enforced().record({ eventTimeMs: NOON, outputOctets: 1000 });

  it('throttles once when the cap is reached', () => {
    const log = crossed().record({ eventTimeMs: NOON + MINUTE, outputOctets: 1500 });
    const intents = intentsOf(fold(freshSlot(), log.inputs));
    expect(intents).toMatchObject([
      {
        kind: 'throttle',
        ordinal: 1,
        desired: { downBps: 2_000_000, upBps: 512_000 },
        sessions: [{ sessionId: 's1' }],
      },
    ]);
  });

  it('restores once at the roll of the cycle, by the clock of the log alone', () => {
    const log = crossed()
      .tick(Date.UTC(2026, 7, 1) - 1)
      .tick(Date.UTC(2026, 7, 1))
      .tick(Date.UTC(2026, 7, 1) + HOUR);
    const intents = intentsOf(fold(freshSlot(), log.inputs));
    expect(intents.map((intent) => [intent.kind, intent.offset])).toEqual([
      ['throttle', 3],
      ['restore', 5],
    ]);
    expect(intents[1]?.desired).toEqual({
      state: 'plan',
      downBps: 100_000_000,
      upBps: 20_000_000,
      profile: null,
    });
  });

  it('restores when more allowance is bought, but not before the minimum hold', () => {
    const topUp = { id: 't', bytes: 5000, fromMs: 0, expiresMs: NOON + 90 * DAY };
    const log = crossed().control({ kind: 'subscriber-profile', profile: profile({ topUps: [topUp] }) });
    const state = freshSlot();
    const first = fold(state, log.inputs);
    expect(intentsOf(first).map((intent) => intent.kind)).toEqual(['throttle']);
    log.tick(NOON - MINUTE + 900_000);
    const second = fold(state, log.inputs.slice(-1));
    expect(intentsOf(second).map((intent) => intent.kind)).toEqual(['restore']);
  });

  it('restores when the policy is withdrawn, at the next touch', () => {
    const log = crossed()
      .control({ kind: 'policy-withdrawn', policyId: 'home-fup' })
      .record({ eventTimeMs: NOON + MINUTE, outputOctets: 1001 });
    const intents = intentsOf(fold(freshSlot(), log.inputs));
    expect(intents.map((intent) => intent.kind)).toEqual(['throttle', 'restore']);
  });

  it('sends the new speed when a new version of the policy asks for another', () => {
    const log = crossed()
      .control({ kind: 'policy-version', policy: capPolicy({ downBps: 1_000_000 }) })
      .record({ eventTimeMs: NOON + MINUTE, outputOctets: 1001 });
    const intents = intentsOf(fold(freshSlot(), log.inputs));
    expect(intents.map((intent) => intent.desired.downBps)).toEqual([2_000_000, 1_000_000]);
    expect(new Set(intents.map((intent) => intent.id)).size).toBe(2);
  });

  it.each(['off', 'shadow'] as const)('does nothing in mode %s', (mode) => {
    const log = new LogBuilder()
      .control({ kind: 'plan-version', plan: plan() })
      .control({ kind: 'policy-version', policy: capPolicy({}, mode) })
      .control({ kind: 'subscriber-profile', profile: profile() })
      .record({ outputOctets: 5000 });
    expect(intentsOf(fold(freshSlot(), log.inputs))).toEqual([]);
  });

  it('obeys json-rules-engine where it says otherwise', () => {
    const log = crossed();
    const intents = intentsOf(fold(freshSlot(), log.inputs, () => ({ holds: false, results: [] })));
    expect(intents).toEqual([]);
  });

  it('starts nothing from late usage of a rolled cycle', () => {
    const august = Date.UTC(2026, 7, 1);
    const log = new LogBuilder()
      .enforced()
      .record({ eventTimeMs: august + 3 * HOUR, outputOctets: 1 })
      .record({ sessionId: 's0', eventTimeMs: august - HOUR, outputOctets: 9000 }, august + 3 * HOUR);
    const state = freshSlot();
    expect(intentsOf(fold(state, log.inputs))).toEqual([]);
    expect(state.subscribers.get('sub-1')?.pastCycles[0]).toMatchObject({ down: 9000 });
  });

  it('skips a control that comes again', () => {
    const log = new LogBuilder()
      .control({ kind: 'plan-version', plan: plan({ capBytes: 5 }) }, 7)
      .control({ kind: 'plan-version', plan: plan({ capBytes: 6 }) }, 7);
    const state = freshSlot();
    fold(state, log.inputs);
    expect(state.plans.get('home-100')?.[0]?.capBytes).toBe(5);
    expect(state.controlsFolded).toBe(1);
  });
});
