import type { Input } from '../decode/input.ts';
import { decodeBatch } from '../decode/decode.ts';
import { compileWriterSchema, schemaFingerprint } from '../decode/writer-schema.ts';
import { ACCOUNTING_SCHEMA_TEXT } from '../source/accounting-schema.ts';
import type { LogEntry } from '../../storage/ports.ts';

const OWN = compileWriterSchema(ACCOUNTING_SCHEMA_TEXT, ACCOUNTING_SCHEMA_TEXT);

/** What workers make of entries of a log with `partitionCount` partitions. */
export function decoded(partition: number, entries: readonly LogEntry[], partitionCount: number): Input[] {
  const schemas = {
    byId: new Map(),
    byFingerprint: new Map([[schemaFingerprint(ACCOUNTING_SCHEMA_TEXT), OWN]]),
    bare: null,
  };
  return decodeBatch({ partition, entries }, { partitionCount, schemas, maxRecordBytes: 16_384 });
}

/** A packet as rlm_rest of FreeRADIUS 3.2.1 sent it. */
export function aPacket(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    'User-Name': { type: 'string', value: ['ann'] },
    'NAS-IP-Address': { type: 'ipaddr', value: ['10.0.0.1'] },
    'NAS-Identifier': { type: 'string', value: ['bras-1'] },
    'Acct-Status-Type': { type: 'integer', value: ['Interim-Update'] },
    'Acct-Session-Id': { type: 'string', value: ['s1'] },
    'Acct-Input-Octets': { type: 'integer', value: [4294967295] },
    'Acct-Output-Octets': { type: 'integer', value: [5] },
    'Acct-Output-Gigawords': { type: 'integer', value: [2] },
    'Event-Timestamp': { type: 'date', value: ['Nov 14 2023 22:13:20 UTC'] },
    ...more,
  };
}
