import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CycleCalendar } from '../../rules/cycle.ts';
import { DAY, SETTINGS, profile } from '../../tests/factories.ts';
import { emptySlot, subscriberOf } from '../fold/slot-state.ts';
import type { Subscriber } from '../fold/slot-state.ts';
import { addToCycle, closingCycles, newCycle, rebaseCycles, rollCycles } from './cycles.ts';
import { addToDays } from './days.ts';

const JULY = Date.UTC(2026, 6, 1);
const AUGUST = Date.UTC(2026, 7, 1);
const calendar = new CycleCalendar();

function line(zone = 'UTC', anchorDay = 1): Subscriber {
  const subscriber = subscriberOf(emptySlot(0, SETTINGS, 0), 'sub-1');
  subscriber.profile = profile({ zone, anchorDay });
  return subscriber;
}

function roll(subscriber: Subscriber, watermarkMs: number): boolean {
  return rollCycles(subscriber, watermarkMs, calendar, 'UTC');
}

function addDown(subscriber: Subscriber, atMs: number, down: number): boolean {
  addToDays(subscriber, atMs, atMs, { serviceClass: '', down, up: 0, offPeak: false }, calendar, 'UTC');
  const cycle = addToCycle(
    subscriber,
    atMs,
    { serviceClass: '', down, up: 0, offPeak: false },
    calendar,
    'UTC',
  );
  return subscriber.pastCycles.includes(cycle);
}

function close(subscriber: Subscriber, watermarkMs: number): void {
  for (const cycle of closingCycles(subscriber, watermarkMs, DAY)) cycle.closed = true;
}

const downOf = (cycles: readonly { startMs: number; down: number }[]): [string, number][] =>
  cycles.map(({ startMs, down }) => [new Date(startMs).toISOString().slice(0, 10), down]);

describe('rollCycles', () => {
  it('makes the cycle that contains the watermark and keeps it until its end', () => {
    const subscriber = line();
    expect(roll(subscriber, JULY)).toBe(true);
    expect(roll(subscriber, AUGUST - 1)).toBe(false);
    expect(subscriber.cycles).toEqual([newCycle({ startMs: JULY, endMs: AUGUST })]);
    expect(roll(subscriber, AUGUST)).toBe(true);
    expect(downOf(subscriber.cycles)).toEqual([['2026-08-01', 0]]);
    expect(downOf(subscriber.pastCycles)).toEqual([['2026-07-01', 0]]);
  });

  it('has no current cycle before the first watermark', () => {
    const subscriber = line('Europe/Berlin');
    expect(roll(subscriber, 0)).toBe(false);
    expect(subscriber.cycles).toEqual([]);
  });

  it('counts bytes ahead of the roll in their own cycle, which becomes the current one', () => {
    const subscriber = line();
    roll(subscriber, AUGUST - 1000);
    addDown(subscriber, AUGUST - 500, 1);
    addDown(subscriber, AUGUST, 2);
    expect(downOf(subscriber.cycles)).toEqual([
      ['2026-07-01', 1],
      ['2026-08-01', 2],
    ]);
    roll(subscriber, AUGUST);
    expect(downOf(subscriber.cycles)).toEqual([['2026-08-01', 2]]);
    expect(downOf(subscriber.pastCycles)).toEqual([['2026-07-01', 1]]);
  });

  it('goes over several boundaries at once and keeps three past months that are closed, newest first', () => {
    const subscriber = line();
    for (const month of [4, 5, 6, 7, 8]) {
      close(subscriber, Date.UTC(2026, month, 2));
      roll(subscriber, Date.UTC(2026, month, 2));
      addDown(subscriber, Date.UTC(2026, month, 2), month);
    }
    expect(downOf(subscriber.pastCycles)).toEqual([
      ['2026-08-01', 7],
      ['2026-07-01', 6],
      ['2026-06-01', 5],
    ]);
    roll(subscriber, Date.UTC(2027, 0, 5));
    expect(downOf(subscriber.cycles)).toEqual([['2027-01-01', 0]]);
  });

  it('finds a cycle that skewed records filed under the past ones before the first watermark', () => {
    const subscriber = line();
    addDown(subscriber, AUGUST, 2);
    addDown(subscriber, JULY, 1);
    roll(subscriber, JULY + DAY);
    expect(downOf(subscriber.cycles)).toEqual([
      ['2026-07-01', 1],
      ['2026-08-01', 2],
    ]);
    expect(subscriber.pastCycles).toEqual([]);
  });
});

describe('addToCycle', () => {
  it('says when the cold value changed', () => {
    const subscriber = line();
    roll(subscriber, JULY);
    expect(addDown(subscriber, JULY, 1)).toBe(false);
    expect(addDown(subscriber, AUGUST, 1)).toBe(false);
    expect(addDown(subscriber, JULY - 1, 1)).toBe(true);
  });

  it('counts what is older than the cycles it keeps in the oldest one', () => {
    const subscriber = line();
    roll(subscriber, AUGUST);
    for (const month of [6, 5, 4]) addDown(subscriber, Date.UTC(2026, month, 9), 1);
    addDown(subscriber, Date.UTC(2020, 1, 1), 5);
    expect(downOf(subscriber.pastCycles)).toEqual([
      ['2026-07-01', 1],
      ['2026-06-01', 1],
      ['2026-05-01', 6],
    ]);
  });

  it('loses no byte to a cycle that is dropped, whatever the order of old ones, and keeps a bounded number', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 30 }), (months) => {
        const subscriber = line();
        roll(subscriber, AUGUST);
        for (const month of months) addDown(subscriber, Date.UTC(2001, month, 9), 1);
        const { pastCycles } = subscriber;
        expect(pastCycles.reduce((sum, { down }) => sum + down, 0)).toBe(months.length);
        expect(pastCycles.length).toBeLessThanOrEqual(3);
        const starts = pastCycles.map(({ startMs }) => startMs);
        expect(starts).toEqual([...starts].sort((a, b) => b - a));
      }),
      { numRuns: 100 },
    );
  });

  it('keeps each short cycle for as long as bytes may reach it, and until it is closed', () => {
    const subscriber = line();
    const daily = profile({ cycle: { kind: 'days', days: 1, from: '2026-01-01' } });
    subscriber.profile = daily;
    roll(subscriber, AUGUST);
    for (let day = 1; day <= 70; day += 1) addDown(subscriber, AUGUST - day * DAY, day);
    expect(subscriber.pastCycles.map(({ down }) => down)).toEqual([...Array(70).keys()].map((i) => i + 1));
    close(subscriber, AUGUST - 40 * DAY);
    roll(subscriber, AUGUST + 40 * DAY);
    // Those that are closed, from the 42nd day before on, ended more than 72 days ago; the others are still to be closed.
    expect(subscriber.pastCycles.map(({ down }) => down)).toEqual([
      0,
      ...[...Array(41).keys()].map((i) => i + 1),
    ]);
  });
});

describe('rebaseCycles', () => {
  it.each([
    [1, 15],
    [15, 1],
    [31, 1],
    [1, 31],
  ])('keeps every byte when the anchor goes from %i to %i', (from, to) => {
    const subscriber = line('Europe/Berlin', from);
    const now = Date.UTC(2026, 6, 20);
    roll(subscriber, now);
    addDown(subscriber, now, 10);
    addDown(subscriber, now + 40 * DAY, 5);
    subscriber.profile = profile({ zone: 'America/Havana', anchorDay: to });
    rebaseCycles(subscriber, now, calendar, 'UTC');
    expect(subscriber.cycles.reduce((sum, { down }) => sum + down, 0)).toBe(15);
    const [current] = subscriber.cycles;
    expect(current && current.startMs <= now && now < current.endMs).toBe(true);
    expect(roll(subscriber, now)).toBe(false);
  });

  it('makes no cycle of 1970 before the first watermark', () => {
    const subscriber = line();
    addDown(subscriber, JULY, 3);
    rebaseCycles(subscriber, 0, calendar, 'UTC');
    expect(downOf(subscriber.cycles)).toEqual([['2026-07-01', 3]]);
  });
});
