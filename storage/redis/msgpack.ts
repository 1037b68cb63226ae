const INITIAL_BYTES = 4096;

/**
 * Writes MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) as far as Redis' cmsgpack reads it into
 * Lua tables: arrays, and strings that hold any bytes. Never the type bin: cmsgpack refuses it. No numbers either: they would
 * become doubles in Lua, so the caller writes them as decimal text.
 */
export class MsgpackWriter {
  #buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;

  /** Opens an array; the caller writes exactly `count` elements after it. */
  array(count: number): void {
    this.#reserve(5);
    if (count < 16) this.#byte(0x90 | count);
    else if (count < 0x1_0000) this.#sized(0xdc, count, 2);
    else this.#sized(0xdd, count, 4);
  }

  /** A string of raw bytes. */
  bytes(value: Uint8Array): void {
    this.#reserve(5 + value.length);
    this.#stringHead(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  /** A string as UTF-8. */
  text(value: string): void {
    if (value.length < 32 && this.#ascii(value)) return;
    const size = Buffer.byteLength(value, 'utf8');
    this.#reserve(5 + size);
    this.#stringHead(size);
    this.#length += this.#buffer.write(value, this.#length, 'utf8');
  }

  /** Keys are short and ASCII: a loop is done before the call of a native writer has begun. False = it is something else. */
  #ascii(value: string): boolean {
    const { length } = value;
    this.#reserve(1 + length);
    const buffer = this.#buffer;
    const from = this.#length + 1;
    for (let i = 0; i < length; i += 1) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) return false;
      buffer[from + i] = unit;
    }
    buffer[from - 1] = 0xa0 | length;
    this.#length = from + length;
    return true;
  }

  /** What was written so far; not shared with later writes. */
  finish(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#length));
  }

  #stringHead(size: number): void {
    if (size < 32) this.#byte(0xa0 | size);
    else if (size < 0x100) this.#sized(0xd9, size, 1);
    else if (size < 0x1_0000) this.#sized(0xda, size, 2);
    else this.#sized(0xdb, size, 4);
  }

  #byte(value: number): void {
    this.#buffer[this.#length] = value;
    this.#length += 1;
  }

  #sized(type: number, size: number, width: 1 | 2 | 4): void {
    this.#byte(type);
    this.#length = this.#buffer.writeUIntBE(size, this.#length, width);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}
