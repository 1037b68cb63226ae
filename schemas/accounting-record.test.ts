import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { STATUS_TYPES } from './accounting-record.ts';
import type { AccountingRecord } from './accounting-record.ts';

interface AvroField {
  name: string;
  type: AvroType | AvroType[];
  doc?: string;
  default?: unknown;
}
type AvroType = string | { type: string; logicalType?: string; name?: string; symbols?: string[] };

const SCHEMA = JSON.parse(readFileSync(new URL('./accounting-record.avsc', import.meta.url), 'utf8')) as {
  name: string;
  namespace: string;
  fields: AvroField[];
};

/** How the TypeScript type spells an Avro type; a field that is added to one side only does not compile or not match. */
const TYPE_OF: Record<keyof AccountingRecord, string> = {
  record_id: 'string',
  feed_id: 'string',
  event_time: 'null | timestamp-millis',
  received_at: 'null | timestamp-millis',
  acct_delay_seconds: 'int',
  status_type: 'enum AcctStatusType',
  subscriber_id: 'string',
  user_name: 'null | string',
  chargeable_user_identity: 'null | string',
  session_id: 'string',
  multi_session_id: 'null | string',
  parent_session_id: 'null | string',
  nas_id: 'string',
  nas_ip: 'null | string',
  nas_port_id: 'null | string',
  framed_ip: 'null | string',
  framed_ipv6_prefix: 'null | string',
  delegated_prefix: 'null | string',
  calling_station_id: 'null | string',
  called_station_id: 'null | string',
  service_name: 'null | string',
  service_class: 'null | string',
  class: 'null | string',
  input_octets: 'null | long',
  output_octets: 'null | long',
  input_gigawords: 'null | int',
  output_gigawords: 'null | int',
  ipv6_input_octets: 'null | long',
  ipv6_output_octets: 'null | long',
  session_time: 'null | long',
  terminate_cause: 'null | string',
};

/** Nullability and kind of each field in TypeScript, checked by the compiler against TYPE_OF's keys and by value here. */
const SAMPLE: AccountingRecord = {
  record_id: 'r',
  feed_id: '',
  event_time: null,
  received_at: null,
  acct_delay_seconds: 0,
  status_type: 'START',
  subscriber_id: '',
  user_name: null,
  chargeable_user_identity: null,
  session_id: 's',
  multi_session_id: null,
  parent_session_id: null,
  nas_id: 'n',
  nas_ip: null,
  nas_port_id: null,
  framed_ip: null,
  framed_ipv6_prefix: null,
  delegated_prefix: null,
  calling_station_id: null,
  called_station_id: null,
  service_name: null,
  service_class: null,
  class: null,
  input_octets: null,
  output_octets: null,
  input_gigawords: null,
  output_gigawords: null,
  ipv6_input_octets: null,
  ipv6_output_octets: null,
  session_time: null,
  terminate_cause: null,
};

function spelled(type: AvroField['type']): string {
  if (Array.isArray(type)) return type.map(spelled).join(' | ');
  if (typeof type === 'string') return type;
  return type.type === 'enum' ? `enum ${type.name ?? ''}` : (type.logicalType ?? type.type);
}

describe('accounting-record.avsc', () => {
  it('is the TypeScript type: same fields, order, types and nullability', () => {
    expect(SCHEMA.fields.map(({ name, type }) => [name, spelled(type)])).toEqual(Object.entries(TYPE_OF));
    const nullable = SCHEMA.fields.filter(({ type }) => Array.isArray(type)).map(({ name }) => name);
    const nulls = Object.entries(SAMPLE).flatMap(([name, value]) => (value === null ? [name] : []));
    expect(nulls).toEqual(nullable);
  });

  it('has the status types of the TypeScript list, in its order', () => {
    const status = SCHEMA.fields.find(({ name }) => name === 'status_type')?.type;
    expect(typeof status === 'object' && !Array.isArray(status) && status.symbols).toEqual(STATUS_TYPES);
  });

  it('says of every field what it is and in which unit', () => {
    for (const { name, doc } of SCHEMA.fields) expect(doc, name).toMatch(/unit: \S/);
  });

  it('lets feeders with fewer fields resolve: all but four fields have a default', () => {
    const required = SCHEMA.fields.filter((field) => !('default' in field)).map(({ name }) => name);
    expect(required).toEqual(['record_id', 'status_type', 'session_id', 'nas_id']);
    expect(`${SCHEMA.namespace}.${SCHEMA.name}`).toBe('isp.accounting.v1.AccountingRecord');
  });
});
