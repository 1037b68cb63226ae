import { describe, expect, it } from 'vitest';
import type { NasProfile } from '../../schemas/profile.ts';
import { MeterRig, MINUTE, NOON, nasProfile } from './meter-rig.contract.ts';
import type { Report } from './meter-rig.contract.ts';
import { nasProfileOf, notBillable } from './nas-profile.ts';

const G = 1_000_000_000;
const WRAP = 2 ** 32;

/** Down totals of interims, 5 min apart from 5 min after noon on; a number of them is given its flags and the sum. */
type Row = [name: string, reports: Report[], came: string[], sum: number, fields?: Partial<NasProfile>];

function interims(...totals: (number | null)[]): Report[] {
  return totals.map((down, i) => ({ at: 5 * (i + 1), totals: [down, 0] }));
}

const FIRST = 'metered no-start estimated';

function holds([, reports, came, sum, fields = {}]: Row): void {
  const rig = new MeterRig({ nas: nasProfile(fields) });
  expect(rig.all(reports)).toEqual(came);
  expect(rig.sum.down).toBe(sum);
}

describe('a 32-bit counter', () => {
  it.each<Row>([
    ['case 3: wraps', interims(3.5 * G, 1 * G), [FIRST, 'metered wrapped'], WRAP + G],
    [
      'case 3: wraps twice',
      interims(3.5 * G, 1 * G, 3 * G, 0.5 * G),
      [FIRST, 'metered wrapped', 'metered', 'metered wrapped'],
      2 * WRAP + 0.5 * G,
    ],
    [
      'case 3: old readings that are delivered again after a wrap count nothing',
      [...interims(1 * G, 3 * G, 10), ...interims(1 * G, 3 * G), { at: 20, totals: [20, 0] }],
      [FIRST, 'metered', 'metered wrapped', 'reordered', 'reordered', 'metered'],
      WRAP + 20,
    ],
    [
      'case 3: a late reading from before a wrap, and the next one',
      [
        ...interims(1 * G),
        { at: 15, totals: [10, 0] },
        { at: 10, totals: [3 * G, 0] },
        { at: 20, totals: [20, 0] },
      ],
      [FIRST, 'zero-delta fell', 'metered', 'metered wrapped'],
      WRAP + 20,
    ],
    [
      'case 3: a drop of less than half is no wrap',
      interims(3 * G, 2 * G, 2.5 * G),
      [FIRST, 'zero-delta fell', 'metered restarted'],
      3.5 * G,
    ],
    [
      'case 3: a zero is no wrap',
      interims(3 * G, 0, 3.1 * G),
      [FIRST, 'zero-delta fell', 'metered'],
      3.1 * G,
    ],
    [
      'case 3: a NAS that sends gigawords after all',
      interims(3 * G, WRAP + 5, WRAP + 9),
      [FIRST, 'metered', 'metered'],
      WRAP + 9,
    ],
    [
      'case 3: kilobytes wrap at 2^32 kilobytes',
      interims(3.5 * G, 1 * G),
      [FIRST, 'metered wrapped'],
      1000 * (WRAP + G),
      { unit: 'kilobytes' },
    ],
    [
      'case 3: two records in the second of a wrap',
      [...interims(3.5 * G, 10), { at: 10, totals: [20, 0] }],
      [FIRST, 'metered wrapped', 'metered'],
      WRAP + 20,
    ],
    [
      'case 3: a Stop may have wrapped too',
      [...interims(3.5 * G), { at: 10, kind: 'stop', totals: [1 * G, 0] }],
      [FIRST, 'metered wrapped'],
      WRAP + G,
    ],
  ])('%s', (name, reports, came, sum, fields = {}) => {
    holds([name, reports, came, sum, { gigawords: false, ...fields }]);
  });

  it('case 3: one direction wraps, the other goes on', () => {
    const rig = new MeterRig({ nas: nasProfile({ gigawords: false }) });
    rig.all([
      { at: 5, totals: [3.5 * G, 100] },
      { at: 10, totals: [1 * G, 150] },
    ]);
    expect(rig.sum).toEqual({ down: WRAP + G, up: 150 });
  });

  it.each([
    [57_000_000, 10, false, true],
    [28_700_000, 10, false, true],
    [28_600_000, 10, false, false],
    [57_000_000, 5, false, false],
    [10_000_000_000, 60, true, false],
  ])('case 3: %d bit/s and %d min, gigawords %s: not billable %s', (bps, minutes, gigawords, expected) => {
    expect(notBillable(nasProfile({ gigawords }), bps, minutes * MINUTE)).toBe(expected);
  });

  it('case 3: counters of kilobytes last a thousand times longer', () => {
    const nas = nasProfile({ gigawords: false, unit: 'kilobytes' });
    expect(notBillable(nas, 57_000_000, 10 * MINUTE)).toBe(false);
  });
});

describe('a counter that fell', () => {
  it.each<Row>([
    [
      'case 7: a glitch: back at the watermark',
      interims(100, 5, 100, 120),
      [FIRST, 'zero-delta fell', 'zero-delta', 'metered'],
      120,
    ],
    [
      'case 7: a restart: charged from the low total',
      interims(100, 5, 30, 130),
      [FIRST, 'zero-delta fell', 'metered restarted', 'metered'],
      225,
    ],
    [
      'case 7: a restart to the same total is confirmed',
      [
        { at: 5, time: 300, totals: [100, 0] },
        { at: 10, time: 600, totals: [5, 0] },
        { at: 15, time: 900, totals: [5, 0] },
        { at: 20, time: 1200, totals: [25, 0] },
      ],
      [FIRST, 'zero-delta fell', 'zero-delta restarted', 'metered'],
      120,
    ],
    [
      'case 7: falling again moves the candidate',
      interims(100, 50, 5, 30),
      [FIRST, 'zero-delta fell', 'zero-delta fell', 'metered restarted'],
      125,
    ],
    [
      'case 7: from 0 where the profile says that counters reset',
      interims(100, 5, 30),
      [FIRST, 'zero-delta fell', 'metered restarted'],
      130,
      { countersReset: true },
    ],
    [
      'case 7: a low total that is sent again does not confirm itself',
      [
        { at: 5, time: 300, totals: [100, 0] },
        { at: 10, time: 600, totals: [5, 0] },
        { at: 11, time: 600, totals: [5, 0] },
        { at: 15, time: 900, totals: [120, 0] },
      ],
      [FIRST, 'zero-delta fell', 'duplicate', 'metered'],
      120,
    ],
    [
      'case 7: a record without octets says nothing',
      [...interims(100, 5), { at: 12, time: 720 }, { at: 15, totals: [30, 0] }],
      [FIRST, 'zero-delta fell', 'zero-delta', 'metered restarted'],
      125,
    ],
    [
      'case 7: an older record while the low total waits',
      [...interims(100, 5), { at: 7, totals: [110, 0] }, { at: 15, totals: [30, 0] }],
      [FIRST, 'zero-delta fell', 'metered', 'metered restarted'],
      135,
    ],
    [
      'case 7: records from before the restart are held against the counter as it was',
      [
        ...interims(100, 5, 30),
        { at: 5, totals: [100, 0] },
        { at: 8, totals: [110, 0] },
        { at: 8, totals: [110, 0] },
      ],
      [FIRST, 'zero-delta fell', 'metered restarted', 'reordered', 'metered', 'reordered'],
      135,
    ],
    [
      'case 7: after a second restart they count nothing',
      [...interims(100, 5, 30, 2, 10), { at: 8, totals: [110, 0] }],
      [FIRST, 'zero-delta fell', 'metered restarted', 'zero-delta fell', 'metered restarted', 'reordered'],
      133,
    ],
    [
      'case 7: a Stop confirms a restart',
      [...interims(100, 5), { at: 15, kind: 'stop', totals: [30, 0] }],
      [FIRST, 'zero-delta fell', 'metered restarted'],
      125,
    ],
    [
      'case 7: a Stop below the low total confirms nothing',
      [...interims(100, 5), { at: 15, kind: 'stop', totals: [3, 0] }],
      [FIRST, 'zero-delta fell', 'zero-delta fell'],
      100,
    ],
    [
      'case 8: a Stop without octets drops the low total',
      [...interims(100, 5), { at: 15, kind: 'stop' }],
      [FIRST, 'zero-delta fell', 'zero-delta'],
      100,
    ],
  ])('%s', (...row) => {
    holds(row);
  });

  it('case 8: no low total waits in a session that its Stop closed', () => {
    const rig = new MeterRig();
    rig.all([...interims(100, 5), { at: 15, kind: 'stop' }]);
    expect(rig.subscriber.tombstones).toMatchObject([{ candidate: null, closedBy: 'stop' }]);
  });

  it('case 7: directions are judged together: what was lost in one is not charged in the other', () => {
    const rig = new MeterRig();
    rig.all([
      { at: 5, totals: [100, 50] },
      { at: 10, totals: [120, 10] },
      { at: 15, totals: [null, 12] },
      { at: 20, totals: [130, 20] },
    ]);
    expect(rig.sum).toEqual({ down: 110, up: 60 });
  });

  it('case 7: from 0 where another NAS of the group took the session over', () => {
    const rig = new MeterRig({ nas: nasProfile({ redundancyGroup: 'pair' }) });
    const other = { nasId: 'nas-2' };
    expect(
      rig.all([
        { at: 5, totals: [100, 10] },
        { at: 10, totals: [5, 1], fields: other },
        { at: 15, totals: [30, 3], fields: other },
        { at: 20, totals: [35, 3], fields: other },
        { at: 4, totals: [90, 9] },
      ]),
    ).toEqual([FIRST, 'zero-delta fell', 'metered restarted', 'metered', 'reordered']);
    expect(rig.sum).toEqual({ down: 135, up: 13 });
    expect(rig.sessions).toMatchObject([{ nasId: 'nas-2', group: 'pair' }]);
  });

  it('case 7: a NAS of the group that keeps the counters continues them', () => {
    const rig = new MeterRig({ nas: nasProfile({ redundancyGroup: 'pair' }) });
    rig.report({ at: 5, totals: [100, 10] });
    rig.report({ at: 10, totals: [120, 12], fields: { nasId: 'nas-2' } });
    expect(rig.sum).toEqual({ down: 120, up: 12 });
  });
});

describe('Weir put on a live network', () => {
  const counting = { countFromMs: NOON };

  it.each<[string, Report[], string[], number]>([
    [
      'case 12: what an unknown session carried before is not charged',
      [
        { at: 5, time: 3600, totals: [100, 10] },
        { at: 10, time: 3900, totals: [130, 10] },
      ],
      ['baselined no-start', 'metered'],
      30,
    ],
    [
      'case 12: delivered again and out of order it is not charged either',
      [
        { at: 10, time: 3900, totals: [130, 10] },
        { at: 10, time: 3900, totals: [130, 10] },
        { at: 5, time: 3600, totals: [100, 10] },
      ],
      ['baselined no-start', 'duplicate', 'reordered'],
      0,
    ],
    [
      'case 12: a session that began since is charged in full',
      [{ at: 5, time: 300, totals: [100, 10] }],
      ['metered no-start estimated'],
      100,
    ],
    ['case 12: a Start tells that it is new', [{ at: -5, kind: 'start', totals: [3, 0] }], ['metered'], 3],
    [
      'case 12: a Stop alone',
      [{ at: 5, kind: 'stop', time: 3600, totals: [100, 10] }],
      ['baselined no-start'],
      0,
    ],
    [
      'case 12: where nothing tells the start, its own time counts',
      [
        { at: -5, totals: [100, 10] },
        { at: 5, totals: [130, 10] },
      ],
      ['baselined no-start', 'metered'],
      30,
    ],
  ])('%s', (_name, reports, came, sum) => {
    const rig = new MeterRig(counting);
    expect(rig.all(reports)).toEqual(came);
    expect(rig.sum.down).toBe(sum);
  });
});

describe('nasProfileOf', () => {
  it('is its own, else the one for everybody, else the default', () => {
    const own = nasProfile({ nasId: 'a', reversed: true });
    const star = nasProfile({ nasId: '*', gigawords: false });
    const profiles = new Map([
      ['a', own],
      ['*', star],
    ]);
    expect(nasProfileOf(profiles, 'a')).toBe(own);
    expect(nasProfileOf(profiles, 'b')).toBe(star);
    expect(nasProfileOf(new Map(), 'b')).toEqual({ ...nasProfile(), nasId: '*' });
  });
});
