import { createSocket } from 'node:dgram';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

/**
 * Below Linux's ephemeral range (32768 on): a port that is free now is not handed to an outgoing connection
 * before its server has bound it. Binding to 0 and closing again would draw from that very range.
 */
const LOWEST = 20_000;
const HIGHEST = 32_000;
const ATTEMPTS = 100;

/**
 * Distinct loopback ports that nothing was bound to a moment ago, for TCP and UDP alike.
 *
 * @throws Error when no free one is found after a bounded number of draws
 */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let attempt = 0; attempt < ATTEMPTS * count && found.size < count; attempt += 1) {
    const port = randomInt(LOWEST, HIGHEST);
    if (!found.has(port) && (await tcpFree(port)) && (await udpFree(port))) found.add(port);
  }
  if (found.size < count) throw new Error(`no ${String(count)} free ports on 127.0.0.1`);
  return [...found];
}

/** One free loopback port; see freePorts. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error('no free port on 127.0.0.1');
  return port;
}

/**
 * Free ports for a server with that folder, and the same ones when it is started there again: clients of a server
 * that is killed and restarted find it where it was.
 */
export async function portsOf(folder: string, count: number): Promise<number[]> {
  const file = join(folder, 'ports');
  try {
    return (await readFile(file, 'utf8')).split(' ').map(Number);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const ports = await freePorts(count);
  await writeFile(file, ports.join(' '));
  return ports;
}

async function tcpFree(port: number): Promise<boolean> {
  const server = createServer();
  // `once` rejects with the error event: a port that is taken is an answer.
  const outcome = once(server, 'listening').then(
    () => true,
    () => false,
  );
  server.listen(port, '127.0.0.1');
  const free = await outcome;
  if (free) await new Promise((resolve) => server.close(resolve));
  return free;
}

async function udpFree(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  // `once` rejects with the error event: a port that is taken is an answer.
  const outcome = once(socket, 'listening').then(
    () => true,
    () => false,
  );
  socket.bind(port, '127.0.0.1');
  const free = await outcome;
  socket.close();
  return free;
}
