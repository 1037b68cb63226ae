import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cacheRoom } from './cache-room.ts';

it.each([
  [0, 120_000],
  [200_000, 120_000],
  [600_000, 85_000],
  [1_000_000, 50_000],
  [50_000_000, 50_000],
])('with %i due times 50,000 places are %i', (due, places) => {
  expect(cacheRoom(50_000, due)).toBe(places);
});

it('is never less than configured, and never more where more is due', () => {
  const count = fc.integer({ min: 0, max: 10_000_000 });
  fc.assert(
    fc.property(count, count, count, (least, due, more) => {
      expect(cacheRoom(least, due)).toBeGreaterThanOrEqual(least);
      expect(cacheRoom(least, due + more)).toBeLessThanOrEqual(cacheRoom(least, due));
    }),
  );
});
