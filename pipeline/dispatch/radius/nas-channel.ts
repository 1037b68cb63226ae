import { isIPv6 } from 'node:net';
import type { RemoteInfo } from 'node:dgram';
import { readAttribute } from './attributes.ts';
import { encodeRequest, verifyResponse } from './authenticator.ts';
import { watchClosedPort } from './closed-port.ts';
import type { CoaCounters, CoaReply, CoaRequest, UnreachableReason } from './coa-exchange.ts';
import { CODE, decodePacket, type RadiusPacket } from './packet.ts';
import { nextWaitMs, type RetransmissionPolicy } from './retransmission.ts';
import { SourcePort } from './source-port.ts';

/** The clock that the client waits by; tests put in their own. */
export interface CoaTimers {
  /** ms since 1970, for Event-Timestamp. */
  now(): number;
  /** Calls once after `ms`; returns what cancels it. */
  after(ms: number, run: () => void): () => void;
}

/** What all channels of a client share. */
export interface ChannelSettings {
  readonly retransmission: RetransmissionPolicy;
  readonly timers: CoaTimers;
  readonly random: () => number;
  readonly maxPortsPerNas: number;
  readonly maxQueuedPerNas: number;
  readonly counters: CoaCounters;
}

/** Where a request sits once it has an identifier. */
interface Place {
  readonly port: SourcePort<Exchange>;
  readonly identifier: number;
  readonly bytes: Buffer;
}

/** One send() from queue to answer. */
interface Exchange {
  readonly request: CoaRequest;
  readonly resolve: (reply: CoaReply) => void;
  settled: boolean;
  place: Place | undefined;
  sends: number;
  /** The wait under way and the sum of waits, it included; ms. Summed, not read from a clock that may be set. */
  waitMs: number | undefined;
  waitedMs: number;
  /** of the monotonic clock, which goes on while a process stands still; undefined before the first send */
  firstSentMs: number | undefined;
  cancel: () => void;
}

/** Codes that answer a request's code. */
export const ANSWERS: ReadonlyMap<
  number,
  { readonly ack: readonly number[]; readonly nak: readonly number[] }
> = new Map([
  [CODE.coaRequest, { ack: [CODE.coaAck], nak: [CODE.coaNak] }],
  [CODE.disconnectRequest, { ack: [CODE.disconnectAck], nak: [CODE.disconnectNak] }],
  [CODE.statusServer, { ack: [CODE.accessAccept, CODE.accountingResponse, CODE.coaAck], nak: [] }],
]);

/** An IP literal in one spelling, so that two spellings of an IPv6 address compare equal. */
export function canonicalAddress(address: string): string {
  return isIPv6(address) && !address.includes('%')
    ? new URL(`http://[${address}]`).hostname.slice(1, -1)
    : address;
}

/** All requests to one NAS: its source ports, what is in flight on them, and what waits for an identifier. */
export class NasChannel {
  readonly #address: string;
  readonly #port: number;
  readonly #settings: ChannelSettings;
  readonly #ports: SourcePort<Exchange>[] = [];
  readonly #queue: Exchange[] = [];
  #opening = false;
  #closed = false;
  #endWatch: (() => void) | undefined;

  constructor(address: string, port: number, settings: ChannelSettings) {
    this.#address = canonicalAddress(address);
    this.#port = port;
    this.#settings = settings;
  }

  /** Requests sent and not answered yet. */
  get inFlight(): number {
    return this.#ports.reduce((total, port) => total + port.inFlight, 0);
  }

  /** Queues one request. `resolve` is called exactly once. */
  send(request: CoaRequest, signal: AbortSignal | undefined, resolve: (reply: CoaReply) => void): void {
    if (this.#closed || signal?.aborted === true) {
      resolve({ kind: 'aborted', sends: 0 });
      return;
    }
    if (this.#queue.length >= this.#settings.maxQueuedPerNas) {
      resolve({ kind: 'unsendable', reason: 'overloaded' });
      return;
    }
    const exchange: Exchange = {
      request,
      resolve: (reply) => {
        signal?.removeEventListener('abort', onAbort);
        resolve(reply);
      },
      settled: false,
      place: undefined,
      sends: 0,
      waitMs: undefined,
      waitedMs: 0,
      firstSentMs: undefined,
      cancel: () => undefined,
    };
    const onAbort = (): void => {
      const queued = this.#queue.indexOf(exchange);
      if (queued >= 0) this.#queue.splice(queued, 1);
      this.#settle(exchange, { kind: 'aborted', sends: exchange.sends });
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#queue.push(exchange);
    this.#drain();
  }

  /** Resolves everything as aborted and frees the sockets. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const exchange of this.#all()) this.#settle(exchange, { kind: 'aborted', sends: exchange.sends });
    for (const port of this.#ports.splice(0)) port.close();
  }

  #all(): Exchange[] {
    return [...this.#queue, ...this.#ports.flatMap((port) => port.entries())];
  }

  #drain(): void {
    for (let exchange = this.#queue.shift(); exchange !== undefined; exchange = this.#queue.shift()) {
      if (exchange.settled || this.#start(exchange)) continue;
      this.#queue.unshift(exchange);
      this.#openPort();
      return;
    }
  }

  /** False when no identifier is free. */
  #start(exchange: Exchange): boolean {
    for (const port of this.#ports) {
      const identifier = port.reserve(exchange);
      if (identifier === undefined) continue;
      const encoded = encodeRequest({ ...exchange.request, identifier });
      if (encoded.ok) {
        exchange.place = { port, identifier, bytes: encoded.bytes };
        this.#transmit(exchange, exchange.place);
      } else {
        port.release(identifier);
        this.#settle(exchange, { kind: 'unsendable', reason: encoded.reason });
      }
      return true;
    }
    return false;
  }

  #openPort(): void {
    if (this.#opening || this.#closed || this.#ports.length >= this.#settings.maxPortsPerNas) return;
    this.#opening = true;
    const events = {
      onDatagram: (port: SourcePort<Exchange>, datagram: Buffer, from: RemoteInfo): void => {
        this.#receive(port, datagram, from);
      },
      onError: (port: SourcePort<Exchange>): void => {
        this.#unreachable(port.entries(), 'send-failed');
      },
    };
    SourcePort.open<Exchange>(isIPv6(this.#address) ? 6 : 4, events).then(
      (port) => {
        this.#opening = false;
        if (this.#closed) {
          port.close();
          return;
        }
        this.#ports.push(port);
        this.#drain();
      },
      () => {
        this.#opening = false;
        // No socket to be had (descriptors, address family). With another one open the queue still moves.
        if (this.#ports.length === 0) this.#unreachable(this.#queue.splice(0), 'send-failed');
      },
    );
  }

  #transmit(exchange: Exchange, place: Place): void {
    const { counters, retransmission, random, timers } = this.#settings;
    exchange.sends += 1;
    exchange.firstSentMs ??= performance.now();
    counters.sends += 1;
    if (exchange.sends > 1) counters.retransmissions += 1;
    place.port.send(place.bytes, this.#port, this.#address, () => {
      exchange.sends -= 1;
      counters.sends -= 1;
      this.#unreachable([exchange], 'send-failed');
    });
    const wait = nextWaitMs(retransmission, exchange.waitMs, random());
    const left = retransmission.maxDurationMs - exchange.waitedMs;
    exchange.waitMs = wait;
    exchange.waitedMs += Math.min(wait, left);
    exchange.cancel = timers.after(Math.min(wait, left), () => {
      this.#waited(exchange, place);
    });
  }

  #waited(exchange: Exchange, place: Place): void {
    const { counters, retransmission } = this.#settings;
    // A process that stood still has waited longer than its timers say: what it would repeat may be outdated by then,
    // and the NAS no longer knows it for a repeat.
    const now = performance.now();
    const lastsMs = Math.max(exchange.waitedMs, now - (exchange.firstSentMs ?? now));
    const isOver = lastsMs >= retransmission.maxDurationMs;
    if (exchange.sends >= retransmission.maxSends || isOver) {
      counters.noAnswers += 1;
      this.#settle(exchange, { kind: 'no-answer', sends: exchange.sends });
      return;
    }
    this.#endWatch ??= watchClosedPort({ address: this.#address, port: this.#port }, () => {
      this.#unreachable(this.#all(), 'port-closed');
    });
    this.#transmit(exchange, place);
  }

  #receive(port: SourcePort<Exchange>, datagram: Buffer, from: RemoteInfo): void {
    const { counters } = this.#settings;
    if (from.port !== this.#port || canonicalAddress(from.address) !== this.#address) {
      counters.wrongAddress += 1;
      return;
    }
    const decoded = decodePacket(datagram);
    if (!decoded.ok) {
      counters.malformed += 1;
      return;
    }
    const exchange = port.waitingFor(decoded.packet.identifier);
    if (exchange?.place === undefined) {
      counters.unmatched += 1;
      return;
    }
    const { identifier, bytes } = exchange.place;
    const { secret, requireMessageAuthenticator = false } = exchange.request;
    const sent = { identifier, authenticator: bytes.subarray(4, 20) };
    const verified = verifyResponse(datagram, sent, secret, { requireMessageAuthenticator });
    if (verified.ok) this.#answered(exchange, verified.packet);
    else counters.wrongAuthenticator += 1;
  }

  #answered(exchange: Exchange, { code, attributes }: RadiusPacket): void {
    const { counters } = this.#settings;
    const answers = ANSWERS.get(exchange.request.code);
    const { sends } = exchange;
    if (answers?.ack.includes(code) === true) {
      counters.acks += 1;
      this.#settle(exchange, { kind: 'ack', sends, attributes });
    } else if (answers?.nak.includes(code) === true) {
      counters.naks += 1;
      const errorCause = readAttribute(attributes, 'Error-Cause');
      this.#settle(exchange, { kind: 'nak', sends, errorCause, attributes });
    } else {
      counters.wrongCode += 1;
    }
  }

  #unreachable(exchanges: readonly Exchange[], reason: UnreachableReason): void {
    for (const exchange of exchanges) {
      if (exchange.settled) continue;
      this.#settings.counters.unreachable += 1;
      this.#settle(exchange, { kind: 'unreachable', reason, sends: exchange.sends });
    }
  }

  /** The only way an exchange ends: frees its identifier and lets the next one in. */
  #settle(exchange: Exchange, reply: CoaReply): void {
    if (exchange.settled) return;
    exchange.settled = true;
    exchange.cancel();
    exchange.place?.port.release(exchange.place.identifier);
    if (this.inFlight === 0) {
      this.#endWatch?.();
      this.#endWatch = undefined;
    }
    exchange.resolve(reply);
    // From #start inside #drain the loop goes on by itself; elsewhere a place has become free.
    if (exchange.place !== undefined && !this.#closed) this.#drain();
  }
}
