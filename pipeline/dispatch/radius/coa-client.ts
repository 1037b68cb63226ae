import { isIP } from 'node:net';
import { ATTRIBUTES, attribute } from './attributes.ts';
import { emptyCounters, type CoaCounters, type CoaReply, type CoaRequest } from './coa-exchange.ts';
import {
  ANSWERS,
  NasChannel,
  canonicalAddress,
  type ChannelSettings,
  type CoaTimers,
} from './nas-channel.ts';
import { RFC5080_RETRANSMISSION, type RetransmissionPolicy } from './retransmission.ts';

/** All optional; the defaults are RFC 5080's and the system's. */
export interface CoaClientOptions {
  readonly retransmission?: RetransmissionPolicy;
  readonly timers?: CoaTimers;
  /** 0 <= random() < 1, for jitter. */
  readonly random?: () => number;
  /** Source ports to one NAS, each with at most 256 requests in flight. Default 8. */
  readonly maxPortsPerNas?: number;
  /** Requests that wait for a free identifier of one NAS before `unsendable: overloaded`. Default 4096. */
  readonly maxQueuedPerNas?: number;
}

const SYSTEM_TIMERS: CoaTimers = {
  now: () => Date.now(),
  after: (ms, run) => {
    const handle = setTimeout(run, ms);
    return () => {
      clearTimeout(handle);
    };
  },
};

/**
 * Sends CoA and Disconnect requests over UDP (RFC 5176) and waits for their answers.
 *
 * Delivery: a request is repeated with the same octets, identifier and source port (RFC 5080 section 2.2.1), so that
 * a NAS can tell the repeat; what is asked is absolute, so a further send() is harmless too. Answers that are not
 * from the NAS's address, not signed, or not awaited are ignored and counted.
 * Cost: one socket a NAS, more when over 256 requests to it are in flight. Rate limits are the caller's.
 */
export class CoaClient {
  /** Totals since start; read only. */
  readonly counters: CoaCounters = emptyCounters();
  readonly #settings: ChannelSettings;
  readonly #channels = new Map<string, NasChannel>();
  #closed = false;

  constructor(options: CoaClientOptions = {}) {
    this.#settings = {
      retransmission: options.retransmission ?? RFC5080_RETRANSMISSION,
      timers: options.timers ?? SYSTEM_TIMERS,
      random: options.random ?? Math.random,
      maxPortsPerNas: options.maxPortsPerNas ?? 8,
      maxQueuedPerNas: options.maxQueuedPerNas ?? 4096,
      counters: this.counters,
    };
  }

  /** Requests sent and not answered yet. */
  get inFlight(): number {
    return [...this.#channels.values()].reduce((total, channel) => total + channel.inFlight, 0);
  }

  /**
   * Sends one request and resolves with what became of it, at the latest when the retransmission policy gives up (and
   * the queue before it has moved). Never rejects: every outcome, a wrong argument included, is a CoaReply. Each call
   * is a new request.
   *
   * @param signal ends the wait with `aborted`
   */
  send(request: CoaRequest, signal?: AbortSignal): Promise<CoaReply> {
    const { address, port } = request;
    if (this.#closed) return Promise.resolve({ kind: 'aborted', sends: 0 });
    if (isIP(address) === 0 || !Number.isInteger(port) || port < 1 || port > 65_535) {
      this.counters.unreachable += 1;
      return Promise.resolve({ kind: 'unreachable', reason: 'bad-address', sends: 0 });
    }
    if (!ANSWERS.has(request.code)) return Promise.resolve({ kind: 'unsendable', reason: 'bad-code' });
    return new Promise((resolve) => {
      this.#channel(address, port).send(this.#stamped(request), signal, resolve);
    });
  }

  /** Resolves everything in flight or queued as `aborted` and frees the sockets. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
  }

  /** Event-Timestamp is taken once, before the first send: a repeat keeps it. */
  #stamped(request: CoaRequest): CoaRequest {
    if (request.attributes.some(({ type }) => type === ATTRIBUTES['Event-Timestamp'].type)) return request;
    const seconds = Math.floor(this.#settings.timers.now() / 1000);
    return { ...request, attributes: [...request.attributes, attribute('Event-Timestamp', seconds)] };
  }

  #channel(address: string, port: number): NasChannel {
    const key = `${canonicalAddress(address)} ${port}`;
    const known = this.#channels.get(key);
    if (known !== undefined) return known;
    const channel = new NasChannel(address, port, this.#settings);
    this.#channels.set(key, channel);
    return channel;
  }
}
