import { describe, expect, it } from 'vitest';
import { fold, freshSlot, HOUR, LogBuilder, MINUTE, NOON, nasProfile } from '../../tests/factories.ts';
import type { BatchEffects, SessionEnd } from './effects.ts';
import type { SlotState } from './slot-state.ts';

const OTHER = { subscriberId: 'other', statusType: 'START' } as const;

/** Folds what is new in the log, and gives the sessions that ended with it. */
function ends(state: SlotState, log: LogBuilder): SessionEnd[] {
  return rowsOf(fold(state, log.inputs));
}

function rowsOf({ oneShots }: BatchEffects): SessionEnd[] {
  return oneShots.flatMap(({ row }) => (row.kind === 'session' ? [row] : []));
}

/** A NAS whose sessions report every 10 min, long enough that it is known. */
function learned(log: LogBuilder): LogBuilder {
  for (let i = -9; i <= 0; i += 1)
    log.record({
      ...OTHER,
      statusType: 'INTERIM_UPDATE',
      sessionId: 'l',
      eventTimeMs: NOON + i * 10 * MINUTE,
    });
  return log;
}

/** The NAS is heard at that time, by a session that teaches nothing. */
function heard(log: LogBuilder, atMs: number): LogBuilder {
  return log.record({ ...OTHER, sessionId: `o${atMs}`, eventTimeMs: atMs });
}

describe('case 13: no Stop', () => {
  it.each([
    ['three intervals as configured', 600, 30 * MINUTE],
    ['at least 15 min', 60, 15 * MINUTE],
    ['48 h where the NAS sends no interims', 0, 48 * HOUR],
    ['48 h where nothing is known', null, 48 * HOUR],
    ['three intervals as learned', 'learned', 30 * MINUTE],
  ] as const)('closed after %s, to the millisecond of event time', (_name, interimSeconds, limitMs) => {
    const log = new LogBuilder();
    if (interimSeconds === 'learned') learned(log);
    else log.control({ kind: 'nas-profile', nas: nasProfile({ interimSeconds }) });
    log.record({ eventTimeMs: NOON, outputOctets: 700 });
    heard(log, NOON + limitMs);
    const state = freshSlot();
    ends(state, log);
    expect(ends(state, log.tick(NOON + limitMs - 1))).toEqual([]);
    const mine = ends(state, log.tick(NOON + limitMs)).filter(({ subscriberId }) => subscriberId === 'sub-1');
    expect(mine).toMatchObject([{ cause: 'Weir-Timeout', endMs: NOON, down: 700 }]);
    const subscriber = state.subscribers.get('sub-1');
    expect(subscriber?.tombstones).toMatchObject([{ closedBy: 'timeout', closedMs: NOON + limitMs }]);
    expect(subscriber?.cycles[0]?.down).toBe(700);
    expect(state.flags['missing-stop']).toBeGreaterThan(0);
  });

  it('pauses while the NAS is silent, for 48 h at most', () => {
    const log = new LogBuilder()
      .control({ kind: 'nas-profile', nas: nasProfile({ interimSeconds: 600 }) })
      .record({ eventTimeMs: NOON, outputOctets: 5 });
    const state = freshSlot();
    const dueMs = NOON + 30 * MINUTE;
    for (const atMs of [dueMs, dueMs + HOUR, dueMs + 48 * HOUR - 1])
      expect(ends(state, log.tick(atMs))).toEqual([]);
    expect(ends(state, log.tick(dueMs + 48 * HOUR))).toMatchObject([{ cause: 'Weir-Timeout' }]);
    expect(state.subscribers.get('sub-1')?.tombstones).toMatchObject([{ closedMs: dueMs }]);
  });

  it('is over at most 15 min after the NAS is heard again', () => {
    const log = new LogBuilder()
      .control({ kind: 'nas-profile', nas: nasProfile({ interimSeconds: 600 }) })
      .record({ eventTimeMs: NOON, outputOctets: 5 })
      .tick(NOON + 2 * HOUR);
    heard(log, NOON + 2 * HOUR + MINUTE);
    const state = freshSlot();
    expect(ends(state, log)).toEqual([]);
    expect(ends(state, log.tick(NOON + 2 * HOUR + 15 * MINUTE))).toMatchObject([{ subscriberId: 'sub-1' }]);
  });

  it('is taken back by a later record, which charges what is new', () => {
    const log = new LogBuilder()
      .control({ kind: 'nas-profile', nas: nasProfile({ interimSeconds: 600 }) })
      .record({ statusType: 'START', eventTimeMs: NOON })
      .record({ eventTimeMs: NOON + MINUTE, sessionTimeSeconds: 60, outputOctets: 70 });
    heard(log, NOON + 2 * HOUR);
    const state = freshSlot();
    expect(ends(state, log.tick(NOON + 2 * HOUR + 15 * MINUTE))).toHaveLength(1);
    const atMs = NOON + 3 * HOUR;
    ends(state, log.record({ eventTimeMs: atMs, sessionTimeSeconds: 10_800, outputOctets: 100 }));
    const subscriber = state.subscribers.get('sub-1');
    expect([subscriber?.sessions.length, subscriber?.tombstones.length]).toEqual([1, 0]);
    expect(subscriber?.cycles[0]?.down).toBe(100);
    expect(state.flags.resurrected).toBe(1);
  });

  it('and the Stop itself, in one input, leave one row: the later one', () => {
    const log = new LogBuilder()
      .control({ kind: 'nas-profile', nas: nasProfile({ interimSeconds: 600 }) })
      .record({ statusType: 'START', eventTimeMs: NOON });
    heard(log, NOON + 31 * MINUTE);
    const state = freshSlot();
    expect(ends(state, log)).toEqual([]);
    const atMs = NOON + 50 * MINUTE;
    const stop = { statusType: 'STOP', terminateCause: 'User-Request', sessionTimeSeconds: 3000 } as const;
    const rows = ends(state, log.record({ ...stop, eventTimeMs: atMs, outputOctets: 9 }));
    expect(rows).toMatchObject([{ cause: 'User-Request', down: 9, endMs: atMs }]);
    expect(state.flags).toMatchObject({ resurrected: 1, 'missing-stop': 1 });
  });

  it('is counted in the feed of the NAS, whose sessions are then fewer', () => {
    const log = new LogBuilder()
      .control({ kind: 'nas-profile', nas: nasProfile({ interimSeconds: 600 }) })
      .record({ eventTimeMs: NOON });
    heard(log, NOON + 31 * MINUTE);
    const state = freshSlot();
    ends(state, log);
    expect(state.feeds.known('nas-1')?.openSessions).toBe(2);
    ends(state, log.tick(NOON + 45 * MINUTE));
    expect(state.feeds.known('nas-1')?.openSessions).toBe(1);
    expect(state.population.openSessions).toBe(1);
  });

  it('costs no look in vain: a due time that is soon moves with the record at hand', () => {
    const log = new LogBuilder().control({ kind: 'nas-profile', nas: nasProfile({ interimSeconds: 600 }) });
    const state = freshSlot();
    let drained = 0;
    const due: (number | null)[] = [];
    for (let i = 0; i < 12; i += 1) {
      log.record({ eventTimeMs: NOON + 10 * i * MINUTE, sessionTimeSeconds: 600 * i });
      drained += fold(state, log.inputs).drained;
      due.push(state.due.get('sub-1'));
    }
    expect(drained).toBe(0);
    expect(due.map((dueMs) => ((dueMs ?? 0) - NOON) / MINUTE)).toEqual([
      30, 30, 30, 60, 60, 60, 90, 90, 90, 120, 120, 120,
    ]);
  });

  it('changes no outcome: what a timer closes is no record', () => {
    const log = new LogBuilder().record({ eventTimeMs: NOON }).tick(NOON + 100 * HOUR);
    const state = freshSlot();
    expect(ends(state, log)).toHaveLength(1);
    expect(Object.values(state.counts).reduce((a, b) => a + b, 0)).toBe(1);
  });
});
