import { readFileSync } from 'node:fs';
import avro from 'avsc';
import { describe, expect, it } from 'vitest';
import type { WriterDecoder } from './writer-schema.ts';
import { compileWriterSchema } from './writer-schema.ts';

const ACCOUNTING = readFileSync(new URL('../../schemas/accounting-record.avsc', import.meta.url), 'utf8');

interface Field {
  name: string;
  type: unknown;
  default?: unknown;
}

/** The accounting schema with changed fields. */
function variant(change: (fields: Field[]) => Field[]): string {
  const schema = JSON.parse(ACCOUNTING) as { fields: Field[] };
  return JSON.stringify({ ...schema, fields: change(schema.fields) });
}

function withField(type: unknown): string {
  return variant((fields) => [...fields, { name: 'extra', type }]);
}

function decoderOf(text: string): WriterDecoder {
  const schema = compileWriterSchema(text, ACCOUNTING);
  if (schema.kind !== 'decoder') throw new Error(JSON.stringify(schema));
  return schema.decoder;
}

const MINIMAL = { record_id: 'r', status_type: 'STOP', session_id: 's', nas_id: 'n' };

describe('writers with other fields', () => {
  it('fills what a smaller writer leaves out', () => {
    const small = variant((fields) => fields.filter((field) => field.name in MINIMAL));
    const bytes = avro.Type.forSchema(JSON.parse(small)).toBuffer(MINIMAL);
    expect(decoderOf(small).decode(bytes, 0)).toMatchObject({
      status_type: 'STOP',
      subscriber_id: '',
      input_octets: null,
    });
  });

  it('skips arrays and maps of a larger writer', () => {
    const large = variant((fields) => [
      ...fields.filter((field) => field.name in MINIMAL),
      { name: 'list', type: { type: 'array', items: 'int' } },
      { name: 'map', type: { type: 'map', values: ['null', 'string'] } },
    ]);
    const type = avro.Type.forSchema(JSON.parse(large));
    const bytes = type.toBuffer({ ...MINIMAL, list: [1, 2, 3000], map: { a: null, b: 'text' } });
    expect(decoderOf(large).decode(bytes, 0)).toMatchObject({ session_id: 's' });
    expect(decoderOf(large).decode(bytes.subarray(0, -1), 0)).toBeNull();
  });

  it('takes ints for longs and plain values for optional ones', () => {
    const narrow = variant((fields) =>
      fields.filter((field) => field.name in MINIMAL).concat({ name: 'input_octets', type: 'int' }),
    );
    const bytes = avro.Type.forSchema(JSON.parse(narrow)).toBuffer({ ...MINIMAL, input_octets: 77 });
    expect(decoderOf(narrow).decode(bytes, 0)).toMatchObject({ input_octets: 77 });
  });

  it('does not count down the items that a hostile record claims', () => {
    const text = variant((fields) => [
      { name: 'list', type: { type: 'array', items: 'int' } },
      ...fields.filter((field) => field.name in MINIMAL),
    ]);
    // zigzag of 2^50 items, then nothing
    const bytes = Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x08]);
    expect(decoderOf(text).decode(bytes, 0)).toBeNull();
    expect(decoderOf(text).decodeWide(bytes, 0)).toBeNull();
  });
});

describe('refused schemas', () => {
  const deep = (depth: number): unknown => (depth === 0 ? 'int' : { type: 'array', items: deep(depth - 1) });
  const doubling = (level: number): unknown =>
    level === 0
      ? { type: 'record', name: 'R0', fields: [{ name: 'a', type: 'int' }] }
      : {
          type: 'record',
          name: `R${level}`,
          fields: [
            { name: 'a', type: doubling(level - 1) },
            { name: 'b', type: `R${level - 1}` },
          ],
        };
  const empty = { type: 'record', name: 'Empty', fields: [] };
  it.each<[string, string, RegExp]>([
    ['no JSON', '{', /not an Avro schema/],
    ['no schema', '{"type":"nonsense"}', /not an Avro schema/],
    ['another type', '"string"', /./],
    ['a required field missing', variant((fields) => fields.filter((field) => field.name !== 'nas_id')), /./],
    [
      'another type of a field',
      variant((fields) =>
        fields.map((field) => (field.name === 'nas_id' ? { name: 'nas_id', type: 'int' } : field)),
      ),
      /./,
    ],
    ['an array of nulls', withField({ type: 'array', items: 'null' }), /without bytes/],
    ['an array of empty records', withField({ type: 'array', items: empty }), /without bytes/],
    [
      'an array of empty fixed',
      withField({ type: 'array', items: { type: 'fixed', name: 'F', size: 0 } }),
      /./,
    ],
    ['deep nesting', withField(deep(40)), /deeper/],
    ['doubling records', withField(doubling(20)), /fields/],
    [
      'recursion',
      withField({ type: 'record', name: 'Node', fields: [{ name: 'next', type: ['null', 'Node'] }] }),
      /recursive/,
    ],
    ['a huge text', ' '.repeat(300_000), /too long/],
  ])('%s', (_name, text, detail) => {
    const schema = compileWriterSchema(text, ACCOUNTING);
    expect(schema.kind).toBe('incompatible');
    expect(schema.kind === 'incompatible' && schema.detail).toMatch(detail);
  });
});
