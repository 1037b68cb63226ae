import { describe, expect, it } from 'vitest';
import type { Control } from '../../schemas/control.ts';
import { fold, freshSlot, HOUR, LogBuilder, MINUTE, NOON, nasProfile } from '../../tests/factories.ts';
import { emptySlot } from './slot-state.ts';
import type { SlotState } from './slot-state.ts';

/** Accounting-On of a NAS as another slot tells it. */
function on(atMs: number, nasId = 'nas-1'): Control {
  return { kind: 'nas-event', nasId, event: 'on', atMs };
}

/** Folds what is new in the log, and gives what its sessions ended by. */
function ended(state: SlotState, log: LogBuilder): string[] {
  const { oneShots } = fold(state, log.inputs);
  return oneShots.flatMap(({ row }) => (row.kind === 'session' ? [`${row.sessionId} ${row.cause}`] : []));
}

function open(state: SlotState): string[] {
  const sessions = [...state.subscribers.values()].flatMap((subscriber) => subscriber.sessions);
  return sessions.map(({ sessionId }) => sessionId).sort();
}

describe('case 14: Accounting-On and Accounting-Off', () => {
  it.each([
    ['ACCOUNTING_ON', 'on'],
    ['ACCOUNTING_OFF', 'off'],
  ] as const)('%s of one slot is a control for all of them, numbered by its offset', (statusType, event) => {
    const log = new LogBuilder()
      .record({ eventTimeMs: NOON })
      .record({ statusType, subscriberId: '', eventTimeMs: NOON + MINUTE }, NOON + 2 * MINUTE);
    const state = emptySlot(3, freshSlot().settings, 0);
    const { outbox } = fold(state, log.inputs);
    expect(outbox).toEqual([
      {
        kind: 'control',
        id: { source: 'slot-3', n: 2 },
        appendTimeMs: NOON + 2 * MINUTE,
        control: { kind: 'nas-event', nasId: 'nas-1', event, atMs: NOON + MINUTE },
      },
    ]);
    expect(state.counts).toMatchObject({ 'nas-event': 1, 'zero-delta': 1 });
    // It takes effect with the control, here as everywhere.
    expect(open(state)).toEqual(['s1']);
  });

  it('closes what began at or before it and was not heard of since', () => {
    const log = new LogBuilder()
      .record({ sessionId: 'before', eventTimeMs: NOON - HOUR, outputOctets: 8 })
      .record({ sessionId: 'at', statusType: 'START', eventTimeMs: NOON })
      .record({ sessionId: 'since', statusType: 'START', eventTimeMs: NOON + 1 })
      .record({ sessionId: 'goes-on', statusType: 'START', eventTimeMs: NOON - HOUR })
      .record({ sessionId: 'goes-on', eventTimeMs: NOON + MINUTE, outputOctets: 3 })
      .record({ sessionId: 'elsewhere', nasId: 'nas-2', eventTimeMs: NOON - HOUR })
      .control(on(NOON));
    const state = freshSlot();
    for (let i = 0; i < 8; i += 1) log.tick(NOON + 2 * MINUTE + i);
    expect(ended(state, log)).toEqual(['before NAS-Reboot', 'at NAS-Reboot']);
    expect(open(state)).toEqual(['elsewhere', 'goes-on', 'since']);
    expect(state.subscribers.get('sub-1')?.tombstones).toMatchObject([
      { closedBy: 'nas-event', closedMs: NOON },
      { closedBy: 'nas-event', closedMs: NOON },
    ]);
    expect(state.flags['missing-stop']).toBe(2);
    expect(state.subscribers.get('sub-1')?.cycles[0]?.down).toBe(11);
  });

  it('closes at the next record of the subscriber what no sweep has come to yet', () => {
    const log = new LogBuilder().record({ eventTimeMs: NOON }).control(on(NOON + MINUTE));
    const state = freshSlot();
    fold(state, log.inputs);
    state.sweep = { bucket: 0, after: '\uffff', left: 1 };
    log.record({ sessionId: 's2', statusType: 'START', eventTimeMs: NOON + 2 * MINUTE });
    ended(state, log);
    expect(open(state)).toEqual(['s2']);
  });

  it('a later record with totals that do not fall takes the session up again', () => {
    const log = new LogBuilder()
      .record({ statusType: 'START', eventTimeMs: NOON })
      .record({ eventTimeMs: NOON + MINUTE, sessionTimeSeconds: 60, outputOctets: 10 })
      .control(on(NOON + 2 * MINUTE))
      .tick(NOON + 2 * MINUTE)
      .tick(NOON + 3 * MINUTE)
      .tick(NOON + 4 * MINUTE)
      .tick(NOON + 5 * MINUTE);
    const state = freshSlot();
    expect(ended(state, log)).toEqual(['s1 NAS-Reboot']);
    log.record({ eventTimeMs: NOON + 10 * MINUTE, sessionTimeSeconds: 600, outputOctets: 15 });
    ended(state, log);
    expect(open(state)).toEqual(['s1']);
    expect(state.subscribers.get('sub-1')?.cycles[0]?.down).toBe(15);
    expect(state.flags.resurrected).toBe(1);
    // The same mark does not close it again: it was heard of since.
    for (let i = 0; i < 5; i += 1) log.tick(NOON + 20 * MINUTE + i);
    expect(ended(state, log)).toEqual([]);
  });

  it.each([
    ['the profile says that it means nothing', { onOff: 'ignore' as const }, NOON + MINUTE, 9],
    ['it is a repeat', {}, NOON + MINUTE, 1],
    ['another slot told of the same one', {}, NOON, 9],
    ['another slot told of an older one', {}, NOON - 1, 9],
  ])('changes nothing where %s', (_name, fields, atMs, n) => {
    const log = new LogBuilder()
      .control({ kind: 'nas-profile', nas: nasProfile(fields) })
      .record({ eventTimeMs: NOON - MINUTE })
      .control(on(NOON), 1, 'slot-1');
    for (let i = 0; i < 5; i += 1) log.tick(NOON + i);
    const state = freshSlot();
    ended(state, log);
    log.record({ sessionId: 's2', statusType: 'START', eventTimeMs: NOON });
    ended(state, log);
    const before = open(state);
    const effects = fold(state, log.control(on(atMs, 'nas-1'), n, 'slot-1').inputs);
    expect([effects.catalogue.size, effects.hot.size, state.sweep]).toEqual([0, 0, null]);
    expect(open(state)).toEqual(before);
  });

  it('no control counts among the records', () => {
    const log = new LogBuilder().control(on(NOON)).control(on(NOON + 1));
    const state = freshSlot();
    fold(state, log.inputs);
    expect(Object.values(state.counts).every((count) => count === 0)).toBe(true);
    expect(state.controlsFolded).toBe(2);
  });

  it('forgets marks that are older than any record that may come, and never the newest', () => {
    const log = new LogBuilder()
      .control(on(NOON, 'old'))
      .tick(NOON + 7 * 24 * HOUR + 1)
      .control(on(NOON + 1, 'older still'));
    const state = freshSlot();
    fold(state, log.inputs);
    expect([...state.nasEvents.keys()]).toEqual(['older still']);
  });
});
