import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CycleCalendar, cycleAt } from './cycle.ts';

const at = (text: string): number => Date.parse(text);

describe('cycleAt', () => {
  it.each([
    ['ordinary month', 'Europe/Berlin', 1, '2026-07-15T12:00Z', '2026-06-30T22:00Z', '2026-07-31T22:00Z'],
    ['before the anchor', 'UTC', 20, '2026-03-10T00:00Z', '2026-02-20T00:00Z', '2026-03-20T00:00Z'],
    [
      'the anchor itself begins the cycle',
      'UTC',
      20,
      '2026-03-20T00:00Z',
      '2026-03-20T00:00Z',
      '2026-04-20T00:00Z',
    ],
    ['anchor 31 in February', 'UTC', 31, '2026-02-28T00:00Z', '2026-02-28T00:00Z', '2026-03-31T00:00Z'],
    ['anchor 31 in a leap year', 'UTC', 31, '2028-02-29T01:00Z', '2028-02-29T00:00Z', '2028-03-31T00:00Z'],
    ['anchor 30 before February', 'UTC', 30, '2026-02-10T00:00Z', '2026-01-30T00:00Z', '2026-02-28T00:00Z'],
    [
      'spring forward makes the cycle an hour shorter',
      'Europe/Berlin',
      1,
      '2026-03-10T00:00Z',
      '2026-02-28T23:00Z',
      '2026-03-31T22:00Z',
    ],
    [
      'midnight skipped by daylight saving',
      'America/Asuncion',
      1,
      '2023-10-01T12:00Z',
      '2023-10-01T04:00Z',
      '2023-11-01T03:00Z',
    ],
    [
      'midnight that happens twice begins at the first',
      'America/Havana',
      1,
      '2026-11-01T12:00Z',
      '2026-11-01T04:00Z',
      '2026-12-01T05:00Z',
    ],
    [
      'a day that does not exist',
      'Pacific/Apia',
      30,
      '2011-12-31T12:00Z',
      '2011-12-30T10:00Z',
      '2012-01-29T10:00Z',
    ],
    [
      'clocks that go back from the anchor day to the day before',
      'America/St_Johns',
      1,
      '2009-11-01T02:45Z',
      '2009-11-01T02:30Z',
      '2009-12-01T03:30Z',
    ],
    ['half-hour zone', 'Asia/Kolkata', 1, '2026-01-31T20:00Z', '2026-01-31T18:30Z', '2026-02-28T18:30Z'],
  ])('%s', (_name, zone, anchor, now, start, end) => {
    expect(cycleAt(zone, anchor, at(now))).toEqual({ startMs: at(start), endMs: at(end) });
  });

  it('tiles time without gap or overlap', () => {
    const zones = ['UTC', 'Europe/Berlin', 'America/Havana', 'Australia/Lord_Howe', 'Pacific/Apia'];
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.integer({ min: 1, max: 31 }),
        fc.integer({ min: at('2010-01-01T00:00Z'), max: at('2035-01-01T00:00Z') }),
        (zone, anchor, now) => {
          const cycle = cycleAt(zone, anchor, now);
          expect(cycle.startMs).toBeLessThanOrEqual(now);
          expect(cycle.endMs).toBeGreaterThan(now);
          expect(cycleAt(zone, anchor, cycle.endMs).startMs).toBe(cycle.endMs);
          expect(cycleAt(zone, anchor, cycle.startMs - 1).endMs).toBe(cycle.startMs);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('gives the same from the calendar as without it', () => {
    const calendar = new CycleCalendar();
    for (let month = 0; month < 24; month += 1) {
      const now = Date.UTC(2026, month, 17, 5);
      expect(calendar.at('Europe/Berlin', 31, now)).toEqual(cycleAt('Europe/Berlin', 31, now));
    }
  });
});

describe('hour', () => {
  const calendar = new CycleCalendar();

  it.each([
    ['whole hours', 'Europe/Berlin', '2026-07-10T12:34Z', '2026-07-10T12:00Z', '2026-07-10T13:00Z', 14],
    ['half-hour zone', 'Asia/Kolkata', '2026-07-10T12:34Z', '2026-07-10T12:30Z', '2026-07-10T13:30Z', 18],
    ['three quarters', 'Asia/Kathmandu', '2026-07-10T12:10Z', '2026-07-10T11:15Z', '2026-07-10T12:15Z', 17],
    ['the first of two', 'Europe/Berlin', '2026-10-25T00:30Z', '2026-10-25T00:00Z', '2026-10-25T01:00Z', 2],
    ['the second of two', 'Europe/Berlin', '2026-10-25T01:30Z', '2026-10-25T01:00Z', '2026-10-25T02:00Z', 2],
    ['after one skipped', 'Europe/Berlin', '2026-03-29T01:30Z', '2026-03-29T01:00Z', '2026-03-29T02:00Z', 3],
    [
      'cut by a half',
      'Australia/Lord_Howe',
      '2026-04-04T15:10Z',
      '2026-04-04T15:00Z',
      '2026-04-04T15:30Z',
      1,
    ],
    [
      'begun by a half',
      'Australia/Lord_Howe',
      '2026-10-03T15:30Z',
      '2026-10-03T15:30Z',
      '2026-10-03T16:00Z',
      2,
    ],
  ])('%s', (_name, zone, now, start, end, hourOfDay) => {
    expect(calendar.hour(zone, at(now))).toMatchObject({ startMs: at(start), endMs: at(end), hourOfDay });
  });

  it('tells day and date of the zone', () => {
    expect(calendar.hour('Pacific/Apia', at('2026-07-12T10:59Z'))).toMatchObject({
      dayOfWeek: 7,
      date: '2026-07-12',
      hourOfDay: 23,
    });
    expect(calendar.hour('Pacific/Apia', at('2026-07-12T11:00Z'))).toMatchObject({
      dayOfWeek: 1,
      date: '2026-07-13',
      hourOfDay: 0,
    });
  });

  it('tiles time, and its local time is that of Intl', () => {
    const zones = [
      'UTC',
      'Europe/Berlin',
      'America/Havana',
      'Australia/Lord_Howe',
      'America/St_Johns',
      'Africa/Casablanca',
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.integer({ min: at('2010-01-01T00:00Z'), max: at('2035-01-01T00:00Z') }),
        (zone, now) => {
          const hour = calendar.hour(zone, now);
          expect(hour.startMs).toBeLessThanOrEqual(now);
          expect(hour.endMs).toBeGreaterThan(now);
          expect(calendar.hour(zone, hour.endMs).startMs).toBe(hour.endMs);
          expect(calendar.hour(zone, hour.startMs - 1).endMs).toBe(hour.startMs);
          const format = new Intl.DateTimeFormat('en-CA', {
            timeZone: zone,
            ...{ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit' },
            hourCycle: 'h23',
          });
          const expected = `${hour.date}, ${String(hour.hourOfDay).padStart(2, '0')}`;
          expect(format.format(hour.startMs)).toBe(expected);
          expect(format.format(hour.endMs - 1)).toBe(expected);
          expect(new Date(hour.date).getTime()).toBe(hour.dayNumber * 86_400_000);
        },
      ),
      { numRuns: 300 },
    );
  });
});
