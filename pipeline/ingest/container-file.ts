import { inflateRawSync } from 'node:zlib';

/** First bytes of an Avro object container file (Avro 1.11, "Object Container Files"). */
export const CONTAINER_MAGIC: Uint8Array = Buffer.from('Obj\u0001', 'latin1');

const SYNC_BYTES = 16;
/** Entries of the header; Avro knows two. */
const MAX_METADATA = 64;

/** What a file may cost. */
export interface ContainerLimits {
  /** of all blocks together */
  maxRecords: number;
  /** of all blocks together, once inflated */
  maxBytes: number;
}

/** One block: so many records, in these bytes. */
export interface ContainerBlock {
  count: number;
  bytes: Buffer;
}

/** A file taken apart, or why it could not be. */
export type ContainerFile =
  | { ok: true; schemaText: string; blocks: ContainerBlock[] }
  /** `tooLarge`: beyond the limits rather than broken */
  | { ok: false; detail: string; tooLarge: boolean };

/**
 * Takes an Avro object container file apart, with codec null or deflate. Not by avsc's BlockDecoder: it inflates whatever
 * a block holds (1 MB of deflate becomes 1 GB) and believes every count. Never throws.
 */
export function readContainer(file: Buffer, limits: ContainerLimits): ContainerFile {
  const cursor = { file, pos: CONTAINER_MAGIC.length };
  if (!file.subarray(0, cursor.pos).equals(CONTAINER_MAGIC)) return broken('it does not begin with Obj1');
  const metadata = readMetadata(cursor);
  const sync = take(cursor, SYNC_BYTES);
  if (metadata === null || sync === null) return broken('its header is cut off');
  const schemaText = metadata.get('avro.schema')?.toString('utf8');
  const codec = metadata.get('avro.codec')?.toString('utf8') ?? 'null';
  if (schemaText === undefined) return broken('its header holds no schema');
  if (codec !== 'null' && codec !== 'deflate') return broken('its codec is neither null nor deflate');
  const blocks: ContainerBlock[] = [];
  let records = 0;
  let size = 0;
  while (cursor.pos < file.length) {
    const count = long(cursor);
    const packed = take(cursor, long(cursor) ?? -1);
    if (count === null || count < 0 || packed === null) return broken('a block is cut off');
    if (take(cursor, SYNC_BYTES)?.equals(sync) !== true)
      return broken('a block does not end with its marker');
    records += count;
    if (records > limits.maxRecords) return tooLarge(`more than ${limits.maxRecords} records`);
    const bytes = codec === 'null' ? packed : inflate(packed, limits.maxBytes - size);
    if (bytes === null) return broken('a block is not deflate');
    size += bytes === 'beyond' ? limits.maxBytes : bytes.length;
    if (bytes === 'beyond' || size > limits.maxBytes)
      return tooLarge(`more than ${limits.maxBytes} bytes once inflated`);
    blocks.push({ count, bytes });
  }
  return { ok: true, schemaText, blocks };
}

interface Cursor {
  file: Buffer;
  pos: number;
}

function broken(detail: string): ContainerFile {
  return { ok: false, detail: `the body is no Avro container file: ${detail}`, tooLarge: false };
}

function tooLarge(detail: string): ContainerFile {
  return { ok: false, detail: `the container file holds ${detail}`, tooLarge: true };
}

/** A map of bytes: blocks of entries until one of none; a negative count is followed by the block's size. */
function readMetadata(cursor: Cursor): Map<string, Buffer> | null {
  const entries = new Map<string, Buffer>();
  for (;;) {
    let count = long(cursor);
    if (count === 0) return entries;
    if (count !== null && count < 0) {
      count = -count;
      if (long(cursor) === null) return null;
    }
    if (count === null || entries.size + count > MAX_METADATA) return null;
    for (let i = 0; i < count; i++) {
      const key = take(cursor, long(cursor) ?? -1);
      const value = take(cursor, long(cursor) ?? -1);
      if (key === null || value === null) return null;
      entries.set(key.toString('utf8'), value);
    }
  }
}

function inflate(packed: Buffer, maxBytes: number): Buffer | 'beyond' | null {
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, maxBytes) });
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'beyond' : null;
  }
}

function take(cursor: Cursor, length: number): Buffer | null {
  if (length < 0 || length > cursor.file.length - cursor.pos) return null;
  const bytes = cursor.file.subarray(cursor.pos, cursor.pos + length);
  cursor.pos += length;
  return bytes;
}

/** Zigzag varint; null past the end or beyond 2^53. */
function long(cursor: Cursor): number | null {
  let value = 0;
  let factor = 1;
  for (let i = 0; i < 8; i++) {
    const byte = cursor.file[cursor.pos++];
    if (byte === undefined) return null;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    factor *= 128;
  }
  return null;
}
