import { AppError } from '../../schemas/errors.ts';

/** One item of any kind; what a kind does not have is 0 or empty. */
export interface SnapshotRecord {
  number: number;
  group: string;
  name: string;
  bytes: Uint8Array;
}

/** Number and three lengths. */
const FIXED_BYTES = 8 + 3 * 4;

/** A record: its number (double, exact for safe integers), then group, name and bytes, each after its length in 4 bytes. */
export function encodeRecords(records: readonly SnapshotRecord[]): Buffer {
  const size = records.reduce(
    (sum, { group, name, bytes }) =>
      sum + FIXED_BYTES + Buffer.byteLength(group, 'utf8') + Buffer.byteLength(name, 'utf8') + bytes.length,
    0,
  );
  const buffer = Buffer.allocUnsafe(size);
  let at = 0;
  const writeText = (text: string): void => {
    const length = buffer.write(text, at + 4, 'utf8');
    buffer.writeUInt32BE(length, at);
    at += 4 + length;
  };
  for (const { number, group, name, bytes } of records) {
    at = buffer.writeDoubleBE(number, at);
    writeText(group);
    writeText(name);
    at = buffer.writeUInt32BE(bytes.length, at);
    buffer.set(bytes, at);
    at += bytes.length;
  }
  return buffer;
}

/** What encodeRecords wrote; bytes are views of `buffer`. Throws 'store-corrupt' where a length leads beyond its end. */
export function decodeRecords(buffer: Buffer): SnapshotRecord[] {
  const records: SnapshotRecord[] = [];
  let at = 0;
  const take = (size: number): Buffer => {
    if (at + size > buffer.length) {
      throw new AppError('store-corrupt', 'the snapshot cannot be used: a record ends too early');
    }
    at += size;
    return buffer.subarray(at - size, at);
  };
  const takeBytes = (): Buffer => take(take(4).readUInt32BE(0));
  while (at < buffer.length) {
    const number = take(8).readDoubleBE(0);
    const group = takeBytes().toString('utf8');
    const name = takeBytes().toString('utf8');
    records.push({ number, group, name, bytes: takeBytes() });
  }
  return records;
}
