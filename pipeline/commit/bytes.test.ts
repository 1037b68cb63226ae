import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../schemas/errors.ts';
import { ByteReader, ByteWriter } from './bytes.ts';

const MAX = Number.MAX_SAFE_INTEGER;

function written(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter();
  write(writer);
  return writer.take();
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('ByteWriter', () => {
  it.each([
    [0, '00'],
    [127, '7f'],
    [128, '8001'],
    [300, 'ac02'],
    [2 ** 32, '8080808010'],
    [MAX, 'ffffffffffffff0f'],
  ])('writes %i as %s', (value, bytes) => {
    expect(hex(written((writer) => writer.uint(value)))).toBe(bytes);
  });

  it.each([-1, NaN, Infinity, -Infinity, MAX + 1])(
    'refuses %d instead of writing another number',
    (value) => {
      expect(() => written((writer) => writer.uint(value))).toThrow(RangeError);
    },
  );

  it('keeps what it wrote when it is used again', () => {
    const writer = new ByteWriter();
    writer.text('first');
    const first = writer.take();
    writer.text('other');
    expect(new ByteReader(first).text()).toBe('first');
  });
});

describe('ByteWriter.begin', () => {
  it('leaves nothing in a value of one before it that could not be written', () => {
    const writer = new ByteWriter();
    writer.begin(3);
    writer.text('half of it');
    expect(() => writer.uint(-1)).toThrow(RangeError);
    writer.begin(3);
    writer.uint(5);
    expect(hex(writer.take())).toBe('0305');
  });
});

describe('ByteReader', () => {
  it('reads what was written', () => {
    const int = fc.integer({ min: -(2 ** 52) + 1, max: 2 ** 52 - 1 });
    const text = fc.string({ unit: 'binary', maxLength: 12 });
    fc.assert(
      fc.property(fc.maxSafeNat(), int, text, fc.option(text), (uint, signed, name, maybe) => {
        const reader = new ByteReader(
          written((writer) => {
            writer.uint(uint);
            writer.int(signed);
            writer.text(name.repeat(9));
            writer.optionalText(maybe);
            writer.optionalUint(maybe === null ? null : Math.floor(uint / 2));
            writer.byte(255);
          }),
        );
        expect(reader.uint()).toBe(uint);
        expect(reader.int()).toBe(signed);
        expect(reader.text()).toBe(name.repeat(9));
        expect(reader.optionalText()).toBe(maybe);
        expect(reader.optionalUint()).toBe(maybe === null ? null : Math.floor(uint / 2));
        expect(reader.byte()).toBe(255);
        reader.end();
      }),
      { numRuns: 60 },
    );
  });

  it('reads the greatest safe integer where null may stand too', () => {
    const greatest = Number.MAX_SAFE_INTEGER;
    expect(new ByteReader(written((writer) => writer.optionalUint(greatest))).optionalUint()).toBe(greatest);
    expect(() => written((writer) => writer.optionalUint(greatest + 1))).toThrow(RangeError);
  });

  it('gives store-corrupt on any bytes that do not fit, and ends', () => {
    const read: ((reader: ByteReader) => unknown)[] = [
      (reader) => reader.uint(),
      (reader) => reader.int(),
      (reader) => reader.optionalUint(),
      (reader) => reader.text(),
      (reader) => reader.optionalText(),
      (reader) => reader.list(() => reader.text()),
      (reader) => reader.list(() => reader.list(() => reader.uint())),
    ];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(...read), (bytes, one) => {
        const reader = new ByteReader(bytes);
        try {
          one(reader);
          reader.end();
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
          expect(error).toMatchObject({ code: 'store-corrupt' });
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['nothing', ''],
    ['a number without end', '8080'],
    ['a number of nine bytes', 'ffffffffffffffff01'],
    ['a text longer than the value', '0561'],
    ['a list of a billion items', '8094ebdc03'],
  ])('refuses %s', (_name, bytes) => {
    const reader = new ByteReader(Buffer.from(bytes, 'hex'));
    expect(() => reader.list(() => reader.text())).toThrow(AppError);
  });

  it('refuses bytes that are left over', () => {
    const reader = new ByteReader(Buffer.from('0000', 'hex'));
    reader.byte();
    expect(() => reader.end()).toThrow(AppError);
  });
});
