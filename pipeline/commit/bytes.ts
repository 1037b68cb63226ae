import { AppError } from '../../schemas/errors.ts';

/**
 * Values are written one behind the other into a slab and handed out as views of it: a buffer of its own for each cost
 * 0.8 us and a finalizer, of which a commit makes thousands. A slab lives as long as one of its values, a commit long.
 */
const SLAB_BYTES = 64 * 1024;

/** Bits of a varint's four groups, as a factor. */
const FOUR_GROUPS = 2 ** 28;
const MAX_SMALL = 0x7fff_ffff;
/** Texts up to here have their length in one byte. */
const SHORT_TEXT = 64;

/** Writes a value's bytes: varints (LEB128 over safe integers), zig-zag for signed ones, length-prefixed UTF-8. */
export class ByteWriter {
  private buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  /** where the value under way begins */
  private from = 0;
  private at = 0;

  /** The first byte of a value. What a value that could not be written left behind is no part of it: writers are shared. */
  begin(version: number): void {
    this.at = this.from;
    this.byte(version);
  }

  byte(value: number): void {
    this.reserve(1);
    this.buffer[this.at] = value;
    this.at += 1;
  }

  /** A non-negative safe integer; anything else is a programming error, and would be read back as another number. */
  uint(value: number): void {
    this.varint(storable(value));
  }

  private varint(value: number): void {
    this.reserve(8);
    let rest = value;
    // Divisions of doubles are slow: four groups at once until the rest is a small integer.
    while (rest > MAX_SMALL) {
      const low = rest % FOUR_GROUPS;
      this.buffer[this.at] = (low & 0x7f) | 0x80;
      this.buffer[this.at + 1] = ((low >>> 7) & 0x7f) | 0x80;
      this.buffer[this.at + 2] = ((low >>> 14) & 0x7f) | 0x80;
      this.buffer[this.at + 3] = (low >>> 21) | 0x80;
      this.at += 4;
      rest = (rest - low) / FOUR_GROUPS;
    }
    while (rest >= 0x80) {
      this.buffer[this.at] = (rest & 0x7f) | 0x80;
      this.at += 1;
      rest >>>= 7;
    }
    this.buffer[this.at] = rest;
    this.at += 1;
  }

  /** A safe integer above -2^52. */
  int(value: number): void {
    this.uint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  /** null as 0, a non-negative integer as itself + 1. */
  optionalUint(value: number | null): void {
    // One more than the greatest safe integer is exact too.
    this.varint(value === null ? 0 : storable(value) + 1);
  }

  text(value: string): void {
    if (value.length <= SHORT_TEXT && this.ascii(value)) return;
    const length = Buffer.byteLength(value, 'utf8');
    this.uint(length);
    this.reserve(length);
    this.buffer.write(value, this.at, 'utf8');
    this.at += length;
  }

  optionalText(value: string | null): void {
    this.byte(value === null ? 0 : 1);
    if (value !== null) this.text(value);
  }

  /** What was written, never changed afterwards; the writer begins anew. */
  take(): Uint8Array {
    const bytes = this.buffer.subarray(this.from, this.at);
    this.from = this.at;
    return bytes;
  }

  /** Ids are short and ASCII: a loop is done before the call of a native writer has begun. False = it is something else. */
  private ascii(value: string): boolean {
    const { length } = value;
    this.reserve(1 + length);
    const { buffer } = this;
    const from = this.at + 1;
    for (let i = 0; i < length; i += 1) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) return false;
      buffer[from + i] = unit;
    }
    buffer[from - 1] = length;
    this.at = from + length;
    return true;
  }

  private reserve(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return;
    const written = this.at - this.from;
    const slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, 2 * (written + bytes)));
    this.buffer.copy(slab, 0, this.from, this.at);
    this.buffer = slab;
    this.from = 0;
    this.at = written;
  }
}

function storable(value: number): number {
  if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) throw new RangeError(`not storable: ${value}`);
  return value;
}

/** Reads what ByteWriter wrote. Throws AppError 'store-corrupt' where bytes are missing or left over. */
export class ByteReader {
  private readonly bytes: Buffer;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  byte(): number {
    const value = this.bytes[this.at];
    if (value === undefined) throw new AppError('store-corrupt', 'a stored value ends too early');
    this.at += 1;
    return value;
  }

  uint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i += 1) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    throw new AppError('store-corrupt', 'a stored number is too long');
  }

  int(): number {
    const value = this.uint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  optionalUint(): number | null {
    const value = this.uint();
    return value === 0 ? null : value - 1;
  }

  text(): string {
    const length = this.uint();
    if (this.at + length > this.bytes.length)
      throw new AppError('store-corrupt', 'a stored text ends too early');
    const value = this.bytes.toString('utf8', this.at, this.at + length);
    this.at += length;
    return value;
  }

  optionalText(): string | null {
    return this.byte() === 0 ? null : this.text();
  }

  /** A list written as its length and its items. */
  list<T>(item: () => T): T[] {
    const length = this.uint();
    if (length > this.bytes.length)
      throw new AppError('store-corrupt', 'a stored list is longer than its value');
    return Array.from({ length }, item);
  }

  end(): void {
    if (this.at !== this.bytes.length)
      throw new AppError('store-corrupt', 'a stored value is longer than its content');
  }
}
