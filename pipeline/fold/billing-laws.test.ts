import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY, fold, HOUR, LogBuilder, profile, SETTINGS } from '../../tests/factories.ts';
import type { BatchEffects } from './effects.ts';
import { emptySlot } from './slot-state.ts';
import type { Bytes, SlotState } from './slot-state.ts';

/** One thing that happens to a line: usage, another zone or anchor, or nothing for a while. */
type Step =
  | { kind: 'usage'; ageMs: number; minutes: number; down: number; serviceClass: string }
  | { kind: 'profile'; zone: string; anchorDay: number }
  | { kind: 'wait'; ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('usage' as const),
      ageMs: fc.oneof(
        fc.constant(0),
        fc.integer({ min: 0, max: 3 * HOUR }),
        fc.integer({ min: 0, max: 6 * DAY }),
      ),
      minutes: fc.oneof(fc.constant(0), fc.nat(120), fc.nat(8 * 24 * 60)),
      down: fc.nat(100_000),
      serviceClass: fc.constantFrom('', 'tv'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('profile' as const),
      zone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/Havana', 'Pacific/Kiritimati'),
      anchorDay: fc.constantFrom(1, 2, 14, 15, 16, 28, 29, 30, 31),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.oneof(fc.integer({ min: 1, max: 2 * DAY }), fc.integer({ min: DAY, max: 12 * DAY })),
    }),
  },
);

function logOf(steps: readonly Step[], startMs: number): LogBuilder {
  const log = new LogBuilder();
  let clock = startMs;
  steps.forEach((one, i) => {
    if (one.kind === 'wait') log.tick((clock += one.ms));
    else if (one.kind === 'profile')
      log.control({
        kind: 'subscriber-profile',
        profile: profile({ zone: one.zone, anchorDay: one.anchorDay }),
      });
    else {
      const { ageMs, minutes, down, serviceClass } = one;
      const statusType = 'STOP';
      const eventTimeMs = clock - ageMs;
      const session = { sessionId: `s${i}`, sessionTimeSeconds: 60 * minutes, statusType } as const;
      log.record(
        { ...session, eventTimeMs, outputOctets: down, inputOctets: down % 10, serviceClass },
        clock,
      );
    }
  });
  return log;
}

function sum(totals: readonly Bytes[]): Bytes {
  return totals.reduce((all, { down, up }) => ({ down: all.down + down, up: all.up + up }), {
    down: 0,
    up: 0,
  });
}

/** Everything that billing was told, and what it will be told of cycles that are open. */
function billed(state: SlotState, { outbox }: BatchEffects): Bytes {
  const told = outbox.flatMap((record) => {
    if (record.kind === 'adjustment')
      return [{ down: record.adjustment.downBytes, up: record.adjustment.upBytes }];
    if (record.kind !== 'closed-cycle') return [];
    return record.cycle.classes.map(({ downBytes, upBytes }) => ({ down: downBytes, up: upBytes }));
  });
  const { cycles = [], pastCycles = [] } = state.subscribers.get('sub-1') ?? {};
  return sum([...told, ...cycles, ...pastCycles.filter(({ closed }) => !closed)]);
}

const STARTS = [Date.UTC(2026, 1, 20), Date.UTC(2026, 6, 10, 12), Date.UTC(2026, 9, 20, 3)];

describe('what billing is told', { timeout: 60_000 }, () => {
  const run = (
    steps: readonly Step[],
    startMs: number,
    law: (state: SlotState, effects: BatchEffects, log: LogBuilder) => void,
  ): void => {
    const log = logOf(steps, startMs);
    const state = emptySlot(0, SETTINGS, 0);
    law(state, fold(state, log.inputs), log);
  };

  it('is all usage, once: closed cycles, adjustments and what is open sum to it, whatever changes in between', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.constantFrom(...STARTS), (steps, startMs) => {
        run(steps, startMs, (state, effects) => {
          const used = steps.flatMap((one) =>
            one.kind === 'usage' ? [{ down: one.down, up: one.down % 10 }] : [],
          );
          expect(billed(state, effects)).toEqual(sum(used));
        });
      }),
      { numRuns: 300 },
    );
  });

  it('names each cycle and each adjustment once', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.constantFrom(...STARTS), (steps, startMs) => {
        run(steps, startMs, (_state, { outbox }) => {
          const names = outbox.flatMap((record): (string | number)[] => {
            if (record.kind === 'adjustment') return [record.adjustment.id];
            return record.kind === 'closed-cycle' ? [record.cycle.cycleStartMs] : [];
          });
          expect(names).toEqual([...new Set(names)]);
        });
      }),
      { numRuns: 300 },
    );
  });

  it('is what the totals hold, and what analysts see: windows and late rows', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.constantFrom(...STARTS), (steps, startMs) => {
        run(steps, startMs, (state, { oneShots }) => {
          const { cycles = [], pastCycles = [], rows = [] } = state.subscribers.get('sub-1') ?? {};
          const late = oneShots.flatMap(({ row }) => (row.kind === 'late' ? [row] : []));
          const used = steps.flatMap((one) =>
            one.kind === 'usage' ? [{ down: one.down, up: one.down % 10 }] : [],
          );
          expect(sum([...rows, ...late])).toEqual(sum(used));
          if (pastCycles.length < 3) expect(sum([...cycles, ...pastCycles])).toEqual(sum(used));
        });
      }),
      { numRuns: 200 },
    );
  });
});
