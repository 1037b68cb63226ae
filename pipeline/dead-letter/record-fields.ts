import type { PlainValue } from '../decode/partial-record.ts';
import { PROJECTION } from '../decode/writer-schema.ts';
import type { Projected } from '../decode/writer-schema.ts';

/** Name of a field that Weir reads, as the wire has it. */
export type RecordField = keyof Projected;

/**
 * A record for people: each field as text, in the form that an edit takes. Times are ISO 8601 UTC (in ms since 1970
 * where they are no date), numbers decimal, null = absent. Only the fields that could be read.
 */
export type LetterRecord = Partial<Record<RecordField, string | null>>;

/** Values that an edited replay puts over a record's. Longs are bigint, as the wide decoder gives them. */
export type RecordEdits = Partial<Projected<bigint>>;

type Form = 'text' | 'status' | 'time' | 'long' | 'int';

const FORMS: { [F in RecordField]: Form } = {
  feed_id: 'text',
  event_time: 'time',
  received_at: 'time',
  acct_delay_seconds: 'int',
  status_type: 'status',
  subscriber_id: 'text',
  user_name: 'text',
  session_id: 'text',
  multi_session_id: 'text',
  parent_session_id: 'text',
  nas_id: 'text',
  nas_ip: 'text',
  framed_ip: 'text',
  service_name: 'text',
  service_class: 'text',
  class: 'text',
  input_octets: 'long',
  output_octets: 'long',
  input_gigawords: 'int',
  output_gigawords: 'int',
  ipv6_input_octets: 'long',
  ipv6_output_octets: 'long',
  session_time: 'long',
  terminate_cause: 'text',
};

/** Fields that every record has: empty text is the value that they have when absent. */
const REQUIRED: readonly RecordField[] = [
  'feed_id',
  'acct_delay_seconds',
  'status_type',
  'subscriber_id',
  'session_id',
  'nas_id',
];

/** An instant with its zone, by ISO 8601: a time without a zone would be read in the server's. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/;

/** What of some values is a record's fields, as people read them; values of another form are shown as they are. */
export function shownRecord(values: Iterable<[string, PlainValue]>): LetterRecord {
  const record: LetterRecord = {};
  const given = new Map(values);
  for (const field of PROJECTION) {
    const value = given.get(field);
    if (value !== undefined) record[field] = value === null ? null : shown(FORMS[field], value);
  }
  return record;
}

function shown(form: Form, value: string | number | bigint): string {
  if (form !== 'time' || typeof value === 'string') return String(value);
  const date = new Date(Number(value));
  return Number.isNaN(date.getTime()) ? String(value) : date.toISOString();
}

/**
 * Reads edits as people write them, in the form that a record is shown in; empty text = absent. Whether the record
 * makes sense with them is checked with the whole record. Returns the first problem as text.
 */
export function parseEdits(set: Readonly<Record<string, string>>): RecordEdits | string {
  const edits: Record<string, PlainValue> = {};
  for (const [name, text] of Object.entries(set)) {
    const field = PROJECTION.find((known) => known === name);
    if (field === undefined) {
      return `there is no field ${JSON.stringify(name.slice(0, 64))}; there are ${PROJECTION.join(', ')}`;
    }
    const value = parsed(field, text);
    if (value === undefined) return `${field} ${EXPECTED[FORMS[field]]}`;
    edits[field] = value;
  }
  return edits;
}

const EXPECTED: Record<Form, string> = {
  text: 'is text, without halves of characters',
  status: 'is START, INTERIM_UPDATE or STOP',
  time: 'is an instant such as 2025-01-31T12:00:00Z',
  long: 'is a whole number',
  int: 'is a whole number below 2^31',
};

function parsed(field: RecordField, text: string): PlainValue | undefined {
  const form = FORMS[field];
  if (form === 'text' || form === 'status') {
    // Half a surrogate pair has no UTF-8: two such ids would be one in the log.
    if (/\p{Surrogate}/u.test(text)) return undefined;
    return text === '' && !REQUIRED.includes(field) ? null : text;
  }
  if (text === '') return REQUIRED.includes(field) ? undefined : null;
  if (form === 'time' && INSTANT.test(text)) {
    const timeMs = Date.parse(text);
    return Number.isNaN(timeMs) ? undefined : BigInt(timeMs);
  }
  if (!/^\d{1,18}$/.test(text)) return undefined;
  if (form !== 'int') return BigInt(text);
  return Number(text) < 2 ** 31 ? Number(text) : undefined;
}
