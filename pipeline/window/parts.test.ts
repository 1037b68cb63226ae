import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CycleCalendar } from '../../rules/cycle.ts';
import { DAY, HOUR, NOON, SETTINGS, profile } from '../../tests/factories.ts';
import { newSubscriber } from '../fold/slot-state.ts';
import type { Subscriber } from '../fold/slot-state.ts';
import type { CyclePart } from '../fold/tariff-state.ts';
import { addToCycle } from './cycles.ts';
import { addToDays } from './days.ts';
import { alignParts, boundariesIn, MAX_PARTS, sharesOf } from './parts.ts';

const calendar = new CycleCalendar();
const JULY = Date.UTC(2026, 6, 1);
const AUGUST = Date.UTC(2026, 7, 1);
const MIDNIGHT = Date.UTC(2026, 6, 10);

type Given = Parameters<typeof profile>[0];

function line(fields: Given = {}): Subscriber {
  const subscriber = newSubscriber('sub-1', SETTINGS);
  subscriber.keepsParts = true;
  subscriber.profile = profile(fields);
  return subscriber;
}

/** Bytes that a record brings, as the fold adds them. */
function carry(
  subscriber: Subscriber,
  fromMs: number,
  toMs: number,
  down: number,
  serviceClass = '',
  offPeak = false,
): void {
  const bytes = { serviceClass, down, up: 1, offPeak };
  addToDays(subscriber, fromMs, toMs, bytes, calendar, 'UTC');
  addToCycle(subscriber, fromMs, bytes, calendar, 'UTC', toMs);
}

function change(subscriber: Subscriber, fields: Given): CyclePart[] {
  subscriber.profile = profile(fields);
  alignParts(subscriber, calendar, 'UTC');
  return subscriber.cycles[0]?.parts ?? [];
}

const changedAt = (...instants: number[]): Given => ({
  assignments: [0, ...instants].map((fromMs, i) => ({
    planId: `plan-${i}`,
    fromMs,
    toMs: instants[i] ?? null,
  })),
});

const downs = (parts: readonly CyclePart[]): number[] => parts.map(({ down }) => down);

describe('parts of a cycle', () => {
  it('lie between the boundaries within it; without one there are none', () => {
    const span = { startMs: JULY, endMs: AUGUST };
    expect(boundariesIn(profile(), span)).toEqual([]);
    expect(boundariesIn(profile(changedAt(JULY, NOON, AUGUST)), span)).toEqual([NOON]);
    const unlimited = [{ id: 'u', fromMs: NOON - HOUR, toMs: NOON }];
    expect(boundariesIn(profile({ unlimited, ...changedAt(NOON) }), span)).toEqual([NOON - HOUR, NOON]);
  });

  it('are 128 at most: of more boundaries the last ones', () => {
    const unlimited = [...Array(200).keys()].map((i) => ({
      id: 'u',
      fromMs: JULY + 1 + i,
      toMs: JULY + 2 + i,
    }));
    const found = boundariesIn(profile({ unlimited }), { startMs: JULY, endMs: AUGUST });
    expect(found).toHaveLength(MAX_PARTS - 1);
    expect(found.at(-1)).toBe(JULY + 201);
  });

  it('share what a boundary cuts by time, exactly', () => {
    const subscriber = line(changedAt(NOON));
    carry(subscriber, NOON - 60_000, NOON + 30_000, 10);
    carry(subscriber, NOON + 1, NOON + 1, 5);
    carry(subscriber, NOON, NOON, 3);
    const [cycle] = subscriber.cycles;
    expect(downs(cycle?.parts ?? [])).toEqual([7, 11]);
    expect(cycle).toMatchObject({ down: 18, up: 3 });
  });

  it('keep all that was carried before a change that is known at once', () => {
    const subscriber = line();
    carry(subscriber, NOON - HOUR, NOON - HOUR, 10);
    carry(subscriber, NOON + 1000, NOON + 1000, 5);
    expect(downs(change(subscriber, changedAt(NOON)))).toEqual([15, 0]);
  });

  it('move whole days where a change is dated back to a midnight', () => {
    const subscriber = line();
    carry(subscriber, MIDNIGHT - DAY, MIDNIGHT - DAY, 100, 'tv', true);
    carry(subscriber, MIDNIGHT + HOUR, MIDNIGHT + HOUR, 20, 'tv', true);
    carry(subscriber, MIDNIGHT + DAY, MIDNIGHT + DAY, 3);
    const parts = change(subscriber, changedAt(MIDNIGHT));
    expect(parts).toMatchObject([
      {
        down: 100,
        classes: [{ serviceClass: 'tv', down: 100 }],
        offPeak: [{ serviceClass: 'tv', down: 100 }],
      },
      { down: 23, classes: [{ serviceClass: 'tv', down: 20 }], offPeak: [{ serviceClass: 'tv', down: 20 }] },
    ]);
  });

  it('become one again where a boundary went', () => {
    const subscriber = line(changedAt(NOON));
    carry(subscriber, NOON - 1, NOON - 1, 10, 'tv');
    carry(subscriber, NOON + 1, NOON + 1, 5, 'tv', true);
    expect(downs(change(subscriber, changedAt(NOON, NOON + DAY)))).toEqual([10, 5, 0]);
    expect(change(subscriber, changedAt(NOON + DAY))).toMatchObject([
      { down: 15, classes: [{ serviceClass: 'tv', down: 15 }], offPeak: [{ serviceClass: 'tv', down: 5 }] },
      { down: 0 },
    ]);
    expect(change(subscriber, {})).toEqual([]);
  });

  it('of a closed cycle stay what they were', () => {
    const subscriber = line();
    carry(subscriber, NOON, NOON, 10);
    const [cycle] = subscriber.cycles;
    if (cycle === undefined) throw new Error('no cycle');
    subscriber.pastCycles = [{ ...cycle, closed: true }];
    subscriber.cycles = [];
    change(subscriber, changedAt(NOON));
    expect(subscriber.pastCycles[0]?.parts).toEqual([]);
  });

  it('sum to the cycle, by class and time of day, whatever changes come', () => {
    const instant = fc.integer({ min: -20, max: 40 }).map((hours) => MIDNIGHT + hours * 6 * HOUR);
    const usage = fc.record({
      atMs: instant,
      lengthMs: fc.integer({ min: 0, max: DAY }),
      down: fc.nat(1000),
      serviceClass: fc.constantFrom('', 'tv', 'film'),
      offPeak: fc.boolean(),
    });
    const step = fc.oneof(
      { weight: 3, arbitrary: usage },
      fc.uniqueArray(instant, { maxLength: 3 }).map((instants) => instants.sort((a, b) => a - b)),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const subscriber = line();
        for (const one of steps) {
          if (Array.isArray(one)) change(subscriber, changedAt(...one));
          else carry(subscriber, one.atMs, one.atMs + one.lengthMs, one.down, one.serviceClass, one.offPeak);
          for (const cycle of subscriber.cycles) {
            if (cycle.parts.length === 0) continue;
            expect(sumOf(cycle.parts)).toEqual(sumOf([cycle]));
            for (const part of cycle.parts) expect(overOffPeak(part)).toEqual([]);
            expect(cycle.parts[0]?.fromMs).toBe(cycle.startMs);
            expect(cycle.parts.at(-1)?.toMs).toBe(cycle.endMs);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('give pieces of one record to those that they touch, the rest to the first and last', () => {
    const parts = [0, 10, 20].map((fromMs) => ({
      ...{ fromMs, toMs: fromMs + 10, down: 0, up: 0, classes: [], offPeak: [] },
    }));
    const shares = (fromMs: number, toMs: number): [number, number][] =>
      sharesOf(parts, fromMs, toMs, { down: 30, up: 0 }).map(({ part, down }) => [part.fromMs, down]);
    expect(shares(5, 35)).toEqual([
      [0, 5],
      [10, 10],
      [20, 15],
    ]);
    expect(shares(-5, -1)).toEqual([[0, 30]]);
    expect(shares(30, 40)).toEqual([[20, 30]]);
    expect(shares(10, 10)).toEqual([[10, 30]]);
  });
});

type Totals = Pick<CyclePart, 'down' | 'up' | 'classes' | 'offPeak'>;

function sumOf(totals: readonly Totals[]): Record<string, number> {
  const sum: Record<string, number> = {};
  const add = (name: string, value: number): void => {
    if (value > 0) sum[name] = (sum[name] ?? 0) + value;
  };
  for (const { down, up, classes, offPeak } of totals) {
    add('down', down);
    add('up', up);
    for (const share of classes) {
      add(`${share.serviceClass} down`, share.down);
      add(`${share.serviceClass} up`, share.up);
    }
    for (const share of offPeak) {
      add(`off ${share.serviceClass} down`, share.down);
      add(`off ${share.serviceClass} up`, share.up);
    }
  }
  return sum;
}

/** Classes that are said to have carried more off-peak than in all. */
function overOffPeak({ down, up, classes, offPeak }: Totals): string[] {
  return offPeak
    .filter(({ serviceClass, ...off }) => {
      const named = classes.find((share) => share.serviceClass === serviceClass);
      const rest = { down, up };
      for (const share of classes) {
        rest.down -= share.down;
        rest.up -= share.up;
      }
      const has = serviceClass === '' ? rest : (named ?? { down: 0, up: 0 });
      return off.down > has.down || off.up > has.up;
    })
    .map(({ serviceClass }) => serviceClass);
}
