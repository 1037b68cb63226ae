import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** Identifiers of one source port: the identifier is one octet. */
const IDENTIFIERS_PER_PORT = 256;

/** What a source port tells its owner. */
export interface SourcePortEvents<E> {
  onDatagram(port: SourcePort<E>, datagram: Buffer, from: RemoteInfo): void;
  onError(port: SourcePort<E>, error: Error): void;
}

/**
 * One bound UDP socket with its 256 identifiers; `E` is what waits for an answer under an identifier.
 *
 * The socket is not connected: so an answer from a wrong address is seen and counted, which is how a NAS that answers
 * from another interface shows. A closed port is therefore not reported here (see closed-port.ts).
 */
export class SourcePort<E> {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, E>();
  #next = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Binds to a random port. Rejects with the system's error when no socket can be had. */
  static async open<E>(family: 4 | 6, events: SourcePortEvents<E>): Promise<SourcePort<E>> {
    const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
    socket.bind(0);
    try {
      await once(socket, 'listening');
    } catch (error) {
      socket.close();
      throw error;
    }
    const port = new SourcePort<E>(socket);
    socket.on('message', (datagram, from) => {
      events.onDatagram(port, datagram, from);
    });
    socket.on('error', (error) => {
      events.onError(port, error);
    });
    return port;
  }

  /** Requests that wait for an answer here. */
  get inFlight(): number {
    return this.#waiting.size;
  }

  /**
   * Files `entry` under a free identifier: the one not used for longest, so that a late answer rarely meets a new
   * request. Undefined when all 256 are in flight.
   */
  reserve(entry: E): number | undefined {
    if (this.#waiting.size >= IDENTIFIERS_PER_PORT) return undefined;
    while (this.#waiting.has(this.#next)) this.#next = (this.#next + 1) % IDENTIFIERS_PER_PORT;
    const identifier = this.#next;
    this.#next = (identifier + 1) % IDENTIFIERS_PER_PORT;
    this.#waiting.set(identifier, entry);
    return identifier;
  }

  /** What waits under that identifier. */
  waitingFor(identifier: number): E | undefined {
    return this.#waiting.get(identifier);
  }

  /** Frees the identifier. Idempotent. */
  release(identifier: number): void {
    this.#waiting.delete(identifier);
  }

  /** All that waits here. */
  entries(): E[] {
    return [...this.#waiting.values()];
  }

  /** Sends one datagram; `onFailure` hears what the system refuses at once (no route, no permission). */
  send(bytes: Buffer, port: number, address: string, onFailure: (error: Error) => void): void {
    this.#socket.send(bytes, port, address, (error) => {
      if (error !== null) onFailure(error);
    });
  }

  /** Frees the socket. Call once. */
  close(): void {
    this.#socket.close();
  }
}
