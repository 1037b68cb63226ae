import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RFC5080_RETRANSMISSION, nextWaitMs } from './retransmission.ts';

describe('nextWaitMs', () => {
  it('doubles from 2 s to 16 s without jitter', () => {
    const waits: number[] = [];
    for (let index = 0; index < 5; index += 1)
      waits.push(nextWaitMs(RFC5080_RETRANSMISSION, waits.at(-1), 0.5));
    expect(waits).toEqual([2000, 4000, 8000, 16_000, 16_000]);
  });

  it('keeps each wait within 10 % of what the previous one asks', () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(random, fc.double({ min: 1, max: 16_000, noNaN: true }), (draw, previous) => {
        const first = nextWaitMs(RFC5080_RETRANSMISSION, undefined, draw);
        expect(Math.abs(first - 2000)).toBeLessThanOrEqual(200);
        const next = nextWaitMs(RFC5080_RETRANSMISSION, previous, draw);
        expect(next).toBeLessThanOrEqual(17_600);
        expect(next).toBeGreaterThan(Math.min(previous * 1.9, 14_400) - 1e-6);
      }),
    );
  });
});
