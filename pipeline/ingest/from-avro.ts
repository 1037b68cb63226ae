import type { Schema, Type } from 'avsc';
import avro from 'avsc';
import type { AccountingRecord } from '../../schemas/accounting-record.ts';
import { SINGLE_OBJECT_PREFIX_BYTES, framingOf, singleObjectFingerprint } from '../decode/framing.ts';
import type { TypeShape } from '../decode/schema-limits.ts';
import { hasBlocks, schemaProblem } from '../decode/schema-limits.ts';
import { schemaFingerprint } from '../decode/writer-schema.ts';
import type { ContainerLimits } from './container-file.ts';
import { readContainer } from './container-file.ts';
import { completed } from './from-json.ts';
import type { Arrival, ReadRecord } from './read-record.ts';

/** What a body gave: its records in order, or why it can not be read as a whole. */
export type ReadBody = { ok: true; records: ReadRecord[] } | { ok: false; detail: string; tooLarge: boolean };

/** Longest schema of a container file, UTF-16 units; ours has 6,000. */
const MAX_SCHEMA_LENGTH = 65_536;

/**
 * Makes a reader of Avro bodies: an object container file whose schema resolves to accounting-record.avsc
 * (`accountingText`), or one record in single-object encoding of that very schema. Never throws. Where a record can not
 * be read, nothing says where the next one begins: it is the last one of its block.
 */
export function avroReader(
  accountingText: string,
  limits: ContainerLimits,
): (body: Buffer, arrival: Arrival) => ReadBody {
  const target = avro.Type.forSchema(JSON.parse(accountingText) as Schema);
  const fingerprint = schemaFingerprint(accountingText);
  return (body, arrival) => {
    if (framingOf(body, true) === 'single-object') {
      if (singleObjectFingerprint(body) !== fingerprint)
        return unreadable('the fingerprint is not that of accounting-record.avsc: send a container file');
      const block = { count: 1, bytes: body.subarray(SINGLE_OBJECT_PREFIX_BYTES) };
      return { ok: true, records: readBlock(block, target, null, arrival) };
    }
    const file = readContainer(body, limits);
    if (!file.ok) return file;
    const writer = resolverOf(file.schemaText, target);
    if (typeof writer === 'string') return unreadable(`the schema can not be used: ${writer}`);
    // Arrays and maps are skipped by counts that the bytes claim: such schemas are not for this route.
    const records = file.blocks.flatMap((block) => readBlock(block, target, writer, arrival));
    return { ok: true, records };
  };
}

/** avsc's resolver, whose class its types do not name. */
type Resolver = ReturnType<Type['createResolver']>;

function unreadable(detail: string): ReadBody {
  return { ok: false, detail, tooLarge: false };
}

function resolverOf(schemaText: string, target: Type): Resolver | string {
  if (schemaText.length > MAX_SCHEMA_LENGTH) return 'its text is too long';
  try {
    const writer = avro.Type.forSchema(JSON.parse(schemaText) as Schema);
    const problem = schemaProblem(writer);
    if (problem !== null) return problem;
    if (hasBlocks(writer as unknown as TypeShape)) return 'it has arrays or maps';
    return target.createResolver(writer, { ignoreNamespaces: true });
  } catch (error) {
    return (error instanceof Error ? error.message : String(error)).split('\n')[0]?.slice(0, 200) ?? '';
  }
}

function readBlock(
  { count, bytes }: { count: number; bytes: Buffer },
  target: Type,
  resolver: Resolver | null,
  arrival: Arrival,
): ReadRecord[] {
  const records: ReadRecord[] = [];
  let pos = 0;
  while (records.length < count) {
    const read = decode(target, bytes, pos, resolver);
    if (read === null) {
      records.push({ kind: 'fault', detail: 'the bytes are not a record of the schema' });
      return records;
    }
    records.push({ kind: 'record', record: completed(read.record, arrival) });
    pos = read.end;
  }
  if (pos === bytes.length) return records;
  records.push({ kind: 'fault', detail: 'bytes are left over after the last record of a block' });
  return records;
}

function decode(
  target: Type,
  bytes: Buffer,
  pos: number,
  resolver: Resolver | null,
): { record: AccountingRecord; end: number } | null {
  try {
    const { value, offset } = target.decode(bytes, pos, resolver ?? undefined) as {
      value: AccountingRecord;
      offset: number;
    };
    // avsc says -1 past the end; a negative length would lead backwards.
    return offset > pos && offset <= bytes.length ? { record: value, end: offset } : null;
  } catch {
    // Unknown branches and symbols, longs beyond 2^53: avsc throws, the caller reports the record.
    return null;
  }
}
