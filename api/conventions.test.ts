import fc from 'fast-check';
import type { FastifyReply } from 'fastify';
import { describe, expect, it } from 'vitest';
import { octetsOf, sumOf } from './money.ts';
import { pagePart, pageView } from './paging.ts';
import { nextVersion } from './plan-terms.ts';
import { ifMatch, requiredRevision, tagged } from './revision.ts';
import { whenOf, spanOf } from './when.ts';

describe('pages', () => {
  it('give back the key that they ended with, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }), (key) => {
        fc.pre(!key.includes('\u0000') && !/\p{Cs}/u.test(key));
        const { next } = pageView({ items: [], next: key }, (item) => item);
        expect(pagePart({ after: next ?? '' }).after).toBe(key);
      }),
    );
  });

  it('are of 100 where nobody says', () => {
    expect(pagePart({})).toEqual({ limit: 100, after: null });
    expect(pagePart({ limit: '7' })).toEqual({ limit: 7, after: null });
  });

  it.each([['A'], ['_w'], ['AA'], ['bGFzdA='], ['bGFzdB']])(
    'take no cursor %j that nobody gave out',
    (after) => {
      expect(() => pagePart({ after })).toThrow('no cursor');
    },
  );
});

describe('revisions', () => {
  it.each<[string | undefined, number | undefined]>([
    [undefined, undefined],
    ['*', undefined],
    ['"0"', 0],
    [' "17" ', 17],
    ['"9007199254740991"', 9_007_199_254_740_991],
  ])('are read of %j', (header, revision) => {
    expect(ifMatch(header)).toBe(revision);
  });

  it.each([
    ['W/"3"', 412],
    ['"03"', 412],
    ['3', 412],
    ['"abc"', 412],
    ['', 412],
    ['"3", "4"', 400],
  ])('are not read of %j: %i', (header, status) => {
    expect(() => ifMatch(header)).toThrow(expect.objectContaining({ status }));
  });

  it.each<[string | undefined, number | null, number | undefined]>([
    ['"3"', 7, 3],
    ['*', 7, undefined],
    [undefined, null, 0],
  ])('with %j of a resource of revision %j ask for %j', (header, stored, revision) => {
    expect(requiredRevision(header, stored)).toBe(revision);
  });

  it('must be named of what is there, and not of what is not', () => {
    expect(() => requiredRevision(undefined, 7)).toThrow(expect.objectContaining({ status: 428 }));
    expect(() => requiredRevision('"1"', null)).toThrow(expect.objectContaining({ status: 412 }));
    expect(() => requiredRevision('*', null)).toThrow(expect.objectContaining({ status: 412 }));
  });

  it('are strong tags', () => {
    const headers: Record<string, unknown> = {};
    const reply = { header: (name: string, value: unknown) => void (headers[name] = value) };
    tagged(reply as unknown as FastifyReply, 12);
    expect(headers).toEqual({ etag: '"12"' });
  });
});

describe('numbers of versions', () => {
  it('go up as far as a database counts', () => {
    expect(nextVersion([])).toBe(1);
    expect(nextVersion([{ version: 7 }, { version: 3 }])).toBe(8);
    expect(() => nextVersion([{ version: 2_147_483_647 }])).toThrow(expect.objectContaining({ status: 409 }));
  });
});

describe('octets and money', () => {
  it('are exact or refused', () => {
    expect(octetsOf('9007199254740991', 'x')).toBe(Number.MAX_SAFE_INTEGER);
    expect(octetsOf(5, 'x')).toBe(5);
    expect(() => octetsOf('9007199254740992', 'x')).toThrow('beyond 2^53');
    expect(() => octetsOf(0, 'blockBytes', 1)).toThrow('blockBytes must be >= 1');
  });

  it('add up without a float', () => {
    const items = [0.1, 0.2].map(() => ({ amountMinor: 9_007_199_254_740_990, currency: 'JPY' }));
    expect(sumOf(items)).toBeNull();
    expect(sumOf([...items, { amountMinor: -9_007_199_254_740_990, currency: 'JPY' }])).toEqual({
      amountMinor: 9_007_199_254_740_990,
      currency: 'JPY',
    });
    expect(sumOf([])).toBeNull();
  });
});

describe('instants of changes', () => {
  it.each([
    ['now', undefined, { at: 'now' }],
    ['cycle-end', false, { at: 'cycle-end' }],
    ['2026-07-10T12:00:00+02:00', undefined, { at: 'time', ms: Date.UTC(2026, 6, 10, 10) }],
    ['2026-07-10T00:00:00Z', true, { at: 'back', ms: Date.UTC(2026, 6, 10) }],
  ])('are read of %j, back-dated %j', (at, backDate, when) => {
    expect(whenOf(at, backDate)).toEqual(when);
  });

  it('of a clock that nobody has are refused', () => {
    expect(() => whenOf('2016-12-31T23:59:60Z')).toThrow('no instant');
    expect(() => whenOf('cycle-end', true)).toThrow('backDate');
  });

  it('begin now and stay open where nobody says, and never end before', () => {
    expect(spanOf({}, 5)).toEqual({ fromMs: 5, toMs: null });
    expect(spanOf({ to: null }, 5)).toEqual({ fromMs: 5, toMs: null });
    expect(() => spanOf({ to: '1970-01-01T00:00:00.005Z' }, 5)).toThrow('ends before');
  });
});
