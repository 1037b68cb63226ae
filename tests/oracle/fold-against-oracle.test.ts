import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BatchEffects } from '../../pipeline/fold/effects.ts';
import type { SlotState } from '../../pipeline/fold/slot-state.ts';
import type { Amount } from '../../verify/amount.ts';
import { LogBuilder, MINUTE, NOON, fold, freshSlot, intentsOf } from '../factories.ts';
import { randomLog } from '../random-log.ts';
import { totalsOf } from './oracle.ts';
import type { Totals } from './oracle.ts';

type Sums = Record<string, [down: bigint, up: bigint]>;

/** Everything that the two speak of, as plain data that compares and prints well. */
interface Picture {
  windows: Sums;
  late: Sums;
  cycles: Sums;
  sessions: Sums;
  outcomes: Record<string, number>;
  flags: Record<string, number>;
  watermarkMs: number;
  actions: string[];
}

function add(to: Sums, key: readonly (string | number)[], down: number, up: number): void {
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
    flags: Object.fromEntries(Object.entries(state.flags).filter(([, n]) => n > 0)),
    watermarkMs: state.watermarkMs,
    actions: intentsOf(effects)
      .map(({ kind, subscriberId, id }) => `${kind} ${subscriberId} ${id}`)
      .sort(),
  };
  for (const { subscriberId, startMs, serviceClass, nasId, down, up } of effects.windows)
    add(picture.windows, [subscriberId, startMs, serviceClass, nasId], down, up);
  for (const { row } of effects.oneShots) {
    if (row.kind !== 'late') continue;
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

function wanted(expected: Totals): Picture {
  const sums = (map: ReadonlyMap<string, Amount>): Sums =>
    Object.fromEntries(
      [...map].filter(([, { down, up }]) => down + up > 0n).map(([key, { down, up }]) => [key, [down, up]]),
    );
  return {
    windows: sums(expected.windows),
    late: sums(expected.late),
    cycles: sums(expected.cycles),
    sessions: sums(expected.sessions),
    outcomes: Object.fromEntries(expected.outcomes),
    flags: Object.fromEntries(expected.flags),
    watermarkMs: expected.watermarkMs,
    actions: expected.actions.map(({ kind, subscriberId, id }) => `${kind} ${subscriberId} ${id}`).sort(),
  };
}

/** Sessions are compared as far as the state remembers them. */
function withRemembered(expected: Picture, got: Picture): Picture {
  const known = (from: Sums, by: Sums): Sums =>
    Object.fromEntries(Object.entries(from).filter(([key]) => key in by));
  return { ...expected, sessions: known(expected.sessions, got.sessions) };
}

function sum(totals: Sums): bigint {
  return Object.values(totals).reduce((all, [down, up]) => all + down + up, 0n);
}

function compare(log: LogBuilder): Picture {
  const state = freshSlot();
  const got = actual(state, fold(state, log.inputs));
  const expected = totalsOf(log.inputs);
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
