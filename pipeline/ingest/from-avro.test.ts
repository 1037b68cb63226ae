import { deflateRawSync } from 'node:zlib';
import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recordEncoder } from '../decode/encode.ts';
import { ACCOUNTING_SCHEMA_TEXT } from '../source/accounting-schema.ts';
import type { ReadBody } from './from-avro.ts';
import { avroReader } from './from-avro.ts';

const T = Date.UTC(2025, 5, 1);
const ARRIVAL = { feedId: 'feed', receivedAtMs: T, newRecordId: () => 'new-id' };
const LIMITS = { maxRecords: 100, maxBytes: 50_000 };
const reader = avroReader(ACCOUNTING_SCHEMA_TEXT, LIMITS);
const read = (body: Buffer): ReadBody => reader(body, ARRIVAL);
const bare = recordEncoder(ACCOUNTING_SCHEMA_TEXT, 'bare');

function aRecord(n = 1) {
  return {
    record_id: `r${n}`,
    status_type: 'STOP' as const,
    subscriber_id: 'sub-1',
    session_id: 's1',
    nas_id: 'n1',
    event_time: T,
    input_octets: n,
  };
}

function zigzag(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value) < 0n ? BigInt(-value) * 2n - 1n : BigInt(value) * 2n;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

const text = (value: string | Buffer): Buffer =>
  Buffer.concat([zigzag(Buffer.from(value).length), Buffer.from(value)]);
const SYNC = Buffer.alloc(16, 7);

/** A container file by hand, so that every part of it can lie. */
function file(
  blocks: { count: number; bytes: Buffer; sync?: Buffer; size?: number }[],
  { schema = ACCOUNTING_SCHEMA_TEXT, codec = 'null' }: { schema?: string; codec?: string } = {},
): Buffer {
  return Buffer.concat([
    Buffer.from('Obj\u0001', 'latin1'),
    ...[zigzag(2), text('avro.schema'), text(schema), text('avro.codec'), text(codec), zigzag(0), SYNC],
    ...blocks.flatMap(({ count, bytes, sync = SYNC, size = bytes.length }) => [
      zigzag(count),
      zigzag(size),
      bytes,
      sync,
    ]),
  ]);
}

const block = (...records: number[]) => ({
  count: records.length,
  bytes: Buffer.concat(records.map((n) => bare(aRecord(n)))),
});

function idsOf(body: ReadBody): string[] {
  if (!body.ok) throw new Error(body.detail);
  return body.records.map((one) => (one.kind === 'record' ? one.record.record_id : one.kind));
}

function detailOf(body: ReadBody): string {
  return body.ok ? `no fault: ${JSON.stringify(body.records)}` : body.detail;
}

describe('a container file', () => {
  it('gives its records in order, with the feed and the time of arrival', () => {
    const body = read(file([block(1, 2), block(3)]));
    expect(idsOf(body)).toEqual(['r1', 'r2', 'r3']);
    expect(body).toMatchObject({
      records: [{ record: { feed_id: 'feed', received_at: T, input_octets: 1 } }, {}, {}],
    });
  });

  it('as avsc writes it, with deflate', async () => {
    const encoder = new avro.streams.BlockEncoder(JSON.parse(ACCOUNTING_SCHEMA_TEXT) as never, {
      codec: 'deflate',
    });
    const chunks: Buffer[] = [];
    encoder.on('data', (chunk: Buffer) => chunks.push(chunk));
    const ended = new Promise((resolve) => encoder.on('end', resolve));
    const type = avro.Type.forSchema(JSON.parse(ACCOUNTING_SCHEMA_TEXT) as never);
    encoder.end(type.fromBuffer(Buffer.from(bare(aRecord(4)))));
    await ended;
    expect(idsOf(read(Buffer.concat(chunks)))).toEqual(['r4']);
  });

  it('of a feeder with fewer fields and another order', () => {
    const schema = {
      type: 'record',
      name: 'AccountingRecord',
      fields: [
        { name: 'nas_id', type: 'string' },
        { name: 'session_id', type: 'string' },
        { name: 'status_type', type: { type: 'enum', name: 'AcctStatusType', symbols: ['STOP', 'START'] } },
        { name: 'record_id', type: 'string' },
        { name: 'input_octets', type: 'int' },
      ],
    };
    const bytes = avro.Type.forSchema(schema as never).toBuffer({
      ...{ nas_id: 'n', session_id: 's', status_type: 'START', record_id: '', input_octets: 9 },
    });
    expect(read(file([{ count: 1, bytes }], { schema: JSON.stringify(schema) }))).toMatchObject({
      records: [
        {
          record: {
            nas_id: 'n',
            status_type: 'START',
            input_octets: 9,
            output_octets: null,
            record_id: 'new-id',
          },
        },
      ],
    });
  });

  it.each<[string, Buffer, string]>([
    ['is cut off', file([block(1, 2)]).subarray(0, -20), 'a block'],
    ['ends in its header', file([]).subarray(0, 100), 'header'],
    ['has another marker', file([{ ...block(1), sync: Buffer.alloc(16, 8) }]), 'marker'],
    ['claims a negative size', file([{ ...block(1), size: -5 }]), 'a block'],
    ['claims a size beyond its end', file([{ ...block(1), size: 2 ** 40 }]), 'a block'],
    ['claims a negative count', file([{ ...block(1), count: -1 }]), 'a block'],
    ['has a codec that is not read', file([block(1)], { codec: 'snappy' }), 'codec'],
    ['is not deflate', file([block(1)], { codec: 'deflate' }), 'deflate'],
    ['has no schema', Buffer.concat([Buffer.from('Obj\u0001', 'latin1'), zigzag(0), SYNC]), 'no schema'],
    ['has a schema that is none', file([block(1)], { schema: '{' }), 'schema'],
    ['has a schema without what is needed', file([block(1)], { schema: '"string"' }), 'schema'],
    ['has a schema with lists', file([block(1)], { schema: withList() }), 'arrays or maps'],
    ['is none', Buffer.from('hello, world'), 'Obj1'],
    ['is nothing', Buffer.alloc(0), 'Obj1'],
  ])('that %s is refused', (_, body, detail) => {
    expect(detailOf(read(body))).toContain(detail);
  });

  it('is refused beyond the limits, before its content is there', () => {
    expect(read(file([{ ...block(1), count: 101 }]))).toMatchObject({ ok: false, tooLarge: true });
    expect(
      read(
        file([
          { count: 100, bytes: Buffer.alloc(0) },
          { count: 1, bytes: Buffer.alloc(0) },
        ]),
      ),
    ).toMatchObject({
      tooLarge: true,
    });
    const bomb = deflateRawSync(Buffer.alloc(100_000_000));
    expect(bomb.length).toBeLessThan(LIMITS.maxBytes * 3);
    expect(read(file([{ count: 1, bytes: bomb }], { codec: 'deflate' }))).toMatchObject({ tooLarge: true });
    const half = { count: 1, bytes: deflateRawSync(Buffer.alloc(30_000)) };
    expect(read(file([half, half], { codec: 'deflate' }))).toMatchObject({ tooLarge: true });
  });

  it.each<[string, { count: number; bytes: Buffer }, string[]]>([
    ['fewer records than it says', { ...block(1), count: 3 }, ['r1', 'fault']],
    ['more bytes than records', { ...block(1, 2), count: 1 }, ['r1', 'fault']],
    ['a string of negative length', { count: 1, bytes: zigzag(-1) }, ['fault']],
    ['a string beyond its end', { count: 1, bytes: zigzag(2 ** 40) }, ['fault']],
  ])('with %s has a bad record', (_, one, ids) => {
    expect(idsOf(read(file([one])))).toEqual(ids);
  });
});

describe('single-object encoding', () => {
  const encode = recordEncoder(ACCOUNTING_SCHEMA_TEXT, 'single-object');
  it('is one record', () => {
    expect(idsOf(read(Buffer.from(encode(aRecord(5)))))).toEqual(['r5']);
  });

  it('is nothing else', () => {
    const two = Buffer.concat([encode(aRecord(1)), encode(aRecord(2))]);
    expect(idsOf(read(two))).toEqual(['r1', 'fault']);
    const unknown = Buffer.from(encode(aRecord(1)));
    unknown.writeUInt8((unknown[5] ?? 0) ^ 1, 5);
    expect(detailOf(read(unknown))).toContain('fingerprint');
  });
});

it('never throws on any bytes', () => {
  const good = file([block(1, 2)]);
  const flipped = fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => {
    const bytes = Buffer.from(good);
    bytes[at] = byte;
    return bytes;
  });
  const framed = fc
    .uint8Array({ maxLength: 200 })
    .map((bytes) => file([{ count: 3, bytes: Buffer.from(bytes) }]));
  const raw = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(flipped, framed, raw), (bytes) => void read(bytes)),
    { numRuns: 1_000 },
  );
});

function withList(): string {
  const schema = JSON.parse(ACCOUNTING_SCHEMA_TEXT) as { fields: object[] };
  schema.fields.push({ name: 'tags', type: { type: 'array', items: 'string' } });
  return JSON.stringify(schema);
}
