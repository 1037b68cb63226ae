import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { recordEncoder, type RecordFraming } from '../pipeline/decode/encode.ts';
import { fastRecordEncoder } from './fast-encoder.ts';
import { createProvider } from './provider.ts';

const SCHEMA = readFileSync(new URL('../schemas/accounting-record.avsc', import.meta.url), 'utf8');
const START = Date.UTC(2026, 2, 10, 17);
const RECORDS = createProvider({
  seed: 2,
  subscribers: 50,
  startMs: START,
  faults: { rebootsPerNasDay: 12, nullEventTimes: 0.2 },
})
  .advance(START + 4 * 3_600_000)
  .map(({ record }) => record);

describe('fastRecordEncoder', () => {
  it.each<{ framing: RecordFraming }>([
    { framing: 'bare' },
    { framing: 'single-object' },
    { framing: { confluentId: 77 } },
  ])('gives the bytes of the general encoder: $framing', ({ framing }) => {
    const slow = recordEncoder(SCHEMA, framing);
    const fast = fastRecordEncoder(SCHEMA, framing);
    expect(RECORDS.length).toBeGreaterThan(1_000);
    for (const record of RECORDS) expect(Buffer.from(fast(record)).equals(slow(record))).toBe(true);
  });

  it('writes texts beyond ASCII, long texts and large numbers as the general encoder does', () => {
    const [first] = RECORDS;
    if (first === undefined) throw new Error('no record');
    const odd = {
      ...first,
      user_name: 'zürich@例え.example',
      class: 'x'.repeat(300),
      calling_station_id: '',
      called_station_id: 'é'.repeat(63),
      input_octets: 2 ** 51,
      session_time: 2 ** 31,
    };
    expect(
      Buffer.from(fastRecordEncoder(SCHEMA, 'bare')(odd)).equals(recordEncoder(SCHEMA, 'bare')(odd)),
    ).toBe(true);
  });

  it('refuses a record that does not fit, and a schema that it does not know', () => {
    const [first] = RECORDS;
    if (first === undefined) throw new Error('no record');
    const encode = fastRecordEncoder(SCHEMA, 'bare');
    expect(() => encode({ ...first, class: 'x'.repeat(9_000) })).toThrow(RangeError);
    const schema = JSON.parse(SCHEMA) as { fields: unknown[] };
    schema.fields.push({ name: 'new', type: ['null', 'string'], default: null });
    expect(() => fastRecordEncoder(JSON.stringify(schema), 'bare')).toThrow(/differ/);
  });
});
