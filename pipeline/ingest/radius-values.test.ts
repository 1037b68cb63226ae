import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { radiusCount, radiusDate, radiusOctets, radiusText } from './radius-values.ts';

const T = Date.UTC(2023, 10, 14, 22, 13, 20);

describe('an Event-Timestamp', () => {
  it.each<[unknown, number | null]>([
    [1_700_000_000, T],
    ['1700000000', T],
    ['Nov 14 2023 22:13:20 UTC', T],
    ['Nov  4 2023 22:13:20 UTC', T - 10 * 86_400_000],
    ['2023-11-14T22:13:20Z', T],
    ['2023-11-14T23:13:20+01:00', T],
    ['2023-11-14T22:13:20.250Z', T + 250],
    // Names of zones say several offsets: IST is three of them.
    ['Nov 14 2023 23:13:20 CET', null],
    ['Nov 14 2023 22:13:20 GMT', null],
    ['Nov 14 2023 22:13:20', null],
    ['Nov 31 2023 22:13:20 UTC', null],
    ['Foo 14 2023 22:13:20 UTC', null],
    ['Nov 14 2023 25:13:20 UTC', null],
    ['2023-11-14T22:13:20', null],
    ['2023-13-14T22:13:20Z', null],
    [1.5, null],
    [-1, null],
    ['', null],
  ])('%j is %j', (value, expected) => {
    expect(radiusDate(value)).toBe(expected);
  });
});

describe('text', () => {
  it.each([
    ['ann', 'ann'],
    ['\u00c3\u00bc', 'ü'],
    ['\u00e2\u0082\u00ac\n', '€\n'],
    // One octet that is no UTF-8, and text that was not escaped octet by octet.
    ['a\u00ff', 'a\u00ff'],
    ['ü', 'ü'],
    ['€\u00c3\u00bc', '€\u00c3\u00bc'],
  ])('%j is %j', (value, expected) => {
    expect(radiusText(value)).toBe(expected);
  });

  it('is what it was before FreeRADIUS escaped its octets', () => {
    const escaped = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => radiusText(escaped(text)) === text));
  });
});

describe('octets', () => {
  it.each([
    ['0x63756931', 'cui1'],
    ['0xC3BC', 'ü'],
    ['0x00ff', '0x00ff'],
    ['0xFF', '0xff'],
    ['0x', null],
    // RFC 4372 2.1: a NUL asks for the identity.
    ['0x00', null],
    ['', null],
    ['plain', 'plain'],
    ['0xabc', '0xabc'],
    [`0x${'ff'.repeat(127)}`, `0x${'ff'.repeat(127)}`],
    [`0x${'ff'.repeat(128)}`, null],
  ])('%j are %j', (value, expected) => {
    expect(radiusOctets(value)).toBe(expected);
  });
});

describe('a count', () => {
  it.each<[unknown, number | null]>([
    [0, 0],
    [4_294_967_295, 4_294_967_295],
    ['42', 42],
    ['042', 42],
    ['', null],
    [' 42', null],
    ['4e2', null],
    ['0x10', null],
    ['-1', null],
    ['4.0', null],
    ['99999999999999999', null],
    [-1, null],
    [1.5, null],
    [2 ** 53, null],
    [NaN, null],
    [true, null],
    [null, null],
  ])('%j is %j', (value, expected) => {
    expect(radiusCount(value)).toBe(expected);
  });
});
