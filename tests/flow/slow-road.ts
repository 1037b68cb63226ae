import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const COMMIT_SCRIPT = new URL('../../storage/redis/commit.lua', import.meta.url);

/**
 * The way from a worker to its Redis on loopback. The answer to a commit can be made late, and with it all that comes
 * after: then there is time to look at what the worker shows before its slots have caught up. Order is kept.
 */
export class SlowRoad {
  /** how much later a commit is answered, ms */
  delayMs = 0;
  /** what the command that runs the commit script holds */
  readonly #commit = createHash('sha1').update(readFileSync(COMMIT_SCRIPT)).digest('hex');
  readonly #host: string;
  readonly #port: number;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#host = hostname;
    this.#port = Number(port);
    this.#server = createServer((client) => this.#accept(client));
  }

  /** @returns the port to connect to instead */
  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }

  #accept(client: Socket): void {
    const upstream = connect(this.#port, this.#host);
    let before = Promise.resolve();
    let dueMs = 0;
    client.on('data', (chunk: Buffer) => {
      if (chunk.includes(this.#commit)) dueMs = performance.now() + this.delayMs;
    });
    client.pipe(upstream);
    upstream.on('data', (chunk: Buffer) => {
      before = before.then(async () => {
        const leftMs = dueMs - performance.now();
        if (leftMs > 0) await delay(leftMs);
        if (!client.destroyed) client.write(chunk);
      });
    });
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      // The server behind it is killed on purpose; 'close' below ends the other half.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
  }
}
