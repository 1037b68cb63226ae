import { AppError } from '../../../schemas/errors.ts';
import type { InvoiceDelivery } from '../../../schemas/billing.ts';
import type { Span } from '../../../schemas/tariff.ts';
import type {
  BillingPeer,
  PeerAccount,
  PeerAnswer,
  PeerFinding,
  PeerItem,
} from '../../../storage/billing-ports.ts';
import { HttpPeer } from './http.ts';
import type { Exchange, HttpAsk, HttpPeerOptions } from './http.ts';
import { answerOf, describe, findingOf } from './outcome.ts';
import { ANSWERS, cycleBody, instant, itemBody, peerItem } from './wire.ts';

/** How requests can end, as metrics count them. */
export const REQUEST_OUTCOMES = [
  'accepted',
  'refused',
  'taken',
  'stop',
  'not-there',
  'later',
  'not-sent',
  'unknown',
  'there',
  'absent',
  'no-answer',
  'read',
] as const;
export type RequestOutcome = (typeof REQUEST_OUTCOMES)[number];

export interface BillingClientOptions extends HttpPeerOptions {
  /** ms since 1970 UTC; default the system's clock */
  now?: () => number;
  /** a request ended; must be quick and must not throw */
  onRequest?: (outcome: RequestOutcome, durationMs: number) => void;
}

/** Most pages of one list; 100 million items. */
const MAX_PAGES = 100_000;

/** The billing system over HTTP, by schemas/billing-api.yaml. */
export class BillingClient implements BillingPeer {
  readonly #http: HttpPeer;
  readonly #now: () => number;
  readonly #onRequest: (outcome: RequestOutcome, durationMs: number) => void;

  /** Throws AppError 'config-invalid' for a key that no header can carry. */
  constructor(options: BillingClientOptions) {
    this.#http = new HttpPeer(options);
    this.#now = options.now ?? Date.now;
    this.#onRequest = options.onRequest ?? (() => undefined);
  }

  /** The key goes over the network unencrypted. */
  get isOpen(): boolean {
    return this.#http.isOpen;
  }

  async send(delivery: InvoiceDelivery, signal: AbortSignal): Promise<PeerAnswer> {
    const made = itemBody(delivery);
    if ('fault' in made) return { kind: 'refused', detail: `not sent: ${made.fault}` };
    const headers = { 'idempotency-key': delivery.item.key };
    const ask = { method: 'POST', path: '/v1/invoice-items', body: made.body, headers, signal } as const;
    return this.#timed(ask, (exchange) => this.#answer(exchange, true));
  }

  ask(delivery: InvoiceDelivery, signal: AbortSignal): Promise<PeerFinding> {
    const path = `/v1/invoice-items/${encodeURIComponent(delivery.item.key)}`;
    return this.#timed({ method: 'GET', path, signal }, (exchange) =>
      findingOf(exchange, delivery, { nowMs: this.#now(), tame: (text) => this.#http.tame(text) }),
    );
  }

  async account(ref: string, signal: AbortSignal): Promise<PeerAccount | null> {
    const path = `/v1/accounts/${encodeURIComponent(ref)}`;
    const body = await this.#read({ method: 'GET', path, signal });
    if (body === null) return null;
    const account = ANSWERS.account(body);
    if (account === null || account.ref !== ref) throw broken('an account');
    return account;
  }

  putCycle(ref: string, cycle: Span, signal: AbortSignal): Promise<PeerAnswer> {
    const path = `/v1/accounts/${encodeURIComponent(ref)}/cycle`;
    return this.#timed({ method: 'PUT', path, body: cycleBody(cycle), signal }, (exchange) =>
      this.#answer(exchange, false),
    );
  }

  async *items(fromMs: number, toMs: number, signal: AbortSignal): AsyncGenerator<PeerItem[]> {
    const window = `from=${encodeURIComponent(instant(fromMs))}&to=${encodeURIComponent(instant(toMs))}`;
    let cursor: string | null = null;
    for (let n = 0; n < MAX_PAGES; n++) {
      const more: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const body = await this.#read({ method: 'GET', path: `/v1/invoice-items?${window}${more}`, signal });
      const page = body === null ? null : ANSWERS.page(body);
      if (page === null) throw broken('a list of items');
      if (page.items.length > 0) yield page.items.map(peerItem);
      if (page.next === null) return;
      // A page without items and the same cursor again: it would never end.
      if (page.next === cursor || page.items.length === 0) throw broken('the pages of its list of items');
      cursor = page.next;
    }
    throw broken('the number of pages of its list of items');
  }

  /** Ends its connections. */
  close(): void {
    this.#http.close();
  }

  #answer(exchange: Exchange, hasReceipt: boolean): PeerAnswer {
    return answerOf(exchange, {
      nowMs: this.#now(),
      tame: (text) => this.#http.tame(text),
      hasReceipt,
    });
  }

  async #timed<T extends { kind: RequestOutcome }>(
    ask: HttpAsk,
    meaning: (exchange: Exchange) => T,
  ): Promise<T> {
    const beganMs = this.#now();
    const result = meaning(await this.#http.exchange(ask));
    this.#onRequest(result.kind, this.#now() - beganMs);
    return result;
  }

  /** Body of a 200; null = 404 of the contract. */
  async #read(ask: HttpAsk): Promise<string | null> {
    const beganMs = this.#now();
    const exchange = await this.#http.exchange(ask);
    const outcome = exchange.kind === 'answer' ? readOutcome(exchange) : exchange.kind;
    this.#onRequest(outcome, this.#now() - beganMs);
    if (exchange.kind !== 'answer')
      throw new AppError('unreachable', `the billing system: ${exchange.detail}`, { retriable: true });
    if (outcome === 'read') return exchange.body;
    if (outcome === 'absent') return null;
    const detail = `the billing system: ${describe(exchange, (text) => this.#http.tame(text))}`;
    if (outcome === 'stop') throw new AppError('unauthorised', detail);
    throw new AppError('unreachable', detail, { retriable: true });
  }
}

function readOutcome({ status, body }: { status: number; body: string }): RequestOutcome {
  if (status === 200) return 'read';
  if (status === 404 && ANSWERS.problem(body)?.code === 'not-found') return 'absent';
  if (status === 401 || status === 403) return 'stop';
  return status === 429 ? 'later' : 'no-answer';
}

function broken(what: string): AppError {
  return new AppError('store-corrupt', `${what} of the billing system is not as the contract has it`);
}
