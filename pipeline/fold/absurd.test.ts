import { describe, expect, it } from 'vitest';
import type { Control } from '../../schemas/control.ts';
import {
  capPolicy,
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
import type { SlotState } from './slot-state.ts';

/** More than 4 times what 1 Mbit/s carries in a minute. */
const ABSURD = (4 * 60 * 1_000_000) / 8 + 1;

/** A line of 1 Mbit/s both ways, and a cap that any absurd claim goes beyond. */
function slowLine(capBytes = ABSURD): LogBuilder {
  return new LogBuilder()
    .control({ kind: 'plan-version', plan: plan({ capBytes, downBps: 1_000_000, upBps: 1_000_000 }) })
    .control({
      kind: 'policy-version',
      policy: capPolicy({ downBps: 64_000, upBps: 64_000, minHoldSeconds: 0 }),
    })
    .control({ kind: 'subscriber-profile', profile: profile() })
    .record({ statusType: 'START', eventTimeMs: NOON })
    .record({ eventTimeMs: NOON + MINUTE, sessionTimeSeconds: 60 });
}

function minute(log: LogBuilder, minutes: number, outputOctets: number, fields = {}): LogBuilder {
  return log.record({
    eventTimeMs: NOON + minutes * MINUTE,
    sessionTimeSeconds: 60 * minutes,
    outputOctets,
    ...fields,
  });
}

/** Folds what is new and gives the kinds of actions. */
function kinds(state: SlotState, log: LogBuilder): string[] {
  return intentsOf(fold(state, log.inputs)).map(({ kind }) => kind);
}

const RE_EVALUATE: Control = {
  kind: 'operator',
  command: { type: 're-evaluate', subscriberId: 'sub-1', by: 'ann' },
};

describe('case 20: an absurd claim', () => {
  it('counts, and begins nothing until the next record does not fall back', () => {
    const log = slowLine();
    const state = freshSlot();
    expect(kinds(state, minute(log, 2, ABSURD))).toEqual([]);
    expect(state.subscribers.get('sub-1')?.cycles[0]?.down).toBe(ABSURD);
    expect([state.flags.absurd, state.subscribers.get('sub-1')?.suspended]).toEqual([1, true]);
    // Nor do controls, ticks or a sweep.
    log.control({ kind: 'policy-version', policy: capPolicy({ minHoldSeconds: 0 }) });
    for (let i = 0; i < 6; i += 1) log.tick(NOON + 2 * MINUTE + i);
    expect(kinds(state, log)).toEqual([]);
    expect(kinds(state, minute(log, 3, ABSURD))).toEqual(['throttle']);
    expect(state.subscribers.get('sub-1')?.suspended).toBe(false);
  });

  it('is one byte more than four times the line, not one less', () => {
    const state = freshSlot();
    expect(kinds(state, minute(slowLine(1), 2, ABSURD - 1))).toEqual(['throttle']);
    expect(state.flags.absurd).toBe(0);
  });

  it('is measured by 10 Gbit/s where no plan says how fast the line is', () => {
    const most = (4 * 60 * 10_000_000_000) / 8;
    const log = new LogBuilder().record({ statusType: 'START', eventTimeMs: NOON });
    minute(log, 1, most).record({ sessionId: 's2', statusType: 'START', eventTimeMs: NOON + MINUTE });
    log.record({ sessionId: 's2', eventTimeMs: NOON + 2 * MINUTE, outputOctets: most + 1 });
    const state = freshSlot();
    fold(state, log.inputs);
    expect(state.flags.absurd).toBe(1);
  });

  it('that falls back stays absurd: another session begins nothing either', () => {
    const log = minute(minute(slowLine(), 2, ABSURD), 3, 100);
    minute(log, 4, 10, { sessionId: 's2' });
    const state = freshSlot();
    expect(kinds(state, log)).toEqual([]);
    expect(state.subscribers.get('sub-1')?.suspended).toBe(true);
  });

  it('holds back no end: the cycle rolls, the line is restored', () => {
    const state = freshSlot();
    const log = minute(slowLine(1000), 2, 2000);
    expect(kinds(state, log)).toEqual(['throttle']);
    expect(kinds(state, minute(log, 3, 2000 + ABSURD))).toEqual([]);
    expect(kinds(state, log.tick(Date.UTC(2026, 7, 1)))).toEqual(['restore']);
  });

  it('of a Stop waits for an operator, who lets go of it by hand', () => {
    const state = freshSlot();
    const log = minute(slowLine(), 2, ABSURD, { statusType: 'STOP' });
    for (const at of [1, 2, 3]) log.tick(NOON + at * HOUR);
    expect(kinds(state, log)).toEqual([]);
    expect(kinds(state, log.control(RE_EVALUATE))).toEqual(['throttle']);
    expect(state.subscribers.get('sub-1')?.tombstones).toMatchObject([{ absurd: false }]);
  });

  it('is forgotten with its tombstone', () => {
    const state = freshSlot();
    const log = minute(slowLine(10), 2, ABSURD, { statusType: 'STOP' });
    log.record({ sessionId: 's2', statusType: 'START', eventTimeMs: NOON + 8 * 24 * HOUR });
    log.record({ sessionId: 's2', statusType: 'STOP', eventTimeMs: NOON + 8 * 24 * HOUR + MINUTE });
    expect(kinds(state, log)).toEqual(['throttle']);
    expect(state.subscribers.get('sub-1')?.suspended).toBe(false);
  });
});
