import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAppError } from '../../schemas/errors.ts';
import type { RawBatch } from '../../storage/ports.ts';
import { ACCOUNTING_SCHEMA_TEXT } from './accounting-schema.ts';
import type { WriterSchemaOptions } from './schema-registry.ts';
import { WriterSchemaResolver } from './schema-registry.ts';

interface Answer {
  status: number;
  body: string;
}

let answers: Map<string, Answer>;
let asked: { path: string; authorization: string | undefined }[];
let base: string;
let nowMs: number;
let hang: boolean;

const server = createServer((request, response) => {
  asked.push({ path: request.url ?? '', authorization: request.headers.authorization });
  if (hang) return;
  const answer = answers.get(request.url ?? '') ?? { status: 404, body: '{"error_code":40403}' };
  response.writeHead(answer.status).end(answer.body);
});

beforeEach(async () => {
  answers = new Map([
    ['/schemas/ids/7', { status: 200, body: JSON.stringify({ schema: ACCOUNTING_SCHEMA_TEXT }) }],
  ]);
  asked = [];
  nowMs = 0;
  hang = false;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function resolver(options: Partial<WriterSchemaOptions> = {}): WriterSchemaResolver {
  return new WriterSchemaResolver({
    accountingText: ACCOUNTING_SCHEMA_TEXT,
    registryUrl: `http://${base}`,
    maxRecordBytes: 1024,
    now: () => nowMs,
    ...options,
  });
}

function batch(...ids: number[]): RawBatch {
  const entries = ids.map((id, offset) => {
    const value = Buffer.alloc(8);
    value.writeUInt32BE(id, 1);
    return { offset, key: null, value, control: null, appendTimeMs: 0 };
  });
  return { partition: 0, entries, highWatermark: ids.length };
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('did not fail');
}

it('asks once for an id and keeps the compiled schema', async () => {
  const subject = resolver();
  const first = await subject.resolve(batch(7, 7));
  await subject.resolve(batch(7));
  expect(first.byId.get(7)?.kind).toBe('decoder');
  expect(asked.map((one) => one.path)).toEqual(['/schemas/ids/7']);
});

it('believes a 404 for a minute', async () => {
  const subject = resolver();
  expect((await subject.resolve(batch(8))).byId.get(8)?.kind).toBe('unknown');
  nowMs = 59_999;
  await subject.resolve(batch(8));
  expect(asked).toHaveLength(1);
  answers.set('/schemas/ids/8', { status: 200, body: JSON.stringify({ schema: ACCOUNTING_SCHEMA_TEXT }) });
  nowMs = 60_000;
  expect((await subject.resolve(batch(8))).byId.get(8)?.kind).toBe('decoder');
});

it('sends user and password of the URL as basic authentication, also below a path', async () => {
  await resolver({ registryUrl: `http://ann:s%40crit@${base}/registry/` }).resolve(batch(7));
  expect(asked).toEqual([
    {
      path: '/registry/schemas/ids/7',
      authorization: `Basic ${Buffer.from('ann:s@crit').toString('base64')}`,
    },
  ]);
});

it('knows its own schema by fingerprint and needs no registry for it', async () => {
  const schemas = await resolver({ registryUrl: null }).resolve(batch(7));
  expect([...schemas.byFingerprint.values()].map((schema) => schema.kind)).toEqual(['decoder']);
  expect(schemas.byId.get(7)?.kind).toBe('unknown');
  expect(asked).toEqual([]);
});

it.each([
  ['a type that is not Avro', { schema: '{}', schemaType: 'PROTOBUF' }],
  ['references', { schema: ACCOUNTING_SCHEMA_TEXT, references: [{ name: 'a', subject: 'b', version: 1 }] }],
  ['a schema that does not fit', { schema: '"string"' }],
])('takes %s for incompatible', async (_name, body) => {
  answers.set('/schemas/ids/7', { status: 200, body: JSON.stringify(body) });
  expect((await resolver().resolve(batch(7))).byId.get(7)?.kind).toBe('incompatible');
});

describe('an outage is never a dead letter', () => {
  it.each<[string, Answer]>([
    ['an error of the server', { status: 500, body: '' }],
    ['a refused login', { status: 401, body: '' }],
    ['no JSON', { status: 200, body: '<html>' }],
    ['null', { status: 200, body: 'null' }],
    ['no schema', { status: 200, body: '{}' }],
    ['an endless answer', { status: 200, body: ' '.repeat(2_000_000) }],
  ])('%s', async (_name, answer) => {
    answers.set('/schemas/ids/7', answer);
    const subject = resolver({ registryUrl: `http://ann:secret@${base}` });
    const error = await failure(subject.resolve(batch(7)));
    expect(isAppError(error, 'registry-unavailable') && error.retriable).toBe(true);
    expect(String(error)).not.toContain('secret');
    answers.set('/schemas/ids/7', { status: 200, body: JSON.stringify({ schema: ACCOUNTING_SCHEMA_TEXT }) });
    expect((await subject.resolve(batch(7))).byId.get(7)?.kind).toBe('decoder');
  });

  it('no answer within the timeout', async () => {
    hang = true;
    const error = await failure(resolver({ timeoutMs: 50 }).resolve(batch(7)));
    expect(isAppError(error, 'registry-unavailable') && error.retriable).toBe(true);
  });

  it('nobody listens', async () => {
    const error = await failure(resolver({ registryUrl: 'http://127.0.0.1:1' }).resolve(batch(7)));
    expect(isAppError(error, 'registry-unavailable')).toBe(true);
  });
});

it.each(['nonsense', 'ftp://host'])('refuses the URL %s', (registryUrl) => {
  expect(() => resolver({ registryUrl })).toThrowError(/SCHEMA_REGISTRY_URL/);
});
