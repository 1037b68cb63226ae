import type { InvoiceDelivery } from '../../../schemas/billing.ts';
import type { BillingPeer, InvoiceLedger, PeerAnswer } from '../../../storage/billing-ports.ts';
import type { DispatchSettings } from '../dispatch-settings.ts';
import { backoffMs, type AttemptContext, type SendResult, type Settlement } from '../settlement.ts';
import { SYSTEM_TIMERS } from '../timers.ts';
import type { DispatchWork } from '../work.ts';
import { SendGate } from './send-gate.ts';
import type { GateWord } from './send-gate.ts';

/** Who wants to know what the delivery of items meets. Quick; must not throw. */
export interface InvoiceEvents {
  /** the billing system refuses us, and why; null = it takes items again */
  stopped(detail: string | null): void;
  /** it has another item under a key of ours: `detail` names the fields that differ */
  keyTaken(key: string, detail: string): void;
}

/** First wait before the billing system is asked what became of an item; doubles. */
const FIRST_ASK_MS = 15_000;
const LONGEST_ASK_MS = 3_600_000;
/** One claim may need three requests: ask, send, ask again. */
const REQUESTS_A_CLAIM = 3;

/** How a dispatcher of items works. An item is never given up: money is owed until somebody says otherwise. */
export function invoiceSettings(timeoutMs: number, maxInFlight: number): Partial<DispatchSettings> {
  const sendTimeoutMs = timeoutMs * REQUESTS_A_CLAIM + 1_000;
  return {
    claimBatch: Math.min(32, maxInFlight),
    maxInFlight,
    sendTimeoutMs,
    leaseMs: sendTimeoutMs * 2 + 10_000,
    maxAttempts: Number.MAX_SAFE_INTEGER,
    unknownAttempts: Number.MAX_SAFE_INTEGER,
  };
}

/**
 * Items of invoices and the billing system. Whatever may have been done is asked for by its key before it is sent again:
 * the billing system may have forgotten the key of the request by then, and would charge twice.
 */
export function invoiceWork(
  ledger: InvoiceLedger,
  peer: BillingPeer,
  events: InvoiceEvents,
  now: () => number = SYSTEM_TIMERS.now,
): DispatchWork<InvoiceDelivery> {
  const gate = new SendGate((detail) => events.stopped(detail));
  const sending = new Sending(peer, gate, events, now);
  return {
    ...ledgerWork(ledger),
    name: 'billing',
    mayClaim: (nowMs) => gate.mayClaim(nowMs),
    send: (delivery, signal) => sending.send(delivery, signal),
  };
}

/** Where no billing system is configured: items are held, and can be sent once there is one. */
export function keptWork(ledger: InvoiceLedger): DispatchWork<InvoiceDelivery> {
  return {
    ...ledgerWork(ledger),
    name: 'no billing system',
    send: () => Promise.resolve({ state: 'held', detail: 'no billing system is configured' }),
  };
}

function ledgerWork(ledger: InvoiceLedger): Omit<DispatchWork<InvoiceDelivery>, 'name' | 'send'> {
  return {
    claim: (owner, limit, leaseMs) => ledger.claim(owner, limit, leaseMs),
    attempts: ({ attempts }) => attempts,
    conclude,
    settle: (owner, { item }, { state, detail, retryAtMs, more }) =>
      ledger.settle(owner, item.key, state, detail, retryAtMs, more),
    after: (delivery, { state, detail, more }, updatedAtMs) => ({
      ...delivery,
      ...{ state, detail, updatedAtMs, askFirst: more?.askFirst ?? delivery.askFirst },
      remoteId: more?.remoteId ?? delivery.remoteId,
    }),
    sinceMs: ({ createdAtMs }) => createdAtMs,
  };
}

/** An answer -> what becomes of the item. Pure. */
function conclude(result: SendResult, context: AttemptContext): Settlement {
  const { state, detail, more } = result;
  const kept = more === undefined ? {} : { more };
  if (state === 'retry') {
    const waitMs = result.afterMs > 0 ? result.afterMs : backoffMs(context.attempts, context);
    return { state: 'pending', detail, retryAtMs: context.nowMs + waitMs, ...kept };
  }
  if (state !== 'unknown') return { state, detail, ...kept };
  const doublings = Math.min(20, Math.max(0, context.attempts - 1));
  const waitMs = Math.min(LONGEST_ASK_MS, FIRST_ASK_MS * 2 ** doublings);
  const jittered = Math.ceil(waitMs * (1 - context.random() / 4));
  return { state, detail, retryAtMs: context.nowMs + jittered, ...kept };
}

/** One claim after the other to the billing system; what it learns of the whole goes to the gate. */
class Sending {
  readonly #peer: BillingPeer;
  readonly #gate: SendGate;
  readonly #events: InvoiceEvents;
  readonly #now: () => number;

  constructor(peer: BillingPeer, gate: SendGate, events: InvoiceEvents, now: () => number) {
    this.#peer = peer;
    this.#gate = gate;
    this.#events = events;
    this.#now = now;
  }

  async send(delivery: InvoiceDelivery, signal: AbortSignal): Promise<SendResult> {
    this.#gate.began();
    try {
      const found = delivery.askFirst ? await this.#ask(delivery, signal) : 'absent';
      return found === 'absent' ? await this.#post(delivery, signal) : found;
    } finally {
      this.#gate.ended();
    }
  }

  async #ask(delivery: InvoiceDelivery, signal: AbortSignal): Promise<SendResult | 'absent'> {
    const finding = await this.#peer.ask(delivery, signal);
    switch (finding.kind) {
      case 'absent':
        this.#heard();
        return 'absent';
      case 'there':
        this.#heard();
        if (finding.same)
          return { state: 'delivered', detail: 'it was there', more: { remoteId: finding.remoteId } };
        this.#events.keyTaken(delivery.item.key, finding.detail);
        return {
          state: 'rejected',
          detail: `key-taken: the item of this key there has other ${finding.detail}`,
          more: { remoteId: finding.remoteId },
        };
      case 'stop':
        return this.#stop(finding.detail, true);
      case 'later':
        return this.#wait(finding, true);
      case 'no-answer':
        return { state: 'unknown', detail: `asked for it: ${finding.detail}`, more: { askFirst: true } };
    }
  }

  async #post(delivery: InvoiceDelivery, signal: AbortSignal): Promise<SendResult> {
    const answer = await this.#peer.send(delivery, signal);
    if (answer.kind === 'not-there') return this.#notThere(delivery, answer.detail, signal);
    if (answer.kind !== 'taken') return this.#resultOf(answer);
    this.#heard();
    const found = await this.#ask(delivery, signal);
    if (found !== 'absent') return found;
    return {
      state: 'unknown',
      detail: `${answer.detail}; asked for it, it is not there`,
      more: { askFirst: true },
    };
  }

  /**
   * A question that is answered as the contract has it shows that the address is right: the item was refused then, say for
   * an account that they do not have, and must not keep all others waiting.
   */
  async #notThere(delivery: InvoiceDelivery, detail: string, signal: AbortSignal): Promise<SendResult> {
    const finding = await this.#peer.ask(delivery, signal);
    if (finding.kind !== 'absent') return this.#stop(detail, true);
    this.#heard();
    return { state: 'rejected', detail, more: { askFirst: false } };
  }

  #resultOf(answer: Exclude<PeerAnswer, { kind: 'taken' | 'not-there' }>): SendResult {
    const { kind } = answer;
    switch (kind) {
      case 'accepted':
        this.#heard();
        return { state: 'delivered', detail: '', more: { remoteId: answer.remoteId, askFirst: false } };
      case 'refused':
        this.#heard();
        return { state: 'rejected', detail: answer.detail, more: { askFirst: false } };
      case 'stop':
        return this.#stop(answer.detail, false);
      case 'later':
      case 'not-sent':
        return this.#wait(answer, false);
      case 'unknown':
        return { state: 'unknown', detail: answer.detail, more: { askFirst: true } };
    }
  }

  #stop(detail: string, askFirst: boolean): SendResult {
    return this.#wait({ kind: 'stop', detail }, askFirst);
  }

  /** Nothing more is sent for a while, and nothing was. */
  #wait(word: Exclude<GateWord, { kind: 'heard' }> & { detail: string }, askFirst: boolean): SendResult {
    const afterMs = this.#gate.tell(word, this.#now());
    return { state: 'retry', detail: word.detail, afterMs, more: { askFirst, uncounted: true } };
  }

  #heard(): void {
    this.#gate.tell({ kind: 'heard' }, this.#now());
  }
}
