import { describe, expect, it } from 'vitest';
import { bytesArray, int4Array, int8Array, textArray, textBytesArray } from './binary-array.ts';

/** Bytes of `array_send` for the same values, from PostgreSQL 15. */
describe('binary arrays', () => {
  it.each([
    ['empty', bytesArray([]), '000000000000000000000011'],
    [
      'bytea[]',
      bytesArray([Uint8Array.of(0, 255), new Uint8Array()]),
      '0000000100000000000000110000000200000001' + '0000000200ff' + '00000000',
    ],
    ['texts', textBytesArray(['é']), '0000000100000000000000110000000100000001' + '00000002c3a9'],
    [
      'text[]',
      textArray(['é', null, '']),
      '0000000100000001000000190000000300000001' + '00000002c3a9' + 'ffffffff' + '00000000',
    ],
    ['text[] without a null', textArray(['a']), '0000000100000000000000190000000100000001' + '0000000161'],
    [
      'int4[]',
      int4Array([-1, 7]),
      '0000000100000000000000170000000200000001' + '00000004ffffffff' + '0000000400000007',
    ],
    [
      'int8[]',
      int8Array([Number.MAX_SAFE_INTEGER]),
      '0000000100000000000000140000000100000001' + '00000008001fffffffffffff',
    ],
  ])('writes %s as the server does', (_, found, expected) => {
    expect(found.toString('hex')).toBe(expected);
  });

  it('refuses numbers that do not fit', () => {
    expect(() => int4Array([2 ** 31])).toThrow(RangeError);
    expect(() => int8Array([0.5])).toThrow(RangeError);
  });
});
