import type { DeadLetter, DeadLetterReason } from '../../schemas/outcome.ts';
import {
  confluentId,
  CONFLUENT_PREFIX_BYTES,
  framingOf,
  SINGLE_OBJECT_PREFIX_BYTES,
  singleObjectFingerprint,
} from '../decode/framing.ts';
import type { PlainValue } from '../decode/partial-record.ts';
import { fromWide, isRefusal } from '../decode/usage-event.ts';
import type { Projected, WriterDecoder, WriterSchema, WriterSchemas } from '../decode/writer-schema.ts';
import type { LetterRecord } from './record-fields.ts';
import { shownRecord } from './record-fields.ts';

/** Largest value that is tried as JSON, in bytes: an accounting record has 1,000. */
const MAX_JSON_BYTES = 64 * 1024;

/** What could be read of a letter. */
export interface LetterReading {
  /** null where the bytes do not tell */
  nasId: string | null;
  /** null where nothing could be read */
  record: LetterRecord | null;
  /** what is wrong with it by today's schemas and rules, one line; empty = it decodes */
  problem: string;
}

/** A letter's record, whole; or why it can not be decoded. */
export type LetterDecoding =
  { record: Projected<bigint> } | { reason: DeadLetterReason; detail: string; decoder: Opened | null };

/** Where a record begins, and who reads it. */
interface Opened {
  decoder: WriterDecoder;
  pos: number;
}

/** Decodes a letter's value as accounting records are decoded today, but for its size and partition. Never throws. */
export function decodeLetter(value: Uint8Array | null, schemas: WriterSchemas): LetterDecoding {
  if (value === null || value.length === 0)
    return { reason: 'empty', detail: 'the record had no value', decoder: null };
  const opened = open(value, schemas);
  if ('reason' in opened) return { ...opened, decoder: null };
  const record = wholeRecord(value, opened);
  if (record !== null) return { record };
  const detail = 'the bytes are not one record of the writer schema';
  return { reason: 'undecodable', detail, decoder: opened };
}

/**
 * Reads what can be read of a letter, for people: the whole record, else the fields before the broken one, else what
 * Weir's own schema or JSON makes of it. Never throws; linear in the bytes.
 */
export function readLetter(
  letter: Pick<DeadLetter, 'reason' | 'detail' | 'value'>,
  schemas: WriterSchemas,
): LetterReading {
  if (letter.reason === 'bad-control') return { nasId: null, record: null, problem: letter.detail };
  const decoding = decodeLetter(letter.value, schemas);
  if ('record' in decoding) {
    const event = fromWide(decoding.record);
    const record = shownRecord(Object.entries(decoding.record));
    return { nasId: nasOf(record), record, problem: isRefusal(event) ? event.detail : '' };
  }
  const record = letter.value === null ? null : partOf(letter.value, decoding.decoder, schemas);
  return { nasId: nasOf(record), record, problem: decoding.detail };
}

function open(
  value: Uint8Array,
  schemas: WriterSchemas,
): Opened | { reason: DeadLetterReason; detail: string } {
  switch (framingOf(value, schemas.bare !== null)) {
    case 'confluent': {
      const id = confluentId(value);
      return openWith(schemas.byId.get(id), CONFLUENT_PREFIX_BYTES, `schema id ${id}`);
    }
    case 'single-object': {
      const schema = schemas.byFingerprint.get(singleObjectFingerprint(value));
      return openWith(schema, SINGLE_OBJECT_PREFIX_BYTES, 'schema fingerprint');
    }
    case 'none':
      if (schemas.bare !== null) return openWith(schemas.bare, 0, 'configured schema');
      return {
        reason: 'unknown-framing',
        detail: 'neither Confluent framing nor an Avro single object',
      };
  }
}

function openWith(
  schema: WriterSchema | undefined,
  pos: number,
  name: string,
): Opened | { reason: DeadLetterReason; detail: string } {
  if (schema === undefined) return { reason: 'unknown-schema', detail: `${name} is not known` };
  if (schema.kind === 'decoder') return { decoder: schema.decoder, pos };
  return {
    reason: schema.kind === 'unknown' ? 'unknown-schema' : 'incompatible-schema',
    detail: `${name}: ${schema.detail}`,
  };
}

/** Always as the wide decoder gives it, so that edits of any size fit in. */
function wholeRecord(value: Uint8Array, { decoder, pos }: Opened): Projected<bigint> | null {
  const bytes = asBuffer(value);
  const record = decoder.decode(bytes, pos);
  if (record === null) return decoder.decodeWide(bytes, pos);
  return {
    ...record,
    event_time: widened(record.event_time),
    received_at: widened(record.received_at),
    input_octets: widened(record.input_octets),
    output_octets: widened(record.output_octets),
    ipv6_input_octets: widened(record.ipv6_input_octets),
    ipv6_output_octets: widened(record.ipv6_output_octets),
    session_time: widened(record.session_time),
  };
}

function widened(value: number | null): bigint | null {
  return value === null ? null : BigInt(value);
}

/** Of a record that can not be decoded; null where nothing makes sense. */
function partOf(value: Uint8Array, opened: Opened | null, schemas: WriterSchemas): LetterRecord | null {
  const bytes = asBuffer(value);
  if (opened !== null) return nonEmpty(opened.decoder.decodePart(bytes, opened.pos));
  // Its schema is not known. Where Weir's own reads the bytes to the last one, it is hardly another.
  for (const pos of [0, CONFLUENT_PREFIX_BYTES, SINGLE_OBJECT_PREFIX_BYTES]) {
    for (const schema of schemas.byFingerprint.values()) {
      if (schema.kind !== 'decoder') continue;
      const record = wholeRecord(bytes, { decoder: schema.decoder, pos });
      if (record !== null) return nonEmpty(Object.entries(record));
    }
  }
  return nonEmpty(jsonFields(bytes));
}

/** Fields of a JSON object: a feeder that was set up without Avro. */
function jsonFields(bytes: Buffer): [string, PlainValue][] {
  if (bytes.length > MAX_JSON_BYTES || bytes[0] !== 0x7b) return [];
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    // Then it is no JSON, and there is nothing to show.
    return [];
  }
  return Object.entries(value ?? {}).filter(
    (entry): entry is [string, PlainValue] =>
      typeof entry[1] === 'string' || typeof entry[1] === 'number' || entry[1] === null,
  );
}

function nonEmpty(values: Iterable<[string, PlainValue]>): LetterRecord | null {
  const record = shownRecord(values);
  return Object.keys(record).length === 0 ? null : record;
}

function nasOf(record: LetterRecord | null): string | null {
  const nasId = record?.nas_id ?? '';
  return nasId === '' ? null : nasId;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
