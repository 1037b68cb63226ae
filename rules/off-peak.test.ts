import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OffPeakCalendar } from '../schemas/provider.ts';
import { CycleCalendar } from './cycle.ts';
import { OFF_PEAK_HORIZON_MS, OffPeakBands } from './off-peak.ts';

const MINUTE = 60_000;
/** A bound for busy machines only. */
const TIMEOUT_MS = 60_000;
const HOUR = 60 * MINUTE;
const at = (text: string): number => Date.parse(text);
const ALL_DAYS = [1, 2, 3, 4, 5, 6, 7];
const NIGHT: OffPeakCalendar = { hours: [{ days: ALL_DAYS, from: '23:00', to: '07:00' }], dates: [] };

function bands(settings: OffPeakCalendar): OffPeakBands {
  return new OffPeakBands(settings, new CycleCalendar());
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Local time by Intl, minute by minute: nothing of the calendar's arithmetic. */
function walked(settings: OffPeakCalendar, zone: string, atMs: number): boolean {
  const format =
    formats.get(zone) ??
    new Intl.DateTimeFormat('en-CA', {
      timeZone: zone,
      ...{ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' },
      hourCycle: 'h23',
    });
  formats.set(zone, format);
  const parts = format.formatToParts(atMs);
  const value = (type: string): string => parts.find((part) => part.type === type)?.value ?? '';
  const date = `${value('year')}-${value('month')}-${value('day')}`;
  const time = `${value('hour')}:${value('minute')}`;
  const day = new Date(`${date}T00:00Z`).getUTCDay() || 7;
  const dayBefore = day === 1 ? 7 : day - 1;
  if (settings.dates.includes(date)) return true;
  return settings.hours.some(({ days, from, to }) =>
    to > from
      ? days.includes(day) && from <= time && time < to
      : (days.includes(day) && from <= time) || (days.includes(dayBefore) && time < to),
  );
}

const time = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.constantFrom(0, 1, 15, 30, 59))
  .map(([hour, minute]) => `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`);
const calendars: fc.Arbitrary<OffPeakCalendar> = fc.record({
  hours: fc.array(
    fc.record({
      days: fc.uniqueArray(fc.constantFrom(...ALL_DAYS), { maxLength: 7 }),
      from: time,
      to: fc.oneof(time, fc.constant('24:00')),
    }),
    { maxLength: 3 },
  ),
  dates: fc.uniqueArray(fc.constantFrom('2026-10-24', '2026-10-25', '2026-11-01', '2026-11-02'), {
    maxLength: 2,
  }),
});
const zones = fc.constantFrom(
  'UTC',
  'Europe/Berlin',
  'America/Havana',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'America/St_Johns',
);
/** Around the clock changes of Berlin and Havana, or of Lord Howe. */
const instants = fc.oneof(
  fc.integer({ min: at('2026-10-22T00:00Z'), max: at('2026-11-04T00:00Z') }),
  fc.integer({ min: at('2026-10-03T00:00Z'), max: at('2026-10-05T00:00Z') }),
);

describe('isOffPeak', { timeout: TIMEOUT_MS }, () => {
  it.each([
    ['before the night', '2026-07-10T20:59:59.999Z', false],
    ['at its beginning', '2026-07-10T21:00Z', true],
    ['after midnight', '2026-07-11T01:00Z', true],
    ['at its end', '2026-07-11T05:00Z', false],
  ])('%s', (_name, text, expected) => {
    expect(bands(NIGHT).isOffPeak('Europe/Berlin', at(text))).toBe(expected);
  });

  it('ends a night of Sunday on Monday', () => {
    const sunday = bands({ hours: [{ days: [7], from: '22:00', to: '06:00' }], dates: [] });
    expect(sunday.isOffPeak('UTC', at('2026-07-13T05:59Z'))).toBe(true);
    expect(sunday.isOffPeak('UTC', at('2026-07-12T05:59Z'))).toBe(false);
  });

  it('takes equal times for a whole day from there on', () => {
    const settings = bands({ hours: [{ days: [1], from: '12:00', to: '12:00' }], dates: [] });
    expect(settings.isOffPeak('UTC', at('2026-07-14T11:59Z'))).toBe(true);
    expect(settings.isOffPeak('UTC', at('2026-07-14T12:00Z'))).toBe(false);
  });

  it('gives what a walk along Intl gives', () => {
    fc.assert(
      fc.property(calendars, zones, fc.array(instants, { maxLength: 20 }), (settings, zone, times) => {
        const read = bands(settings);
        for (const atMs of times) expect(read.isOffPeak(zone, atMs)).toBe(walked(settings, zone, atMs));
      }),
      { numRuns: 200 },
    );
  });
});

describe('nextChangeMs', { timeout: TIMEOUT_MS }, () => {
  it('is null where nothing is set, or everything is off-peak', () => {
    expect(bands({ hours: [], dates: [] }).nextChangeMs('UTC', 0)).toBeNull();
    const always = { hours: [{ days: ALL_DAYS, from: '00:00', to: '24:00' }], dates: [] };
    expect(bands(always).nextChangeMs('UTC', 0)).toBeNull();
  });

  it('does not stop at a midnight between two nights, and finds an end months ahead once it is near', () => {
    const settings = bands({
      hours: [{ days: ALL_DAYS, from: '00:00', to: '24:00' }],
      dates: ['2026-12-24'],
    });
    expect(settings.nextChangeMs('UTC', at('2026-12-24T12:00Z'))).toBeNull();
    const christmas = bands({ hours: [], dates: ['2026-12-24', '2026-12-25'] });
    expect(christmas.nextChangeMs('UTC', at('2026-10-01T00:00Z'))).toBeNull();
    expect(christmas.nextChangeMs('UTC', at('2026-12-01T00:00Z'))).toBe(at('2026-12-24T00:00Z'));
    expect(christmas.nextChangeMs('UTC', at('2026-12-24T05:00Z'))).toBe(at('2026-12-26T00:00Z'));
  });

  it('gives the first minute that is another, whatever was asked before', () => {
    fc.assert(
      fc.property(
        calendars,
        zones,
        fc.array(instants, { minLength: 1, maxLength: 4 }),
        (settings, zone, times) => {
          const read = bands(settings);
          for (const atMs of times) {
            const now = walked(settings, zone, atMs);
            const next = read.nextChangeMs(zone, atMs);
            // Two days are walked; what is beyond is looked at at its edge only.
            for (
              let minute = Math.floor(atMs / MINUTE) + 1;
              minute * MINUTE < atMs + 48 * HOUR;
              minute += 7
            ) {
              if (next !== null && minute * MINUTE >= next) break;
              expect(walked(settings, zone, minute * MINUTE)).toBe(now);
            }
            if (next === null) continue;
            expect(next).toBeGreaterThan(atMs);
            expect(next).toBeLessThanOrEqual(atMs + OFF_PEAK_HORIZON_MS);
            expect(walked(settings, zone, next)).toBe(!now);
            expect(walked(settings, zone, next - 1)).toBe(now);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
