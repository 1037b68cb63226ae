import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CycleCalendar } from '../../rules/cycle.ts';
import { DAY, fold, HOUR, LogBuilder, MINUTE, profile, SETTINGS } from '../../tests/factories.ts';
import { emptySlot, newSubscriber } from '../fold/slot-state.ts';
import type { ClassTotal, DayTotal, Subscriber } from '../fold/slot-state.ts';
import { addToDays } from './days.ts';

const calendar = new CycleCalendar();
const JULY = Date.UTC(2026, 6, 1);

function line(zone = 'UTC', anchorDay = 1): Subscriber {
  const subscriber = newSubscriber('sub-1', SETTINGS);
  subscriber.profile = profile({ zone, anchorDay });
  return subscriber;
}

function add(subscriber: Subscriber, fromMs: number, toMs: number, down: number, serviceClass = ''): boolean {
  return addToDays(subscriber, fromMs, toMs, { serviceClass, down, up: 0, offPeak: false }, calendar, 'UTC');
}

function daysOf({ today, days }: Subscriber): DayTotal[] {
  return today === null ? days : [today, ...days];
}

function downs(subscriber: Subscriber): [string, number][] {
  return daysOf(subscriber).map(({ startMs, down }) => [new Date(startMs).toISOString().slice(0, 13), down]);
}

describe('case 21: addToDays', () => {
  it('counts in the day of the zone; only the newest is hot', () => {
    const subscriber = line('America/Havana');
    // The first is new: nothing was hot before.
    expect(add(subscriber, JULY, JULY + MINUTE, 5)).toBe(true);
    expect(add(subscriber, JULY + 4 * HOUR, JULY + 5 * HOUR, 7)).toBe(true);
    expect(add(subscriber, JULY + 6 * HOUR, JULY + 6 * HOUR, 1)).toBe(false);
    expect(add(subscriber, JULY + HOUR, JULY + HOUR, 2)).toBe(true);
    expect(downs(subscriber)).toEqual([
      ['2026-07-01T04', 8],
      ['2026-06-30T04', 7],
    ]);
  });

  it('splits what spans days by time, whole bytes, and sums exactly', () => {
    const subscriber = line();
    expect(add(subscriber, JULY - 12 * HOUR, JULY + 2 * DAY + 6 * HOUR, 100)).toBe(true);
    // 12, 24, 24 and 6 of 66 hours
    expect(downs(subscriber)).toEqual([
      ['2026-07-03T00', 9],
      ['2026-07-02T00', 36],
      ['2026-07-01T00', 37],
      ['2026-06-30T00', 18],
    ]);
  });

  it.each([
    ['Europe/Berlin', Date.UTC(2026, 9, 25, 3), 25],
    ['Europe/Berlin', Date.UTC(2026, 2, 29, 3), 23],
    ['Asia/Kathmandu', JULY, 24],
  ])('a day of %s may have 23 to 25 hours', (zone, atMs, hours) => {
    const subscriber = line(zone);
    add(subscriber, atMs, atMs, 1);
    const { startMs = 0, endMs = 0 } = subscriber.today ?? {};
    expect((endMs - startMs) / HOUR).toBe(hours);
  });

  it('ends at a day that ends there, and begins the next with its first instant', () => {
    const subscriber = line();
    add(subscriber, JULY - MINUTE, JULY, 3);
    add(subscriber, JULY, JULY, 4);
    expect(downs(subscriber)).toEqual([
      ['2026-07-01T00', 4],
      ['2026-06-30T00', 3],
    ]);
  });

  it('keeps 70 days besides the newest, the newest ones, whatever the order', () => {
    const inOrder = line();
    const shuffled = line();
    for (let i = 0; i < 100; i += 1) {
      add(inOrder, JULY + i * DAY, JULY + i * DAY, i + 1);
      const j = (i * 37) % 100;
      add(shuffled, JULY + j * DAY, JULY + j * DAY, j + 1);
    }
    expect(inOrder.days).toHaveLength(70);
    expect(daysOf(shuffled)).toEqual(daysOf(inOrder));
    expect(daysOf(inOrder).at(-1)?.down).toBe(30);
  });

  it('tells classes apart', () => {
    const subscriber = line();
    add(subscriber, JULY - HOUR, JULY + HOUR, 10, 'tv');
    add(subscriber, JULY, JULY, 3);
    expect(subscriber.today).toMatchObject({ down: 8, classes: [{ serviceClass: 'tv', down: 5, up: 0 }] });
  });

  it('conserves bytes over any spans', () => {
    const span = fc.tuple(fc.nat(60 * DAY), fc.nat(35 * DAY), fc.nat(2 ** 50));
    fc.assert(
      fc.property(
        fc.array(span, { maxLength: 8 }),
        fc.constantFrom('UTC', 'Europe/Berlin', 'America/Havana', 'Pacific/Apia', 'Asia/Kathmandu'),
        (spans, zone) => {
          const subscriber = line(zone);
          let sum = 0n;
          for (const [at, length, down] of spans) {
            add(subscriber, JULY + at - length, JULY + at, down);
            sum += BigInt(down);
          }
          // 60 days and 35 before: some may be dropped, never those of the last 70.
          const kept = daysOf(subscriber);
          const held = kept.reduce((all, { down }) => all + BigInt(down), 0n);
          if (kept.length <= 70) expect(held).toBe(sum);
          expect(held).toBeLessThanOrEqual(sum);
          const starts = kept.map(({ startMs }) => startMs);
          expect(starts).toEqual([...new Set(starts)].sort((a, b) => b - a));
        },
      ),
    );
  });
});

describe('a profile that comes later', () => {
  /** A record of a session of its own that carried `down` bytes within `minutes`, delivered late. */
  interface Carried {
    afterMs: number;
    minutes: number;
    down: number;
    serviceClass: string;
    lateMs: number;
  }
  const carried: fc.Arbitrary<Carried> = fc.record({
    afterMs: fc.integer({ min: 0, max: 8 * HOUR }),
    minutes: fc.integer({ min: 0, max: 600 }),
    down: fc.nat(10_000),
    serviceClass: fc.constantFrom('', 'tv', 'game'),
    lateMs: fc.constantFrom(0, 0, 0, 10 * MINUTE, 30 * MINUTE),
  });

  function logOf(records: readonly Carried[], startMs: number): LogBuilder {
    const log = new LogBuilder();
    let clock = startMs;
    records.forEach(({ afterMs, minutes, down, serviceClass, lateMs }, i) => {
      clock += afterMs;
      log.record(
        {
          sessionId: `s${i}`,
          serviceClass,
          eventTimeMs: clock - lateMs,
          sessionTimeSeconds: minutes * 60,
          outputOctets: down,
          inputOctets: down % 7,
        },
        clock,
      );
    });
    return log;
  }

  /** Cycle totals by start; those without usage are nobody's concern. */
  function cyclesOf(subscriber: Subscriber | undefined): Map<number, unknown> {
    const found = new Map<number, unknown>();
    for (const { startMs, endMs, down, up, classes } of [
      ...(subscriber?.cycles ?? []),
      ...(subscriber?.pastCycles ?? []),
    ]) {
      if (down + up > 0) found.set(startMs, { endMs, down, up, classes: classes.filter(used) });
    }
    return new Map([...found].sort(([a], [b]) => a - b));
  }

  function used({ down, up }: ClassTotal): boolean {
    return down + up > 0;
  }

  it('with another anchor gives the totals that it would have given from the beginning', () => {
    fc.assert(
      fc.property(
        fc.array(carried, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 31 }),
        fc.constantFrom('UTC', 'Europe/Berlin', 'America/Havana', 'Asia/Kathmandu'),
        fc.constantFrom(Date.UTC(2026, 9, 20, 5), Date.UTC(2026, 9, 30, 23), Date.UTC(2026, 1, 20)),
        (records, anchorDay, zone, startMs) => {
          // Nothing closes before the profile comes: what is closed was billed, and stays as it was.
          const settings = { ...SETTINGS, defaultZone: zone, cycleCloseGraceMs: 100 * DAY };
          const given = { kind: 'subscriber-profile', profile: profile({ zone, anchorDay }) } as const;
          const log = logOf(records, startMs);
          const later = emptySlot(0, settings, 0);
          fold(later, log.inputs);
          const before = emptySlot(0, settings, 0);
          const first = new LogBuilder().control(given, 1);
          for (const input of log.inputs)
            first.inputs.push({ ...input, offset: first.inputs.length } as (typeof first.inputs)[number]);
          fold(before, first.inputs);
          fold(later, log.control(given, 1).inputs);
          expect(cyclesOf(later.subscribers.get('sub-1'))).toEqual(cyclesOf(before.subscribers.get('sub-1')));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('of another zone moves whole days, and back again', () => {
    const log = new LogBuilder()
      .control({ kind: 'subscriber-profile', profile: profile() })
      .record({ sessionId: 'a', eventTimeMs: JULY + DAY - HOUR, outputOctets: 3 })
      .record({ sessionId: 'b', eventTimeMs: JULY + HOUR, outputOctets: 10 })
      .record({ sessionId: 'c', eventTimeMs: JULY + 2 * DAY, outputOctets: 100 });
    const state = emptySlot(0, SETTINGS, 0);
    fold(state, log.inputs);
    // Midnight UTC of the 1st is still June in Havana.
    const moved = { kind: 'subscriber-profile', profile: profile({ zone: 'America/Havana' }) } as const;
    fold(state, log.control(moved).inputs);
    const subscriber = state.subscribers.get('sub-1');
    expect(cyclesOf(subscriber)).toEqual(
      new Map([
        [Date.UTC(2026, 5, 1, 4), { endMs: JULY + 4 * HOUR, down: 13, up: 0, classes: [] }],
        [JULY + 4 * HOUR, { endMs: Date.UTC(2026, 7, 1, 4), down: 100, up: 0, classes: [] }],
      ]),
    );
    fold(state, log.control({ kind: 'subscriber-profile', profile: profile() }).inputs);
    expect(cyclesOf(subscriber)).toEqual(
      new Map([[JULY, { endMs: Date.UTC(2026, 7, 1), down: 113, up: 0, classes: [] }]]),
    );
  });

  it('corrections stay with the cycle that takes their cycle’s beginning', () => {
    const log = new LogBuilder().record({ eventTimeMs: JULY + 20 * DAY, outputOctets: 5 });
    log.control({
      kind: 'operator',
      command: {
        type: 'adjust',
        subscriberId: 'sub-1',
        atMs: JULY + 20 * DAY,
        downBytes: -3,
        upBytes: 1,
        reason: 'r',
        by: 'ann',
      },
    });
    log.control({ kind: 'subscriber-profile', profile: profile({ anchorDay: 15 }) });
    const state = emptySlot(0, SETTINGS, 0);
    fold(state, log.inputs);
    const { cycles = [], pastCycles = [] } = state.subscribers.get('sub-1') ?? {};
    expect([...cycles, ...pastCycles].map(({ adjusted }) => adjusted.down)).toEqual([0, -3]);
  });
});
