import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { expect, it } from 'vitest';
import { watchUnused } from './unused-connections.ts';

it('ends connections that never asked anything, and lets a request in hand end', async () => {
  const asked: ServerResponse[] = [];
  const server = createServer((_, response) => asked.push(response));
  const endUnused = watchUnused(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  };
  const [unused, busy] = [await client(), await client()];
  busy.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await expect.poll(() => asked.length).toBe(1);
  const unusedEnds = once(unused, 'close');
  const answered = once(busy, 'data') as Promise<[Buffer]>;
  const closed = once(server, 'close');
  server.close();
  endUnused();
  await unusedEnds;
  asked[0]?.end('served');
  expect(String((await answered)[0])).toContain('200 OK');
  busy.end();
  await closed;
});
