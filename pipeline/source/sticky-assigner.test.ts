import fc from 'fast-check';
import { expect, it } from 'vitest';
import { stickyAssignment } from './sticky-assigner.ts';

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

it('moves no more than it must when a member joins', () => {
  const result = stickyAssignment(
    [
      { memberId: 'a', owned: [0, 1, 2, 3] },
      { memberId: 'b', owned: [] },
    ],
    range(4),
  );
  expect(Object.fromEntries(result)).toEqual({ a: [0, 1], b: [2, 3] });
});

it('moves nothing between members that stay when one leaves', () => {
  const result = stickyAssignment(
    [
      { memberId: 'a', owned: [0, 1] },
      { memberId: 'b', owned: [4, 5] },
    ],
    range(6),
  );
  expect(result.get('a')).toEqual([0, 1, 2]);
  expect(result.get('b')).toEqual([3, 4, 5]);
});

it('gives each partition to exactly one member, evenly, and is stable when repeated', () => {
  const member = fc.record({
    memberId: fc.uuid(),
    owned: fc.array(fc.integer({ min: -1, max: 40 }), { maxLength: 20 }),
  });
  const members = fc.uniqueArray(member, { minLength: 1, maxLength: 8, selector: (one) => one.memberId });
  fc.assert(
    fc.property(members, fc.integer({ min: 0, max: 32 }), (given, partitions) => {
      const result = stickyAssignment(given, range(partitions));
      const shares = [...result.values()];
      expect(shares.flat().sort((a, b) => a - b)).toEqual(range(partitions));
      const sizes = shares.map((share) => share.length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      const settled = [...result].map(([memberId, owned]) => ({ memberId, owned }));
      expect(stickyAssignment(settled, range(partitions))).toEqual(result);
    }),
  );
});
