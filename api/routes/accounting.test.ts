import { describe, expect, it } from 'vitest';
import { Ingest } from '../../pipeline/ingest/ingest.ts';
import type { IngestOptions } from '../../pipeline/ingest/ingest.ts';
import { recordEncoder } from '../../pipeline/decode/encode.ts';
import { ACCOUNTING_SCHEMA_TEXT } from '../../pipeline/source/accounting-schema.ts';
import { createTelemetry } from '../../pipeline/telemetry.ts';
import { AppError } from '../../schemas/errors.ts';
import { ROLES } from '../../schemas/roles.ts';
import type { Role } from '../../schemas/roles.ts';
import { MemoryApiKeys } from '../../storage/memory/api-keys.ts';
import type { LogAppend } from '../../storage/ports.ts';
import { PROBLEM_TYPE } from '../problem.ts';
import { createApi } from '../server.ts';
import type { ApiOptions } from '../server.ts';

const URL = '/v1/accounting';
const RECORD = {
  status_type: 'STOP',
  subscriber_id: 'sub-1',
  session_id: 's1',
  nas_id: 'n1',
  input_octets: 5,
};
const PACKET = {
  'Acct-Status-Type': { type: 'integer', value: ['Stop'] },
  'Acct-Session-Id': { type: 'string', value: ['s1'] },
  'User-Name': { type: 'string', value: ['ann'] },
  'NAS-Identifier': { type: 'string', value: ['n1'] },
  'Event-Timestamp': { type: 'date', value: ['Nov 14 2023 23:13:20 CET'] },
};

/** Nothing else of the API is asked here. */
const elsewhere = { views: {}, directory: {} } as Pick<ApiOptions, 'views' | 'directory'>;

async function rig(changes: Partial<IngestOptions> = {}) {
  const appended: LogAppend[] = [];
  const intake = new Ingest({
    writer: {
      partitionCount: () => Promise.resolve(4),
      append: (entries) => {
        appended.push(...entries);
        return Promise.resolve();
      },
    },
    lookup: { subscriberIdsOf: () => Promise.resolve(new Map()) },
    accountingText: ACCOUNTING_SCHEMA_TEXT,
    radius: { serviceAttribute: null },
    maxRecordBytes: 16_384,
    ...changes,
  });
  const { log } = createTelemetry({ level: 'silent', processMetrics: false });
  const keys = new MemoryApiKeys();
  const { app } = await createApi({ ...elsewhere, keys, log, intake, rateLimit: 5 });
  const key = await keys.create('radius-1', ['feed']);
  const headers = async (...roles: Role[]) => ({
    authorization: `Bearer ${(await keys.create('other', roles)).key}`,
  });
  const post = (payload: string | Buffer | object, more: Record<string, string> = {}) =>
    app.inject({
      method: 'POST',
      url: URL,
      payload,
      headers: { authorization: `Bearer ${key.key}`, 'content-type': 'application/json', ...more },
    });
  return { app, appended, post, headers };
}

describe('who may send', () => {
  it.each(ROLES.map((role) => [role] as const))('by role: %s', async (role) => {
    const { post, headers, appended } = await rig();
    const answer = await post(RECORD, await headers(role));
    const may = role === 'feed' || role === 'admin';
    expect(answer.statusCode).toBe(may ? 204 : 403);
    expect(appended).toHaveLength(may ? 1 : 0);
  });

  it('nobody without a key, whatever the body', async () => {
    const { app } = await rig();
    const answer = await app.inject({ method: 'POST', url: URL, payload: { big: 'x'.repeat(2_000_000) } });
    expect(answer.statusCode).toBe(401);
  });

  it('oftener than other requests may come', async () => {
    const { post } = await rig();
    for (let i = 0; i < 10; i++) expect((await post(RECORD)).statusCode).toBe(204);
  });
});

describe('what is taken', () => {
  it.each<[string, unknown, number]>([
    ['a record', RECORD, 1],
    ['a list', [RECORD, RECORD], 2],
    ['records', { records: [RECORD, RECORD, RECORD] }, 3],
  ])('%s', async (_, body, count) => {
    const { post, appended } = await rig();
    const answer = await post(JSON.stringify(body), { 'content-type': 'application/json; charset=utf-8' });
    expect(answer.statusCode).toBe(204);
    expect(answer.body).toBe('');
    expect(appended).toHaveLength(count);
  });

  it('a packet, with its time beside it', async () => {
    const { post, appended } = await rig();
    expect((await post(PACKET, { 'weir-event-time': '1700000000' })).statusCode).toBe(204);
    // rlm_rest sends the header without a value where the packet has no time: libcurl leaves it out, others do not.
    const { 'Event-Timestamp': _, ...timeless } = PACKET;
    expect((await post(timeless, { 'weir-event-time': '' })).statusCode).toBe(204);
    expect(appended).toHaveLength(2);
    expect((await post(PACKET)).json()).toMatchObject({ status: 400, records: [{ index: 0 }] });
  });

  it.each(['application/vnd.apache.avro', 'avro/binary'])('%s', async (type) => {
    const { post, appended } = await rig();
    const encode = recordEncoder(ACCOUNTING_SCHEMA_TEXT, 'single-object');
    const bytes = Buffer.from(encode({ ...RECORD, record_id: 'r', status_type: 'STOP' }));
    expect((await post(bytes, { 'content-type': type })).statusCode).toBe(204);
    expect(appended).toHaveLength(1);
    expect((await post(Buffer.from('{}'), { 'content-type': type })).statusCode).toBe(400);
  });
});

describe('what is refused', () => {
  it('names every bad record, and nothing is taken', async () => {
    const { post, appended } = await rig();
    const answer = await post([RECORD, { ...RECORD, input_octets: -1 }, { ...RECORD, input_octets: '5' }]);
    expect(answer.statusCode).toBe(400);
    expect(answer.headers['content-type']).toContain(PROBLEM_TYPE);
    expect(answer.json()).toMatchObject({
      code: 'invalid-input',
      records: [
        { index: 1, detail: expect.stringContaining('negative-octets') as string },
        { index: 2, detail: expect.stringContaining('input_octets') as string },
      ],
    });
    expect(appended).toEqual([]);
  });

  it.each<[string, string | Buffer, number]>([
    ['no JSON', '{', 400],
    ['nothing', '', 400],
    ['null', 'null', 400],
    ['text that is not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 400],
    ['half a million lists in lists', '['.repeat(500_000) + ']'.repeat(500_000), 400],
    ['objects in objects', `${'{"records":'.repeat(50_000)}1${'}'.repeat(50_000)}`, 400],
    ['deep values of an attribute', `{"User-Name":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 400],
    ['a field of every object', '{"__proto__":{"nas_id":"x"},"constructor":{"prototype":{}}}', 400],
    ['more than 1 MiB', `[${' '.repeat(1_100_000)}]`, 413],
    ['more than 2,000 records', JSON.stringify(new Array(2_001).fill(RECORD)), 413],
    ['a huge list of nothing', `[${'0,'.repeat(500_000)}0]`, 413],
    ['a NUL in a name', JSON.stringify({ ...RECORD, session_id: 's\u0000' }), 400],
    [
      'negative octets',
      JSON.stringify({ ...PACKET, 'Acct-Input-Octets': { type: 'integer', value: [-1] } }),
      400,
    ],
  ])('%s', async (_, body, status) => {
    const { post, appended } = await rig();
    const answer = await post(body);
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toContain(PROBLEM_TYPE);
    expect(appended).toEqual([]);
  });

  it.each([
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
  ])('a body of type %s', async (type) => {
    const { post } = await rig();
    expect((await post('x', { 'content-type': type })).statusCode).toBe(415);
  });

  it('another method', async () => {
    const { app, headers } = await rig();
    const answer = await app.inject({ method: 'GET', url: URL, headers: await headers('feed') });
    expect(answer.statusCode).toBe(405);
    expect(answer.headers.allow).toBe('POST');
  });
});

describe('while the log is slow or away', () => {
  it('answers 429 with Retry-After once too much waits, before it reads more', async () => {
    const appends: (() => void)[] = [];
    const { post } = await rig({
      writer: {
        partitionCount: () => Promise.resolve(4),
        append: () => new Promise((resolve) => appends.push(resolve)),
      },
      limits: { maxHeldRecords: 1 },
    });
    const first = post(RECORD);
    await expect.poll(() => appends.length).toBe(1);
    const answer = await post('{ not even looked at');
    expect(answer.statusCode).toBe(429);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(answer.json()).toMatchObject({ code: 'busy' });
    appends[0]?.();
    expect((await first).statusCode).toBe(204);
    const next = post(RECORD);
    await expect.poll(() => appends.length).toBe(2);
    appends[1]?.();
    expect((await next).statusCode).toBe(204);
  });

  it.each<[string, () => Promise<void>]>([
    ['it fails', () => Promise.reject(new AppError('log-append-failed', 'hush', { retriable: true }))],
    ['it is away', () => Promise.reject(new AppError('unreachable', 'hush', { retriable: true }))],
    ['it takes too long', () => new Promise(() => undefined)],
  ])('answers 503 with Retry-After when %s', async (_, append) => {
    const { post } = await rig({
      writer: { partitionCount: () => Promise.resolve(4), append },
      limits: { maxWaitMs: 20 },
    });
    const answer = await post(RECORD);
    expect(answer.statusCode).toBe(503);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(answer.body).not.toContain('hush');
  });
});
