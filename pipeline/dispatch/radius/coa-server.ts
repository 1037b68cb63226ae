import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { AppError } from '../../../schemas/errors.ts';
import { attribute, readAttribute } from './attributes.ts';
import { encodeResponse, verifyRequest } from './authenticator.ts';
import { CODE, type RadiusAttribute, type RadiusPacket } from './packet.ts';

/** What a handler decides. `silent` = no answer at all, to a repeat neither. */
export type CoaVerdict =
  | { readonly kind: 'ack'; readonly attributes?: readonly RadiusAttribute[] }
  | { readonly kind: 'nak'; readonly errorCause?: number; readonly attributes?: readonly RadiusAttribute[] }
  | { readonly kind: 'silent' };

/** An authentic request as the handler sees it. */
export interface ReceivedCoa {
  /** CODE.coaRequest or CODE.disconnectRequest. */
  readonly code: number;
  readonly attributes: readonly RadiusAttribute[];
  readonly address: string;
  readonly port: number;
}

/** How the server behaves; `secret` is shared with all clients. */
export interface CoaServerOptions {
  readonly secret: Buffer | string;
  /** A rejected promise or an exception answers nothing, counts as `failed` and is told to onFailure. */
  readonly handle: (request: ReceivedCoa) => CoaVerdict | Promise<CoaVerdict>;
  /** Default true. */
  readonly requireMessageAuthenticator?: boolean;
  /** Discard requests whose Event-Timestamp is missing or further off than this (RFC 5176 section 6.3: 300). Default: not checked. */
  readonly timestampWindowSeconds?: number;
  /** How long a repeat gets the same answer. Default 30,000 ms, as long as a client repeats. */
  readonly duplicateMs?: number;
  /** Answers kept for repeats; the oldest goes first. Default 65,536. */
  readonly maxDuplicates?: number;
  /** ms since 1970. */
  readonly now?: () => number;
  readonly onFailure?: (error: unknown) => void;
}

/** Totals since start. */
export interface CoaServerCounters {
  received: number;
  answered: number;
  duplicates: number;
  /** Malformed, wrongly signed, of another code, or outside the time window: all discarded without an answer. */
  discarded: number;
  failed: number;
}

interface Remembered {
  readonly expiresMs: number;
  /** Undefined: still being handled, or silent. */
  answer: Buffer | undefined;
}

/** The NAS's side of CoA (RFC 5176): used by the simulated NAS and as a peer in tests. Handles a repeat once. */
export class CoaServer {
  /** Totals since start; read only. */
  readonly counters: CoaServerCounters = { received: 0, answered: 0, duplicates: 0, discarded: 0, failed: 0 };
  readonly #options: CoaServerOptions;
  readonly #now: () => number;
  /** In order of arrival, so the first is the oldest. */
  readonly #remembered = new Map<string, Remembered>();
  #socket: Socket | undefined;

  constructor(options: CoaServerOptions) {
    this.#options = options;
    this.#now = options.now ?? ((): number => Date.now());
  }

  /**
   * Binds and starts answering. Call once.
   *
   * @param port 0 = a free one
   * @returns where it listens
   * Throws AppError `port-in-use` when it cannot bind: another port, or end the other program.
   */
  async listen(port = 0, address = '127.0.0.1'): Promise<{ address: string; port: number }> {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    socket.bind(port, address);
    try {
      await once(socket, 'listening');
    } catch (cause) {
      socket.close();
      throw new AppError('port-in-use', `cannot bind UDP ${address} port ${port}`, { cause });
    }
    socket.on('message', (datagram, from) => {
      this.#receive(socket, datagram, from);
    });
    socket.on('error', (error) => this.#options.onFailure?.(error));
    this.#socket = socket;
    return { address: socket.address().address, port: socket.address().port };
  }

  /** Stops; an answer still being prepared is not sent. Idempotent. */
  async close(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    const closed = once(socket, 'close');
    socket.close();
    await closed;
  }

  #receive(socket: Socket, datagram: Buffer, from: RemoteInfo): void {
    const { secret, requireMessageAuthenticator = true } = this.#options;
    this.counters.received += 1;
    const verified = verifyRequest(datagram, secret, { requireMessageAuthenticator });
    if (!verified.ok || !isAskingForChange(verified.packet) || !this.#isTimely(verified.packet)) {
      this.counters.discarded += 1;
      return;
    }
    const { packet } = verified;
    // RFC 5080 section 2.2.2: source address and port, identifier and Request Authenticator name a request.
    const key = `${from.address} ${from.port} ${packet.identifier} ${packet.authenticator.toString('hex')}`;
    this.#forgetExpired();
    const known = this.#remembered.get(key);
    if (known !== undefined) {
      this.counters.duplicates += 1;
      if (known.answer !== undefined) this.#reply(socket, known.answer, from);
      return;
    }
    const remembered: Remembered = {
      expiresMs: this.#now() + (this.#options.duplicateMs ?? 30_000),
      answer: undefined,
    };
    this.#remembered.set(key, remembered);
    this.#answer(packet, from).then(
      (answer) => {
        remembered.answer = answer;
        if (answer !== undefined) this.#reply(socket, answer, from);
      },
      (error: unknown) => {
        this.counters.failed += 1;
        this.#options.onFailure?.(error);
      },
    );
  }

  async #answer(packet: RadiusPacket, from: RemoteInfo): Promise<Buffer | undefined> {
    const { code, attributes } = packet;
    const verdict = await this.#options.handle({ code, attributes, address: from.address, port: from.port });
    if (verdict.kind === 'silent') return undefined;
    const own = [...(verdict.attributes ?? [])];
    if (verdict.kind === 'nak' && verdict.errorCause !== undefined) {
      own.push(attribute('Error-Cause', verdict.errorCause));
    }
    // ACK is the request's code + 1 and NAK + 2, for CoA and Disconnect alike (RFC 5176 section 2.3).
    const response = {
      code: code + (verdict.kind === 'ack' ? 1 : 2),
      secret: this.#options.secret,
      attributes: own,
    };
    const encoded = encodeResponse(packet, response);
    if (!encoded.ok) throw new RangeError(`answer cannot be encoded: ${encoded.reason}`);
    return encoded.bytes;
  }

  #reply(socket: Socket, answer: Buffer, to: RemoteInfo): void {
    if (this.#socket !== socket) return;
    this.counters.answered += 1;
    socket.send(answer, to.port, to.address);
  }

  #isTimely(packet: RadiusPacket): boolean {
    const window = this.#options.timestampWindowSeconds;
    if (window === undefined) return true;
    const stamp = readAttribute(packet.attributes, 'Event-Timestamp');
    return stamp !== undefined && Math.abs(this.#now() / 1000 - stamp) <= window;
  }

  #forgetExpired(): void {
    const now = this.#now();
    const excess = this.#remembered.size - (this.#options.maxDuplicates ?? 65_536) + 1;
    let index = 0;
    for (const [key, { expiresMs }] of this.#remembered) {
      if (expiresMs > now && index >= excess) return;
      this.#remembered.delete(key);
      index += 1;
    }
  }
}

function isAskingForChange({ code }: RadiusPacket): boolean {
  return code === CODE.coaRequest || code === CODE.disconnectRequest;
}
