import { describe, expect, it } from 'vitest';
import type { UsageEvent } from '../../schemas/accounting-record.ts';
import type { NasProfile } from '../../schemas/profile.ts';
import { MeterRig, MINUTE, NOON, nasProfile } from './meter-rig.contract.ts';
import type { Report } from './meter-rig.contract.ts';
import { endByNasEvents, endByOperator, endOverdue } from './session-end.ts';

const FIRST = 'metered no-start estimated';

function rigWith(fields: Partial<NasProfile>): MeterRig {
  return new MeterRig({ nas: nasProfile(fields) });
}

describe('an id that is used again', () => {
  const again: Report[] = [
    { at: 0, kind: 'start' },
    { at: 30, time: 1800, totals: [100, 10] },
    { at: 60, time: 600, totals: [40, 4] },
    { at: 70, time: 1200, totals: [70, 7] },
  ];

  it('case 6: charges another session from 0 and closes the old one with its totals', () => {
    const rig = new MeterRig();
    expect(rig.all(again)).toEqual([
      'zero-delta',
      'metered',
      'metered id-reused no-start estimated',
      'metered',
    ]);
    expect(rig.sum).toEqual({ down: 170, up: 17 });
    expect(rig.metered[2]?.ended).toMatchObject([
      { session: { counted: { down: 100 }, closedBy: 'superseded' }, cause: 'superseded', flags: [] },
    ]);
    expect(rig.metered[2]?.tombstonesChanged).toBe(true);
  });

  it('case 6: old records that are delivered again count nothing, whatever they tell of their start', () => {
    for (const time of [1800, 0, null]) {
      const rig = new MeterRig();
      rig.all(again);
      rig.report({ at: 30, time, totals: [100, 10] });
      rig.report({ at: 30, kind: 'stop', time, totals: [100, 10] });
      expect(rig.sum).toEqual({ down: 170, up: 17 });
      expect(rig.subscriber.sessions).toHaveLength(1);
    }
  });

  it('case 6: the tail of the old one counts and leaves the new one open', () => {
    const rig = new MeterRig();
    rig.all(again);
    expect(rig.report({ at: 45, kind: 'stop', time: 2700, totals: [120, 10] }).outcome).toBe('metered');
    expect(rig.sum).toEqual({ down: 190, up: 17 });
    expect(rig.subscriber.sessions).toMatchObject([{ counted: { down: 70 } }]);
  });

  it('case 6: a late interim of the old one does not take it up again', () => {
    const rig = new MeterRig();
    rig.all(again);
    expect(rig.all([{ at: 45, time: 2700, totals: [120, 10] }])).toEqual(['metered']);
    expect(rig.subscriber.sessions).toMatchObject([{ counted: { down: 70 } }]);
  });
});

describe('a session that no Stop ended', () => {
  const silent = (): { timeoutMs: number; heardMs: number } => ({
    timeoutMs: 30 * MINUTE,
    heardMs: NOON + 600 * MINUTE,
  });

  function timedOut(): MeterRig {
    const rig = new MeterRig();
    rig.report({ at: 0, kind: 'start' });
    rig.report({ at: 5, time: 300, totals: [100, 10] });
    endOverdue(rig.subscriber, NOON + 40 * MINUTE, silent);
    expect(rig.subscriber.sessions).toEqual([]);
    return rig;
  }

  it('case 13: keeps its usage, and a later record takes it up again', () => {
    const rig = timedOut();
    const later = rig.report({ at: 90, time: 5400, totals: [130, 10] });
    expect(later).toMatchObject({ outcome: 'metered', flags: ['resurrected'], tombstonesChanged: true });
    expect(later).toMatchObject({ fromMs: NOON + 5 * MINUTE, intervalMs: null });
    expect(rig.subscriber.tombstones).toEqual([]);
    expect(rig.subscriber.sessions).toMatchObject([{ closedMs: null, closedBy: null }]);
    expect(rig.sum.down).toBe(130);
  });

  it.each<[string, Report, string, number, boolean]>([
    [
      'a Stop ends it for good',
      { at: 90, kind: 'stop', time: 5400, totals: [130, 10] },
      'metered resurrected',
      130,
      false,
    ],
    [
      'a Stop without octets too',
      { at: 90, kind: 'stop', totals: [0, 0] },
      'zero-delta resurrected',
      100,
      false,
    ],
    ['an older record leaves it closed', { at: 4, time: 240, totals: [110, 10] }, 'metered', 110, false],
    ['fallen totals leave it closed', { at: 90, time: 5400, totals: [3, 10] }, 'zero-delta fell', 100, false],
    ['a later start is another session', { at: 90, time: 60, totals: [3, 1] }, FIRST, 103, true],
    ['a record that only shows that it lives', { at: 90, time: 5400 }, 'zero-delta resurrected', 100, true],
  ])('case 13: %s', (_name, report, came, down, open) => {
    const rig = timedOut();
    expect(rig.all([report])).toEqual([came]);
    expect(rig.sum.down).toBe(down);
    expect(rig.subscriber.sessions).toHaveLength(open ? 1 : 0);
  });

  it('case 13: a 32-bit counter that wrapped meanwhile has not fallen', () => {
    const rig = rigWith({ gigawords: false });
    rig.report({ at: 5, time: 300, totals: [3_500_000_000, 10] });
    endOverdue(rig.subscriber, NOON + 40 * MINUTE, silent);
    expect(rig.all([{ at: 90, time: 5400, totals: [1000, 10] }])).toEqual(['metered resurrected wrapped']);
    expect(rig.sum.down).toBe(2 ** 32 + 1000);
  });

  it('case 14: what its NAS carried before the event stays with the closed session', () => {
    const rig = new MeterRig();
    rig.report({ at: 5, time: 300, totals: [100, 10] });
    endByNasEvents(rig.subscriber, new Map([['nas-1', NOON + 20 * MINUTE]]));
    expect(rig.all([{ at: 10, time: 600, totals: [110, 10] }])).toEqual(['metered']);
    expect(rig.subscriber.sessions).toEqual([]);
  });

  it('case 14: a later record with the same start and totals that do not fall reopens', () => {
    const rig = new MeterRig();
    rig.report({ at: 5, time: 300, totals: [100, 10] });
    endByNasEvents(rig.subscriber, new Map([['nas-1', NOON + 20 * MINUTE]]));
    expect(rig.all([{ at: 25, time: 1500, totals: [110, 10] }])).toEqual(['metered resurrected']);
    expect(rig.subscriber.sessions).toHaveLength(1);
  });

  it('an operator closes it, and a record takes it up again', () => {
    const rig = new MeterRig();
    rig.report({ at: 5, time: 300, totals: [100, 10] });
    endByOperator(rig.subscriber, 'nas-1', 's1', NOON + 6 * MINUTE);
    expect(rig.all([{ at: 10, time: 600, totals: [110, 10] }])).toEqual(['metered resurrected']);
  });

  it('an interim in order tells the interval, others do not', () => {
    const rig = new MeterRig();
    rig.all([
      { at: 0, kind: 'start' },
      { at: 5, time: 300, totals: [1, 1] },
      { at: 15, time: 900, totals: [2, 2] },
      { at: 15, time: 900, totals: [2, 2] },
      { at: 10, time: 600, totals: [1, 1] },
      { at: 20, kind: 'stop', time: 1200, totals: [3, 3] },
    ]);
    const intervals = rig.metered.map(({ intervalMs }) => intervalMs);
    expect(intervals).toEqual([null, 5 * MINUTE, 10 * MINUTE, null, null, null]);
  });
});

describe('several sessions of one subscriber', () => {
  const child: Partial<UsageEvent> = { sessionId: 'c1', parentSessionId: 's1', serviceClass: 'video' };

  it('case 16: sessions, devices and NAS all sum', () => {
    const rig = new MeterRig();
    rig.report({ at: 5, totals: [100, 10] });
    rig.report({ at: 5, totals: [50, 5], fields: { sessionId: 's2' } });
    rig.report({ at: 5, totals: [20, 2], fields: { nasId: 'nas-2' } });
    rig.report({ at: 5, totals: [3, 1], fields: { serviceName: 'voice' } });
    expect(rig.sum).toEqual({ down: 173, up: 18 });
  });

  it.each<[string, [number, number], Partial<UsageEvent>, boolean]>([
    ['equal totals', [100, 10], {}, true],
    ['other totals', [100, 11], {}, false],
    ['another multi-session', [100, 10], { multiSessionId: 'm2' }, false],
    ['another NAS', [100, 10], { nasId: 'nas-2' }, false],
  ])('case 16: siblings with %s: possible double count', (_name, totals, fields, flagged) => {
    const rig = new MeterRig();
    rig.report({ at: 5, totals: [100, 10], fields: { multiSessionId: 'm1' } });
    const other = { sessionId: 's2', multiSessionId: 'm1', ...fields };
    expect(rig.report({ at: 6, totals, fields: other }).flags.includes('double-count')).toBe(flagged);
    expect(rig.sum.down).toBe(200);
  });

  it.each([
    ['parent', [100, 10], 's1'],
    ['children', [60, 6], 'c1'],
  ] as const)('case 16: %s counts, the others are ignored', (subSessions, [down, up], sessionId) => {
    const rig = rigWith({ subSessions });
    rig.report({ at: 5, totals: [100, 10] });
    rig.report({ at: 5, totals: [60, 6], fields: child });
    expect(rig.metered.map(({ outcome }) => outcome).sort()).toEqual(['metered', 'zero-delta']);
    expect(rig.metered.filter(({ flags }) => flags.includes('sub-session'))).toHaveLength(1);
    expect(rig.sum).toEqual({ down, up });
    expect(rig.sessions).toMatchObject([{ sessionId, parentId: '' }]);
  });

  it('case 16: split: the parent counts, children move bytes out of its class', () => {
    const rig = rigWith({ subSessions: 'split' });
    expect(
      rig.all([
        { at: 5, totals: [60, 20], fields: child },
        { at: 5, totals: [100, 10] },
        { at: 10, totals: [70, 20], fields: child },
        { at: 10, totals: [120, 15] },
        { at: 12, kind: 'stop', totals: [80, 20], fields: child },
        { at: 15, kind: 'stop', totals: [140, 40] },
      ]),
    ).toEqual([
      'zero-delta no-start estimated sub-session',
      FIRST,
      'zero-delta sub-session',
      'metered',
      'zero-delta sub-session',
      'metered',
    ]);
    expect(rig.sum).toEqual({ down: 140, up: 40 });
    expect(Object.fromEntries(rig.shares)).toEqual({
      video: { down: 80, up: 20 },
      '': { down: 60, up: 20 },
    });
  });

  it('case 16: split: the oldest child is served first; a closed one is written again', () => {
    const rig = rigWith({ subSessions: 'split' });
    const second = { ...child, sessionId: 'c2', serviceClass: 'voice' };
    rig.report({ at: 8, kind: 'stop', time: 60, totals: [50, 0], fields: second });
    rig.report({ at: 9, time: 540, totals: [30, 0], fields: child });
    const parent = rig.report({ at: 10, totals: [40, 0] });
    expect(parent.shares).toEqual([
      { serviceClass: 'video', down: 30, up: 0 },
      { serviceClass: 'voice', down: 10, up: 0 },
    ]);
    expect(parent.tombstonesChanged).toBe(true);
  });

  it('case 16: split: a forgotten child moves nothing, pruned or not', () => {
    const rig = rigWith({ subSessions: 'split' });
    rig.report({ at: 8, kind: 'stop', time: 60, totals: [50, 0], fields: child });
    const weeks = 14 * 1440;
    expect(rig.report({ at: weeks, totals: [40, 0] }).shares).toEqual([
      { serviceClass: '', down: 40, up: 0 },
    ]);
  });

  it('case 16: split: a child that counted before its profile said so moves only what it counts since', () => {
    const rig = new MeterRig();
    rig.report({ at: 5, totals: [60, 0], fields: child });
    const since = new MeterRig({ nas: nasProfile({ subSessions: 'split' }) });
    since.subscriber.sessions.push(...rig.subscriber.sessions);
    since.report({ at: 10, totals: [70, 0], fields: child });
    expect(since.report({ at: 10, totals: [100, 0] }).shares).toEqual([
      { serviceClass: 'video', down: 10, up: 0 },
      { serviceClass: '', down: 90, up: 0 },
    ]);
  });

  it('case 16: shared: siblings report one counter, whenever they begin and end', () => {
    const rig = rigWith({ subSessions: 'shared' });
    const of = (sessionId: string): Partial<UsageEvent> => ({ sessionId, multiSessionId: 'm1' });
    expect(
      rig.all([
        { at: 0, kind: 'start', fields: of('s1') },
        { at: 30, totals: [100, 10], fields: of('s1') },
        { at: 60, kind: 'start', time: 0, fields: of('s2') },
        { at: 65, time: 300, totals: [120, 10], fields: of('s2') },
        { at: 66, totals: [119, 10], fields: of('s1') },
        { at: 70, kind: 'stop', totals: [130, 10], fields: of('s1') },
        { at: 95, time: 2100, totals: [150, 12], fields: of('s2') },
        { at: 96, kind: 'stop', time: 2160, totals: [150, 12], fields: of('s2') },
      ]),
    ).toEqual([
      'zero-delta',
      'metered',
      'zero-delta',
      'metered',
      'zero-delta',
      'metered',
      'metered resurrected',
      'zero-delta',
    ]);
    expect(rig.sum).toEqual({ down: 150, up: 12 });
    expect(rig.sessions).toMatchObject([{ sessionId: 'm1', closedBy: 'stop' }]);
  });

  it('case 16: shared: a record without a multi-session id is a session of its own', () => {
    const rig = rigWith({ subSessions: 'shared' });
    rig.report({ at: 5, totals: [100, 10], fields: { multiSessionId: 'm1' } });
    rig.report({ at: 5, totals: [50, 5], fields: { multiSessionId: '' } });
    expect(rig.sum.down).toBe(150);
  });
});
