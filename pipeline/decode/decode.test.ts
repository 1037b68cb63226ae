import { readFileSync } from 'node:fs';
import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partitionOfText } from '../../schemas/partitioning.ts';
import type { LogEntry } from '../../storage/ports.ts';
import { MAX_AHEAD_MS } from '../meter/record-time.ts';
import type { DecodeContext } from './decode.ts';
import { decodeBatch } from './decode.ts';
import type { RecordInput } from './encode.ts';
import { recordEncoder } from './encode.ts';
import { neededSchemas } from './framing.ts';
import type { Input } from './input.ts';
import type { WriterSchema, WriterSchemas } from './writer-schema.ts';
import { compileWriterSchema, schemaFingerprint } from './writer-schema.ts';

const ACCOUNTING = readFileSync(new URL('../../schemas/accounting-record.avsc', import.meta.url), 'utf8');
const OWN = compileWriterSchema(ACCOUNTING, ACCOUNTING);
const SCHEMAS: WriterSchemas = {
  byId: new Map<number, WriterSchema>([
    [7, OWN],
    [8, { kind: 'unknown', detail: 'the registry has no such schema' }],
    [9, { kind: 'incompatible', detail: 'no nas_id' }],
  ]),
  byFingerprint: new Map([[schemaFingerprint(ACCOUNTING), OWN]]),
  bare: null,
};
const CONTEXT: DecodeContext = { partitionCount: 4, schemas: SCHEMAS, maxRecordBytes: 4096 };

const encode = recordEncoder(ACCOUNTING, 'single-object');
const T = Date.UTC(2025, 5, 1);

function record(fields: Partial<RecordInput> = {}): RecordInput {
  return {
    record_id: 'r1',
    status_type: 'INTERIM_UPDATE',
    subscriber_id: 'sub-1',
    session_id: 's1',
    nas_id: 'nas-1',
    event_time: T,
    input_octets: 10,
    output_octets: 20,
    ...fields,
  };
}

function entry(value: Uint8Array | null, fields: Partial<LogEntry> = {}): LogEntry {
  return { offset: 5, key: null, value, control: null, appendTimeMs: T + 1, ...fields };
}

function decodeOne(value: LogEntry, context = CONTEXT, partition = 3): Input {
  const [input] = decodeBatch({ partition, entries: [value] }, context);
  if (input === undefined) throw new Error('no input');
  return input;
}

function reasonOf(input: Input): string {
  return input.kind === 'dead' ? input.reason : input.kind;
}

describe('framing', () => {
  it('reads single-object, Confluent and bare records alike', () => {
    const expected = {
      feedId: '',
      statusType: 'INTERIM_UPDATE',
      subscriberId: 'sub-1',
      userName: null,
      sessionId: 's1',
      multiSessionId: null,
      parentSessionId: null,
      nasId: 'nas-1',
      nasIp: null,
      framedIp: null,
      serviceName: null,
      serviceClass: null,
      radiusClass: null,
      eventTimeMs: T,
      receivedAtMs: null,
      acctDelaySeconds: 0,
      inputOctets: 10,
      outputOctets: 20,
      ipv6InputOctets: null,
      ipv6OutputOctets: null,
      sessionTimeSeconds: null,
      terminateCause: null,
    };
    const usage = { kind: 'usage', offset: 5, appendTimeMs: T + 1, event: expected };
    expect(decodeOne(entry(encode(record())))).toEqual(usage);
    expect(decodeOne(entry(recordEncoder(ACCOUNTING, { confluentId: 7 })(record())))).toEqual(usage);
    const bare = { ...CONTEXT, schemas: { ...SCHEMAS, bare: OWN } };
    expect(decodeOne(entry(recordEncoder(ACCOUNTING, 'bare')(record())), bare)).toEqual(usage);
  });

  it('takes 0x00 for the first byte of a record where bare records are expected', () => {
    const bare = { ...CONTEXT, schemas: { ...SCHEMAS, bare: OWN } };
    const value = recordEncoder(ACCOUNTING, 'bare')(record({ record_id: '' }));
    expect(value[0]).toBe(0);
    expect(reasonOf(decodeOne(entry(value), bare))).toBe('usage');
  });

  it('fingerprints like the Avro specification', () => {
    expect(schemaFingerprint('"null"').toString(16)).toBe('63dd24e7cc258f8a');
    expect(schemaFingerprint('"int"').toString(16)).toBe('7275d51a3f395c8f');
    expect(schemaFingerprint('{"type":"long"}').toString(16)).toBe('d054e14493f41db7');
  });

  it('names the registry schemas that a batch needs, once each', () => {
    const of = (id: number) => entry(recordEncoder(ACCOUNTING, { confluentId: id })(record()));
    const entries = [
      of(7),
      of(9),
      of(7),
      { ...of(3), control: 'directory:1' },
      entry(encode(record())),
      entry(null),
    ];
    expect(neededSchemas({ partition: 0, entries }, false, 4096)).toEqual([7, 9]);
    expect(neededSchemas({ partition: 0, entries }, true, 4096)).toEqual([]);
    expect(neededSchemas({ partition: 0, entries }, false, 4)).toEqual([]);
  });
});

describe('counters', () => {
  it.each([
    [{ input_octets: 1, input_gigawords: 3 }, 3 * 2 ** 32 + 1],
    [{ input_octets: 1, input_gigawords: null }, 1],
    [{ input_octets: null, input_gigawords: 3 }, null],
    [{ input_octets: 0, input_gigawords: 0 }, 0],
    [{ input_octets: 2 ** 53 - 2 }, 2 ** 53 - 2],
    [{ input_octets: 2 ** 32 - 1, input_gigawords: 2 ** 21 - 1 }, 2 ** 53 - 1],
  ])('folds gigawords in: %j', (fields, expected) => {
    const input = decodeOne(entry(encode(record(fields))));
    expect(input.kind === 'usage' && input.event.inputOctets).toBe(expected);
  });
});

it('takes the greatest safe integer, which avsc refuses', () => {
  const input = decodeOne(entry(withRawLong('input_octets', 2n ** 53n - 1n)));
  expect(input).toMatchObject({ kind: 'usage', event: { inputOctets: 2 ** 53 - 1, eventTimeMs: T } });
});

/** The own record with one field's long written by hand, which avsc's encoder refuses. */
function withRawLong(field: string, value: bigint): Uint8Array {
  const marker = 1_234_567;
  const bytes = Buffer.from(encode(record({ [field]: marker })));
  const needle = zigzag(BigInt(marker));
  const at = bytes.indexOf(needle);
  return Buffer.concat([bytes.subarray(0, at), zigzag(value), bytes.subarray(at + needle.length)]);
}

function zigzag(value: bigint): Buffer {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  const bytes: number[] = [];
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

const EXTRA_SYMBOL = ACCOUNTING.replace('"ACCOUNTING_OFF"', '"ACCOUNTING_OFF", "MOOD"');

describe('dead letters', () => {
  const wellFramed = encode(record());
  it.each<[string, LogEntry, string]>([
    ['no value', entry(null), 'empty'],
    ['an empty value', entry(new Uint8Array(0)), 'empty'],
    ['a value beyond the limit', entry(new Uint8Array(5000)), 'oversize'],
    ['no known prefix', entry(Buffer.from('{"json":true}')), 'unknown-framing'],
    ['a prefix and nothing else', entry(Buffer.from([0, 0, 0, 0, 7])), 'unknown-framing'],
    ['a schema the registry denies', entry(Buffer.from([0, 0, 0, 0, 8, 1])), 'unknown-schema'],
    ['a schema nobody resolved', entry(Buffer.from([0, 0, 0, 1, 8, 1])), 'unknown-schema'],
    ['a strange fingerprint', entry(Buffer.from([0xc3, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9])), 'unknown-schema'],
    ['a schema that does not fit', entry(Buffer.from([0, 0, 0, 0, 9, 1])), 'incompatible-schema'],
    ['a cut record', entry(wellFramed.subarray(0, -1)), 'undecodable'],
    ['trailing bytes', entry(Buffer.concat([wellFramed, Buffer.from([0])])), 'undecodable'],
    ['no subscriber', entry(encode(record({ subscriber_id: '' }))), 'missing-field'],
    ['no session', entry(encode(record({ session_id: '' }))), 'missing-field'],
    ['no NAS', entry(encode(record({ nas_id: '' }))), 'missing-field'],
    ['negative octets', entry(encode(record({ input_octets: -1 }))), 'negative-octets'],
    ['negative gigawords', entry(encode(record({ output_gigawords: -1 }))), 'negative-octets'],
    ['gigawords beyond 2^53', entry(encode(record({ input_gigawords: 2 ** 21 }))), 'octets-beyond-2^53'],
    ['octets beyond 2^53', entry(withRawLong('input_octets', 2n ** 53n)), 'octets-beyond-2^53'],
    ['the greatest long', entry(withRawLong('output_octets', 2n ** 63n - 1n)), 'octets-beyond-2^53'],
    ['the least long', entry(withRawLong('output_octets', -(2n ** 63n))), 'negative-octets'],
    ['a time beyond 2^53', entry(withRawLong('received_at', 2n ** 60n)), 'implausible-time'],
    ['a time in 1999', entry(encode(record({ event_time: Date.UTC(1999, 11, 31) }))), 'implausible-time'],
    ['a time in 2100', entry(encode(record({ event_time: Date.UTC(2100, 0, 1) }))), 'implausible-time'],
    ['a negative session time', entry(encode(record({ session_time: -1 }))), 'implausible-time'],
    ['another partition in the key', entry(wellFramed, { key: keyOf(1) }), 'misrouted'],
    [
      'no key, and a subscriber of another partition',
      entry(encode(record({ subscriber_id: Buffer.from(keyOf(1)).toString() })), { key: null }),
      'misrouted',
    ],
    ['a control header out of form', entry(wellFramed, { control: 'directory' }), 'bad-control'],
    ['a control that is no JSON', entry(wellFramed, { control: 'directory:1' }), 'bad-control'],
    ['a tick of the far future', tick(Date.UTC(2099, 0, 1)), 'bad-control'],
    ['a tick just too far ahead', tick(T + 1 + MAX_AHEAD_MS + 1), 'bad-control'],
    ['a long subscriber id', entry(encode(record({ subscriber_id: 'x'.repeat(257) }))), 'oversize'],
    ['a long session id', entry(encode(record({ session_id: 'x'.repeat(257) }))), 'oversize'],
    ['a long NAS id', entry(encode(record({ nas_id: 'x'.repeat(257) }))), 'oversize'],
    ['a long service class', entry(encode(record({ service_class: 'x'.repeat(257) }))), 'oversize'],
    ['an id that is not UTF-8', entry(notUtf8('session_id')), 'undecodable'],
    ['a subscriber that is not UTF-8', entry(notUtf8('subscriber_id')), 'undecodable'],
  ])('%s', (_name, given, reason) => {
    const input = decodeOne(given);
    expect(reasonOf(input)).toBe(reason);
    expect(input).toMatchObject({ offset: 5, appendTimeMs: T + 1 });
  });

  it('takes a tick that is ahead of its append time as far as a stamp may be', () => {
    expect(reasonOf(decodeOne(tick(T + 1 + MAX_AHEAD_MS)))).toBe('control');
  });

  it('takes texts of 256 characters', () => {
    const nas = 'ü'.repeat(256);
    expect(decodeOne(entry(encode(record({ nas_id: nas }))))).toMatchObject({ event: { nasId: nas } });
  });

  it('keeps key and bytes, cut at the limit', () => {
    const input = decodeOne(entry(new Uint8Array(5000), { key: keyOf(3) }));
    expect(input).toMatchObject({ kind: 'dead', key: keyOf(3) });
    expect(input.kind === 'dead' && input.value?.length).toBe(4096);
  });

  it('refuses an unknown enum symbol and lets the next record flow', () => {
    const writer = compileWriterSchema(EXTRA_SYMBOL, ACCOUNTING);
    const type = avro.Type.forSchema(JSON.parse(EXTRA_SYMBOL));
    const frame = (status: string) =>
      Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), type.toBuffer(full(status))]);
    const context = { ...CONTEXT, schemas: { ...SCHEMAS, byId: new Map([[1, writer]]) } };
    const entries = [entry(frame('MOOD')), entry(frame('STOP'))];
    const inputs = decodeBatch({ partition: 3, entries }, context);
    expect(inputs.map(reasonOf)).toEqual(['undecodable', 'usage']);
  });
});

function tick(t: number): LogEntry {
  return entry(Buffer.from(JSON.stringify({ kind: 'tick', t })), { control: 'tick:1' });
}

/** A record whose field holds a byte that no UTF-8 text has. */
function notUtf8(field: 'session_id' | 'subscriber_id'): Uint8Array {
  const bytes = Buffer.from(encode(record({ [field]: 'sub-?' })));
  bytes[bytes.indexOf('sub-?') + 4] = 0xff;
  return bytes;
}

/** A record with every field, for encoders of other schemas. */
function full(status: string): Record<string, unknown> {
  const own = avro.Type.forSchema(JSON.parse(ACCOUNTING));
  return { ...own.fromBuffer(Buffer.from(recordEncoder(ACCOUNTING, 'bare')(record()))), status_type: status };
}

/** A key that belongs to the partition (of 4). */
function keyOf(partition: number): Uint8Array {
  for (let i = 0; ; i++) if (partitionOfText(`sub-${i}`, 4) === partition) return Buffer.from(`sub-${i}`);
}

it('takes NAS events without subscriber and session', () => {
  const value = encode(record({ status_type: 'ACCOUNTING_ON', subscriber_id: '', session_id: '' }));
  expect(reasonOf(decodeOne(entry(value)))).toBe('usage');
});

it('never throws and gives one input an entry, whatever the bytes', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.uint8Array({ maxLength: 200 }).map((rest) => Buffer.concat([Buffer.from([0, 0, 0, 0, 7]), rest])),
    fc.uint8Array({ maxLength: 200 }).map((rest) => Buffer.concat([encode(record()).subarray(0, 10), rest])),
    fc.tuple(fc.nat(120), fc.nat(255)).map(([at, byte]) => {
      const value = Buffer.from(encode(record({ user_name: 'somebody', session_time: 99 })));
      value[10 + (at % (value.length - 10))] = byte;
      return value;
    }),
  );
  const entries = fc.array(
    fc.record({
      offset: fc.nat(),
      key: fc.option(fc.uint8Array({ maxLength: 20 })),
      value: fc.option(bytes),
      control: fc.option(fc.oneof(fc.string(), fc.constant('relay:1'))),
      appendTimeMs: fc.nat(),
    }),
    { maxLength: 5 },
  );
  fc.assert(
    fc.property(entries, fc.boolean(), (given, bareExpected) => {
      const context = bareExpected ? { ...CONTEXT, schemas: { ...SCHEMAS, bare: OWN } } : CONTEXT;
      const inputs = decodeBatch({ partition: 1, entries: given }, context);
      expect(inputs.map((input) => input.offset)).toEqual(given.map((one) => one.offset));
      for (const input of inputs) {
        if (input.kind !== 'usage') continue;
        for (const octets of [input.event.inputOctets, input.event.outputOctets]) {
          expect(octets === null || (Number.isSafeInteger(octets) && octets >= 0)).toBe(true);
        }
      }
    }),
    { numRuns: 2000 },
  );
});

it('gives back what was encoded', () => {
  const optionalText = fc.option(fc.string({ maxLength: 20 }));
  const octets = fc.option(fc.nat());
  fc.assert(
    fc.property(
      fc.record({
        user_name: optionalText,
        input_octets: octets,
        output_octets: octets,
        session_time: octets,
      }),
      (fields) => {
        const input = decodeOne(entry(encode(record(fields))));
        expect(input.kind === 'usage' && input.event).toMatchObject({
          userName: fields.user_name,
          inputOctets: fields.input_octets,
          outputOctets: fields.output_octets,
          sessionTimeSeconds: fields.session_time,
        });
      },
    ),
  );
});
