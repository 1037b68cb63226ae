import type { InvoiceDelivery } from '../../../schemas/billing.ts';
import type { PeerAnswer, PeerFinding } from '../../../storage/billing-ports.ts';
import type { Exchange } from './http.ts';
import { ANSWERS, differing } from './wire.ts';

const LONGEST_WAIT_MS = 3_600_000;
const SHORTEST_WAIT_MS = 1_000;
/** Where Retry-After is missing or unreadable. */
const USUAL_WAIT_MS = 30_000;

/**
 * Answers that refuse us, not the request: no other one needs to be tried. 405 on a path of the contract means that the
 * address is wrong, 407 that a proxy wants a password, 501 that nobody is there who could.
 */
const STOP: ReadonlySet<number> = new Set([401, 403, 405, 407, 501]);
/** Of these, what says that nobody there does such things, whatever the request names. */
const UNKNOWN_THERE: ReadonlySet<number> = new Set([405, 501]);
/** On a path of the contract: the address is wrong, or they speak of the account that the item is for. */
const NOT_THERE: ReadonlySet<number> = new Set([404, 410]);
/** Not now. */
const LATER: ReadonlySet<number> = new Set([425, 429]);
/** Answers of 4xx that do not say whether it was done. */
const OPEN: ReadonlySet<number> = new Set([408, 421, 499]);

/** What an answer to a POST or PUT means. `tame` makes a foreign text fit for a log. Pure. */
export function answerOf(
  exchange: Exchange,
  context: { nowMs: number; tame: (text: string) => string; hasReceipt: boolean },
): PeerAnswer {
  if (exchange.kind === 'not-sent') return exchange;
  if (exchange.kind === 'no-answer') return { kind: 'unknown', detail: exchange.detail };
  const { status } = exchange;
  const detail = describe(exchange, context.tame);
  if (status >= 200 && status < 300) {
    if (!context.hasReceipt) return { kind: 'accepted', remoteId: '' };
    const receipt = ANSWERS.receipt(exchange.body);
    if (receipt !== null) return { kind: 'accepted', remoteId: receipt.id };
    return { kind: 'unknown', detail: `status ${status} without a readable receipt` };
  }
  if (status === 409) return { kind: 'taken', detail };
  if (LATER.has(status)) return { kind: 'later', afterMs: waitOf(exchange, context.nowMs), detail };
  if (UNKNOWN_THERE.has(status)) return { kind: 'stop', detail, isUnknownThere: true };
  if (STOP.has(status)) return { kind: 'stop', detail };
  if (NOT_THERE.has(status)) return { kind: 'not-there', detail };
  if (status >= 400 && status < 500 && !OPEN.has(status)) return { kind: 'refused', detail };
  return { kind: 'unknown', detail };
}

/** What an answer to the question for a key means. Pure. */
export function findingOf(
  exchange: Exchange,
  delivery: InvoiceDelivery,
  { nowMs, tame }: { nowMs: number; tame: (text: string) => string },
): PeerFinding {
  if (exchange.kind !== 'answer') return { kind: 'no-answer', detail: exchange.detail };
  const { status, body } = exchange;
  const detail = describe(exchange, tame);
  if (status === 200) {
    const item = ANSWERS.item(body);
    if (item === null) return { kind: 'no-answer', detail: 'status 200 without a readable item' };
    const names = differing(item, delivery);
    return { kind: 'there', same: names.length === 0, remoteId: item.id, detail: names.join(', ') };
  }
  if (status === 404) {
    // Of a proxy before it, say: sending again on its word could charge twice.
    return ANSWERS.problem(body)?.code === 'not-found'
      ? { kind: 'absent' }
      : { kind: 'no-answer', detail: `${detail}, without the code not-found` };
  }
  if (LATER.has(status)) return { kind: 'later', afterMs: waitOf(exchange, nowMs), detail };
  // Nothing of the contract redirects, and nothing is followed: the address is wrong, such as http for https.
  if (STOP.has(status) || (status >= 300 && status < 400)) return { kind: 'stop', detail };
  return { kind: 'no-answer', detail };
}

/** The status and what the problem document says. */
export function describe(exchange: { status: number; body: string }, tame: (text: string) => string): string {
  const told = exchange.status >= 400 ? ANSWERS.problem(exchange.body) : null;
  const text = tame(told?.detail ?? told?.title ?? '');
  return `status ${exchange.status}${text === '' ? '' : `: ${text}`}`;
}

/** Retry-After in ms: seconds, or a date by the clock of who wrote it (RFC 9110, 10.2.3); 1 s to 1 h. */
export function waitOf(exchange: { retryAfter: string | null; date: string | null }, nowMs: number): number {
  const text = exchange.retryAfter?.trim() ?? '';
  const theirsMs = exchange.date === null ? Number.NaN : Date.parse(exchange.date);
  const ms = /^\d{1,9}$/.test(text)
    ? Number(text) * 1_000
    : dateOf(text) - (Number.isNaN(theirsMs) ? nowMs : theirsMs);
  if (Number.isNaN(ms)) return USUAL_WAIT_MS;
  return Math.min(LONGEST_WAIT_MS, Math.max(SHORTEST_WAIT_MS, ms));
}

/** NaN = none of HTTP's. Date.parse alone takes nearly everything. */
function dateOf(text: string): number {
  return /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text) ? Date.parse(text) : Number.NaN;
}
