import { createHash } from 'node:crypto';
import { AppError } from '../../schemas/errors.ts';
import type { BucketValue, OutboxEntry, RowValue, SlotId } from '../../storage/ports.ts';
import { ByteFeed } from './byte-feed.ts';
import { decodeRecords, encodeRecords } from './records.ts';
import type { SnapshotRecord } from './records.ts';

/** Version of the layout below. Raised when an older program could not read it. */
export const SNAPSHOT_FORMAT = 1;
const MAGIC = Buffer.from('WEIRSNAP', 'latin1');
/** A frame holds about 1,000 records: what claims more is no snapshot, and must not be allocated. */
const MAX_FRAME_BYTES = 256 * 1024 * 1024;

/** What a snapshot says of itself. */
export interface SnapshotHeader {
  format: number;
  /** version of the stored values that the program wrote */
  stateVersion: number;
  slot: SlotId;
  /** next offset of the slot */
  position: number;
  /** the log's clock, ms since 1970 UTC */
  takenAtMs: number;
  /** of the owner that wrote it: numbers in its outbox are made of it */
  epoch: number;
}

/** Some of what a slot holds. */
export type SnapshotPart =
  | { kind: 'meta'; items: { field: string; value: Uint8Array }[] }
  | { kind: 'values'; items: BucketValue[] }
  | { kind: 'rows'; items: RowValue[] }
  | { kind: 'due'; items: { key: string; dueMs: number }[] }
  | { kind: 'outbox'; items: OutboxEntry[] };

export const PART_KINDS = ['meta', 'values', 'rows', 'due', 'outbox'] as const;
/** Items by kind. */
export type SnapshotCounts = Record<SnapshotPart['kind'], number>;

export type SnapshotFrame = { kind: 'header'; header: SnapshotHeader } | SnapshotPart | SnapshotEnd;
/** Comes last, and only when every byte before it is what was written. */
export interface SnapshotEnd {
  kind: 'end';
  counts: SnapshotCounts;
}

/**
 * A snapshot's bytes, uncompressed: the magic, then frames of a kind byte, a length in 4 bytes and that many bytes. Kinds:
 * H header (JSON), m v r d o parts (records.ts), C counts (JSON), E the SHA-256 of all bytes before its frame; nothing follows.
 */
export async function* encodeSnapshot(
  header: SnapshotHeader,
  parts: AsyncIterable<SnapshotPart>,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  const hashed = (bytes: Buffer): Buffer => {
    hash.update(bytes);
    return bytes;
  };
  const counts = noCounts();
  yield hashed(MAGIC);
  yield hashed(frame('H', Buffer.from(JSON.stringify(header), 'utf8')));
  for await (const part of parts) {
    counts[part.kind] += part.items.length;
    yield hashed(frame(LETTERS[part.kind], encodeRecords(toRecords(part))));
  }
  yield hashed(frame('C', Buffer.from(JSON.stringify(counts), 'utf8')));
  yield frame('E', hash.digest());
}

/**
 * What encodeSnapshot wrote, frame by frame. Nothing that it gives may be trusted before 'end' came: read once to check, once
 * more to use. Throws 'store-corrupt' where bytes are missing, changed or left over, 'state-version-unknown' for
 * another format, and what `bytes` throws.
 */
export async function* decodeSnapshot(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<SnapshotFrame> {
  const feed = new ByteFeed(bytes);
  try {
    yield* frames(feed);
  } finally {
    await feed.close();
  }
}

async function* frames(feed: ByteFeed): AsyncGenerator<SnapshotFrame> {
  const hash = createHash('sha256');
  const take = async (size: number): Promise<Buffer> => {
    const taken = await feed.take(size);
    hash.update(taken);
    return taken;
  };
  if (!MAGIC.equals(await take(MAGIC.length))) throw corrupt('it is no snapshot of Weir');
  let counts: SnapshotCounts | null = null;
  const seen = noCounts();
  for (let first = true; ; first = false) {
    const head = await feed.take(5);
    const letter = String.fromCharCode(head.readUInt8(0));
    const size = head.readUInt32BE(1);
    if (size > MAX_FRAME_BYTES) throw corrupt('a frame is too long');
    if (first !== (letter === 'H')) throw corrupt('its header is not where it must be');
    if (letter === 'E') {
      const written = await feed.take(size);
      if (!hash.digest().equals(written)) throw corrupt('its checksum does not match its content');
      await feed.end();
      if (counts === null || PART_KINDS.some((kind) => counts?.[kind] !== seen[kind]))
        throw corrupt('parts are missing');
      yield { kind: 'end', counts };
      return;
    }
    hash.update(head);
    const payload = await take(size);
    if (letter === 'C') counts = parsed(payload) as SnapshotCounts;
    else if (letter === 'H') yield { kind: 'header', header: headerOf(payload) };
    else {
      const part = toPart(letter, decodeRecords(payload));
      seen[part.kind] += part.items.length;
      yield part;
    }
  }
}

const LETTERS: Record<SnapshotPart['kind'], string> = {
  meta: 'm',
  values: 'v',
  rows: 'r',
  due: 'd',
  outbox: 'o',
};

function frame(letter: string, payload: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(letter, 0, 'latin1');
  head.writeUInt32BE(payload.length, 1);
  return Buffer.concat([head, payload]);
}

function headerOf(payload: Buffer): SnapshotHeader {
  const header = parsed(payload) as SnapshotHeader;
  if (header.format === SNAPSHOT_FORMAT) return header;
  throw new AppError(
    'state-version-unknown',
    `the snapshot has format ${String(header.format)}, this program reads ${String(SNAPSHOT_FORMAT)}: use the Weir that wrote it`,
  );
}

function parsed(payload: Buffer): unknown {
  try {
    const value: unknown = JSON.parse(payload.toString('utf8'));
    if (typeof value === 'object' && value !== null) return value;
  } catch (cause) {
    throw corrupt('a frame does not parse', cause);
  }
  throw corrupt('a frame does not parse');
}

const NONE = new Uint8Array();

function toRecords(part: SnapshotPart): SnapshotRecord[] {
  switch (part.kind) {
    case 'meta':
      return part.items.map(({ field, value }) => ({ number: 0, group: '', name: field, bytes: value }));
    case 'values':
      return part.items.map(({ bucket, field, value }) => ({
        number: bucket,
        group: '',
        name: field,
        bytes: value,
      }));
    case 'rows':
      return part.items.map(({ group, field, value }) => ({ number: 0, group, name: field, bytes: value }));
    case 'due':
      return part.items.map(({ key, dueMs }) => ({ number: dueMs, group: '', name: key, bytes: NONE }));
    case 'outbox':
      return part.items.map(({ n, bytes }) => ({ number: n, group: '', name: '', bytes }));
  }
}

function toPart(letter: string, records: SnapshotRecord[]): SnapshotPart {
  const kind = PART_KINDS.find((name) => LETTERS[name] === letter);
  switch (kind) {
    case 'meta':
      return { kind, items: records.map(({ name, bytes }) => ({ field: name, value: bytes })) };
    case 'values':
      return {
        kind,
        items: records.map(({ number, name, bytes }) => ({ bucket: number, field: name, value: bytes })),
      };
    case 'rows':
      return { kind, items: records.map(({ group, name, bytes }) => ({ group, field: name, value: bytes })) };
    case 'due':
      return { kind, items: records.map(({ number, name }) => ({ key: name, dueMs: number })) };
    case 'outbox':
      return { kind, items: records.map(({ number, bytes }) => ({ n: number, bytes })) };
    case undefined:
      throw corrupt('a frame is of a kind that is not known');
  }
}

function noCounts(): SnapshotCounts {
  return { meta: 0, values: 0, rows: 0, due: 0, outbox: 0 };
}

function corrupt(why: string, cause?: unknown): AppError {
  return new AppError('store-corrupt', `the snapshot cannot be used: ${why}`, { cause });
}
