import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import type { ClickHouseClient } from '@clickhouse/client';
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const database = `http_interface_${randomUUID().slice(0, 8)}`;
const url = process.env['CLICKHOUSE_URL'];
let client: ClickHouseClient;

async function rows<T>(
  query: string,
  options: { query_params?: Record<string, unknown> } = {},
): Promise<T[]> {
  const result = await client.query({ query, format: 'JSONEachRow', ...options });
  return result.json<T>();
}

beforeAll(async () => {
  if (url === undefined) throw new Error('CLICKHOUSE_URL is not set: run this by npm test');
  const admin = createClient({ url });
  await admin.command({ query: `CREATE DATABASE ${database}` });
  await admin.close();
  // The refusals below are wanted; the client would print each.
  client = createClient({ url, database, log: { level: ClickHouseLogLevel.OFF } });
  await client.command({
    query: `CREATE TABLE totals (id UInt32, name LowCardinality(String), bytes UInt64, version UInt64)
            ENGINE = ReplacingMergeTree(version) ORDER BY id`,
  });
});

afterAll(async () => {
  await client.command({ query: `DROP DATABASE ${database}` });
  await client.close();
});

describe('chDB behind the HTTP interface', () => {
  it('answers a ping', async () => {
    expect(await client.ping()).toEqual({ success: true });
    expect(await client.ping({ select: true })).toEqual({ success: true });
  });

  it('stores 50,000 rows in one insert, and FINAL shows the highest version once', async () => {
    const versions = [1, 2];
    for (const version of versions) {
      const values = Array.from({ length: 50_000 }, (_, id) => [
        id,
        `s;${String(id % 7)}'`,
        id * version,
        version,
      ]);
      const inserted = await client.insert({ table: 'totals', values, format: 'JSONCompactEachRow' });
      expect(inserted.summary?.written_rows).toBe('50000');
    }
    const sums = await rows<{ n: number; bytes: number }>(
      'SELECT count()::UInt32 AS n, sum(bytes)::Float64 AS bytes FROM totals FINAL',
    );
    expect(sums).toEqual([{ n: 50_000, bytes: 49_999 * 50_000 }]);
  });

  it('takes the body of an insert compressed by gzip, and answers compressed', async () => {
    const zipped = createClient({
      url: url ?? '',
      database,
      compression: { request: true, response: true },
    });
    await zipped.command({ query: 'CREATE TABLE zipped (n UInt32) ENGINE = MergeTree ORDER BY n' });
    const values = Array.from({ length: 1_000 }, (_, n) => ({ n }));
    await zipped.insert({ table: 'zipped', values, format: 'JSONEachRow' });
    const result = await zipped.query({ query: 'SELECT max(n) AS m FROM zipped', format: 'JSONEachRow' });
    expect(await result.json()).toEqual([{ m: 999 }]);
    await zipped.close();
  });

  it('takes CSV', async () => {
    await client.command({ query: 'CREATE TABLE csv (a UInt32, b String) ENGINE = MergeTree ORDER BY a' });
    await client.exec({ query: 'INSERT INTO csv FORMAT CSV', values: streamOf('1,"x,y"\n2,z\n') });
    expect(await rows('SELECT * FROM csv ORDER BY a')).toEqual([
      { a: 1, b: 'x,y' },
      { a: 2, b: 'z' },
    ]);
  });

  it.each([
    ['plain', 'plain'],
    ['quote and backslash', `it's \\n "here"`],
    ['tab and newline', 'a\tb\nc'],
    ['an injection', "'; DROP TABLE totals; --"],
    ['letters beyond ASCII', 'Łódź 東京'],
  ])('binds a string parameter: %s', async (_, text) => {
    expect(await rows('SELECT {text:String} AS text', { query_params: { text } })).toEqual([{ text }]);
  });

  it('binds numbers, arrays and nulls', async () => {
    const query = `SELECT {n:UInt32} AS n, {names:Array(String)} AS names, {none:Nullable(String)} AS none`;
    const query_params = { n: 7, names: ["a'b", 'c\\d', 'e\tf'], none: null };
    expect(await rows(query, { query_params })).toEqual([query_params]);
  });

  it('binds parameters sent as a form', async () => {
    const query_params = { text: 'a\tb', n: 3 };
    const result = await client.query({
      query: 'SELECT {text:String} AS text, {n:UInt8} AS n',
      format: 'JSONEachRow',
      query_params,
      use_multipart_params: true,
    });
    expect(await result.json()).toEqual([query_params]);
  });

  it('keeps integers above 2^53 as strings when asked, both ways, and only for that query', async () => {
    await client.command({ query: 'CREATE TABLE big (n UInt64) ENGINE = MergeTree ORDER BY n' });
    await client.insert({ table: 'big', values: [['18446744073709551615']], format: 'JSONCompactEachRow' });
    const query = { query: 'SELECT n FROM big', format: 'JSONEachRow' } as const;
    const quoted = await client.query({
      ...query,
      clickhouse_settings: { output_format_json_quote_64bit_integers: 1 },
    });
    expect(await quoted.text()).toBe('{"n":"18446744073709551615"}\n');
    expect(await (await client.query(query)).text()).toBe('{"n":18446744073709551615}\n');
  });

  it('gives the code and type of an error', async () => {
    await expect(rows('SELECT nothing FROM nowhere')).rejects.toMatchObject({
      code: '60',
      type: 'UNKNOWN_TABLE',
    });
    await expect(rows('SELEKT 1')).rejects.toMatchObject({ code: '62', type: 'SYNTAX_ERROR' });
  });

  it('refuses a row that does not fit, an unknown setting, and a write by GET', async () => {
    const insert = client.insert({
      table: 'totals',
      values: [['x', 'y', 1, 1]],
      format: 'JSONCompactEachRow',
    });
    await expect(insert).rejects.toMatchObject({ code: '27' });
    const unknown = client.query({ query: 'SELECT 1', clickhouse_settings: { no_such_setting: 1 } as never });
    await expect(unknown).rejects.toMatchObject({ code: '115' });
    const write = `${url ?? ''}/?database=${database}&query=${encodeURIComponent('DROP TABLE totals')}`;
    const answer = await fetch(write);
    expect([answer.status, answer.headers.get('x-clickhouse-exception-code')]).toEqual([500, '164']);
  });

  it('answers many clients at once', async () => {
    const asked = Array.from({ length: 40 }, (_, n) => n);
    const answers = await Promise.all(
      asked.map((n) => rows<{ n: number }>('SELECT {n:UInt32} AS n', { query_params: { n } })),
    );
    expect(answers.map(([row]) => row?.n)).toEqual(asked);
  });
});

async function* chunks(text: string): AsyncGenerator<Buffer> {
  yield await Promise.resolve(Buffer.from(text));
}

function streamOf(text: string): Readable {
  return Readable.from(chunks(text), { objectMode: false });
}
