import { readFileSync } from 'node:fs';
import avro from 'avsc';
import type { DeadLetterReason } from '../../schemas/outcome.ts';
import type { DeadLetters, StoredDeadLetter } from '../../storage/people-ports.ts';
import type { RecordInput } from '../decode/encode.ts';
import { recordEncoder } from '../decode/encode.ts';
import type { WriterSchemas } from '../decode/writer-schema.ts';
import { compileWriterSchema, schemaFingerprint } from '../decode/writer-schema.ts';
import type { LetterQuery } from './look-at-letters.ts';
import { listLetters, showLetter, summariseLetters } from './look-at-letters.ts';
import type { ReplayRequest } from './replay-letters.ts';
import { replayLetters } from './replay-letters.ts';

/** Text of the accounting schema. */
export const ACCOUNTING = readFileSync(
  new URL('../../schemas/accounting-record.avsc', import.meta.url),
  'utf8',
);

/** When the letters of these tests were appended. */
export const APPENDED = Date.UTC(2026, 6, 10, 12);

const OWN = compileWriterSchema(ACCOUNTING, ACCOUNTING);

/** The registry knows ids 7 (ours) and 9 (does not fit), denies 8; there are no bare records. */
export const SCHEMAS: WriterSchemas = {
  byId: new Map([
    [7, OWN],
    [8, { kind: 'unknown', detail: 'the schema registry does not know it' }],
    [9, { kind: 'incompatible', detail: 'no nas_id' }],
  ]),
  byFingerprint: new Map([[schemaFingerprint(ACCOUNTING), OWN]]),
  bare: null,
};

/** An interim of sub-1 on nas-1, with changes. */
export function record(changes: Partial<RecordInput> = {}): RecordInput {
  return {
    record_id: 'r1',
    status_type: 'INTERIM_UPDATE',
    subscriber_id: 'sub-1',
    session_id: 's1',
    nas_id: 'nas-1',
    event_time: APPENDED - 1000,
    input_octets: 10,
    output_octets: 20,
    ...changes,
  };
}

const single = recordEncoder(ACCOUNTING, 'single-object');

/** Bytes of such a record as an Avro single object. */
export function encoded(changes: Partial<RecordInput> = {}): Uint8Array {
  return single(record(changes));
}

/** Bytes of such a record in Confluent's framing. */
export function confluent(confluentId: number, changes: Partial<RecordInput> = {}): Uint8Array {
  return recordEncoder(ACCOUNTING, { confluentId })(record(changes));
}

/** Bytes of a record whose status is one that nobody knows; schema id 6 of `schemas`. */
export function ofUnknownStatus(): { value: Uint8Array; schemas: WriterSchemas } {
  const text = ACCOUNTING.replace('"ACCOUNTING_OFF"', '"ACCOUNTING_OFF", "MOOD"');
  const own = avro.Type.forSchema(JSON.parse(ACCOUNTING)).fromBuffer(
    Buffer.from(recordEncoder(ACCOUNTING, 'bare')(record())),
  ) as object;
  const body = avro.Type.forSchema(JSON.parse(text)).toBuffer({ ...own, status_type: 'MOOD' });
  return {
    value: Buffer.concat([Buffer.from([0, 0, 0, 0, 6]), body]),
    schemas: { ...SCHEMAS, byId: new Map([[6, compileWriterSchema(text, ACCOUNTING)]]) },
  };
}

/** A letter of partition 3, offset 99. */
export function letter(
  reason: DeadLetterReason,
  value: Uint8Array | null,
  changes: Partial<StoredDeadLetter> = {},
): StoredDeadLetter {
  const { partition, offset } = { partition: 3, offset: 99, ...changes };
  return {
    id: `${partition}:${offset}`,
    topic: 'accounting',
    partition,
    offset,
    appendTimeMs: APPENDED,
    reason,
    detail: 'what was wrong',
    nasId: null,
    key: Buffer.from('sub-1'),
    value,
    replayedAtMs: null,
    ...changes,
  };
}

/** Filter that restricts nothing. */
export const EVERYTHING = {
  reason: null,
  partition: null,
  nasId: null,
  fromMs: null,
  toMs: null,
  replayed: null,
} as const;

/** What the API needs of dead letters, over these. */
export function deadLetterViews(letters: DeadLetters) {
  const sources = { letters, schemasOf: () => Promise.resolve(SCHEMAS) };
  return {
    list: (query: LetterQuery) => listLetters(sources, query),
    show: (id: string) => showLetter(sources, id),
    summary: () => summariseLetters(sources),
    replay: (request: ReplayRequest) => replayLetters(sources, request),
  };
}
