import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultNasProfile } from '../../schemas/profile.ts';
import {
  emptyFeed,
  holdsInput,
  isAhead,
  isNotBillable,
  learnedIntervalMs,
  noteInterim,
  noteLead,
  noteRecord,
  noteSession,
  toFeedRow,
} from './nas-feed.ts';
import type { FeedHourRow, NasFeed, RecordNote } from './nas-feed.ts';

const HOUR = 3_600_000;
const NINE = Date.UTC(2026, 6, 10, 9);
const READING = defaultNasProfile('n');

function note(fields: Partial<RecordNote> = {}): RecordNote {
  return {
    offset: 0,
    appendTimeMs: NINE,
    eventTimeMs: NINE,
    atMs: NINE,
    outcome: 'metered',
    flags: [],
    lineBps: 1e8,
    ...fields,
  };
}

function samples(
  count: number,
  ms: number,
  learn: (feed: NasFeed, ms: number) => void,
  nasId = 'n',
): NasFeed {
  const feed = emptyFeed(nasId);
  for (let i = 0; i < count; i += 1) learn(feed, ms);
  return feed;
}

describe('an hour of a feed', () => {
  it('counts outcomes, flags and skew of its records', () => {
    const feed = emptyFeed('n');
    noteRecord(feed, note({ offset: 4 }), READING);
    noteRecord(feed, note({ offset: 5, outcome: 'duplicate', eventTimeMs: NINE - 90_000 }), READING);
    noteRecord(feed, note({ offset: 6, flags: ['estimated', 'no-start'], eventTimeMs: null }), READING);
    const row = toFeedRow(3, feed, READING);
    expect(row).toMatchObject({ partition: 3, nasId: 'n', hourMs: NINE, version: 7, skewMaxMs: 90_000 });
    expect(row.outcomes).toMatchObject({ metered: 2, duplicate: 1 });
    expect(row.flags).toMatchObject({ estimated: 1, 'no-start': 1 });
    expect(feed.hour.skews.counts.reduce((sum, n) => sum + n, 0)).toBe(2);
  });

  it('is handed out when a record begins the next one', () => {
    const feed = emptyFeed('n');
    expect(noteRecord(feed, note({ appendTimeMs: NINE + 5 }), READING)).toBeNull();
    expect(noteRecord(feed, note({ appendTimeMs: NINE + HOUR - 1, offset: 1 }), READING)).toBeNull();
    const row = noteRecord(
      feed,
      note({ appendTimeMs: NINE + 3 * HOUR + 7, offset: 2, outcome: 'late' }),
      READING,
    );
    expect(row).toMatchObject({ hourMs: NINE, version: 2 });
    expect(row?.outcomes).toMatchObject({ metered: 2, late: 0 });
    expect(toFeedRow(0, feed, READING)).toMatchObject({
      hourMs: NINE + 3 * HOUR,
      outcomes: { metered: 0, late: 1 },
    });
  });

  it('goes on when the append time goes back', () => {
    const feed = emptyFeed('n');
    noteRecord(feed, note(), READING);
    expect(noteRecord(feed, note({ appendTimeMs: NINE - 1, offset: 1 }), READING)).toBeNull();
    expect(toFeedRow(0, feed, READING)).toMatchObject({ hourMs: NINE, outcomes: { metered: 2 } });
  });

  it('begins with a time-out too, which no record came with', () => {
    const feed = emptyFeed('n');
    noteRecord(feed, note(), READING);
    noteSession(feed, { offset: 0, appendTimeMs: NINE, opened: 2, flag: null }, READING);
    const timeOut = {
      offset: 9,
      appendTimeMs: NINE + HOUR,
      opened: -1,
      flag: 'missing-stop' as const,
    };
    expect(noteSession(feed, timeOut, READING)).toMatchObject({ hourMs: NINE, openSessions: 2 });
    expect(toFeedRow(0, feed, READING)).toMatchObject({
      hourMs: NINE + HOUR,
      openSessions: 1,
      flags: { 'missing-stop': 1 },
      outcomes: { metered: 0 },
      version: 10,
    });
  });

  it('loses and invents no record: rows handed out and the last one sum to the records in', () => {
    const times = fc.array(fc.nat({ max: 20 * HOUR }), { maxLength: 100 });
    fc.assert(
      fc.property(times, (appended) => {
        const feed = emptyFeed('n');
        const rows: FeedHourRow[] = [];
        appended.forEach((ms, offset) => {
          const row = noteRecord(feed, note({ offset, appendTimeMs: NINE + ms }), READING);
          if (row !== null) rows.push(row);
        });
        rows.push(toFeedRow(0, feed, READING));
        expect(rows.reduce((sum, { outcomes }) => sum + outcomes.metered, 0)).toBe(appended.length);
        const hours = rows.map(({ hourMs }) => hourMs);
        expect(hours).toEqual([...new Set(hours)].sort((a, b) => a - b));
      }),
    );
  });

  it('knows what it holds', () => {
    const feed = emptyFeed('n');
    noteRecord(feed, note({ offset: 7 }), READING);
    expect([6, 7, 8].map((offset) => holdsInput(feed, offset))).toEqual([true, true, false]);
  });

  it('shows no fewer sessions open than none', () => {
    const feed = emptyFeed('n');
    noteSession(feed, { offset: 0, appendTimeMs: NINE, opened: -2, flag: null }, READING);
    expect(toFeedRow(0, feed, READING).openSessions).toBe(0);
  });

  it('was heard at the greatest time of its records', () => {
    const feed = emptyFeed('n');
    for (const atMs of [NINE, NINE + 50, NINE - 50]) noteRecord(feed, note({ atMs }), READING);
    expect(feed.heardMs).toBe(NINE + 50);
  });
});

describe('the interim interval', () => {
  it('is known after 8 samples', () => {
    expect(learnedIntervalMs(samples(7, 600_000, noteInterim))).toBeNull();
    expect(learnedIntervalMs(samples(8, 600_000, noteInterim))).toBe(600_000);
  });

  it('moves by a sixteenth of what a sample differs by', () => {
    const feed = samples(20, 600_000, noteInterim);
    noteInterim(feed, 600_000 + 160_000);
    noteInterim(feed, 610_000 - 33);
    expect(learnedIntervalMs(feed)).toBe(610_000 - 2);
  });

  it.each([29_999, 6 * HOUR + 1, -600_000, 0])('is not learned from %i ms', (ms) => {
    expect(samples(20, ms, noteInterim).interim.samples).toBe(0);
  });

  it.each([30_000, 6 * HOUR])('is learned from %i ms', (ms) => {
    expect(learnedIntervalMs(samples(8, ms, noteInterim))).toBe(ms);
  });

  it('is nobody’s where several NAS are thrown together', () => {
    expect(learnedIntervalMs(samples(20, 600_000, noteInterim, ''))).toBeNull();
    expect(isAhead(samples(20, 600_000, noteLead, ''))).toBe(false);
  });

  it('is the profile’s where that says one', () => {
    const feed = samples(8, 300_000, noteInterim);
    const shown = (interimSeconds: number | null): number | null =>
      toFeedRow(0, feed, { ...READING, interimSeconds }).interimSeconds;
    expect([shown(null), shown(60), shown(0)]).toEqual([300, 60, 0]);
  });
});

describe('a clock that is ahead', () => {
  it.each([
    [7, 200_000, false],
    [8, 60_000, false],
    [8, 60_001, true],
    [8, -200_000, false],
  ])('after %i samples of %i ms: %s', (count, ms, ahead) => {
    expect(isAhead(samples(count, ms, noteLead))).toBe(ahead);
  });

  it('is believed to be an hour off at most', () => {
    expect(samples(1, 1e12, noteLead).lead.estimateMs).toBe(HOUR);
    expect(samples(1, -1e12, noteLead).lead.estimateMs).toBe(-HOUR);
  });
});

describe('a NAS without gigawords', () => {
  const feedOf = (lineBps: number, intervalMs: number | null): NasFeed => {
    const feed = emptyFeed('n');
    noteRecord(feed, note({ lineBps }), READING);
    if (intervalMs !== null) for (let i = 0; i < 8; i += 1) noteInterim(feed, intervalMs);
    return feed;
  };
  const NARROW = { ...READING, gigawords: false };

  it.each([
    ['28 Mbit/s, 10 min', 28e6, 600_000, false],
    ['29 Mbit/s, 10 min', 29e6, 600_000, true],
    ['28 Mbit/s, 11 min', 28e6, 660_000, true],
    ['1 Gbit/s, 30 s', 1e9, 30_000, true],
    ['no interval known', 1e6, null, true],
  ])('is billable or not: %s', (_, lineBps, intervalMs, notBillable) => {
    expect(isNotBillable(feedOf(lineBps, intervalMs), NARROW)).toBe(notBillable);
    expect(isNotBillable(feedOf(lineBps, intervalMs), READING)).toBe(false);
  });

  it('has a thousand times the room where it counts kilobytes', () => {
    const feed = feedOf(1e9, 600_000);
    expect(isNotBillable(feed, { ...NARROW, unit: 'kilobytes' })).toBe(false);
  });

  it('is not where it sends no interims', () => {
    expect(isNotBillable(feedOf(1e6, 600_000), { ...NARROW, interimSeconds: 0 })).toBe(true);
  });

  it('is judged by the fastest line of the hour', () => {
    const feed = feedOf(1e9, 600_000);
    noteRecord(feed, note({ lineBps: 1e6, offset: 1 }), NARROW);
    expect(isNotBillable(feed, NARROW)).toBe(true);
    const finished = noteRecord(feed, note({ lineBps: 1e6, offset: 2, appendTimeMs: NINE + HOUR }), NARROW);
    expect(finished?.notBillable).toBe(true);
    expect(isNotBillable(feed, NARROW)).toBe(false);
  });
});
