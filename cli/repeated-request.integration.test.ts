import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runWeir } from './run-weir.contract.ts';

let folder: string;
let server: Server;
let port: string;
/** Idempotency keys of the requests that came. */
let keys: (string | undefined)[];
/** What is done about each, in order; the last one about all that follow. */
let answers: ((response: ServerResponse) => void)[];

const cut = (response: ServerResponse): void => {
  response.destroy();
};
const status =
  (code: number) =>
  (response: ServerResponse): void => {
    response.writeHead(code, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify({ detail: `told ${code}` }));
  };
const sold = (response: ServerResponse): void => {
  const span = { from: '2026-07-01T00:00:00Z', expires: '2026-08-01T00:00:00Z', cancelled: null };
  const topUp = { id: 't1', kind: 'bytes', bytes: '5', speed: null, ...span, source: 'api', productId: null };
  response.writeHead(201, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ topUp, items: [], sum: null }));
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-cli-'));
  await writeFile(join(folder, 'admin-key'), `weir_${'x'.repeat(43)}\n`);
  keys = [];
  server = createServer((request, response) => {
    request.resume();
    keys.push(request.headers['idempotency-key'] as string | undefined);
    (answers[keys.length - 1] ?? answers.at(-1))?.(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = String((server.address() as AddressInfo).port);
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

function buy(...more: string[]) {
  return runWeir(['subscriber', 'top-up', 's1', 'extra', ...more], {
    WEIR_DATA_DIR: folder,
    WEIR_API_PORT: port,
  });
}

describe('a command that charges', () => {
  it.each([
    ['a cut connection', cut],
    ['an unknown outcome', status(503)],
    ['a fault of the server', status(500)],
  ])('is sent again with its key after %s', async (_, first) => {
    answers = [first, sold];
    expect(await buy()).toMatchObject({ code: 0, err: '' });
    expect(keys).toHaveLength(2);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(keys[1]).toBe(keys[0]);
  });

  it('tells its key where no answer comes, and takes it the next time', async () => {
    answers = [cut];
    const { code, err } = await buy();
    expect(code).toBe(1);
    expect(keys).toHaveLength(3);
    const told = /--idempotency-key (\S+) does it once/.exec(err)?.[1];
    expect(told).toBe(keys[0]);
    answers = [sold];
    expect((await buy('--idempotency-key', String(told))).code).toBe(0);
    expect(keys.at(-1)).toBe(told);
  });

  it('is sent once where it was refused, or nobody listens', async () => {
    answers = [status(409)];
    expect((await buy()).err).toBe('weir: told 409\n');
    answers = [status(429)];
    expect((await buy()).err).not.toContain('--idempotency-key');
    expect(keys).toHaveLength(2);
    server.close();
    expect((await buy()).err).toMatch(/nothing answers .*start Weir/);
  });
});
