import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * The way from a worker to a server on loopback, whose answers can be made late: then there is time to look at what
 * the worker shows in between. Order is kept.
 */
export class SlowRoad {
  /** how much later every answer comes, ms */
  delayMs = 0;
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
    client.pipe(upstream);
    upstream.on('data', (chunk: Buffer) => {
      const dueMs = performance.now() + this.delayMs;
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
