import { CONTROL_HEADER, formatControlId } from '../../schemas/control.ts';
import type { LogAppend } from '../../storage/ports.ts';

/** Bytes of a batch's head, from its first offset to the count of its records (KIP-98, "Record Batch"). */
const HEAD_BYTES = 61;
/** What the checksum covers begins here. */
const CHECKED_FROM = 21;

/**
 * Writes Kafka record batches (magic 2, no compression) into one growing buffer. kafkajs makes an object and several
 * small buffers a record: 80 k records/s instead of 300 k.
 */
export class RecordBatch {
  #bytes = Buffer.allocUnsafe(1 << 20);
  #at = HEAD_BYTES;
  #count = 0;
  #baseMs = 0;
  #maxMs = 0;

  get bytes(): number {
    return this.#at;
  }

  get count(): number {
    return this.#count;
  }

  /** `timeMs` is the record's stamp; 0 where the entry has none. */
  add(entry: Pick<LogAppend, 'key' | 'value' | 'control' | 'timeMs'>): void {
    const timeMs = entry.timeMs ?? 0;
    if (this.#count === 0) this.#baseMs = timeMs;
    this.#maxMs = Math.max(this.#maxMs, timeMs);
    const header = entry.control === undefined ? null : Buffer.from(formatControlId(entry.control), 'utf8');
    const name = CONTROL_HEADER;
    const keyBytes = entry.key?.length ?? 0;
    const delta = timeMs - this.#baseMs;
    const headers =
      header === null
        ? 1
        : 1 + varintBytes(name.length) + name.length + varintBytes(header.length) + header.length;
    const length =
      1 +
      varintBytes(delta) +
      varintBytes(this.#count) +
      varintBytes(entry.key === null ? -1 : keyBytes) +
      keyBytes +
      varintBytes(entry.value.length) +
      entry.value.length +
      headers;
    this.#reserve(length + 10);
    this.#varint(length);
    this.#bytes[this.#at++] = 0;
    this.#varint(delta);
    this.#varint(this.#count);
    this.#varint(entry.key === null ? -1 : keyBytes);
    if (entry.key !== null) this.#put(entry.key);
    this.#varint(entry.value.length);
    this.#put(entry.value);
    this.#varint(header === null ? 0 : 1);
    if (header !== null) {
      this.#varint(name.length);
      this.#at += this.#bytes.write(name, this.#at, 'latin1');
      this.#varint(header.length);
      this.#put(header);
    }
    this.#count += 1;
  }

  /** A copy of the finished batch; the writer begins anew. */
  take(): Buffer {
    const head = this.#bytes;
    head.fill(0, 0, HEAD_BYTES);
    head.writeInt32BE(this.#at - 12, 8);
    head[16] = 2;
    head.writeInt32BE(this.#count - 1, 23);
    head.writeBigInt64BE(BigInt(this.#baseMs), 27);
    head.writeBigInt64BE(BigInt(this.#maxMs), 35);
    head.writeBigInt64BE(-1n, 43);
    head.writeInt16BE(-1, 51);
    head.writeInt32BE(-1, 53);
    head.writeInt32BE(this.#count, 57);
    head.writeUInt32BE(crc32c(head, CHECKED_FROM, this.#at), 17);
    const batch = Buffer.from(head.subarray(0, this.#at));
    this.#at = HEAD_BYTES;
    this.#count = 0;
    this.#maxMs = 0;
    return batch;
  }

  #put(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Zig-zag varint of a safe integer. */
  #varint(value: number): void {
    let rest = value < 0 ? -2 * value - 1 : 2 * value;
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#at++] = rest;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#at + bytes));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

function varintBytes(value: number): number {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  let bytes = 1;
  while (rest >= 0x80) {
    rest = Math.floor(rest / 0x80);
    bytes += 1;
  }
  return bytes;
}

/** Eight tables: eight octets a step, 4 times as fast as one. */
const TABLES = crcTables();

function crcTables(): Uint32Array {
  const tables = new Uint32Array(8 * 256);
  for (let i = 0; i < 256; i += 1) {
    let crc = i;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    tables[i] = crc;
  }
  for (let i = 0; i < 256; i += 1) {
    let crc = tables[i] ?? 0;
    for (let table = 1; table < 8; table += 1) {
      crc = (tables[crc & 0xff] ?? 0) ^ (crc >>> 8);
      tables[table * 256 + i] = crc;
    }
  }
  return tables;
}

/** CRC-32C (Castagnoli) of bytes [from, to), as record batches carry it. */
export function crc32c(bytes: Uint8Array, from = 0, to = bytes.length): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const t = TABLES as unknown as number[];
  let crc = 0xffffffff;
  let at = from;
  for (; at + 8 <= to; at += 8) {
    const low = crc ^ view.getUint32(at, true);
    const high = view.getUint32(at + 4, true);
    crc =
      (t[1792 + (low & 0xff)] as number) ^
      (t[1536 + ((low >>> 8) & 0xff)] as number) ^
      (t[1280 + ((low >>> 16) & 0xff)] as number) ^
      (t[1024 + (low >>> 24)] as number) ^
      (t[768 + (high & 0xff)] as number) ^
      (t[512 + ((high >>> 8) & 0xff)] as number) ^
      (t[256 + ((high >>> 16) & 0xff)] as number) ^
      (t[high >>> 24] as number);
  }
  for (; at < to; at += 1) crc = (t[(crc ^ (bytes[at] ?? 0)) & 0xff] as number) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
