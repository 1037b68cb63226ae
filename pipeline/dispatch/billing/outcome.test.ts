import { expect, it } from 'vitest';
import { answerOf, waitOf } from './outcome.ts';

const NOW = Date.UTC(2025, 0, 31, 12);
const utc = (ms: number): string => new Date(ms).toUTCString();

it.each<[string | null, string | null, number]>([
  ['7', null, 7_000],
  [' 7 ', null, 7_000],
  ['0', null, 1_000],
  ['999999', null, 3_600_000],
  ['99999999999999999999', null, 30_000],
  [null, null, 30_000],
  ['soon', null, 30_000],
  ['-5', null, 30_000],
  [utc(NOW + 90_000), null, 90_000],
  [utc(NOW - 90_000), null, 1_000],
  // Their clock is an hour ahead: what they mean is a minute.
  [utc(NOW + 3_660_000), utc(NOW + 3_600_000), 60_000],
  [utc(NOW + 60_000), 'no date', 60_000],
])('Retry-After %j beside Date %j is %i ms', (retryAfter, date, waitMs) => {
  expect(waitOf({ retryAfter, date }, NOW)).toBe(waitMs);
});

it.each([
  [401, 'stop', undefined],
  [403, 'stop', undefined],
  [404, 'not-there', undefined],
  [405, 'stop', true],
  [407, 'stop', undefined],
  [501, 'stop', true],
])('status %i is %s; that nobody there does such things: %s', (status, kind, isUnknownThere) => {
  const exchange = { kind: 'answer', status, body: '', retryAfter: null, date: null } as const;
  const answer = answerOf(exchange, { nowMs: NOW, tame: (text) => text, hasReceipt: false });
  expect(answer).toEqual({
    ...{ kind, detail: `status ${status}` },
    ...(isUnknownThere === undefined ? {} : { isUnknownThere }),
  });
});
