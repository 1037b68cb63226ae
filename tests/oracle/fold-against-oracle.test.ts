import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BatchEffects } from '../../pipeline/fold/effects.ts';
import type { SlotState } from '../../pipeline/fold/slot-state.ts';
import { LogBuilder, MINUTE, NOON, fold, freshSlot } from '../factories.ts';
import { expectedOf } from './oracle.ts';
import type { ExpectedAction } from './action-oracle.ts';
import type { Expected } from './oracle.ts';
import { randomLog } from '../random-log.ts';

type Totals = Record<string, [down: bigint, up: bigint]>;

/** Everything that the oracle speaks of, as plain data that compares and prints well. */
interface Picture {
  windows: Totals;
  late: Totals;
  cycles: Totals;
  sessions: Totals;
  outcomes: Record<string, number>;
  watermarkMs: number;
  actions: object[];
}

function add(to: Totals, key: readonly (string | number)[], down: number, up: number): void {
  if (down + up === 0) return;
  const [hadDown, hadUp] = to[JSON.stringify(key)] ?? [0n, 0n];
  to[JSON.stringify(key)] = [hadDown + BigInt(down), hadUp + BigInt(up)];
}

function actual(state: SlotState, effects: BatchEffects): Picture {
  const picture: Picture = {
    windows: {},
    late: {},
    cycles: {},
    sessions: {},
    outcomes: Object.fromEntries(Object.entries(state.counts).filter(([, n]) => n > 0)),
    watermarkMs: state.watermarkMs,
    actions: ordered(
      effects.intents.map(({ intent }) => {
        const { subscriberId, kind, cycleStartMs, ordinal, offset } = intent;
        return { subscriberId, kind, cycleStartMs, ordinal, offset };
      }),
    ),
  };
  for (const rows of state.windows.values()) {
    for (const { subscriberId, startMs, serviceClass, nasId, down, up } of rows.values())
      add(picture.windows, [subscriberId, startMs, serviceClass, nasId], down, up);
  }
  for (const { row } of effects.oneShots) {
    if (row.kind === 'session') continue;
    const { offset, subscriberId, fromMs, toMs, serviceClass, nasId, down, up } = row;
    add(picture.late, [offset, subscriberId, fromMs, toMs, serviceClass, nasId], down, up);
  }
  for (const { id, cycles, pastCycles, sessions, tombstones } of state.subscribers.values()) {
    for (const { startMs, down, up } of [...cycles, ...pastCycles])
      add(picture.cycles, [id, startMs], down, up);
    for (const { nasId, sessionId, service, startMs, counted } of [...sessions, ...tombstones])
      add(picture.sessions, [id, nasId, sessionId, service, startMs], counted.down, counted.up);
  }
  return picture;
}

function wanted(expected: Expected): Picture {
  const totals = (map: Expected['windows']): Totals =>
    Object.fromEntries(
      [...map].filter(([, { down, up }]) => down + up > 0n).map(([key, { down, up }]) => [key, [down, up]]),
    );
  return {
    windows: totals(expected.windows),
    late: totals(expected.late),
    cycles: totals(expected.cycles),
    sessions: totals(expected.sessions),
    outcomes: Object.fromEntries(expected.outcomes),
    watermarkMs: expected.watermarkMs,
    actions: ordered(expected.actions),
  };
}

/** Of one entry's actions the order is kept within a subscriber only. */
function ordered<A extends Pick<ExpectedAction, 'offset' | 'subscriberId'>>(actions: A[]): A[] {
  return actions.sort((a, b) => a.offset - b.offset || a.subscriberId.localeCompare(b.subscriberId));
}

/** Sessions are compared as far as the state remembers them. */
function withRemembered(expected: Picture, got: Picture): Picture {
  const sessions = Object.fromEntries(
    Object.entries(expected.sessions).filter(([key]) => key in got.sessions),
  );
  return { ...expected, sessions };
}

function sum(totals: Totals): bigint {
  return Object.values(totals).reduce((all, [down, up]) => all + down + up, 0n);
}

function compare(log: LogBuilder): Picture {
  const state = freshSlot();
  const got = actual(state, fold(state, log.inputs));
  const expected = expectedOf(log.inputs);
  expect(got).toEqual(withRemembered(wanted(expected), got));
  const counted = Object.values(got.outcomes).reduce((a, b) => a + b, 0);
  expect(counted).toBe(expected.recordsIn);
  return got;
}

describe('fold and oracle', () => {
  it('agree on random logs, record by record', () => {
    let throttled = 0;
    let late = 0n;
    fc.assert(
      fc.property(randomLog(), (log) => {
        const got = compare(log);
        throttled += got.actions.length;
        late += sum(got.late);
        // Nothing between metering and totals is lost: windows and late rows hold what the cycles hold.
        expect(sum(got.windows) + sum(got.late)).toBe(sum(got.cycles));
      }),
      { numRuns: 500 },
    );
    // The logs reach what they are meant to reach.
    expect(throttled).toBeGreaterThan(50);
    expect(late).toBeGreaterThan(0n);
  });

  it('agree on a long log of one subscriber', () => {
    const log = new LogBuilder().enforced();
    for (let i = 1; i <= 400; i += 1) {
      log.record({
        eventTimeMs: NOON + i * 37 * MINUTE,
        sessionTimeSeconds: (i % 50) * 37 * 60,
        outputOctets: (i % 50) * 1_000_003,
        inputOctets: (i % 50) * 999_983,
      });
    }
    expect(compare(log).actions).not.toEqual([]);
  });
});
