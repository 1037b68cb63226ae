import { describe, expect, it } from 'vitest';
import {
  LogBuilder,
  MINUTE,
  NOON,
  capPolicy,
  fold,
  freshSlot,
  plan,
  profile,
} from '../../tests/factories.ts';
import type { SlotState } from './slot-state.ts';

/** A slot whose subscribers and windows hold the whole log while its core stands at the beginning, as a torn write leaves it. */
function ahead(log: LogBuilder): SlotState {
  const state = freshSlot();
  fold(state, log.inputs);
  state.position = 0;
  state.watermarkMs = 0;
  state.controls = new Map();
  return state;
}

function upAndDown(): LogBuilder {
  const topUps = [{ id: 't', bytes: 5000, fromMs: 0, expiresMs: NOON + 90 * MINUTE }];
  return new LogBuilder()
    .control({ kind: 'plan-version', plan: plan() })
    .control({ kind: 'policy-version', policy: capPolicy({ minHoldSeconds: 0 }) })
    .control({ kind: 'subscriber-profile', profile: profile() })
    .record({ eventTimeMs: NOON, outputOctets: 1000 })
    .control({ kind: 'subscriber-profile', profile: profile({ topUps }) })
    .record({ eventTimeMs: NOON + MINUTE, outputOctets: 5500, statusType: 'STOP' })
    .tick(NOON + 90 * MINUTE);
}

describe('values that are ahead of the slot', () => {
  it('skip what they hold: records, profiles and due work', () => {
    const log = upAndDown();
    const state = ahead(log);
    const before = structuredClone(state.subscribers);
    const effects = fold(state, log.inputs);
    expect(state.subscribers).toEqual(before);
    expect([effects.hot.size, effects.windows.size, effects.outbox]).toEqual([0, 0, []]);
    expect(state.counts.duplicate).toBe(2);
  });

  it('go on with what comes after', () => {
    const log = upAndDown();
    const state = ahead(log);
    log.record({ eventTimeMs: NOON + 2 * MINUTE, outputOctets: 5600 });
    fold(state, log.inputs);
    const straight = freshSlot();
    fold(straight, log.inputs);
    expect(state.subscribers).toEqual(straight.subscribers);
    expect(state.windows).toEqual(straight.windows);
  });
});
