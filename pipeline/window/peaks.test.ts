import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CycleCalendar } from '../../rules/cycle.ts';
import { DAY, HOUR, MINUTE, NOON, SETTINGS } from '../../tests/factories.ts';
import { newSubscriber } from '../fold/slot-state.ts';
import type { Subscriber } from '../fold/slot-state.ts';
import { forgetForeignPeak, noteWindows } from './peaks.ts';
import { WINDOW_MS, spread } from './spread.ts';

const calendar = new CycleCalendar();
const MIDNIGHT = NOON - 12 * HOUR;

/** A record's delta by class, carried in the minutes after noon. */
function note(
  line: Subscriber,
  from: number,
  to: number,
  shares: Record<string, number>,
  zone = 'UTC',
): void {
  const spreads = Object.entries(shares).map(([serviceClass, down]) => ({
    serviceClass,
    parts: spread(
      { serviceClass: '', down, up: 0 },
      NOON + from * MINUTE,
      NOON + to * MINUTE,
      NOON,
      () => [],
    ),
  }));
  noteWindows(line, spreads, calendar, zone);
}

describe('noteWindows', () => {
  it('adds to the newest window what it carries, whoever reports it', () => {
    const line = newSubscriber('sub-1', SETTINGS);
    note(line, 0, 1, { '': 10 });
    note(line, 1, 2, { '': 1, tv: 5 });
    expect(line.newestWindow).toEqual({
      startMs: NOON,
      down: 16,
      up: 0,
      classes: [{ serviceClass: 'tv', down: 5, up: 0 }],
    });
    expect(line.peak).toEqual({
      dayStartMs: MIDNIGHT,
      bytes: 16,
      classes: [{ serviceClass: 'tv', bytes: 5 }],
    });
  });

  it('begins anew with a later window, and knows of one before only what a record says', () => {
    const line = newSubscriber('sub-1', SETTINGS);
    note(line, 0, 1, { '': 10, tv: 2 });
    note(line, 5, 6, { '': 3 });
    note(line, 1, 2, { '': 9, tv: 4 });
    expect(line.newestWindow).toMatchObject({ startMs: NOON + WINDOW_MS, down: 3, classes: [] });
    expect(line.peak).toMatchObject({ bytes: 13, classes: [{ serviceClass: 'tv', bytes: 4 }] });
  });

  it('takes all classes of a record window by window', () => {
    const line = newSubscriber('sub-1', SETTINGS);
    note(line, 0, 10, { '': 10, tv: 20 });
    expect(line.newestWindow).toMatchObject({ startMs: NOON + WINDOW_MS, down: 15 });
    expect(line.peak).toMatchObject({ bytes: 15, classes: [{ serviceClass: 'tv', bytes: 10 }] });
  });

  it('begins a peak with the day of the zone; one of a day before comes too late', () => {
    const line = newSubscriber('sub-1', SETTINGS);
    note(line, 0, 1, { '': 10 }, 'Pacific/Apia');
    expect(line.peak?.dayStartMs).toBe(NOON - HOUR);
    note(line, -90, -89, { '': 99 }, 'Pacific/Apia');
    expect(line.peak?.bytes).toBe(10);
    note(line, 24 * 60, 24 * 60 + 1, { '': 2 }, 'Pacific/Apia');
    expect(line.peak).toMatchObject({ dayStartMs: NOON - HOUR + DAY, bytes: 2 });
  });

  it('is the greatest window of the day where records come in order and none is late', () => {
    const record = fc.record({ gap: fc.integer({ min: 0, max: 20 }), down: fc.nat(1000), tv: fc.nat(1000) });
    fc.assert(
      fc.property(fc.array(record, { maxLength: 30 }), (records) => {
        const line = newSubscriber('sub-1', SETTINGS);
        const windows = new Map<number, { all: number; tv: number }>();
        let at = 0;
        for (const { gap, down, tv } of records) {
          at += gap;
          note(line, at, at, { '': down, tv });
          const window = Math.floor(at / 5);
          const { all, tv: before } = windows.get(window) ?? { all: 0, tv: 0 };
          windows.set(window, { all: all + down + tv, tv: before + tv });
        }
        expect(line.peak?.bytes ?? 0).toBe(Math.max(0, ...[...windows.values()].map(({ all }) => all)));
        const tv = line.peak?.classes.find(({ serviceClass }) => serviceClass === 'tv');
        expect(tv?.bytes ?? 0).toBe(Math.max(0, ...[...windows.values()].map((window) => window.tv)));
      }),
    );
  });
});

describe('forgetForeignPeak', () => {
  it('keeps the peak of a day that is one of the zone', () => {
    const line = newSubscriber('sub-1', SETTINGS);
    note(line, 0, 1, { '': 10 });
    forgetForeignPeak(line, 'Africa/Abidjan', calendar);
    expect(line.peak).not.toBeNull();
    forgetForeignPeak(line, 'Europe/Berlin', calendar);
    expect(line.peak).toBeNull();
  });
});
