import { describe, expect, it } from 'vitest';
import { LogBuilder, MINUTE, NOON, fold, freshSlot } from '../../tests/factories.ts';

describe('flags', () => {
  it('count a record once, for however many reasons it is estimated', () => {
    const log = new LogBuilder().record({
      eventTimeMs: NOON + 10 * MINUTE,
      sessionTimeSeconds: 900,
      outputOctets: 9,
    });
    const state = freshSlot();
    fold(state, log.inputs);
    expect(state.flags.estimated).toBe(1);
  });

  it('tell a counter that fell while the other one grew', () => {
    const log = new LogBuilder()
      .record({ statusType: 'START', eventTimeMs: NOON })
      .record({ eventTimeMs: NOON + MINUTE, outputOctets: 100, inputOctets: 100 })
      .record({ eventTimeMs: NOON + 2 * MINUTE, outputOctets: 90, inputOctets: 200 });
    const state = freshSlot();
    fold(state, log.inputs);
    expect(state.counts).toMatchObject({ metered: 1, 'zero-delta': 2 });
    expect(state.flags.fell).toBe(1);
  });
});
