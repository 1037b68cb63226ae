import { describe, expect, it } from 'vitest';
import {
  DAY,
  fold,
  freshSlot,
  HOUR,
  intentsOf,
  LogBuilder,
  MINUTE,
  NOON,
  plan,
  profile,
} from '../../tests/factories.ts';
import type { BatchEffects } from './effects.ts';
import type { Subscriber, SlotState } from './slot-state.ts';

const AUGUST = Date.UTC(2026, 7, 1);

function lineOf(state: SlotState): Subscriber {
  const line = state.subscribers.get('sub-1');
  if (line === undefined) throw new Error('nothing was folded');
  return line;
}

function folded(log: LogBuilder): { state: SlotState; line: Subscriber; effects: BatchEffects } {
  const state = freshSlot();
  const effects = fold(state, log.inputs);
  return { state, line: lineOf(state), effects };
}

/** Start (in minutes after `from`) and bytes of what is not empty. */
function downs(totals: readonly { startMs: number; down: number }[], from: number): [number, number][] {
  return totals
    .filter(({ down }) => down !== 0)
    .map(({ startMs, down }): [number, number] => [(startMs - from) / MINUTE, down])
    .sort(([a], [b]) => a - b);
}

function lateOf({ oneShots }: BatchEffects): [number, number, number][] {
  return oneShots.flatMap(({ row }) => (row.kind === 'late' ? [[row.fromMs, row.toMs, row.down]] : [])) as [
    number,
    number,
    number,
  ][];
}

describe('case 21: a delta that spans a boundary', () => {
  it('of windows is split by time, whole bytes, and sums exactly', () => {
    const { line, state } = folded(
      new LogBuilder()
        .record({ statusType: 'START', eventTimeMs: NOON + 3 * MINUTE })
        .record({ eventTimeMs: NOON + 11 * MINUTE, sessionTimeSeconds: 480, outputOctets: 1001 }),
    );
    // 2, 5 and 1 of 8 minutes: 250.25, 625.625 and 125.125
    expect(downs(line.rows, NOON)).toEqual([
      [0, 250],
      [5, 626],
      [10, 125],
    ]);
    expect(line.rows.every(({ estimated }) => estimated)).toBe(true);
    expect(state.flags.estimated).toBe(1);
  });

  it('of days and the cycle goes to each in proportion; what lies ahead of the roll waits in its own cycle', () => {
    const log = new LogBuilder()
      .control({ kind: 'subscriber-profile', profile: profile() })
      .record({ statusType: 'START', eventTimeMs: AUGUST - 10 * MINUTE })
      .record({ eventTimeMs: AUGUST + 30_000, sessionTimeSeconds: 630, outputOctets: 630 });
    const { state, line } = folded(log);
    expect(state.watermarkMs).toBeLessThan(AUGUST);
    expect(downs(line.cycles, AUGUST)).toEqual([
      [(-31 * DAY) / MINUTE, 600],
      [0, 30],
    ]);
    expect([line.today?.down, line.days.map(({ down }) => down)]).toEqual([30, [600]]);
    fold(state, log.tick(AUGUST).inputs);
    expect([line.cycles.length, line.cycles[0]?.down, line.pastCycles[0]?.down]).toEqual([1, 30, 600]);
  });

  it.each([
    ['America/Havana', 1, Date.UTC(2026, 7, 1, 4)],
    ['Asia/Kathmandu', 15, Date.UTC(2026, 6, 14, 18, 15)],
    ['Europe/Berlin', 31, Date.UTC(2026, 5, 29, 22)],
  ])('of the cycle lies where %s and anchor %i put it', (zone, anchorDay, boundaryMs) => {
    const { line } = folded(
      new LogBuilder()
        .control({ kind: 'subscriber-profile', profile: profile({ zone, anchorDay }) })
        .record({ statusType: 'START', eventTimeMs: boundaryMs - 3 * MINUTE })
        .record({ eventTimeMs: boundaryMs + MINUTE, sessionTimeSeconds: 240, outputOctets: 4000 })
        .tick(boundaryMs),
    );
    expect([line.pastCycles[0]?.down, line.cycles[0]?.down]).toEqual([3000, 1000]);
    expect(line.cycles[0]?.startMs).toBe(boundaryMs);
  });

  it('of lateness: what is older is one late row a cycle, the rest lies in windows', () => {
    const { line, effects, state } = folded(
      new LogBuilder()
        .control({ kind: 'subscriber-profile', profile: profile() })
        .record({ subscriberId: 'other', eventTimeMs: AUGUST + 2 * HOUR + MINUTE })
        .record(
          { eventTimeMs: AUGUST + 70 * MINUTE, sessionTimeSeconds: 8400, outputOctets: 1400 },
          AUGUST + 2 * HOUR,
        ),
    );
    // 140 min: 70 before the month's end, 60 more before the oldest window that is open, 2 windows of 5.
    expect(lateOf(effects)).toEqual([
      [AUGUST - 70 * MINUTE, AUGUST, 700],
      [AUGUST, AUGUST + HOUR, 600],
    ]);
    expect(downs(line.rows, AUGUST)).toEqual([
      [60, 50],
      [65, 50],
    ]);
    expect([line.pastCycles[0]?.down, line.cycles[0]?.down]).toEqual([700, 700]);
    expect(state.counts.metered).toBe(1);
  });

  it.each([
    ['an hour past its end', NOON + HOUR + 5 * MINUTE - 1, 0],
    ['and not a millisecond longer', NOON + HOUR + 5 * MINUTE, 1],
  ])('a window takes bytes until %s', (_name, watermarkMs, late) => {
    const log = new LogBuilder()
      .record({ subscriberId: 'other', eventTimeMs: watermarkMs + MINUTE })
      .record({ eventTimeMs: NOON + MINUTE, outputOctets: 7 }, watermarkMs);
    const { line, effects } = folded(log);
    expect(lateOf(effects)).toHaveLength(late);
    expect(line.rows).toHaveLength(1 - late);
    expect(line.cycles[0]?.down).toBe(7);
  });
});

describe('case 19: service classes', () => {
  const classes = (factors: Record<string, number>, capBytes: number): LogBuilder =>
    new LogBuilder()
      .enforced()
      .control({ kind: 'plan-version', plan: plan({ capBytes, classFactors: factors }) })
      .record({ sessionId: 'a', serviceClass: 'tv', eventTimeMs: NOON, outputOctets: 1500 })
      .record({
        sessionId: 'b',
        serviceClass: 'iptv',
        eventTimeMs: NOON,
        outputOctets: 1500,
        inputOctets: 40,
      })
      .record({ sessionId: 'c', eventTimeMs: NOON, outputOctets: 700 })
      .tick(NOON);

  it('have rows and totals of their own in cycle and day', () => {
    const { line } = folded(classes({}, 10_000));
    expect(line.rows.map(({ serviceClass, down, up }) => [serviceClass, down, up])).toEqual([
      ['tv', 1500, 0],
      ['iptv', 1500, 40],
      ['', 700, 0],
    ]);
    const shares = [
      { serviceClass: 'iptv', down: 1500, up: 40 },
      { serviceClass: 'tv', down: 1500, up: 0 },
    ];
    expect(line.cycles[0]).toMatchObject({ down: 3700, up: 40, classes: shares });
    expect(line.today).toMatchObject({ down: 3700, up: 40, classes: shares });
  });

  it.each([
    ['a class without a factor counts in full', {}, 3740],
    ['a class that is free counts nothing', { tv: 0, iptv: 0 }, 700],
    // 1.5 + 1.5 down, 0.04 up: the remainders of the classes make a byte together
    ['remainders of the classes are kept', { tv: 1, iptv: 1 }, 703],
    ['the default class may have a factor', { '': 500, tv: 0, iptv: 0 }, 350],
    ['more than in full', { tv: 2000, iptv: 1000 }, 5240],
  ])('%s, to the byte of the cap', (_name, factors, counted) => {
    for (const [capBytes, acts] of [
      [counted, 1],
      [counted + 1, 0],
    ] as const)
      expect(intentsOf(folded(classes(factors, capBytes)).effects)).toHaveLength(acts);
  });

  it('a new version of the plan counts what is there anew', () => {
    const log = classes({ tv: 0, iptv: 0 }, 1000);
    const { state, effects } = folded(log);
    expect(intentsOf(effects)).toEqual([]);
    log.control({ kind: 'plan-version', plan: plan({ capBytes: 1000, classFactors: { tv: 200 } }) });
    for (let i = 1; i < 5; i += 1) log.tick(NOON + i);
    expect(intentsOf(fold(state, log.inputs))).toMatchObject([{ kind: 'throttle' }]);
  });
});
