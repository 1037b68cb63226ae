import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A proxy that can do what a network does at the worst moment. */
export interface AnswerDroppingProxy {
  port: number;
  /** The next request that holds the text reaches the server; both connections break when it answers. */
  dropAnswerTo(text: string): void;
  close(): Promise<void>;
}

/** Listens on a loopback port and passes everything to the server. */
export async function answerDroppingProxy(host: string, port: number): Promise<AnswerDroppingProxy> {
  let awaited: string | null = null;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, host);
    let dropping = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // A broken connection is what this proxy is for; 'close' below ends its other half.
      socket.on('error', () => undefined);
    }
    client.on('data', (chunk) => {
      if (awaited !== null && chunk.includes(awaited)) {
        awaited = null;
        dropping = true;
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (dropping) client.destroy();
      else client.write(chunk);
    });
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    dropAnswerTo(text) {
      awaited = text;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
