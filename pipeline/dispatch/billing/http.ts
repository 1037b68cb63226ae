import { request as plainRequest, Agent as PlainAgent } from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { request as tlsRequest, Agent as TlsAgent } from 'node:https';
import { AppError } from '../../../schemas/errors.ts';
import type { Secret } from '../../config/secret.ts';

/** How one request ended. Texts are one line, without what the other side wrote. */
export type Exchange =
  | {
      kind: 'answer';
      status: number;
      /** headers Retry-After and Date as they came */
      retryAfter: string | null;
      date: string | null;
      body: string;
    }
  /** no connection came about, so nothing left here */
  | { kind: 'not-sent'; detail: string }
  /** it may have been done: time ran out, the connection was cut, or the answer was too large */
  | { kind: 'no-answer'; detail: string };

export interface HttpPeerOptions {
  /** http(s) base address; its path is kept, its credentials and query are not */
  url: Secret;
  /** sent as Bearer; never logged */
  key: Secret;
  /** of a whole exchange, from the name's look-up to the last byte */
  timeoutMs: number;
  /** most connections at once */
  maxConnections: number;
  /** further trusted certificates, PEM; for tests */
  ca?: string;
}

/** One request. */
export interface HttpAsk {
  method: 'GET' | 'POST' | 'PUT';
  /** begins with / */
  path: string;
  /** sent as JSON */
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

/** Largest answer that is read; a page of 1,000 items has 1 MB. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
/** Below what servers usually keep an idle connection, so that a request rarely meets its end. */
const IDLE_MS = 4_000;

/**
 * HTTP requests that are bounded in time and size, follow no redirect and say how they ended. Certificates are always
 * checked. node:http instead of fetch: only the socket tells for sure whether anything was sent.
 */
export class HttpPeer {
  readonly #base: URL;
  readonly #key: Secret;
  readonly #timeoutMs: number;
  readonly #agent: PlainAgent;
  readonly #ca: string | null;

  /** Throws AppError 'config-invalid' for a key that no header can carry. */
  constructor({ url, key, timeoutMs, maxConnections, ca }: HttpPeerOptions) {
    if (!/^[!-~]{1,1000}$/.test(key.reveal()))
      throw new AppError(
        'config-invalid',
        'BILLING_API_KEY must be 1 to 1000 printable ASCII characters without spaces',
      );
    const { origin, pathname } = new URL(url.reveal());
    this.#base = new URL(`${origin}${pathname.replace(/\/+$/, '')}`);
    this.#key = key;
    this.#timeoutMs = timeoutMs;
    this.#ca = ca ?? null;
    const options = { keepAlive: true, maxSockets: maxConnections, timeout: IDLE_MS };
    this.#agent = this.#isTls ? new TlsAgent(options) : new PlainAgent(options);
  }

  get #isTls(): boolean {
    return this.#base.protocol === 'https:';
  }

  /** The key reaches others than the peer: no TLS, and not on this machine. */
  get isOpen(): boolean {
    return !this.#isTls && !['127.0.0.1', '[::1]', 'localhost'].includes(this.#base.hostname);
  }

  /** Never rejects. */
  exchange(ask: HttpAsk): Promise<Exchange> {
    const { signal } = ask;
    if (signal.aborted) return Promise.resolve({ kind: 'not-sent', detail: 'stopped before it was sent' });
    return new Promise((resolve) => {
      const request = this.#begin(ask);
      const isConnected = watchConnection(request, this.#isTls);
      const end = (exchange: Exchange): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', cut);
        resolve(exchange);
      };
      const fail = (detail: string): void => {
        end({ kind: isConnected() ? 'no-answer' : 'not-sent', detail });
        request.destroy();
      };
      const cut = (): void => fail('stopped while it was under way');
      const timer = setTimeout(() => fail(`no answer within ${this.#timeoutMs} ms`), this.#timeoutMs);
      signal.addEventListener('abort', cut);
      // After the end too: a socket that is cut later must not become an uncaught error.
      request.on('error', (error) => fail(reasonOf(error)));
      request.on('response', (response) => {
        readAnswer(response).then(end, (error: unknown) => fail(reasonOf(error)));
      });
      request.end(ask.body === undefined ? undefined : JSON.stringify(ask.body));
    });
  }

  /** What somebody else wrote, fit for a log: one line, short, without the key should it have been echoed. */
  tame(text: string): string {
    // eslint-disable-next-line no-control-regex -- they are what is taken out
    const line = text.slice(0, 2_000).replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
    return line.replaceAll(this.#key.reveal(), '[secret]').slice(0, 300).trim();
  }

  /** Ends its connections; requests under way end as cut. */
  close(): void {
    this.#agent.destroy();
  }

  #begin({ method, path, body, headers }: HttpAsk): ClientRequest {
    const url = new URL(`${this.#base.href.replace(/\/+$/, '')}${path}`);
    const options: RequestOptions = {
      method,
      agent: this.#agent,
      headers: {
        ...headers,
        authorization: `Bearer ${this.#key.reveal()}`,
        accept: 'application/json, application/problem+json',
        'accept-encoding': 'identity',
        'user-agent': 'weir',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
    };
    if (!this.#isTls) return plainRequest(url, options);
    return tlsRequest(url, this.#ca === null ? options : { ...options, ca: this.#ca });
  }
}

/** Whether a connection stood at any time: only then can something have been sent. */
function watchConnection(request: ClientRequest, isTls: boolean): () => boolean {
  let connected = false;
  request.on('socket', (socket) => {
    if (request.reusedSocket || !socket.connecting) connected = true;
    else socket.once(isTls ? 'secureConnect' : 'connect', () => (connected = true));
  });
  return () => connected;
}

async function readAnswer(response: IncomingMessage): Promise<Exchange> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new TooLarge();
    chunks.push(chunk);
  }
  const { statusCode, headers } = response;
  return {
    kind: 'answer',
    status: statusCode ?? 0,
    retryAfter: headers['retry-after'] ?? null,
    date: headers.date ?? null,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

class TooLarge extends Error {}

/** A driver's message may hold anything; its code is a word. */
function reasonOf(error: unknown): string {
  if (error instanceof TooLarge) return `the answer had more than ${MAX_ANSWER_BYTES} bytes`;
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return typeof code === 'string' ? `connection failed: ${code}` : 'connection failed';
}
