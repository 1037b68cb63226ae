import { EventEmitter, once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** What a proxy has done so far. */
export interface ProxyCounts {
  connections: number;
  /** answers that were lost with their connection after the server had done what was asked */
  swallowed: number;
  /** connections broken by `cut` */
  cut: number;
}

interface Link {
  client: Socket;
  upstream: Socket;
  /** its next answer is lost */
  dropping: boolean;
}

/** Bytes of one direction, kept in order while they are held up. */
class Lane {
  readonly #to: Socket;
  readonly #releaseAtMs: () => number;
  readonly #held: () => void;
  #waiting: { chunk: Buffer; atMs: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(to: Socket, releaseAtMs: () => number, held: () => void) {
    this.#to = to;
    this.#releaseAtMs = releaseAtMs;
    this.#held = held;
  }

  pass(chunk: Buffer): void {
    const atMs = this.#releaseAtMs();
    if (this.#waiting.length === 0 && atMs <= performance.now()) {
      this.#to.write(chunk);
      return;
    }
    this.#waiting.push({ chunk, atMs });
    if (this.#waiting.length === 1) this.#wait();
    this.#held();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#waiting = [];
  }

  #wait(): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    this.#timer = setTimeout(() => this.#release(), Math.max(0, first.atMs - performance.now()));
  }

  #release(): void {
    const now = performance.now();
    for (let first = this.#waiting[0]; first !== undefined && first.atMs <= now; first = this.#waiting[0]) {
      this.#to.write(first.chunk);
      this.#waiting.shift();
    }
    this.#wait();
  }
}

/**
 * Stands between one worker and one server on loopback and does what a network does at the worst moment. Without any
 * fault it passes everything on. It knows nothing of the protocol. Says 'held' when bytes have to wait.
 */
export class FaultProxy extends EventEmitter<{ held: [] }> {
  readonly counts: ProxyCounts = { connections: 0, swallowed: 0, cut: 0 };
  readonly #host: string;
  readonly #port: number;
  readonly #links = new Set<Link>();
  readonly #server: Server;
  /** text of the request whose answer is to be lost; '' = any; null = none */
  #awaited: string | null = null;
  #stalledUntilMs = 0;
  #slow = { untilMs: 0, delayMs: 0 };

  /** @param host @param port of the server */
  constructor(host: string, port: number) {
    super();
    this.#host = host;
    this.#port = port;
    this.#server = createServer((client) => this.#accept(client));
  }

  /** Listens on a free loopback port and returns it. */
  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** The next request that holds the text (null: any) reaches the server; both connections break when it answers. */
  swallowAnswer(request: string | null): void {
    this.#awaited = request ?? '';
  }

  /** Nothing passes in either direction for so long, then everything does, in order. */
  stall(forMs: number): void {
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, performance.now() + forMs);
  }

  /** Everything comes so much later, either way, for a while. */
  slow(delayMs: number, forMs: number): void {
    this.#slow = { untilMs: performance.now() + forMs, delayMs };
  }

  /** Breaks every connection. New ones are taken. */
  cut(): void {
    for (const { client, upstream } of this.#links) {
      this.counts.cut += 1;
      client.destroy();
      upstream.destroy();
    }
  }

  /** From now on nothing goes wrong but what is held up already. */
  heal(): void {
    this.#awaited = null;
    this.#stalledUntilMs = 0;
    this.#slow = { untilMs: 0, delayMs: 0 };
  }

  async close(): Promise<void> {
    for (const { client, upstream } of this.#links) {
      client.destroy();
      upstream.destroy();
    }
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }

  #accept(client: Socket): void {
    this.counts.connections += 1;
    const upstream = connect(this.#port, this.#host);
    const link: Link = { client, upstream, dropping: false };
    this.#links.add(link);
    const laneTo = (to: Socket): Lane =>
      new Lane(
        to,
        () => this.#releaseAtMs(),
        () => this.emit('held'),
      );
    const [there, back] = [laneTo(upstream), laneTo(client)];
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    client.on('data', (chunk: Buffer) => {
      if (this.#awaited !== null && chunk.includes(this.#awaited)) {
        this.#awaited = null;
        link.dropping = true;
      }
      there.pass(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      if (link.dropping) {
        this.counts.swallowed += 1;
        client.destroy();
      } else back.pass(chunk);
    });
    for (const socket of [client, upstream]) {
      // A broken connection is what this proxy is for; 'close' below ends its other half.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#links.delete(link);
        there.close();
        back.close();
        client.destroy();
        upstream.destroy();
      });
    }
  }

  #releaseAtMs(): number {
    const now = performance.now();
    const slowed = now < this.#slow.untilMs ? now + this.#slow.delayMs : now;
    return Math.max(slowed, this.#stalledUntilMs);
  }
}
