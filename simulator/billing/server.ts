import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { Books } from './books.ts';
import { BooksFile } from './books-file.ts';
import { readContract } from './contract.ts';
import { FaultPlan } from './faults.ts';
import { misbehave } from './misbehave.ts';
import { answer } from './routes.ts';
import type { Answer } from './routes.ts';

export interface BillingServerOptions {
  /** Bearer key that requests need */
  key: string;
  /** keeps items and accounts over restarts; absent = nothing survives */
  file?: string;
  /** ms since 1970 UTC; default the system's clock */
  now?: () => number;
  /** certificate and key, PEM: it speaks HTTPS then */
  tls?: { cert: string; key: string };
  /** items of one page of a list, default 200 */
  pageSize?: number;
}

const MAX_BODY_BYTES = 1024 * 1024;

/**
 * A billing system by schemas/billing-api.yaml: everything that comes in and goes out is checked against it. It is what
 * tests and the simulated provider deliver to, and can be told to fail in every way (`faults`, or `PUT /_faults`).
 */
export class BillingServer {
  readonly faults = new FaultPlan();
  readonly books: Books;
  /** requests in order of arrival, faults included: method and path */
  readonly requests: string[] = [];
  /** what it could not answer as the contract has it, or not write to its file */
  readonly defects: unknown[] = [];
  readonly #key: string;
  readonly #file: BooksFile | null;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #contract = readContract();
  readonly #pageSize: number;
  readonly #isTls: boolean;

  constructor({ key, file, now, tls, pageSize }: BillingServerOptions) {
    this.#key = key;
    this.#file = file === undefined ? null : new BooksFile(file);
    this.books = new Books(now ?? Date.now, (entry) => this.#file?.add(entry));
    this.#pageSize = pageSize ?? 200;
    this.#isTls = tls !== undefined;
    const handle = (request: IncomingMessage, response: ServerResponse): void =>
      void this.#handle(request, response);
    this.#server = tls === undefined ? createServer(handle) : createTlsServer(tls, handle);
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  /** Reads the file, then listens on loopback. Returns the base address. */
  async listen(port = 0): Promise<string> {
    for (const entry of (await this.#file?.read()) ?? []) this.books.restore(entry);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
    return `${this.#isTls ? 'https' : 'http'}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Cuts every connection and stops listening. Idempotent. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.#file?.flush();
  }

  /** Never rejects. */
  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? '';
    const url = new URL(request.url ?? '/', 'http://billing');
    // A client that is gone is no error of ours.
    response.on('error', () => undefined);
    const body = await readBody(request);
    if (body === null) return;
    if (url.pathname.startsWith('/_')) return this.#write(response, this.#admin(request, url, body));
    this.requests.push(`${method} ${url.pathname}`);
    const fault = this.faults.take(method, url.pathname);
    if (fault?.when === 'before' && fault.kind !== 'slow') return misbehave(fault, response);
    const made = await this.#made(request, url, body);
    if (fault !== null) return misbehave(fault, response, () => this.#write(response, made));
    this.#write(response, made);
  }

  async #made(request: IncomingMessage, url: URL, body: string): Promise<Answer> {
    try {
      const made = this.#answer(request, url, body);
      await this.#file?.flush();
      return made;
    } catch (error) {
      this.defects.push(error);
      return { status: 500, body: { status: 500, detail: 'a defect of the billing server' } };
    }
  }

  #answer(request: IncomingMessage, url: URL, body: string): Answer {
    if (url.pathname !== '/healthz' && request.headers.authorization !== `Bearer ${this.#key}`)
      return { status: 401, body: { status: 401, detail: 'the key is wrong' } };
    return answer(
      { method: request.method ?? '', url, body, idempotencyKey: request.headers['idempotency-key'] },
      {
        books: this.books,
        check: this.#contract.check,
        forgetKeysAfterMs: this.faults.forgetKeysAfterMs,
        pageSize: this.#pageSize,
      },
    );
  }

  /** What is not of the contract: faults, and who looks at the books. */
  #admin(request: IncomingMessage, url: URL, body: string): Answer {
    if (request.headers.authorization !== `Bearer ${this.#key}`)
      return { status: 401, body: { status: 401, detail: 'the key is wrong' } };
    if (url.pathname === '/_items') return { status: 200, body: this.books.items };
    if (url.pathname !== '/_faults' || request.method !== 'PUT')
      return { status: 404, body: { status: 404, detail: 'no such path' } };
    let given: unknown;
    try {
      given = JSON.parse(body);
    } catch {
      return { status: 400, body: { status: 400, detail: 'the body is no JSON' } };
    }
    const fault = this.faults.set(given);
    return fault === null ? { status: 204 } : { status: 400, body: { status: 400, detail: fault } };
  }

  #write(response: ServerResponse, { status, body }: Answer): void {
    const type = status >= 400 ? 'application/problem+json' : 'application/json';
    response.writeHead(status, body === undefined ? {} : { 'content-type': type });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  }
}

/** null = the client went away, or sends without end */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) {
        request.destroy();
        return null;
      }
      chunks.push(chunk);
    }
  } catch {
    return null; // nobody is left to be answered
  }
  return Buffer.concat(chunks).toString('utf8');
}
