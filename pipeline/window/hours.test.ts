import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CycleCalendar } from '../../rules/cycle.ts';
import { DAY, HOUR, MINUTE, SETTINGS } from '../../tests/factories.ts';
import { newSubscriber } from '../fold/slot-state.ts';
import type { HourTotal, Subscriber } from '../fold/slot-state.ts';
import { addToHours, KEPT_HOURS_MS } from './hours.ts';

const calendar = new CycleCalendar();
const JULY = Date.UTC(2026, 6, 1);
const TEN = JULY + 10 * HOUR;

function add(subscriber: Subscriber, fromMs: number, toMs: number, down: number, zone = 'UTC'): boolean {
  return addToHours(subscriber, fromMs, toMs, { serviceClass: 'tv', down, up: 0 }, calendar, zone);
}

function all({ hour, hours }: Subscriber): HourTotal[] {
  return hour === null ? hours : [hour, ...hours];
}

function downs(subscriber: Subscriber): [hour: number, down: number][] {
  return all(subscriber).map(({ startMs, down }) => [(startMs - JULY) / HOUR, down]);
}

describe('addToHours', () => {
  it('keeps the newest hour hot, and says when one before it changed', () => {
    const line = newSubscriber('sub-1', SETTINGS);
    expect(add(line, TEN, TEN + MINUTE, 5)).toBe(false);
    expect(add(line, TEN + 59 * MINUTE, TEN + HOUR, 1)).toBe(false);
    expect(add(line, TEN + HOUR, TEN + HOUR, 7)).toBe(true);
    expect(add(line, TEN + HOUR, TEN + HOUR, 1)).toBe(false);
    expect(add(line, TEN - HOUR, TEN - HOUR, 2)).toBe(true);
    expect(downs(line)).toEqual([
      [11, 8],
      [10, 6],
      [9, 2],
    ]);
    expect(line.hour?.classes).toEqual([{ serviceClass: 'tv', down: 8, up: 0 }]);
  });

  it('keeps those that begin at most 24 hours before the newest', () => {
    const line = newSubscriber('sub-1', SETTINGS);
    for (let hour = 0; hour < 40; hour += 1) add(line, JULY + hour * HOUR, JULY + hour * HOUR, 1);
    expect(downs(line).map(([hour]) => hour)).toEqual(Array.from({ length: 25 }, (_, i) => 39 - i));
    expect(add(line, JULY + 14 * HOUR, JULY + 15 * HOUR - 1, 1)).toBe(false);
    expect(add(line, JULY + 15 * HOUR, JULY + 15 * HOUR, 1)).toBe(true);
    expect(downs(line).at(-1)).toEqual([15, 2]);
  });

  it('splits what spans hours by time; what is older than those that are kept is left out', () => {
    const line = newSubscriber('sub-1', SETTINGS);
    add(line, JULY + 2 * DAY, JULY + 2 * DAY, 1);
    expect(add(line, JULY + DAY - 90 * MINUTE, JULY + DAY + 90 * MINUTE, 300)).toBe(true);
    expect(downs(line)).toEqual([
      [48, 1],
      [25, 50],
      [24, 100],
    ]);
  });

  it('begins an hour where local time does', () => {
    const line = newSubscriber('sub-1', SETTINGS);
    add(line, TEN + 10 * MINUTE, TEN + 20 * MINUTE, 10, 'Asia/Kathmandu');
    expect(downs(line)).toEqual([
      [10.25, 5],
      [9.25, 5],
    ]);
  });

  it('conserves bytes: what was added to hours that are kept, in any order', () => {
    const piece = fc.record({
      fromMs: fc.integer({ min: 0, max: 3 * DAY }).map((ms) => JULY + ms),
      lengthMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 9 * HOUR })),
      down: fc.nat(10_000),
    });
    const zones = fc.constantFrom('UTC', 'Asia/Kathmandu', 'Europe/Berlin');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), zones, (pieces, zone) => {
        const line = newSubscriber('sub-1', SETTINGS);
        for (const { fromMs, lengthMs, down } of pieces) add(line, fromMs, fromMs + lengthMs, down, zone);
        const kept = all(line);
        const newestMs = line.hour?.startMs ?? 0;
        expect(kept).toEqual([...kept].sort((a, b) => b.startMs - a.startMs));
        for (const { startMs, down } of kept) {
          expect(startMs).toBeGreaterThanOrEqual(newestMs - KEPT_HOURS_MS);
          expect(down).toBeGreaterThan(0);
        }
        // Alone in their hours, so that rounding tells nothing.
        const whole = pieces.filter(({ fromMs, lengthMs }) => {
          const hour = calendar.hour(zone, fromMs);
          return fromMs + lengthMs <= hour.endMs;
        });
        if (whole.length < pieces.length) return;
        const inKept = whole.filter(
          ({ fromMs }) => calendar.hour(zone, fromMs).startMs >= newestMs - KEPT_HOURS_MS,
        );
        const sum = (amounts: { down: number }[]): number =>
          amounts.reduce((total, { down }) => total + down, 0);
        expect(sum(kept)).toBe(sum(inKept));
      }),
    );
  });
});
