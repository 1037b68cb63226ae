import { describe, expect, it } from 'vitest';
import type { UsageEvent } from '../../schemas/accounting-record.ts';
import type { UsageAdjustment } from '../../schemas/usage-record.ts';
import {
  DAY,
  fold,
  freshSlot,
  HOUR,
  intentsOf,
  LogBuilder,
  MINUTE,
  nasProfile,
  NOON,
  usageEvent,
} from '../../tests/factories.ts';
import type { BatchEffects } from './effects.ts';
import type { Subscriber, SlotState } from './slot-state.ts';

const JULY = Date.UTC(2026, 6, 1);

/** A letter's record, read at `readMs`, that an operator replays at `atMs` of the log's clock. */
function replay(
  log: LogBuilder,
  fields: Partial<UsageEvent>,
  { atMs = NOON + HOUR, readMs = NOON, offset = 77 } = {},
): LogBuilder {
  const letter = { partition: 0, offset };
  log.control({ kind: 'replay', letter, appendTimeMs: readMs, event: usageEvent(fields), by: 'ann' });
  const input = log.inputs.at(-1);
  if (input !== undefined) input.appendTimeMs = atMs;
  return log;
}

function adjustments({ outbox }: Pick<BatchEffects, 'outbox'>): UsageAdjustment[] {
  return outbox.flatMap((record) => (record.kind === 'adjustment' ? [record.adjustment] : []));
}

function lineOf(state: SlotState): Subscriber {
  const line = state.subscribers.get('sub-1');
  if (line === undefined) throw new Error('nothing was folded');
  return line;
}

function down(state: SlotState): number {
  const { cycles, pastCycles } = lineOf(state);
  return [...cycles, ...pastCycles].reduce((sum, cycle) => sum + cycle.down, 0);
}

describe('a replayed letter within acceptLateness', () => {
  const interim = { eventTimeMs: NOON, sessionTimeSeconds: 300, outputOctets: 80 };

  it('is metered by the same rules, in its own time; it is no record in', () => {
    const log = new LogBuilder()
      .record({ statusType: 'START', eventTimeMs: NOON - 5 * MINUTE })
      .record({ eventTimeMs: NOON + 10 * MINUTE, sessionTimeSeconds: 900, outputOctets: 30 });
    const state = freshSlot();
    const effects = fold(state, replay(log, interim).inputs);
    expect(lineOf(state).rows.find(({ startMs }) => startMs === NOON)?.down).toBeGreaterThan(0);
    expect([down(state), adjustments(effects)]).toEqual([80, []]);
    expect(Object.values(state.counts).reduce((a, b) => a + b, 0)).toBe(2);
  });

  it('counts once, however often it is replayed and whatever comes besides', () => {
    const log = new LogBuilder().record({ statusType: 'START', eventTimeMs: NOON - 5 * MINUTE });
    replay(replay(replay(log, interim), interim, { offset: 78 }), interim);
    const state = freshSlot();
    fold(state, log.record(interim).inputs);
    expect(down(state)).toBe(80);
  });

  it('of an unknown session opens it; the live record adds what is new', () => {
    const log = replay(new LogBuilder(), interim);
    const state = freshSlot();
    fold(state, log.record({ ...interim, eventTimeMs: NOON + MINUTE, outputOctets: 100 }).inputs);
    expect([down(state), lineOf(state).sessions.length]).toEqual([100, 1]);
    expect(state.counts).toMatchObject({ metered: 1, duplicate: 0 });
  });

  it('takes the time of its record from when it was read, not from now', () => {
    const log = replay(new LogBuilder(), { eventTimeMs: null, outputOctets: 5 }, { atMs: NOON + DAY });
    const state = freshSlot();
    fold(state, log.inputs);
    expect(lineOf(state).sessions[0]?.lastEventMs).toBe(NOON);
  });

  it('may reach the cap, and ends its session where it is a Stop', () => {
    const log = new LogBuilder().enforced().tick(NOON);
    const state = freshSlot();
    const effects = fold(state, replay(log, { ...interim, statusType: 'STOP', outputOctets: 1000 }).inputs);
    expect(intentsOf(effects)).toMatchObject([{ kind: 'throttle' }]);
    expect(effects.oneShots.filter(({ row }) => row.kind === 'session')).toHaveLength(1);
    expect(lineOf(state).tombstones).toHaveLength(1);
  });

  it('that is late leaves a late row; of a closed cycle an adjustment besides', () => {
    const atMs = Date.UTC(2026, 6, 30);
    const nowMs = Date.UTC(2026, 7, 3);
    const log = new LogBuilder().record({ sessionId: 'july', eventTimeMs: atMs - DAY }).tick(nowMs);
    const state = freshSlot();
    fold(state, log.inputs);
    const effects = fold(
      state,
      replay(log, { eventTimeMs: atMs, outputOctets: 9 }, { readMs: atMs, atMs: nowMs }).inputs,
    );
    expect(adjustments(effects)).toMatchObject([{ id: '0:2:0', reason: 'late-usage', downBytes: 9 }]);
    expect(effects.oneShots.filter(({ row }) => row.kind === 'late')).toHaveLength(1);
    expect(lineOf(state).pastCycles[0]?.down).toBe(9);
  });

  it('with totals that are still no exact numbers changes nothing', () => {
    const log = new LogBuilder().record({ eventTimeMs: NOON, outputOctets: 7 });
    const state = freshSlot();
    fold(state, log.inputs);
    const effects = fold(state, replay(log, { eventTimeMs: NOON, outputOctets: 2 ** 53 - 1 }).inputs);
    expect([down(state), adjustments(effects), effects.dead]).toEqual([7, [], []]);
    expect(lineOf(state).sessions).toMatchObject([{ level: { down: 7 } }]);
  });

  it('is skipped where its number was folded', () => {
    const log = new LogBuilder();
    const control = { kind: 'replay', letter: { partition: 0, offset: 1 }, appendTimeMs: NOON } as const;
    log.control({ ...control, event: usageEvent(interim), by: 'ann' }, 5);
    log.control({ ...control, event: usageEvent({ ...interim, outputOctets: 900 }), by: 'ann' }, 5);
    const state = freshSlot();
    fold(state, log.inputs);
    expect(down(state)).toBe(80);
  });
});

describe('case 10: a replayed letter of beyond acceptLateness', () => {
  const NOW = { atMs: NOON + 10 * DAY, readMs: NOON + 9 * DAY };
  const old = {
    statusType: 'STOP',
    eventTimeMs: NOON,
    sessionTimeSeconds: 600,
    outputOctets: 60,
    inputOctets: 4,
  } as const;

  it('is an adjustment of the cycle it belongs to, and nowhere else', () => {
    const log = new LogBuilder().tick(NOW.atMs);
    const state = freshSlot();
    const effects = fold(state, replay(log, old, NOW).inputs);
    expect(adjustments(effects)).toEqual([
      {
        id: 'letter:0:77',
        subscriberId: 'sub-1',
        cycleStartMs: JULY,
        cycleEndMs: Date.UTC(2026, 7, 1),
        serviceClass: '',
        downBytes: 60,
        upBytes: 4,
        reason: 'replay',
        detail: 'ann: NAS nas-1, session s1',
        partition: 0,
        offset: 1,
      },
    ]);
    expect([down(state), lineOf(state).today, effects.windows.size, effects.oneShots]).toEqual([
      0,
      null,
      0,
      [],
    ]);
    expect(Object.values(state.counts).every((count) => count === 0)).toBe(true);
  });

  it('counts once: a second letter of the session adds only what is new, a live record too', () => {
    const log = new LogBuilder().tick(NOW.atMs);
    replay(replay(log, old, NOW), old, NOW);
    replay(log, { ...old, outputOctets: 75 }, { ...NOW, offset: 78 });
    const state = freshSlot();
    const made = adjustments(fold(state, log.inputs));
    expect(made.map(({ id, downBytes, upBytes }) => [id, downBytes, upBytes])).toEqual([
      ['letter:0:77', 60, 4],
      ['letter:0:78', 15, 0],
    ]);
    log.record({
      eventTimeMs: NOW.atMs,
      sessionTimeSeconds: 10 * 86_400 + 600,
      outputOctets: 100,
      inputOctets: 4,
    });
    fold(state, log.inputs);
    expect(down(state)).toBe(25);
  });

  it('of a session that goes on adds what its counter had not shown yet: nothing', () => {
    const log = new LogBuilder()
      .record({ statusType: 'START', eventTimeMs: NOON })
      .record({ eventTimeMs: NOW.atMs, sessionTimeSeconds: 10 * 86_400, outputOctets: 500 });
    const state = freshSlot();
    const before = {
      ...old,
      statusType: 'INTERIM_UPDATE',
      eventTimeMs: NOON + HOUR,
      sessionTimeSeconds: 3600,
    } as const;
    const effects = fold(state, replay(log, { ...before, inputOctets: 0 }, NOW).inputs);
    expect([adjustments(effects), down(state)]).toEqual([[], 500]);
    expect(lineOf(state).sessions).toHaveLength(1);
  });

  it.each([
    ['a child whose parent reports', { subSessions: 'parent' as const }, { parentSessionId: 'p' }],
    ['one beyond 2^53', {}, { outputOctets: 2 ** 53 - 1, inputOctets: 1 }],
  ])('%s adjusts nothing', (_name, nas, fields) => {
    const log = new LogBuilder().control({ kind: 'nas-profile', nas: nasProfile(nas) }).tick(NOW.atMs);
    expect(adjustments(fold(freshSlot(), replay(log, { ...old, ...fields }, NOW).inputs))).toEqual([]);
  });

  it('starts nothing', () => {
    const log = new LogBuilder().enforced().tick(NOW.atMs);
    const effects = fold(freshSlot(), replay(log, { ...old, outputOctets: 9000 }, NOW).inputs);
    expect(intentsOf(effects)).toEqual([]);
  });
});
