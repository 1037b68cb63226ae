import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STATUS_TYPES } from '../../schemas/accounting-record.ts';
import { MeterRig, MINUTE, NOON, nasProfile } from './meter-rig.contract.ts';
import type { Report } from './meter-rig.contract.ts';

/** Records of one session, what each came to, and the sum of the deltas [down, up]. */
type Row = [name: string, reports: Report[], came: string[], sum: [number, number]];

function holds([, reports, came, [down, up]]: Row, rig = new MeterRig()): void {
  expect(rig.all(reports)).toEqual(came);
  expect(rig.sum).toEqual({ down, up });
}

describe('counters', () => {
  it.each<Row>([
    [
      'case 1: an interim counts what is above the watermark, by direction',
      [
        { at: 0, kind: 'start' },
        { at: 5, totals: [100, 10] },
        { at: 10, totals: [150, 10] },
        { at: 15, totals: [150, 30] },
      ],
      ['zero-delta', 'metered', 'metered', 'metered'],
      [150, 30],
    ],
    [
      'case 1: a Start with octets counts them',
      [{ at: 0, kind: 'start', totals: [7, 3] }],
      ['metered'],
      [7, 3],
    ],
    [
      'case 1: an interim and a Stop may share a second',
      [
        { at: 0, kind: 'start' },
        { at: 5, totals: [100, 10] },
        { at: 5, kind: 'stop', totals: [120, 10] },
      ],
      ['zero-delta', 'metered', 'metered'],
      [120, 10],
    ],
    [
      'case 1: a higher total counts whatever its time',
      [
        { at: 10, totals: [100, 10] },
        { at: 5, totals: [130, 5] },
      ],
      ['metered no-start estimated', 'metered'],
      [130, 10],
    ],
    [
      'case 1: absent octets are not zero',
      [
        { at: 5, totals: [100, 10] },
        { at: 10 },
        { at: 15, totals: [null, 20] },
        { at: 20, totals: [110, null] },
      ],
      ['metered no-start estimated', 'duplicate', 'metered', 'metered'],
      [110, 20],
    ],
    [
      'case 2: totals of 64 bits are exact',
      [
        { at: 0, kind: 'start' },
        { at: 5, totals: [2 ** 52, 2 ** 33 + 1] },
        { at: 10, totals: [2 ** 52 + 1, 2 ** 33 + 3] },
      ],
      ['zero-delta', 'metered', 'metered'],
      [2 ** 52 + 1, 2 ** 33 + 3],
    ],
    [
      'case 4: an exact duplicate',
      [
        { at: 5, time: 300, totals: [100, 10] },
        { at: 5, time: 300, totals: [100, 10] },
      ],
      ['metered no-start estimated', 'duplicate'],
      [100, 10],
    ],
    [
      'case 4: a retransmission with another delay',
      [
        { at: 5, time: 300, totals: [100, 10] },
        { at: 6, time: 300, totals: [100, 10], fields: { acctDelaySeconds: 60 } },
      ],
      ['metered no-start estimated', 'duplicate'],
      [100, 10],
    ],
    [
      'case 4: the same octets with another session time are another record',
      [
        { at: 5, time: 300, totals: [100, 10] },
        { at: 10, time: 600, totals: [100, 10] },
      ],
      ['metered no-start estimated', 'zero-delta'],
      [100, 10],
    ],
    [
      'case 4: old records under new stamps are no restart',
      [
        { at: 5, time: 300, totals: [100, 10] },
        { at: 10, time: 600, totals: [150, 15] },
        { at: 15, time: 900, totals: [200, 20] },
        { at: 16, time: 300, totals: [100, 10] },
        { at: 17, time: 600, totals: [150, 15] },
        { at: 20, time: 1200, totals: [250, 25] },
      ],
      ['metered no-start estimated', 'metered', 'metered', 'reordered', 'reordered', 'metered'],
      [250, 25],
    ],
    [
      'case 5: an older record with lower or equal octets',
      [
        { at: 10, totals: [100, 10] },
        { at: 5, totals: [60, 6] },
        { at: 6, totals: [100, 10], time: 1 },
        { at: 15, totals: [110, 10] },
      ],
      ['metered no-start estimated', 'reordered', 'reordered', 'metered'],
      [110, 10],
    ],
    [
      'case 8: a Stop without octets keeps what was counted',
      [
        { at: 5, totals: [100, 10] },
        { at: 10, kind: 'stop', fields: { terminateCause: 'Lost-Carrier' } },
      ],
      ['metered no-start estimated', 'zero-delta'],
      [100, 10],
    ],
    [
      'case 8: the zeros of a Stop contradict the watermark',
      [
        { at: 5, totals: [100, 10] },
        { at: 10, kind: 'stop', totals: [0, 0] },
        { at: 10, kind: 'stop', totals: [0, 0] },
      ],
      ['metered no-start estimated', 'zero-delta', 'duplicate'],
      [100, 10],
    ],
    [
      'case 8: a zero in one direction leaves the other its bytes',
      [
        { at: 5, totals: [100, 10] },
        { at: 10, kind: 'stop', totals: [0, 15] },
      ],
      ['metered no-start estimated', 'metered'],
      [100, 15],
    ],
    [
      'case 8: a Stop that falls counts what did not fall',
      [
        { at: 5, totals: [100, 10] },
        { at: 10, kind: 'stop', totals: [60, 15] },
      ],
      ['metered no-start estimated', 'metered fell'],
      [100, 15],
    ],
    [
      'case 9: a second Stop within 10 min counts the tail',
      [
        { at: 5, totals: [100, 10] },
        { at: 10, kind: 'stop', totals: [110, 10] },
        { at: 20, kind: 'stop', totals: [130, 12] },
        { at: 15, totals: [125, 13] },
      ],
      ['metered no-start estimated', 'metered', 'metered', 'metered'],
      [130, 13],
    ],
    [
      'case 9: after 10 min a higher total counts as late and opens nothing',
      [
        { at: 5, time: 300, totals: [100, 10] },
        { at: 10, kind: 'stop', time: 600, totals: [110, 10] },
        { at: 21, time: 1260, totals: [130, 10] },
      ],
      ['metered no-start estimated', 'metered', 'late estimated'],
      [130, 10],
    ],
    [
      'case 9: lower totals after a Stop are flagged, no restart',
      [
        { at: 5, time: 300, totals: [100, 10] },
        { at: 10, kind: 'stop', time: 600, totals: [110, 10] },
        { at: 15, time: 900, totals: [5, 5] },
        { at: 18, time: 1080, totals: [9, 9] },
      ],
      ['metered no-start estimated', 'metered', 'zero-delta fell', 'zero-delta fell'],
      [110, 10],
    ],
    [
      'case 11: no Start seen, the first total is a delta in full',
      [{ at: 60, time: 1800, totals: [100, 10] }],
      ['metered no-start estimated'],
      [100, 10],
    ],
  ])('%s', (...row) => {
    holds(row);
  });

  it('case 9: opens nothing, and its row is written again with what it came to', () => {
    const rig = new MeterRig();
    rig.report({ at: 0, kind: 'start' });
    rig.report({ at: 5, kind: 'stop', totals: [50, 5], fields: { terminateCause: 'User-Request' } });
    const late = rig.report({ at: 30, kind: 'stop', time: 1800, totals: [60, 5] });
    expect(late.tombstonesChanged).toBe(true);
    expect(late.ended).toMatchObject([{ session: { counted: { down: 60, up: 5 } } }]);
    expect(rig.subscriber.sessions).toEqual([]);
  });

  it.each<[string, Report[], [fromMin: number, toMin: number]]>([
    ['case 11: from the derived start', [{ at: 60, time: 1800, totals: [9, 9] }], [30, 60]],
    ['case 11: of an unknown start at its own time', [{ at: 60, totals: [9, 9] }], [60, 60]],
    [
      'case 21: from the last event',
      [
        { at: 0, kind: 'start' },
        { at: 7, totals: [9, 9] },
        { at: 19, totals: [20, 20] },
      ],
      [7, 19],
    ],
    [
      'case 21: an older record at its own time',
      [
        { at: 19, totals: [9, 9] },
        { at: 7, totals: [20, 20] },
      ],
      [7, 7],
    ],
    [
      'case 21: a restart from the first low total',
      [{ at: 5, totals: [100, 100] }, { at: 10, totals: [5, 5] }, { at: 12 }, { at: 15, totals: [9, 9] }],
      [10, 15],
    ],
  ])('carried in the time from its start: %s', (_name, reports, [from, to]) => {
    const rig = new MeterRig();
    rig.all(reports);
    expect(rig.metered.at(-1)).toMatchObject({
      fromMs: NOON + from * MINUTE,
      atMs: NOON + to * MINUTE,
    });
  });
});

describe('case 22: whatever decode lets through', () => {
  const totals = fc.constantFrom(null, 0, 1, 5_000_000, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 52);
  const report: fc.Arbitrary<Report> = fc.record({
    at: fc.integer({ min: -30 * 1440, max: 30 * 1440 }),
    kind: fc.constantFrom('start', 'interim', 'interim', 'stop'),
    time: fc.constantFrom(null, 0, 1, 300, 86_400, 3_155_760_000),
    totals: fc.tuple(totals, totals),
    fields: fc.record({
      sessionId: fc.constantFrom('s', '\u0000', '__proto__'),
      nasId: fc.constantFrom('nas-1', '\u0000'),
      multiSessionId: fc.constantFrom(null, '', 'm'),
      parentSessionId: fc.constantFrom(null, '', 's', '__proto__'),
      serviceClass: fc.constantFrom(null, '', 'video'),
    }),
  });
  const profile = fc.record({
    gigawords: fc.boolean(),
    countersReset: fc.boolean(),
    redundancyGroup: fc.constantFrom(null, 'pair'),
    subSessions: fc.constantFrom('sum', 'parent', 'children', 'split', 'shared'),
    ipv6: fc.constantFrom('subset', 'additive'),
    startToleranceSeconds: fc.constantFrom(0, 120),
  });

  it('leaves whole numbers that agree, and the next record flows', () => {
    fc.assert(
      fc.property(fc.array(report, { maxLength: 15 }), profile, fc.boolean(), (reports, fields, counts) => {
        const rig = new MeterRig({ nas: nasProfile(fields), countFromMs: counts ? NOON : null });
        for (const each of reports) {
          const { delta, shares, fromMs, atMs } = rig.report(each);
          expect(fromMs).toBeLessThanOrEqual(atMs);
          expect(delta.down >= 0 && delta.up >= 0).toBe(true);
          const byClass = { down: 0, up: 0 };
          for (const { down, up } of shares) {
            byClass.down += down;
            byClass.up += up;
          }
          expect(byClass).toEqual(delta);
        }
        for (const session of rig.sessions) {
          const { counted, level, moved, closedMs, closedBy } = session;
          expect(
            [counted, level, moved].flatMap(({ down, up }) => [down, up]).every(Number.isSafeInteger),
          ).toBe(true);
          expect(moved.down <= counted.down && moved.up <= counted.up).toBe(true);
          expect(closedMs === null).toBe(closedBy === null);
          expect(session.lastStatus).toBeLessThan(STATUS_TYPES.length);
        }
        expect(rig.subscriber.sessions.every(({ closedMs }) => closedMs === null)).toBe(true);
        expect(rig.subscriber.tombstones.every(({ closedMs }) => closedMs !== null)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});
