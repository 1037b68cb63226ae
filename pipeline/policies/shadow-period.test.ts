import { expect, it } from 'vitest';
import { lastInShadow } from './shadow-period.ts';

const SHADOWS = new Set(['s1', 's2', 's3']);

/** Changes one ms after the other, from 1 on. */
function last(candidates: (string | null)[], wanted: string) {
  const changes = candidates.map((candidate, i) => ({ candidate, atMs: i + 1 })).reverse();
  return lastInShadow(changes, SHADOWS, new Set([wanted]));
}

it.each([
  ['never', [null, 'p1'], 's1', null],
  ['still', [null, 's1'], 's1', { beganMs: 2, sinceMs: 2, untilMs: null }],
  ['edited twice without a break', ['s1', 's2', 's3'], 's3', { beganMs: 1, sinceMs: 3, untilMs: null }],
  ['one that another took the place of', ['s1', 's2', 's3'], 's2', { beganMs: 1, sinceMs: 2, untilMs: 3 }],
  ['after a break', ['s1', null, 's2', 's2'], 's2', { beganMs: 3, sinceMs: 3, untilMs: null }],
  [
    'until a share of the subscribers',
    ['s1', 's2', 'p2', null],
    's2',
    { beganMs: 1, sinceMs: 2, untilMs: 3 },
  ],
  ['the last of several times', ['s1', null, 's1', null], 's1', { beganMs: 3, sinceMs: 3, untilMs: 4 }],
])('in shadow: %s', (_, candidates, wanted, expected) => {
  expect(last(candidates, wanted)).toEqual(expected);
});
