import { describe, expect, it } from 'vitest';
import type { OperatorCommand } from '../../schemas/control.ts';
import type { ClosedCycle, UsageAdjustment } from '../../schemas/usage-record.ts';
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

const JULY = Date.UTC(2026, 6, 1);
const AUGUST = Date.UTC(2026, 7, 1);
const SEPTEMBER = Date.UTC(2026, 8, 1);

function command(log: LogBuilder, fields: Record<string, unknown>, n?: number): LogBuilder {
  const given = { subscriberId: 'sub-1', by: 'ann', ...fields } as OperatorCommand;
  return log.control({ kind: 'operator', command: given }, n, 'relay');
}

function adjust(log: LogBuilder, atMs: number, downBytes: number, upBytes = 0, n?: number): LogBuilder {
  return command(log, { type: 'adjust', atMs, downBytes, upBytes, reason: 'a fault of ours' }, n);
}

function adjustments({ outbox }: Pick<BatchEffects, 'outbox'>): UsageAdjustment[] {
  return outbox.flatMap((record) => (record.kind === 'adjustment' ? [record.adjustment] : []));
}

function closedCycles({ outbox }: Pick<BatchEffects, 'outbox'>): ClosedCycle[] {
  return outbox.flatMap((record) => (record.kind === 'closed-cycle' ? [record.cycle] : []));
}

function lineOf(state: SlotState): Subscriber {
  const line = state.subscribers.get('sub-1');
  if (line === undefined) throw new Error('nothing was folded');
  return line;
}

describe('close-session', () => {
  it('ends the session with its totals; a later record takes it up again', () => {
    const log = new LogBuilder()
      .record({ statusType: 'START', eventTimeMs: NOON })
      .record({ eventTimeMs: NOON + 5 * MINUTE, sessionTimeSeconds: 300, outputOctets: 60 });
    command(log, { type: 'close-session', nasId: 'nas-1', sessionId: 's1' });
    const state = freshSlot();
    const { oneShots } = fold(state, log.inputs);
    expect(oneShots.map(({ row }) => row)).toMatchObject([{ cause: 'Operator', down: 60, version: 3 }]);
    expect(lineOf(state).tombstones).toMatchObject([{ closedBy: 'operator', closedMs: NOON + 4 * MINUTE }]);
    expect(state.flags['missing-stop']).toBe(0);
    log.record({ eventTimeMs: NOON + 10 * MINUTE, sessionTimeSeconds: 600, outputOctets: 90 });
    fold(state, log.inputs);
    expect([lineOf(state).sessions.length, lineOf(state).cycles[0]?.down]).toEqual([1, 90]);
    expect(state.flags.resurrected).toBe(1);
  });

  it.each([
    ['of another NAS', { nasId: 'nas-2', sessionId: 's1' }],
    ['of another id', { nasId: 'nas-1', sessionId: 's2' }],
  ])('%s ends nothing', (_name, fields) => {
    const log = new LogBuilder().record({ eventTimeMs: NOON });
    const state = freshSlot();
    const { oneShots } = fold(state, command(log, { type: 'close-session', ...fields }).inputs);
    expect([oneShots, lineOf(state).sessions.length]).toEqual([[], 1]);
  });
});

describe('adjust', () => {
  it('is a signed record for billing, and beside the measured bytes of its cycle', () => {
    const log = new LogBuilder().enforced().record({ eventTimeMs: NOON, outputOctets: 500 });
    adjust(log, NOON, -200, 7);
    const state = freshSlot();
    expect(adjustments(fold(state, log.inputs))).toEqual([
      {
        id: '0:4:0',
        subscriberId: 'sub-1',
        cycleStartMs: JULY,
        cycleEndMs: AUGUST,
        serviceClass: '',
        downBytes: -200,
        upBytes: 7,
        reason: 'operator',
        detail: 'ann: a fault of ours',
        partition: 0,
        offset: 4,
      },
    ]);
    expect(lineOf(state).cycles[0]).toMatchObject({ down: 500, up: 0, adjusted: { down: -200, up: 7 } });
  });

  it('counts against the cap, to the byte', () => {
    const log = new LogBuilder().enforced().record({ eventTimeMs: NOON, outputOctets: 900 });
    const state = freshSlot();
    expect(intentsOf(fold(state, adjust(log, NOON, 99).inputs))).toEqual([]);
    expect(intentsOf(fold(state, adjust(log, NOON, 0, 1).inputs))).toMatchObject([{ kind: 'throttle' }]);
    adjust(log, NOON, -1000).tick(NOON + HOUR);
    expect(intentsOf(fold(state, log.inputs))).toMatchObject([{ kind: 'restore' }]);
  });

  it('comes once, however often it is read', () => {
    const log = adjust(new LogBuilder().tick(NOON), NOON, 5, 0, 3);
    adjust(log, NOON, 5, 0, 3);
    const state = freshSlot();
    expect(adjustments(fold(state, log.inputs))).toHaveLength(1);
    expect(lineOf(state).cycles[0]?.adjusted).toEqual({ down: 5, up: 0 });
  });

  it('of an instant in the past goes to that cycle, closed or not, of someone unknown too', () => {
    const log = new LogBuilder().record({ eventTimeMs: AUGUST + 10 * DAY });
    adjust(adjust(log, JULY + DAY, 8), AUGUST, 9);
    command(log, { type: 'adjust', subscriberId: 'new', atMs: NOON, downBytes: 1, upBytes: 1, reason: 'r' });
    const state = freshSlot();
    const made = adjustments(fold(state, log.inputs));
    expect(
      made.map(({ subscriberId, cycleStartMs, downBytes }) => [subscriberId, cycleStartMs, downBytes]),
    ).toEqual([
      ['sub-1', JULY, 8],
      ['sub-1', AUGUST, 9],
      ['new', JULY, 1],
    ]);
    expect(lineOf(state).pastCycles).toMatchObject([{ startMs: JULY, adjusted: { down: 8 } }]);
  });

  it('goes to billing with its cycle, beside the bytes', () => {
    const log = adjust(new LogBuilder().record({ eventTimeMs: NOON, outputOctets: 5 }), NOON, -2, 1);
    expect(closedCycles(fold(freshSlot(), log.tick(AUGUST + DAY).inputs))).toMatchObject([
      {
        classes: [{ serviceClass: '', downBytes: 5, upBytes: 0 }],
        adjustedDownBytes: -2,
        adjustedUpBytes: 1,
      },
    ]);
  });

  it.each([
    ['one that is too large', [2 ** 53 - 1]],
    ['several that are together', [2 ** 51, 2 ** 51 - 1, 1]],
    ['several to the other side', [-(2 ** 51), 1 - 2 ** 51, -1]],
  ])('that could not be stored any more (%s) is a dead letter and changes nothing', (_name, amounts) => {
    const log = new LogBuilder().tick(NOON);
    for (const amount of amounts) adjust(log, NOON, amount);
    const state = freshSlot();
    const effects = fold(state, log.inputs);
    expect(effects.dead).toMatchObject([{ offset: amounts.length, reason: 'bad-control' }]);
    expect(state.counts['dead-lettered']).toBe(1);
    expect(adjustments(effects)).toHaveLength(amounts.length - 1);
    const { adjusted } = lineOf(state).cycles[0] ?? { adjusted: { down: Number.NaN } };
    expect(Math.abs(adjusted.down)).toBeLessThan(2 ** 52);
  });
});

describe('a cycle that closes', () => {
  /** Usage of two classes in July, and the clock of the log at `untilMs`. */
  function july(untilMs: number): LogBuilder {
    return new LogBuilder()
      .control({ kind: 'plan-version', plan: plan() })
      .control({ kind: 'subscriber-profile', profile: profile() })
      .record({ eventTimeMs: NOON, outputOctets: 100, inputOctets: 3 })
      .record({ eventTimeMs: NOON, sessionId: 'tv', serviceClass: 'tv', outputOctets: 40 })
      .tick(untilMs);
  }

  it('goes to billing once, a day after its end, with its classes', () => {
    const log = july(AUGUST + DAY - 1);
    const state = freshSlot();
    expect(closedCycles(fold(state, log.inputs))).toEqual([]);
    expect(closedCycles(fold(state, log.tick(AUGUST + DAY).inputs))).toEqual([
      {
        subscriberId: 'sub-1',
        cycleStartMs: JULY,
        cycleEndMs: AUGUST,
        planId: 'home-100',
        classes: [
          { serviceClass: '', downBytes: 100, upBytes: 3 },
          { serviceClass: 'tv', downBytes: 40, upBytes: 0 },
        ],
        adjustedDownBytes: 0,
        adjustedUpBytes: 0,
        parts: [
          {
            fromMs: JULY,
            toMs: AUGUST,
            planId: 'home-100',
            version: 1,
            unlimited: false,
            countedBytes: 143,
            classes: [
              { serviceClass: '', downBytes: 100, upBytes: 3 },
              { serviceClass: 'tv', downBytes: 40, upBytes: 0 },
            ],
            offPeak: [],
          },
        ],
        allowance: { baseBytes: 1000, carryInBytes: 0, carryOutBytes: 0, topUps: [] },
        overage: { blocks: 0, soldBytes: 0, overBytes: -857, correctedBytes: 0, terms: null },
        partition: 0,
        offset: 5,
      },
    ]);
    for (const at of [2, 3, 10]) log.tick(AUGUST + at * DAY);
    expect(closedCycles(fold(state, log.inputs))).toEqual([]);
  });

  it('and what comes later: an adjustment, a late row, and in the stored cycle all the same', () => {
    const log = july(AUGUST + DAY);
    const state = freshSlot();
    fold(state, log.inputs);
    const atMs = AUGUST - 2 * HOUR;
    const record = { sessionId: 'late', eventTimeMs: atMs, outputOctets: 11, inputOctets: 2 };
    const effects = fold(state, log.record(record, AUGUST + 3 * DAY).inputs);
    expect(adjustments(effects)).toMatchObject([
      { id: '0:5:0', cycleStartMs: JULY, downBytes: 11, upBytes: 2, reason: 'late-usage', serviceClass: '' },
    ]);
    const late = effects.oneShots.filter(({ row }) => row.kind === 'late');
    expect(late).toMatchObject([{ row: { down: 11, up: 2 } }]);
    expect(lineOf(state).pastCycles[0]).toMatchObject({ down: 151, up: 5, closed: true });
    expect(
      lineOf(state).days.reduce((sum, { down }) => sum + down, 0) + (lineOf(state).today?.down ?? 0),
    ).toBe(151);
  });

  it('late usage over its end: only the closed part is an adjustment', () => {
    const log = july(AUGUST + DAY);
    const state = freshSlot();
    fold(state, log.inputs);
    const record = {
      sessionId: 'x',
      eventTimeMs: AUGUST + HOUR,
      sessionTimeSeconds: 7200,
      outputOctets: 200,
    };
    const effects = fold(state, log.record(record, AUGUST + 2 * DAY).inputs);
    expect(adjustments(effects)).toMatchObject([{ cycleStartMs: JULY, downBytes: 100 }]);
    expect([lineOf(state).pastCycles[0]?.down, lineOf(state).cycles[0]?.down]).toEqual([240, 100]);
  });

  it('and several late parts of one record have an id each', () => {
    const log = july(AUGUST + DAY);
    const state = freshSlot();
    fold(state, log.inputs);
    const span = {
      sessionId: 'x',
      eventTimeMs: AUGUST - HOUR,
      sessionTimeSeconds: 33 * 86_400,
      outputOctets: 990,
    };
    const effects = fold(state, log.record(span, AUGUST + 2 * DAY).inputs);
    const made = adjustments(effects);
    expect(new Set(made.map(({ id }) => id)).size).toBe(made.length);
    expect(made.reduce((sum, { downBytes }) => sum + downBytes, 0)).toBe(
      lineOf(state)
        .pastCycles.filter(({ closed }) => closed)
        .reduce((sum, { down }) => sum + down, 0) - 140,
    );
  });

  it('that had no usage so far closes with the next look, though its day is long over', () => {
    const log = new LogBuilder()
      .control({ kind: 'subscriber-profile', profile: profile() })
      .record({ statusType: 'STOP', eventTimeMs: AUGUST + 5 * DAY })
      .record(
        { statusType: 'STOP', sessionId: 'old', eventTimeMs: AUGUST - DAY, outputOctets: 9 },
        AUGUST + 5 * DAY,
      )
      .tick(AUGUST + 5 * DAY + HOUR)
      .tick(AUGUST + 6 * DAY);
    const closed = closedCycles(fold(freshSlot(), log.inputs));
    expect(closed).toMatchObject([{ cycleStartMs: JULY, classes: [{ downBytes: 9 }] }]);
  });

  it('each of several that a jump of the clock went over closes, oldest first', () => {
    const log = july(NOON).tick(SEPTEMBER + 2 * DAY);
    const closed = closedCycles(fold(freshSlot(), log.inputs));
    expect(closed.map(({ cycleStartMs }) => cycleStartMs)).toEqual([JULY]);
  });
});
