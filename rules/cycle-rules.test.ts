import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CycleChange, CycleRule } from '../schemas/profile.ts';
import {
  CycleCalendar,
  LONGEST_CYCLE_MS,
  MOST_CYCLE_DAYS,
  changeBegins,
  changedCycleAt,
  cycleAt,
  dayAt,
  isZone,
  ruleCycleAt,
  ruleInForce,
} from './cycle.ts';
import { law } from './tariff/laws.contract.ts';

const at = (text: string): number => Date.parse(text);
const weekly = (weekday: number): CycleRule => ({ kind: 'week', weekday });
const every = (days: number, from: string): CycleRule => ({ kind: 'days', days, from });
const monthly = (anchorDay: number): CycleRule => ({ kind: 'month', anchorDay });

describe('ruleCycleAt', () => {
  it.each<[string, string, CycleRule, string, string, string]>([
    ['a week', 'UTC', weekly(1), '2026-11-25T12:00Z', '2026-11-23T00:00Z', '2026-11-30T00:00Z'],
    ['a week from Sunday', 'UTC', weekly(7), '2026-11-25T12:00Z', '2026-11-22T00:00Z', '2026-11-29T00:00Z'],
    ['its first instant', 'UTC', weekly(3), '2026-11-25T00:00Z', '2026-11-25T00:00Z', '2026-12-02T00:00Z'],
    ['before 1970', 'UTC', weekly(1), '1969-12-30T00:00Z', '1969-12-29T00:00Z', '1970-01-05T00:00Z'],
    [
      'a week of 167 hours',
      'Europe/Berlin',
      weekly(1),
      '2026-03-29T12:00Z',
      '2026-03-22T23:00Z',
      '2026-03-29T22:00Z',
    ],
    [
      'a week of 169 hours',
      'Europe/Berlin',
      weekly(1),
      '2026-10-25T12:00Z',
      '2026-10-18T22:00Z',
      '2026-10-25T23:00Z',
    ],
    [
      'four weeks',
      'UTC',
      every(28, '2026-01-01'),
      '2026-01-29T00:00Z',
      '2026-01-29T00:00Z',
      '2026-02-26T00:00Z',
    ],
    [
      'before the first',
      'UTC',
      every(28, '2026-01-01'),
      '2025-12-31T23:59Z',
      '2025-12-04T00:00Z',
      '2026-01-01T00:00Z',
    ],
    [
      'over a leap day',
      'UTC',
      every(30, '2028-02-15'),
      '2028-03-01T00:00Z',
      '2028-02-15T00:00Z',
      '2028-03-16T00:00Z',
    ],
    [
      'a day at the zone',
      'Asia/Kolkata',
      every(1, '2026-01-01'),
      '2026-01-31T20:00Z',
      '2026-01-31T18:30Z',
      '2026-02-01T18:30Z',
    ],
    [
      'the day after one that does not exist',
      'Pacific/Apia',
      every(1, '2011-12-01'),
      '2011-12-30T10:00Z',
      '2011-12-30T10:00Z',
      '2011-12-31T10:00Z',
    ],
    [
      'the day before it',
      'Pacific/Apia',
      every(1, '2011-12-01'),
      '2011-12-30T09:59Z',
      '2011-12-29T10:00Z',
      '2011-12-30T10:00Z',
    ],
    [
      'a week of six days',
      'Pacific/Apia',
      weekly(1),
      '2011-12-31T00:00Z',
      '2011-12-26T10:00Z',
      '2012-01-01T10:00Z',
    ],
    // 00:01 is followed by 23:01 of the day before.
    [
      'clocks that go back over midnight',
      'America/St_Johns',
      weekly(7),
      '2009-11-01T02:45Z',
      '2009-11-01T02:30Z',
      '2009-11-08T03:30Z',
    ],
    [
      'a midnight that is skipped',
      'America/Santiago',
      weekly(7),
      '2026-09-06T12:00Z',
      '2026-09-06T04:00Z',
      '2026-09-13T03:00Z',
    ],
    ['months as before', 'UTC', monthly(31), '2026-02-28T00:00Z', '2026-02-28T00:00Z', '2026-03-31T00:00Z'],
  ])('%s', (_name, zone, rule, now, start, end) => {
    expect(ruleCycleAt(zone, rule, at(now))).toEqual({ startMs: at(start), endMs: at(end) });
  });
});

describe('changedCycleAt', () => {
  const changes: CycleChange[] = [
    { fromMs: at('2026-04-01T00:00Z'), cycle: monthly(15) },
    { fromMs: at('2026-06-20T00:00Z'), cycle: weekly(1) },
  ];
  it.each([
    ['before any change', '2026-03-31T23:59Z', '2026-03-01T00:00Z', '2026-04-01T00:00Z'],
    ['the stub by the new rule', '2026-04-01T00:00Z', '2026-04-01T00:00Z', '2026-04-15T00:00Z'],
    ['the first whole one', '2026-04-15T00:00Z', '2026-04-15T00:00Z', '2026-05-15T00:00Z'],
    ['cut by the next change', '2026-06-19T00:00Z', '2026-06-15T00:00Z', '2026-06-20T00:00Z'],
    // Saturday to Monday
    ['the stub of that', '2026-06-20T00:00Z', '2026-06-20T00:00Z', '2026-06-22T00:00Z'],
    ['then weeks', '2026-06-22T00:00Z', '2026-06-22T00:00Z', '2026-06-29T00:00Z'],
  ])('%s', (_name, now, start, end) => {
    expect(changedCycleAt('UTC', monthly(1), changes, at(now))).toEqual({
      startMs: at(start),
      endMs: at(end),
    });
  });

  it('takes effect at the midnight next to a change, where that is none of the zone', () => {
    const made = [{ fromMs: at('2026-04-01T00:00Z'), cycle: monthly(15) }];
    const cycle = (zone: string, now: string): unknown => changedCycleAt(zone, monthly(1), made, at(now));
    for (const [zone, midnight] of [
      ['Europe/Berlin', '2026-03-31T22:00Z'],
      ['America/New_York', '2026-04-01T04:00Z'],
    ] as const) {
      expect(cycle(zone, '2026-03-31T12:00Z')).toMatchObject({ endMs: at(midnight) });
      expect(cycle(zone, '2026-04-01T12:00Z')).toMatchObject({ startMs: at(midnight) });
    }
  });

  it('is by the last change that has come', () => {
    expect(ruleInForce('UTC', monthly(1), changes, at('2026-03-31T23:59Z'))).toEqual(monthly(1));
    expect(ruleInForce('UTC', monthly(1), changes, at('2026-04-01T00:00Z'))).toEqual(monthly(15));
    expect(ruleInForce('UTC', monthly(1), changes, at('2027-01-01T00:00Z'))).toEqual(weekly(1));
  });
});

const DAY = 86_400_000;
const instants = fc.integer({ min: at('1926-01-01T00:00Z'), max: at('2126-01-01T00:00Z') });
const rules: fc.Arbitrary<CycleRule> = fc.oneof(
  fc.integer({ min: 1, max: 31 }).map(monthly),
  fc.integer({ min: 1, max: 7 }).map(weekly),
  fc
    .tuple(fc.integer({ min: 1, max: MOST_CYCLE_DAYS }), instants)
    .map(([days, ms]) => every(days, new Date(ms).toISOString().slice(0, 10))),
);
const zones = fc.constantFrom(...Intl.supportedValuesOf('timeZone').filter(isZone));
const timelines = fc.record({
  zone: zones,
  rule: rules,
  nowMs: instants,
  changes: fc
    .array(fc.record({ days: fc.integer({ min: -90, max: 90 }), cycle: rules }), { maxLength: 3 })
    .map((list) => [...list].sort((a, b) => a.days - b.days)),
});

describe('cycles of 200 years, in all zones', () => {
  law('tile time: each ends where the next begins', timelines, ({ zone, rule, nowMs }) => {
    const cycle = ruleCycleAt(zone, rule, nowMs);
    expect(cycle.startMs).toBeLessThanOrEqual(nowMs);
    expect(cycle.endMs).toBeGreaterThan(nowMs);
    expect(cycle.endMs - cycle.startMs).toBeLessThan(LONGEST_CYCLE_MS);
    expect(ruleCycleAt(zone, rule, cycle.startMs)).toEqual(cycle);
    expect(ruleCycleAt(zone, rule, cycle.endMs - 1)).toEqual(cycle);
    expect(ruleCycleAt(zone, rule, cycle.endMs).startMs).toBe(cycle.endMs);
    expect(ruleCycleAt(zone, rule, cycle.startMs - 1).endMs).toBe(cycle.startMs);
  });

  law(
    'tile time where rules change, and one ends at each change',
    timelines,
    ({ zone, rule, nowMs, changes }) => {
      const dated = changes.map(({ days, cycle }) => ({ fromMs: nowMs + days * DAY + 1000, cycle }));
      let atMs = nowMs - 100 * DAY;
      const ends = new Set<number>();
      for (let n = 0; n < 12; n += 1) {
        const cycle = changedCycleAt(zone, rule, dated, atMs);
        expect(cycle.startMs).toBeLessThanOrEqual(atMs);
        expect(cycle.endMs).toBeGreaterThan(atMs);
        expect(changedCycleAt(zone, rule, dated, cycle.startMs)).toEqual(cycle);
        expect(changedCycleAt(zone, rule, dated, cycle.endMs - 1)).toEqual(cycle);
        if (n > 0) expect(cycle.startMs).toBe(atMs);
        ends.add(cycle.endMs);
        atMs = cycle.endMs;
      }
      for (const { fromMs } of dated) {
        const beginsMs = changeBegins(zone, fromMs);
        expect(dayAt(zone, beginsMs).startMs).toBe(beginsMs);
        if (beginsMs <= atMs && beginsMs > nowMs - 100 * DAY) expect(ends).toContain(beginsMs);
      }
    },
  );

  law('are the same from the calendar that remembers', timelines, ({ zone, rule, nowMs, changes }) => {
    const calendar = new CycleCalendar();
    const dated = changes.map(({ days, cycle }) => ({ fromMs: nowMs + days * DAY, cycle }));
    for (let days = -60; days <= 60; days += 20) {
      const ms = nowMs + days * DAY;
      expect(calendar.ofRule(zone, rule, ms)).toEqual(ruleCycleAt(zone, rule, ms));
      expect(calendar.changed(zone, rule, dated, ms)).toEqual(changedCycleAt(zone, rule, dated, ms));
      const inForce = ruleInForce(zone, rule, dated, ms);
      expect(calendar.whole(zone, rule, dated, ms)).toEqual(ruleCycleAt(zone, inForce, ms));
    }
  });

  law(
    'begin at 00:00 of the zone, or at the first instant of a day that has none',
    timelines,
    ({ zone, rule, nowMs }) => {
      const { startMs } = ruleCycleAt(zone, rule, nowMs);
      const format = new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short' });
      expect(format.format(startMs)).not.toBe(format.format(startMs - 1));
    },
  );

  it('leaves months as they are', () => {
    expect(ruleCycleAt('Europe/Berlin', monthly(31), at('2026-02-28T12:00Z'))).toEqual(
      cycleAt('Europe/Berlin', 31, at('2026-02-28T12:00Z')),
    );
  });
});
