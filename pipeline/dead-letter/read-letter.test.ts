import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeadLetterReason } from '../../schemas/outcome.ts';
import { DEAD_LETTER_REASONS } from '../../schemas/outcome.ts';
import { recordEncoder } from '../decode/encode.ts';
import { compileWriterSchema } from '../decode/writer-schema.ts';
import {
  ACCOUNTING,
  confluent,
  encoded,
  letter,
  ofUnknownStatus,
  record,
  SCHEMAS,
} from './letter-rig.contract.ts';
import type { LetterReading } from './read-letter.ts';
import { readLetter } from './read-letter.ts';

function read(reason: DeadLetterReason, value: Uint8Array | null): LetterReading {
  return readLetter(letter(reason, value), SCHEMAS);
}

/** A whole record: who sent it, and that it decodes. */
const WELL = { nasId: 'nas-1', problem: '' };

describe('a letter shows what its bytes tell', () => {
  const BEYOND = 2n ** 63n - 1n;
  const cases: Record<DeadLetterReason, [value: Uint8Array | null, expected: object]> = {
    empty: [null, { nasId: null, record: null, problem: 'the record had no value' }],
    // Cut behind nas_id.
    oversize: [
      encoded({ terminate_cause: 'x'.repeat(5000) }).subarray(0, 1000),
      { nasId: 'nas-1', problem: expect.stringContaining('not one record') },
    ],
    'unknown-framing': [
      recordEncoder(ACCOUNTING, 'bare')(record()),
      { nasId: 'nas-1', problem: expect.stringContaining('neither Confluent') },
    ],
    'unknown-schema': [
      confluent(8),
      { nasId: 'nas-1', problem: 'schema id 8: the schema registry does not know it' },
    ],
    'incompatible-schema': [confluent(9), { nasId: 'nas-1', problem: 'schema id 9: no nas_id' }],
    undecodable: [
      Buffer.concat([encoded(), Buffer.from([0])]),
      { nasId: 'nas-1', record: expect.objectContaining({ input_octets: '10' }) },
    ],
    'missing-field': [
      encoded({ session_id: '' }),
      { nasId: 'nas-1', record: expect.objectContaining({ session_id: '' }), problem: 'session_id is empty' },
    ],
    'negative-octets': [
      encoded({ output_octets: -1 }),
      { record: expect.objectContaining({ output_octets: '-1' }), problem: 'a counter is negative' },
    ],
    'octets-beyond-2^53': [
      withLong('input_octets', BEYOND),
      { nasId: 'nas-1', record: expect.objectContaining({ input_octets: String(BEYOND) }) },
    ],
    'implausible-time': [
      encoded({ event_time: Date.UTC(1999, 0, 1) }),
      { record: expect.objectContaining({ event_time: '1999-01-01T00:00:00.000Z' }) },
    ],
    'beyond-horizon': [encoded(), WELL],
    misrouted: [confluent(7), WELL],
    'bad-control': [Buffer.from('{"kind":"tick"}'), { nasId: null, record: null, problem: 'what was wrong' }],
  };

  it.each(DEAD_LETTER_REASONS)('%s', (reason) => {
    const [value, expected] = cases[reason];
    expect(read(reason, value)).toMatchObject(expected);
  });

  it('as text, in the form that an edit takes; what is absent is null', () => {
    expect(read('beyond-horizon', encoded({ session_time: 60 })).record).toMatchObject({
      event_time: '2026-07-10T11:59:59.000Z',
      acct_delay_seconds: '0',
      status_type: 'INTERIM_UPDATE',
      subscriber_id: 'sub-1',
      user_name: null,
      output_octets: '20',
      input_gigawords: null,
      session_time: '60',
    });
  });

  it('where they are JSON', () => {
    const value = Buffer.from('{"nas_id":"nas-7","input_octets":5,"user_name":null,"more":{"a":1}}');
    expect(read('unknown-framing', value)).toMatchObject({
      nasId: 'nas-7',
      record: { nas_id: 'nas-7', input_octets: '5', user_name: null },
    });
  });

  it('where its status is unknown', () => {
    const { value, schemas } = ofUnknownStatus();
    expect(readLetter(letter('undecodable', value), schemas)).toMatchObject({
      nasId: 'nas-1',
      problem: 'unknown symbol of status_type',
    });
  });

  it('where the schema has become known since', () => {
    expect(read('unknown-schema', confluent(7))).toMatchObject(WELL);
  });

  it('up to an array, whose count may be a lie', () => {
    const schema = JSON.parse(ACCOUNTING) as { fields: { name: string; type: unknown }[] };
    const nasFirst = schema.fields.filter(({ name }) => name === 'nas_id');
    const rest = schema.fields.filter(({ name }) => name !== 'nas_id');
    const list = { name: 'list', type: { type: 'array', items: 'int' } };
    const text = JSON.stringify({ ...schema, fields: [...nasFirst, list, ...rest] });
    const schemas = { ...SCHEMAS, byId: new Map([[6, compileWriterSchema(text, ACCOUNTING)]]) };
    const value = Buffer.from([0, 0, 0, 0, 6, 4, 0x6e, 0x31, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x08]);
    expect(readLetter(letter('undecodable', value), schemas)).toMatchObject({
      nasId: 'n1',
      record: { nas_id: 'n1' },
    });
  });
});

it('reads any bytes without throwing', () => {
  const whole = encoded({ user_name: 'somebody' });
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.nat(whole.length).map((length) => whole.subarray(0, length)),
    fc.uint8Array({ maxLength: 100 }).map((rest) => Buffer.concat([whole.subarray(0, 10), rest])),
    fc.uint8Array({ maxLength: 100 }).map((rest) => Buffer.concat([Buffer.from([0, 0, 0, 0, 7]), rest])),
    fc.json().map((text) => Buffer.from(text)),
    fc.constant(Buffer.from('{"a":'.repeat(10_000))),
  );
  fc.assert(
    fc.property(bytes, fc.constantFrom(...DEAD_LETTER_REASONS), (value, reason) => {
      const { nasId, record } = read(reason, value);
      expect(nasId === null || record?.nas_id === nasId).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

/** A record whose counter is written as it is, though avsc would not write such a long. */
function withLong(field: 'input_octets', value: bigint): Uint8Array {
  const marker = 2 ** 52 + 12345;
  const bytes = Buffer.from(encoded({ [field]: marker }));
  const at = bytes.indexOf(zigzag(BigInt(marker)));
  return Buffer.concat([
    bytes.subarray(0, at),
    zigzag(value),
    bytes.subarray(at + zigzag(BigInt(marker)).length),
  ]);
}

function zigzag(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value * 2n;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
