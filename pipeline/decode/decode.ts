import type { UsageEvent } from '../../schemas/accounting-record.ts';
import { parseControlId } from '../../schemas/control.ts';
import type { DeadLetterReason } from '../../schemas/outcome.ts';
import { partitionOf, partitionOfText } from '../../schemas/partitioning.ts';
import { MAX_AHEAD_MS } from '../meter/record-time.ts';
import { decodeControl } from './control-codec.ts';
import type { EncodedBatch, EncodedEntry } from './encoded.ts';
import {
  CONFLUENT_PREFIX_BYTES,
  SINGLE_OBJECT_PREFIX_BYTES,
  confluentId,
  framingOf,
  singleObjectFingerprint,
} from './framing.ts';
import type { Input } from './input.ts';
import type { Refusal } from './usage-event.ts';
import { fromWide, isRefusal, toUsageEvent } from './usage-event.ts';
import type { WriterDecoder, WriterSchema, WriterSchemas } from './writer-schema.ts';

/** What decoding depends on besides the bytes. */
export interface DecodeContext {
  /** partitions of the log: a key that hashes to another one is misrouted */
  partitionCount: number;
  /** the batch's writer schemas (`neededSchemas`), resolved before */
  schemas: WriterSchemas;
  /** larger records are dead letters, cut to this length */
  maxRecordBytes: number;
}

/**
 * Turns each entry of a batch into one input, in order. Pure; never throws, whatever the bytes.
 * Bad data is an input of kind 'dead' with its reason; values in it are views of the batch's bytes.
 */
export function decodeBatch(batch: EncodedBatch, context: DecodeContext): Input[] {
  const inputs: Input[] = [];
  for (const entry of batch.entries) {
    inputs.push(
      entry.control === null ? decodeRecord(entry, batch.partition, context) : decodeControlEntry(entry),
    );
  }
  return inputs;
}

/** The subscriber's state lives where its id hashes to, whatever the key says or if there is none. */
function decodeRecord(entry: EncodedEntry, partition: number, context: DecodeContext): Input {
  const input = decodeFramed(entry, partition, context);
  if (input.kind !== 'usage' || input.event.subscriberId === '') return input;
  const home = partitionOfText(input.event.subscriberId, context.partitionCount);
  if (home === partition) return input;
  return dead(
    entry,
    'misrouted',
    `the subscriber belongs to partition ${home} of ${context.partitionCount} (murmur2): key records by subscriber_id`,
  );
}

function decodeFramed(entry: EncodedEntry, partition: number, context: DecodeContext): Input {
  const { key, value } = entry;
  if (value === null || value.length === 0) return dead(entry, 'empty', 'no value');
  if (value.length > context.maxRecordBytes) {
    const detail = `${value.length} bytes, allowed are ${context.maxRecordBytes}`;
    return dead(entry, 'oversize', detail, value.subarray(0, context.maxRecordBytes));
  }
  if (key !== null) {
    const home = partitionOf(key, context.partitionCount);
    if (home !== partition) {
      return dead(
        entry,
        'misrouted',
        `the key belongs to partition ${home} of ${context.partitionCount} (murmur2)`,
      );
    }
  }
  const framing = framingOf(value, context.schemas.bare !== null);
  switch (framing) {
    case 'confluent': {
      const id = confluentId(value);
      return decodeWith(
        entry,
        value,
        CONFLUENT_PREFIX_BYTES,
        context.schemas.byId.get(id),
        `schema id ${id}`,
      );
    }
    case 'single-object': {
      const fingerprint = singleObjectFingerprint(value);
      const schema = context.schemas.byFingerprint.get(fingerprint);
      return decodeWith(entry, value, SINGLE_OBJECT_PREFIX_BYTES, schema, 'schema fingerprint');
    }
    case 'none':
      if (context.schemas.bare === null) return dead(entry, 'unknown-framing', `begins with ${hex(value)}`);
      return decodeWith(entry, value, 0, context.schemas.bare, 'configured schema');
  }
}

function decodeWith(
  entry: EncodedEntry,
  value: Uint8Array,
  pos: number,
  schema: WriterSchema | undefined,
  name: string,
): Input {
  if (schema === undefined) return dead(entry, 'unknown-schema', `${name} is not known`);
  switch (schema.kind) {
    case 'unknown':
      return dead(entry, 'unknown-schema', `${name}: ${schema.detail}`);
    case 'incompatible':
      return dead(entry, 'incompatible-schema', `${name}: ${schema.detail}`);
    case 'decoder':
      return decodeBytes(entry, asBuffer(value), pos, schema.decoder);
  }
}

function decodeBytes(entry: EncodedEntry, bytes: Buffer, pos: number, decoder: WriterDecoder): Input {
  const event = readEvent(bytes, pos, decoder);
  if (event === null) return dead(entry, 'undecodable', 'the bytes are not one record of the writer schema');
  if (isRefusal(event)) return dead(entry, event.reason, event.detail);
  return { kind: 'usage', offset: entry.offset, appendTimeMs: entry.appendTimeMs, event };
}

function readEvent(bytes: Buffer, pos: number, decoder: WriterDecoder): UsageEvent | Refusal | null {
  const record = decoder.decode(bytes, pos);
  if (record !== null) return toUsageEvent(record);
  const wide = decoder.decodeWide(bytes, pos);
  return wide === null ? null : fromWide(wide);
}

function decodeControlEntry(entry: EncodedEntry): Input {
  const id = parseControlId(entry.control ?? '');
  if (id === null) return dead(entry, 'bad-control', 'the header is not <source>:<n>');
  const decoded = decodeControl(entry.value);
  if (!decoded.ok) return dead(entry, 'bad-control', decoded.problem);
  const { control } = decoded;
  // The watermark never goes back: one tick of the far future would make every later record a late one.
  if (control.kind === 'tick' && control.t > entry.appendTimeMs + MAX_AHEAD_MS) {
    const seconds = Math.round((control.t - entry.appendTimeMs) / 1000);
    return dead(
      entry,
      'bad-control',
      `the tick is ${seconds} s ahead of its append time: whose clock is wrong?`,
    );
  }
  return {
    kind: 'control',
    offset: entry.offset,
    appendTimeMs: entry.appendTimeMs,
    id,
    control,
  };
}

function dead(entry: EncodedEntry, reason: DeadLetterReason, detail: string, value = entry.value): Input {
  return {
    kind: 'dead',
    offset: entry.offset,
    appendTimeMs: entry.appendTimeMs,
    reason,
    detail,
    key: entry.key,
    value,
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function hex(value: Uint8Array): string {
  return Buffer.from(value.subarray(0, 2)).toString('hex');
}
