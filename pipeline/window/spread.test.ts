import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY, HOUR, MINUTE, NOON } from '../../tests/factories.ts';
import { oldestOpenWindow, spread, windowStart, WINDOW_MS } from './spread.ts';

const none = (): number[] => [];

function pieces(
  fromMs: number,
  toMs: number,
  watermarkMs: number,
  down = 1000,
  cuts: (from: number, to: number) => number[] = none,
): [window: number | null, from: number, to: number, down: number][] {
  return spread({ serviceClass: '', down, up: 0 }, fromMs, toMs, watermarkMs, cuts).map((part) => [
    part.windowStartMs === null ? null : (part.windowStartMs - NOON) / MINUTE,
    (part.fromMs - NOON) / MINUTE,
    (part.toMs - NOON) / MINUTE,
    part.down,
  ]);
}

describe('spread', () => {
  it('keeps a delta within one window whole', () => {
    expect(pieces(NOON + MINUTE, NOON + 4 * MINUTE, NOON)).toEqual([[0, 1, 4, 1000]]);
  });

  it('ends a delta that stops on a boundary in the earlier window', () => {
    expect(pieces(NOON + 4 * MINUTE, NOON + 5 * MINUTE, NOON)).toEqual([[0, 4, 5, 1000]]);
  });

  it('puts an instant on a boundary in the later window', () => {
    expect(pieces(NOON + 5 * MINUTE, NOON + 5 * MINUTE, NOON)).toEqual([[5, 5, 5, 1000]]);
  });

  it('splits by time over windows', () => {
    expect(pieces(NOON + MINUTE, NOON + 11 * MINUTE, NOON)).toEqual([
      [0, 1, 5, 400],
      [5, 5, 10, 500],
      [10, 10, 11, 100],
    ]);
  });

  it('a window takes bytes until the watermark is an hour past its end, and not a millisecond longer', () => {
    const end = NOON + WINDOW_MS;
    expect(pieces(NOON, NOON + MINUTE, end + HOUR - 1)).toEqual([[0, 0, 1, 1000]]);
    expect(pieces(NOON, NOON + MINUTE, end + HOUR)).toEqual([[null, 0, 1, 1000]]);
    expect(oldestOpenWindow(end + HOUR)).toBe(end);
  });

  it('cuts what is late at cycle boundaries only', () => {
    const cut = NOON + 30 * MINUTE;
    expect(pieces(NOON, NOON + HOUR, NOON + DAY, 1000, () => [cut])).toEqual([
      [null, 0, 30, 500],
      [null, 30, 60, 500],
    ]);
  });

  it('parts what is late from what is not', () => {
    expect(pieces(NOON, NOON + 10 * MINUTE, NOON + 65 * MINUTE)).toEqual([
      [null, 0, 5, 500],
      [5, 5, 10, 500],
    ]);
  });

  it('tiles its interval, conserves bytes and never opens a late window', () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        fc.integer({ min: 0, max: 3 * DAY }),
        fc.integer({ min: -4 * DAY, max: DAY }),
        fc.array(fc.integer({ min: 0, max: 3 * DAY }), { maxLength: 3 }),
        (down, lengthMs, watermarkAfterMs, cutsAfter) => {
          const toMs = NOON + lengthMs;
          const watermarkMs = toMs + watermarkAfterMs;
          const cuts = cutsAfter.map((after) => NOON + after).sort((a, b) => a - b);
          const parts = spread({ serviceClass: '', down, up: 3 }, NOON, toMs, watermarkMs, () => cuts);
          expect(parts.reduce((sum, part) => sum + part.down, 0)).toBe(down);
          expect(parts.reduce((sum, part) => sum + part.up, 0)).toBe(3);
          expect(parts[0]?.fromMs).toBe(NOON);
          expect(parts.at(-1)?.toMs).toBe(toMs);
          parts.forEach((part, i) => {
            expect(part.fromMs).toBe(parts[i - 1]?.toMs ?? NOON);
            if (part.windowStartMs === null) return;
            expect(part.windowStartMs).toBe(windowStart(part.fromMs));
            expect(part.toMs).toBeLessThanOrEqual(part.windowStartMs + WINDOW_MS);
            expect(part.windowStartMs + WINDOW_MS + HOUR).toBeGreaterThan(watermarkMs);
          });
        },
      ),
      { numRuns: 40 },
    );
  });
});
