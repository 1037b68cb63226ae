import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitUntil } from '../../dev/processes/wait-until.ts';
import { FaultProxy } from './fault-proxy.ts';

/** A server that answers each line with it, and remembers what it was asked. */
class Echo {
  readonly asked: string[] = [];
  readonly #server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      this.asked.push(chunk.toString());
      socket.write(chunk);
    });
  });

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
  }
}

let echo: Echo;
let proxy: FaultProxy;
let port: number;
const clients: Socket[] = [];

async function open(): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  clients.push(socket);
  return socket;
}

async function ask(socket: Socket, text: string): Promise<string> {
  const answered = once(socket, 'data') as Promise<[Buffer]>;
  socket.write(text);
  return (await answered)[0].toString();
}

beforeEach(async () => {
  echo = new Echo();
  proxy = new FaultProxy('127.0.0.1', await echo.listen());
  port = await proxy.listen();
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await proxy.close();
  echo.close();
});

describe('a fault proxy', () => {
  it('passes everything on while nothing is asked of it', async () => {
    expect(await ask(await open(), 'one')).toBe('one');
    expect(proxy.counts).toEqual({ connections: 1, swallowed: 0, cut: 0 });
  });

  it('swallows the answer of a request after its effect, and breaks the connection', async () => {
    const socket = await open();
    proxy.swallowAnswer('second');
    expect(await ask(socket, 'first')).toBe('first');
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    const closed = once(socket, 'close');
    socket.write('the second');
    await closed;
    expect(echo.asked).toEqual(['first', 'the second']);
    expect([answer, proxy.counts.swallowed]).toEqual(['', 1]);
    expect(await ask(await open(), 'second')).toBe('second');
  });

  it('swallows the answer of any request', async () => {
    const socket = await open();
    proxy.swallowAnswer(null);
    const closed = once(socket, 'close');
    socket.write('anything');
    await closed;
    expect(echo.asked).toEqual(['anything']);
  });

  it('passes what a stall held back, in order', async () => {
    const socket = await open();
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    proxy.stall(200);
    socket.write('held');
    await once(proxy, 'held');
    expect([echo.asked, answer]).toEqual([[], '']);
    socket.write(', and more');
    await waitUntil('all of it came', () => Promise.resolve(answer === 'held, and more'), {
      timeoutMs: 5_000,
    });
  });

  it('breaks every connection and takes new ones', async () => {
    const sockets = [await open(), await open()];
    await waitUntil('both are linked', () => Promise.resolve(proxy.counts.connections === 2), {
      timeoutMs: 5_000,
    });
    const closed = sockets.map((socket) => once(socket, 'close'));
    proxy.cut();
    await Promise.all(closed);
    expect(proxy.counts.cut).toBe(2);
    expect(await ask(await open(), 'again')).toBe('again');
  });
});
