import type { Schema, Type } from 'avsc';
import avro from 'avsc';
import { STATUS_TYPES } from '../../schemas/accounting-record.ts';
import { boundedWalk } from './bounded-walk.ts';
import type { PlainValue } from './partial-record.ts';
import { partReader } from './partial-record.ts';
import type { TypeShape } from './schema-limits.ts';
import { hasBlocks, schemaProblem } from './schema-limits.ts';

/** Longest schema text that is looked at, in UTF-16 units; ours has 6,000. */
const MAX_SCHEMA_LENGTH = 256 * 1024;

/** Stands for every enum symbol that this version does not know. */
const UNKNOWN_SYMBOL = 'UNKNOWN';

/** Fields that the meter needs; everything else is skipped while reading (0.6 -> 1.1 M records/s). */
export const PROJECTION = [
  'feed_id',
  'event_time',
  'received_at',
  'acct_delay_seconds',
  'status_type',
  'subscriber_id',
  'user_name',
  'session_id',
  'multi_session_id',
  'parent_session_id',
  'nas_id',
  'nas_ip',
  'framed_ip',
  'service_name',
  'service_class',
  'class',
  'input_octets',
  'output_octets',
  'input_gigawords',
  'output_gigawords',
  'ipv6_input_octets',
  'ipv6_output_octets',
  'session_time',
  'terminate_cause',
] as const;

/** What is read of a record, as the wire has it. `L` is the type of longs. */
export interface Projected<L = number> {
  feed_id: string;
  event_time: L | null;
  received_at: L | null;
  acct_delay_seconds: number;
  status_type: string;
  subscriber_id: string;
  user_name: string | null;
  session_id: string;
  multi_session_id: string | null;
  parent_session_id: string | null;
  nas_id: string;
  nas_ip: string | null;
  framed_ip: string | null;
  service_name: string | null;
  service_class: string | null;
  class: string | null;
  input_octets: L | null;
  output_octets: L | null;
  input_gigawords: number | null;
  output_gigawords: number | null;
  ipv6_input_octets: L | null;
  ipv6_output_octets: L | null;
  session_time: L | null;
  terminate_cause: string | null;
}

/** Reads records of one writer schema. The first two return null for bytes that are not exactly one record. */
export interface WriterDecoder {
  decode(bytes: Buffer, pos: number): Projected | null;
  /** The same with longs as bigint: ten times slower, tells longs beyond 2^53 from garbage. */
  decodeWide(bytes: Buffer, pos: number): Projected<bigint> | null;
  /** The writer's fields before the first that can not be read: for people who look at a dead letter. */
  decodePart(bytes: Buffer, pos: number): Map<string, PlainValue>;
}

/** What is known of a writer schema. */
export type WriterSchema =
  | { kind: 'decoder'; decoder: WriterDecoder }
  /** nobody knows the schema: the registry says so, or there is none */
  | { kind: 'unknown'; detail: string }
  /** the schema is known and can not be read as an accounting record */
  | { kind: 'incompatible'; detail: string };

/** The writer schemas of a batch, resolved before it is decoded. */
export interface WriterSchemas {
  /** by the schema registry's id */
  byId: ReadonlyMap<number, WriterSchema>;
  /** by CRC-64-AVRO, read as a little-endian unsigned integer */
  byFingerprint: ReadonlyMap<bigint, WriterSchema>;
  /** schema of records without framing; null = such records are not expected */
  bare: WriterSchema | null;
}

/** Longs as bigint. Only ever reads. */
const bigLong = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: (value: number) => BigInt(value),
  toJSON: (value: bigint) => Number(value),
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
});

/**
 * Compiles a writer schema against the accounting schema; both as JSON text. About 1 ms: cache the result.
 * Never throws: a schema that can not be used is 'incompatible', with the reason in one line.
 */
export function compileWriterSchema(writerText: string, accountingText: string): WriterSchema {
  if (writerText.length > MAX_SCHEMA_LENGTH) return incompatible('schema text is too long');
  let writer: Type;
  try {
    writer = parse(writerText);
  } catch (error) {
    return incompatible(`not an Avro schema: ${line(error)}`);
  }
  const problem = schemaProblem(writer);
  if (problem !== null) return incompatible(problem);
  try {
    const shape = writer as unknown as TypeShape;
    const fits = hasBlocks(shape) ? boundedWalk(shape) : null;
    const narrow = reader(writer, accountingText, false);
    const wideWriter = parse(writerText, true);
    const wide = reader(wideWriter, accountingText, true);
    return {
      kind: 'decoder',
      decoder: {
        decode: (bytes, pos) =>
          fits === null || fits(bytes, pos) ? (narrow(bytes, pos) as Projected | null) : null,
        decodeWide: (bytes, pos) =>
          fits === null || fits(bytes, pos) ? (wide(bytes, pos) as Projected<bigint> | null) : null,
        decodePart: partReader(wideWriter),
      },
    };
  } catch (error) {
    return incompatible(line(error));
  }
}

/** CRC-64-AVRO of a schema's parsing canonical form, as in `WriterSchemas.byFingerprint`. Throws on text that is no schema. */
export function schemaFingerprint(text: string): bigint {
  return parsingFingerprint(Buffer.from(JSON.stringify(parse(text).schema()), 'utf8'));
}

function incompatible(detail: string): WriterSchema {
  return { kind: 'incompatible', detail };
}

function parse(text: string, wide = false): Type {
  const schema = JSON.parse(text) as Schema;
  return avro.Type.forSchema(schema, wide ? { typeHook: longHook } : {});
}

/** Puts bigLong for every long, also for `{"type": "long", "logicalType": ...}`, which avsc's registry does not catch. */
function longHook(schema: Schema): Type | undefined {
  const isLong =
    schema === 'long' || (typeof schema === 'object' && 'type' in schema && schema.type === 'long');
  return isLong ? bigLong : undefined;
}

/** Decoder through an avsc resolver to the projection. */
function reader(
  writer: Type,
  accountingText: string,
  wide: boolean,
): (bytes: Buffer, pos: number) => unknown {
  const target = parse(projectionText(accountingText), wide);
  const resolver = target.createResolver(writer, { ignoreNamespaces: true });
  return (bytes, pos) => {
    try {
      const { value, offset } = target.decode(bytes, pos, resolver) as { value: unknown; offset: number };
      return offset === bytes.length ? value : null;
    } catch {
      // avsc throws on unknown branches and symbols and on longs it can not hold; the caller asks decodeWide which it was.
      return null;
    }
  };
}

/** The accounting schema with the projected fields only, and an enum that takes any symbol. */
function projectionText(accountingText: string): string {
  const schema = JSON.parse(accountingText) as { fields: { name: string; type: unknown }[] };
  const wanted = new Set<string>(PROJECTION);
  const fields = schema.fields.filter((field) => wanted.has(field.name));
  const open = fields.map((field) =>
    field.name === 'status_type'
      ? {
          ...field,
          type: {
            ...(field.type as object),
            symbols: [...STATUS_TYPES, UNKNOWN_SYMBOL],
            default: UNKNOWN_SYMBOL,
          },
        }
      : field,
  );
  return JSON.stringify({ ...schema, fields: open });
}

/** First line of what a library said, at most 200 characters. */
function line(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split('\n')[0] ?? '').slice(0, 200);
}

const EMPTY = 0xc15d213aa4d7a795n;

/** Rabin fingerprint of the Avro specification, "Schema Fingerprints". */
function parsingFingerprint(bytes: Uint8Array): bigint {
  let fingerprint = EMPTY;
  for (const byte of bytes) {
    let entry = (fingerprint ^ BigInt(byte)) & 0xffn;
    for (let bit = 0; bit < 8; bit++) entry = (entry >> 1n) ^ (EMPTY & -(entry & 1n) & 0xffffffffffffffffn);
    fingerprint = (fingerprint >> 8n) ^ entry;
  }
  return fingerprint;
}
