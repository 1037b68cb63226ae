import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ACCOUNTING_SCHEMA_TEXT } from '../source/accounting-schema.ts';
import type { ReadBody } from './from-avro.ts';
import { jsonReader } from './from-body.ts';
import { aPacket } from './ingest-rig.contract.ts';

const T = Date.UTC(2025, 5, 1);
const ARRIVAL = { feedId: 'feed', receivedAtMs: T, newRecordId: () => 'new-id' };
const read = jsonReader(ACCOUNTING_SCHEMA_TEXT, { serviceAttribute: null }, 3);
const readBody = (body: unknown, eventTime: string | null = null): ReadBody => read(body, ARRIVAL, eventTime);

const RECORD = {
  record_id: 'r1',
  status_type: 'STOP',
  subscriber_id: 'sub-1',
  session_id: 's1',
  nas_id: 'n1',
  event_time: T,
  input_octets: 5,
};

function kinds(body: unknown): string[] | string {
  const result = readBody(body);
  return result.ok ? result.records.map(({ kind }) => kind) : result.detail;
}

function faultIn(record: unknown): string {
  const result = readBody(record);
  const [one] = result.ok ? result.records : [];
  return one?.kind === 'fault' ? one.detail : `no fault: ${JSON.stringify(result)}`;
}

it('fills in what a record leaves out, and the feed', () => {
  const { record_id: _, ...withoutId } = RECORD;
  expect(readBody({ ...withoutId, feed_id: 'somebody else' })).toMatchObject({
    records: [
      { record: { ...withoutId, record_id: 'new-id', feed_id: 'feed', received_at: T, output_octets: null } },
    ],
  });
  const given = readBody({ ...RECORD, received_at: T - 5 });
  expect(given).toMatchObject({
    records: [{ record: { record_id: 'r1', received_at: T - 5, acct_delay_seconds: 0 } }],
  });
});

it('takes one record, a list, or records, and packets among them', () => {
  expect(kinds(RECORD)).toEqual(['record']);
  expect(kinds([RECORD, aPacket(), aPacket({ 'Acct-Status-Type': 'Failed' })])).toEqual([
    'record',
    'record',
    'ignored',
  ]);
  expect(kinds({ records: [RECORD] })).toEqual(['record']);
});

it.each<[string, unknown, string]>([
  ['an empty list', [], 'no records'],
  ['no records', { records: [] }, 'no records'],
  ['more than the limit', [RECORD, RECORD, RECORD, RECORD], 'allowed are 3'],
])('does not take %s', (_, body, detail) => {
  expect(kinds(body)).toContain(detail);
});

it('takes a time beside the packet for one packet only', () => {
  expect(readBody([aPacket()], '1700000000')).toMatchObject({ ok: false });
  expect(readBody(aPacket(), '1700000000')).toMatchObject({ records: [{ kind: 'record' }] });
});

describe('a fault', () => {
  it.each<[string, unknown, string]>([
    ['null', null, 'not an object'],
    ['a number', 5, 'not an object'],
    ['text', 'START', 'not an object'],
    ['nothing', {}, 'status_type is missing'],
    ['an unknown field', { ...RECORD, colour: 'red' }, 'unknown field "colour"'],
    ['records beside others', { records: [RECORD], more: 1 }, 'unknown field "records"'],
    ['an inherited name', JSON.parse(`{"__proto__": {"nas_id": "x"}}`), 'unknown field "__proto__"'],
    ['a number in quotes', { ...RECORD, input_octets: '5' }, 'input_octets is not a whole number'],
    ['a fraction', { ...RECORD, input_octets: 5.5 }, 'input_octets'],
    ['beyond 2^53', { ...RECORD, input_octets: 2 ** 53 }, 'input_octets'],
    ['beyond 32 bits', { ...RECORD, input_gigawords: 2 ** 31 }, 'input_gigawords'],
    ['a truth value', { ...RECORD, session_time: true }, 'session_time'],
    ['null where it must not be', { ...RECORD, nas_id: null }, 'nas_id'],
    ['a number for text', { ...RECORD, session_id: 7 }, 'session_id'],
    ['a list for text', { ...RECORD, user_name: ['ann'] }, 'user_name'],
    ['an unknown status', { ...RECORD, status_type: 'Start' }, 'one of START'],
    ['a time as text', { ...RECORD, event_time: '2025-06-01T00:00:00Z' }, 'event_time'],
  ])('is %s', (_, record, detail) => {
    expect(faultIn(record)).toContain(detail);
  });

  it('names no more than three problems', () => {
    expect(faultIn({ a: 1, b: 1, c: 1, d: 1 })).toMatch(/and \d+ more$/);
  });
});

it('never throws on any JSON', () => {
  fc.assert(fc.property(fc.jsonValue(), (body) => void readBody(body)));
  fc.assert(
    fc.property(
      fc.record(Object.fromEntries(Object.keys(RECORD).map((name) => [name, fc.jsonValue()]))),
      (record) => void readBody(record),
    ),
  );
});
