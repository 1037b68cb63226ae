import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Importer } from '../../pipeline/import/importer.ts';
import type { ImportFaultsView, ImportsView, ImportView } from '../../schemas/import-views.ts';
import { AppError } from '../../schemas/errors.ts';
import { MemoryImports } from '../../storage/memory/imports.ts';
import { apiOptions } from '../api-rig.contract.ts';
import { boundRequests } from '../request-time.ts';
import type { Api } from '../server.ts';
import { createApi } from '../server.ts';

/** Longer than anything takes on a busy machine: a wait of a second, the default, is a measurement. */
const until = (condition: () => boolean | Promise<boolean>): Promise<unknown> =>
  vi.waitUntil(condition, { timeout: 20_000, interval: 5 });

const options = apiOptions();
/** what the API calls a fault of its own */
const logged: unknown[] = [];
Object.assign(options.log, { error: (told: unknown) => logged.push(told) });
const imports = new MemoryImports();
/** subscribers of chunks that went in */
const applied: string[] = [];
/** the store refuses a chunk with this subscriber */
const refused = new Set<string>();
const importer = new Importer({
  imports,
  store: {
    applyImport: (_id, lines) => {
      const ids = lines.map(({ content }) => content.subscriberId);
      if (ids.some((id) => refused.has(id))) return Promise.reject(new AppError('conflict', 'overlaps'));
      applied.push(...ids);
      return Promise.resolve();
    },
  },
  reads: { outboxBacklog: () => Promise.resolve(0) },
  log: options.log,
  nowMs: () => 1000,
  pause: () => Promise.resolve(),
  limits: { maxBytes: 200_000, maxRecords: 10_000 },
  chunkRows: 2,
  backlog: 1,
});

let api: Api;
let url: string;
let key: string;
let billingKey: string;
beforeAll(async () => {
  api = await createApi({
    ...options,
    imports: { importer, imports, maxBytes: 200_000 },
    rateLimit: 1_000_000,
    // A route that reads nothing of its body, to see who is cut off.
    routes: (app) => boundRequests(app, 50),
  });
  key = (await options.keys.create('ann', ['operator'])).key;
  billingKey = (await options.keys.create('bea', ['billing'])).key;
  url = await api.listen('127.0.0.1', 0);
});
afterAll(() => api.close());

interface Answer<T> {
  status: number;
  body: T;
}

async function ask<T = ImportView>(
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: string | ReadableStream,
  type = 'text/csv',
  as = key,
): Promise<Answer<T>> {
  const answer = await fetch(`${url}/v1/imports${path}`, {
    method,
    headers: {
      authorization: `Bearer ${as}`,
      ...(body === undefined ? {} : { 'content-type': type }),
    },
    ...(body === undefined ? {} : { body, duplex: 'half' as const }),
  } as RequestInit);
  return { status: answer.status, body: (await answer.json()) as T };
}

const fileOf = (...ids: string[]): string => `subscriber_id,zone\n${ids.map((id) => `${id},UTC\n`).join('')}`;

describe('/v1/imports', () => {
  it('takes a file, applies it and tells of it', async () => {
    const taken = await ask('POST', '?kind=subscribers', fileOf('a1', 'a2', 'a3'));
    expect(taken).toMatchObject({
      status: 202,
      body: { kind: 'subscribers', state: 'applying', records: 3, by: 'ann', dryRun: false },
    });
    await importer.idle();
    expect(applied.slice(-3)).toEqual(['a1', 'a2', 'a3']);
    const { importId } = taken.body;
    const { body } = await ask('GET', `/${importId}`);
    expect(body).toMatchObject({ importId, state: 'done', applied: 3, ended: expect.any(String) as string });
    const list = await ask<ImportsView>('GET', '');
    expect(list.body.items[0]).toEqual(body);
    // The same file again is the same import, and the answer says that nothing is applied by it.
    expect(await ask('POST', '?kind=subscribers', fileOf('a1', 'a2', 'a3'))).toEqual({
      status: 200,
      body: { ...body, known: true },
    });
    expect(body.known).toBe(false);
  });

  it('takes NDJSON that comes piece by piece', async () => {
    const text = '{"subscriberId":"b1","zone":"UTC"}\n{"subscriberId":"b2","zone":"UTC"}\n';
    const body = new ReadableStream({
      start: (controller) => {
        for (const char of text) controller.enqueue(new TextEncoder().encode(char));
        controller.close();
      },
    });
    const taken = await ask('POST', '?kind=subscribers', body, 'application/x-ndjson; charset=utf-8');
    expect(taken).toMatchObject({ status: 202, body: { records: 2 } });
    await importer.idle();
    expect(applied.slice(-2)).toEqual(['b1', 'b2']);
  });

  it('tries a file', async () => {
    const before = applied.length;
    const { body } = await ask('POST', '?kind=subscribers&dryRun=true', fileOf('c1'));
    await importer.idle();
    expect(body).toMatchObject({ state: 'done', dryRun: true, applied: 0 });
    expect(applied).toHaveLength(before);
  });

  it('tells the faults of a file page by page, and applies nothing of it', async () => {
    const before = applied.length;
    const text = `subscriber_id,zone\nd1,Mars\nd2,UTC\nd3,Venus\nd4,Pluto\n`;
    const { status, body } = await ask('POST', '?kind=subscribers', text);
    expect([status, body.state, body.records]).toEqual([202, 'refused', 4]);
    await importer.idle();
    expect(applied).toHaveLength(before);
    const first = await ask<ImportFaultsView>('GET', `/${body.importId}/faults?limit=2`);
    expect(first.body.items).toEqual([
      { record: 1, fault: 'line 2: zone is not a known time zone' },
      { record: 3, fault: 'line 4: zone is not a known time zone' },
    ]);
    const next = await ask<ImportFaultsView>(
      'GET',
      `/${body.importId}/faults?after=${first.body.next ?? ''}`,
    );
    expect(next.body).toEqual({
      items: [{ record: 4, fault: 'line 5: zone is not a known time zone' }],
      next: null,
    });
  });

  it('goes on with one that stopped, and forgets it on request', async () => {
    refused.add('e3');
    const { importId } = (await ask('POST', '?kind=subscribers', fileOf('e1', 'e2', 'e3'))).body;
    await importer.idle();
    expect((await ask('GET', `/${importId}`)).body).toMatchObject({
      ...{ state: 'stopped', applied: 2 },
      reason: 'records 3 to 3 did not go in: overlaps',
    });
    const { body } = await ask<ImportFaultsView>('GET', `/${importId}/faults`);
    expect(body.items).toEqual([]);
    refused.clear();
    expect(await ask('POST', `/${importId}/resume`)).toMatchObject({
      status: 202,
      body: { state: 'applying' },
    });
    await importer.idle();
    expect((await ask('POST', `/${importId}/resume`)).status).toBe(409);
    expect(await ask('DELETE', `/${importId}`)).toMatchObject({ status: 200, body: { state: 'done' } });
    expect((await ask('GET', `/${importId}`)).status).toBe(404);
    expect((await ask('DELETE', `/${importId}`)).status).toBe(404);
  });

  it('takes plans from billing alone, as one by one', async () => {
    const text = 'subscriber_id,plan_id,from\nf1,home,2026-01-01T00:00:00Z\n';
    expect((await ask('POST', '?kind=assignments', text)).status).toBe(403);
    const { status, body } = await ask('POST', '?kind=assignments', text, 'text/csv', billingKey);
    expect(status).toBe(202);
    await importer.idle();
    expect((await ask('GET', `/${body.importId}`)).status).toBe(200);
    expect((await ask('POST', `/${body.importId}/resume`)).status).toBe(403);
    expect((await ask('DELETE', `/${body.importId}`)).status).toBe(403);
    expect((await ask('DELETE', `/${body.importId}`, undefined, '', billingKey)).status).toBe(200);
    expect(imports.audited).toContainEqual({ who: 'bea', act: 'import-forget', importId: body.importId });
  });

  it('goes on with a file of subscribers that gives plans for billing alone', async () => {
    const text = 'subscriber_id,zone,plan,plan_from\nh1,UTC,home,2026-01-01T00:00:00Z\n';
    refused.add('h1');
    const { body } = await ask('POST', '?kind=subscribers', text, 'text/csv', billingKey);
    await importer.idle();
    refused.clear();
    expect((await ask('POST', `/${body.importId}/resume`)).status).toBe(403);
    expect((await ask('POST', `/${body.importId}/resume`, undefined, '', billingKey)).status).toBe(202);
    await importer.idle();
    expect(applied.at(-1)).toBe('h1');
  });

  it('lists them page by page', async () => {
    const all = (await ask<ImportsView>('GET', '')).body;
    const first = (await ask<ImportsView>('GET', '?limit=1')).body;
    const rest = (await ask<ImportsView>('GET', `?after=${first.next ?? ''}`)).body;
    expect(all.items.length).toBeGreaterThan(2);
    expect([...first.items, ...rest.items]).toEqual(all.items);
  });

  it('refuses a second file while one is read, and forgets none that is read', async () => {
    let send: (text: string) => void = () => undefined;
    let end: () => void = () => undefined;
    const body = new ReadableStream({
      start: (controller) => {
        send = (text) => controller.enqueue(new TextEncoder().encode(text));
        end = () => controller.close();
      },
    });
    const first = ask('POST', '?kind=subscribers', body);
    send(fileOf('g1'));
    await until(async () => (await imports.list(1, null))[0]?.state === 'checking');
    expect(await ask('POST', '?kind=subscribers', fileOf('g2'))).toMatchObject({ status: 409 });
    const [job] = await imports.list(1, null);
    expect((await ask('DELETE', `/${job?.importId ?? ''}`)).status).toBe(409);
    end();
    expect((await first).status).toBe(202);
    await importer.idle();
    expect(applied.slice(-1)).toEqual(['g1']);
  });

  it('forgets a file whose sender goes away, and calls it no fault of its own', async () => {
    const head = [
      'POST /v1/imports?kind=subscribers HTTP/1.1',
      ...['host: x', `authorization: Bearer ${key}`, 'content-type: text/csv', 'content-length: 1000'],
    ];
    const { port, hostname } = new URL(url);
    const socket = connect(Number(port), hostname, () => socket.write(`${head.join('\r\n')}\r\n\r\nsub`));
    socket.on('error', () => undefined);
    const isReading = async (): Promise<boolean> => (await imports.list(1, null))[0]?.state === 'checking';
    await until(isReading);
    socket.destroy();
    await until(async () => !(await isReading()));
    expect(logged).toEqual([]);
  });

  it.each<[string, string, string | undefined, string, number]>([
    ['no kind', '', 'x', 'text/csv', 400],
    ['another kind', '?kind=plans', 'x', 'text/csv', 400],
    ['an unknown word', '?kind=subscribers&force=true', 'x', 'text/csv', 400],
    ['another form', '?kind=subscribers', '{}', 'application/json', 415],
    ['more than may be', '?kind=subscribers', 'x'.repeat(200_001), 'text/csv', 413],
  ])('refuses %s', async (_name, query, body, type, status) => {
    expect((await ask('POST', query, body, type)).status).toBe(status);
  });

  it('refuses a file that grows beyond what may be', async () => {
    let sent = 0;
    const body = new ReadableStream({
      pull: (controller) => {
        sent += 1;
        if (sent > 300) controller.close();
        else controller.enqueue(new TextEncoder().encode(`s${'x'.repeat(1000)}\n`));
      },
    });
    // The answer may come while the rest is still on its way: then the connection is cut.
    const status = await ask('POST', '?kind=subscribers', body).then(
      (answer) => answer.status,
      () => 413,
    );
    expect(status).toBe(413);
    expect((await imports.list(99, null)).every(({ state }) => state !== 'checking')).toBe(true);
  });
});

/** Resolves once the server ends a connection that sent the head of a request, and of its body not all. */
function cutOff(head: string): Promise<void> {
  const { port, hostname } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(head));
    socket.on('close', () => resolve());
    socket.on('error', reject);
    socket.resume();
  });
}

describe('requests that are never sent whole', () => {
  it('are cut off', async () => {
    const head = [
      'POST /v1/subscribers/s1/commands HTTP/1.1',
      'host: x',
      `authorization: Bearer ${key}`,
      'content-type: application/json',
      'content-length: 100',
    ];
    await cutOff(`${head.join('\r\n')}\r\n\r\n{`);
  });
});
