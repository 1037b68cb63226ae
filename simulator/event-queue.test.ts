import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventQueue } from './event-queue.ts';

describe('EventQueue', () => {
  it('gives values by time, and in the order of pushing among equal times', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 })), (times) => {
        const queue = new EventQueue<{ atMs: number; order: number }>();
        times.forEach((atMs, order) => {
          queue.push(atMs, { atMs, order });
        });
        const expected = times
          .map((atMs, order) => ({ atMs, order }))
          .sort((a, b) => a.atMs - b.atMs || a.order - b.order);
        const given = expected.map(({ atMs }) => {
          expect(queue.nextMs()).toBe(atMs);
          return queue.pop();
        });
        expect(given).toEqual(expected);
        expect([queue.size, queue.nextMs(), queue.pop()]).toEqual([0, Infinity, undefined]);
      }),
    );
  });
});
