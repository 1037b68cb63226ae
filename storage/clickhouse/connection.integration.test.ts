import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { connectClickHouse } from './connection.ts';
import { openEmbeddedClickHouse } from './embedded.ts';

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A server that gives the same answer to everything. */
async function answering(status: number, headers: Record<string, string>, body: string) {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    request.resume();
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  cleanUps.push(close);
  return {
    host: `127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    close,
    requests: () => requests,
  };
}

describe('connectClickHouse', () => {
  it('gives up after its tries with unreachable, and does not tell the password', async () => {
    const { host, close } = await answering(200, {}, '');
    await close();
    const failure = connectClickHouse(`http://weir:secret@${host}`, { attempts: 3, firstPauseMs: 1 });
    await expect(failure).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.not.stringContaining('secret') as string,
    });
  });

  it('tries again while something in between answers for the server', async () => {
    const { host, requests } = await answering(502, {}, '<html>Bad Gateway</html>');
    const failure = connectClickHouse(`http://${host}`, { attempts: 3, firstPauseMs: 1 });
    await expect(failure).rejects.toMatchObject({ code: 'unreachable' });
    expect(requests()).toBe(3);
  });

  it('says at once that the credentials are refused', async () => {
    const body = 'Code: 516. DB::Exception: weir: Authentication failed. (AUTHENTICATION_FAILED)';
    const { host, requests } = await answering(403, { 'X-ClickHouse-Exception-Code': '516' }, body);
    const failure = connectClickHouse(`http://weir:secret@${host}`);
    await expect(failure).rejects.toMatchObject({ code: 'unauthorised', retriable: false });
    expect(requests()).toBe(1);
  });

  it('says what is missing when the database is not there', async () => {
    const url = `${process.env['CLICKHOUSE_URL'] ?? ''}/not_there`;
    await expect(connectClickHouse(url)).rejects.toMatchObject({
      code: 'analytics-failed',
      message: expect.stringContaining('not_there') as string,
    });
  });
});

describe('openEmbeddedClickHouse', () => {
  it('refuses a folder that another process holds, and keeps the data over a restart', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'weir-chdb-'));
    cleanUps.push(() => rm(folder, { recursive: true, force: true }));
    const first = await openEmbeddedClickHouse(folder);
    await first.migrate();
    const window = {
      partition: 0,
      subscriberId: 's',
      windowStartMs: 300_000,
      serviceClass: 'internet',
      nasId: 'n',
      planId: 'p',
      downBytes: 5,
      upBytes: 6,
      estimated: false,
      version: 1,
    };
    await first.insert({ windows: [window], late: [], sessions: [], feeds: [] });

    const program = `
      import { openEmbeddedClickHouse } from ${JSON.stringify(new URL('./embedded.ts', import.meta.url).href)};
      openEmbeddedClickHouse(${JSON.stringify(folder)}).then(
        () => console.log('opened'), (error) => console.log(error.code, error.message));`;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', program];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(stdout).toBe(`data-folder-in-use ${folder} is in use by process ${String(process.pid)}\n`);

    await first.close();
    const second = await openEmbeddedClickHouse(folder);
    cleanUps.push(() => second.close());
    await second.migrate();
    expect(await second.subscriberUsage('s', 0, 600_000)).toMatchObject([{ downBytes: 5, upBytes: 6 }]);
  });
});
