import { describe, expect, it } from 'vitest';
import { FLAGS, noOutcomes } from '../../schemas/outcome.ts';
import type { Flag, OutcomeCounts } from '../../schemas/outcome.ts';
import type { FeedQualityReading } from '../../storage/analytics-ports.ts';
import { readFeeds } from './feeds.ts';
import type { FeedsQuery } from './feeds.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 6, 10, 12, 30);
const NOON = NOW - HOUR / 2;

const ALL: FeedsQuery = { fromMs: null, toMs: null, nasId: null };

function reading(
  fields: Partial<Omit<FeedQualityReading, 'outcomes' | 'flags'>> & {
    outcomes?: Partial<OutcomeCounts>;
    flags?: Partial<Record<Flag, number>>;
  } = {},
): FeedQualityReading {
  const noFlags = Object.fromEntries(FLAGS.map((flag) => [flag, 0])) as Record<Flag, number>;
  return {
    nasId: 'n1',
    hourMs: NOON,
    skewMedianMs: 0,
    skewMaxMs: 0,
    interimSeconds: null,
    openSessions: 0,
    notBillable: false,
    ...fields,
    outcomes: { ...noOutcomes(), ...fields.outcomes },
    flags: { ...noFlags, ...fields.flags },
  };
}

async function read(readings: FeedQualityReading[], query: Partial<FeedsQuery> = {}) {
  const asked: [number, number, string | null][] = [];
  const feedQuality = (from: number, to: number, nasId: string | null): Promise<FeedQualityReading[]> => {
    asked.push([from, to, nasId]);
    return Promise.resolve(readings);
  };
  const view = await readFeeds({ analytics: { feedQuality }, nowMs: () => NOW }, { ...ALL, ...query });
  return { view, asked };
}

describe('readFeeds', () => {
  it('asks for the last day, from the beginning of its first hour', async () => {
    const { view, asked } = await read([]);
    expect(asked).toEqual([[NOON - DAY, NOW, null]]);
    expect(view).toEqual({
      from: '2026-07-09T12:00:00.000Z',
      to: '2026-07-10T12:30:00.000Z',
      nas: [],
      hours: [],
      truncated: false,
    });
  });

  it('sums up a NAS over its hours', async () => {
    const { view } = await read([
      reading({
        hourMs: NOON - HOUR,
        outcomes: { metered: 60, duplicate: 30, 'dead-lettered': 0 },
        flags: { 'missing-stop': 2 },
        skewMedianMs: 1_000,
        skewMaxMs: 2_000,
        interimSeconds: 600,
        openSessions: 9,
        notBillable: true,
      }),
      reading({
        outcomes: { metered: 9, 'dead-lettered': 1 },
        flags: { 'missing-stop': 1 },
        skewMedianMs: -9_000,
        skewMaxMs: -9_500,
        openSessions: 7,
      }),
    ]);
    expect(view.nas).toEqual([
      {
        nasId: 'n1',
        records: 100,
        duplicateShare: 0.3,
        deadLetters: 1,
        missingStops: 3,
        skewMedianMs: 0,
        skewMaxMs: -9_500,
        interimSeconds: 600,
        openSessions: 7,
        notBillable: true,
        lastHour: '2026-07-10T12:00:00.000Z',
      },
    ]);
    expect(view.hours.map(({ hour, records }) => [hour, records])).toEqual([
      ['2026-07-10T12:00:00.000Z', 10],
      ['2026-07-10T11:00:00.000Z', 90],
    ]);
  });

  it('has NAS by id, and of one hour too', async () => {
    const { view } = await read([reading({ nasId: 'b' }), reading({ nasId: 'a' }), reading({ nasId: '' })]);
    expect(view.nas.map(({ nasId }) => nasId)).toEqual(['', 'a', 'b']);
    expect(view.hours.map(({ nasId }) => nasId)).toEqual(['', 'a', 'b']);
  });

  it('says when there is more than it lists', async () => {
    const many = Array.from({ length: 1_001 }, (_, i) => reading({ nasId: `n${i}` }));
    const { view } = await read(many);
    expect([view.nas.length, view.hours.length, view.truncated]).toEqual([1_000, 1_000, true]);
    expect((await read(many.slice(1))).view.truncated).toBe(false);
  });

  it('has nothing to divide by where only time-outs were', async () => {
    const { view } = await read([reading({ flags: { 'missing-stop': 1 } })]);
    expect(view.nas).toMatchObject([{ records: 0, duplicateShare: 0, missingStops: 1, skewMedianMs: 0 }]);
  });

  it.each<[string, Partial<FeedsQuery>, RegExp]>([
    ['no time at all', { fromMs: NOW, toMs: NOON }, /from must be before to/],
    ['too much of all', { fromMs: NOW - 8 * DAY }, /at most 7 days .*name a NAS/],
    ['too much of one', { fromMs: NOW - 93 * DAY, nasId: 'n1' }, /at most 92 days/],
  ])('refuses %s', async (_, query, message) => {
    await expect(read([], query)).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringMatching(message) as string,
    });
  });

  it.each<[string, Partial<FeedsQuery>]>([
    ['a week of all', { fromMs: NOW - 7 * DAY }],
    ['three months of one', { fromMs: NOW - 92 * DAY, nasId: 'n1' }],
  ])('gives %s', async (_, query) => {
    await expect(read([], query)).resolves.toBeDefined();
  });
});
