/** Type ids of elements (pg_type.oid); fixed since PostgreSQL 7. */
const INT4 = 23;
const INT8 = 20;
const BYTEA = 17;
const TEXT = 25;

/**
 * Arrays in PostgreSQL's binary format (array_recv in src/backend/utils/adt/arrayfuncs.c): the pg driver sends a Buffer parameter
 * as binary. Its own text form doubles the size of bytea and has to be escaped and parsed: an upsert of 2,000 values of
 * 150 bytes took 10 ms with it (2.1 ms of Node's CPU) instead of 4 ms (0.7 ms).
 */
export function bytesArray(items: readonly Uint8Array[]): Buffer {
  const size = items.reduce((sum, item) => sum + 4 + item.length, 0);
  const { buffer, start } = arrayHead(BYTEA, items.length, size);
  let at = start;
  for (const item of items) {
    at = buffer.writeInt32BE(item.length, at);
    buffer.set(item, at);
    at += item.length;
  }
  return buffer;
}

/** bytea[] of texts in UTF-8. */
export function textBytesArray(items: readonly string[]): Buffer {
  return bytesArray(items.map((item) => Buffer.from(item, 'utf8')));
}

/** text[], null = none. Not escaped, as the driver's own form is: four times as fast for texts that are JSON. No text has NUL in it. */
export function textArray(items: readonly (string | null)[]): Buffer {
  const sizes = items.map((item) => (item === null ? -1 : Buffer.byteLength(item, 'utf8')));
  const size = sizes.reduce((sum, bytes) => sum + 4 + Math.max(bytes, 0), 0);
  const { buffer, start } = arrayHead(TEXT, items.length, size, sizes.includes(-1));
  let at = start;
  for (const [i, item] of items.entries()) {
    at = buffer.writeInt32BE(sizes[i] ?? -1, at);
    if (item !== null) at += buffer.write(item, at, 'utf8');
  }
  return buffer;
}

/** int4[]. @throws RangeError for numbers that do not fit */
export function int4Array(items: readonly number[]): Buffer {
  const { buffer, start } = arrayHead(INT4, items.length, items.length * 8);
  let at = start;
  for (const item of items) at = buffer.writeInt32BE(item, buffer.writeInt32BE(4, at));
  return buffer;
}

/** int8[] of safe integers. */
export function int8Array(items: readonly number[]): Buffer {
  const { buffer, start } = arrayHead(INT8, items.length, items.length * 12);
  let at = start;
  for (const item of items) at = buffer.writeBigInt64BE(BigInt(item), buffer.writeInt32BE(8, at));
  return buffer;
}

/** One dimension; an empty array has no dimension at all. */
function arrayHead(
  type: number,
  count: number,
  size: number,
  hasNulls = false,
): { buffer: Buffer; start: number } {
  const dimensions = count === 0 ? 0 : 1;
  const buffer = Buffer.allocUnsafe(12 + dimensions * 8 + size);
  let at = buffer.writeInt32BE(dimensions, 0);
  at = buffer.writeInt32BE(hasNulls ? 1 : 0, at);
  at = buffer.writeInt32BE(type, at);
  if (dimensions === 1) at = buffer.writeInt32BE(1, buffer.writeInt32BE(count, at));
  return { buffer, start: at };
}
