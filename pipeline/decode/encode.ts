import avro from 'avsc';
import type { AccountingRecord } from '../../schemas/accounting-record.ts';
import { schemaFingerprint } from './writer-schema.ts';

/** How an encoded record says its schema. */
export type RecordFraming = 'single-object' | 'bare' | { confluentId: number };

/** All fields but the required ones may be left out: they take the schema's default. */
export type RecordInput = Partial<AccountingRecord> &
  Pick<AccountingRecord, 'record_id' | 'status_type' | 'session_id' | 'nas_id'>;

/**
 * Makes an encoder of accounting records for producers. `accountingText` is accounting-record.avsc.
 * The encoder throws on values that the schema does not allow: a producer's programming error.
 */
export function recordEncoder(
  accountingText: string,
  framing: RecordFraming,
): (record: RecordInput) => Uint8Array {
  const schema = JSON.parse(accountingText) as { fields: { name: string; default?: unknown }[] };
  const type = avro.Type.forSchema(schema as never);
  const defaults: Record<string, unknown> = {};
  for (const field of schema.fields) if (field.default !== undefined) defaults[field.name] = field.default;
  const prefix = framingPrefix(accountingText, framing);
  return (record) => {
    const body = type.toBuffer({ ...defaults, ...record });
    return prefix.length === 0 ? body : Buffer.concat([prefix, body]);
  };
}

function framingPrefix(accountingText: string, framing: RecordFraming): Buffer {
  if (framing === 'bare') return Buffer.alloc(0);
  if (framing === 'single-object') {
    const prefix = Buffer.from([0xc3, 0x01, 0, 0, 0, 0, 0, 0, 0, 0]);
    prefix.writeBigUInt64LE(schemaFingerprint(accountingText), 2);
    return prefix;
  }
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(framing.confluentId, 1);
  return prefix;
}
