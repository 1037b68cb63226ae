import { describe, expect, it } from 'vitest';
import { MsgpackWriter } from './msgpack.ts';

function written(write: (w: MsgpackWriter) => void): Buffer {
  const w = new MsgpackWriter();
  write(w);
  return w.finish();
}

describe('MsgpackWriter', () => {
  it.each([
    [0, 'a0'],
    [31, 'bf'],
    [32, 'd920'],
    [255, 'd9ff'],
    [256, 'da0100'],
    [65_535, 'daffff'],
    [65_536, 'db00010000'],
  ])('writes a string of %d bytes as the specification says', (size, head) => {
    const value = Buffer.alloc(size, 0xff);
    const expected = Buffer.concat([Buffer.from(head, 'hex'), value]);
    expect(
      written((w) => {
        w.bytes(value);
      }).equals(expected),
    ).toBe(true);
    const text = 'x'.repeat(size);
    const sameText = Buffer.concat([Buffer.from(head, 'hex'), Buffer.from(text)]);
    expect(
      written((w) => {
        w.text(text);
      }).equals(sameText),
    ).toBe(true);
  });

  it.each([
    [0, '90'],
    [15, '9f'],
    [16, 'dc0010'],
    [65_535, 'dcffff'],
    [65_536, 'dd00010000'],
  ])('opens an array of %d as the specification says', (count, head) => {
    expect(
      written((w) => {
        w.array(count);
      }).toString('hex'),
    ).toBe(head);
  });

  it('counts the bytes of a text, not its characters', () => {
    expect(
      written((w) => {
        w.text('é\u{1f600}\0');
      }).toString('hex'),
    ).toBe('a7c3a9f09f988000');
  });

  it('keeps what was written when it grows', () => {
    const parts = Array.from({ length: 50 }, (_, i) => Buffer.alloc(i * 13, i));
    const all = written((w) => {
      for (const part of parts) w.bytes(part);
    });
    expect(
      all.equals(
        Buffer.concat(
          parts.map((part) =>
            written((w) => {
              w.bytes(part);
            }),
          ),
        ),
      ),
    ).toBe(true);
  });
});
