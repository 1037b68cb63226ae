import type { ActionState } from '../../schemas/action.ts';
import { RESENDABLE_STATES } from '../../schemas/billing.ts';
import type { BillingItem, InvoiceDelivery } from '../../schemas/billing.ts';
import { AppError } from '../../schemas/errors.ts';
import type { InvoiceCounts, InvoiceLedger, ItemFilter, ResendFilter } from '../billing-ports.ts';
import type { Page } from '../tariff-ports.ts';

const PAGE = 1_000;
const RESENT: readonly ActionState[] = RESENDABLE_STATES;

interface Row extends InvoiceDelivery {
  seq: number;
  /** when it may be claimed; null = closed to dispatchers */
  dueMs: number | null;
  owner: string | null;
  /** false = made before there were deliveries */
  isDelivered: boolean;
}

/** What the memory ledger of items needs from outside; all optional. */
export interface MemoryInvoiceOptions {
  /** ms since 1970 UTC; default the system's clock */
  now?: () => number;
  /** id of an account in the billing system; null = ours */
  accountRef?: (accountId: string) => string | null;
}

/** Items and their delivery in memory, for simulation and unit tests. Same contract as in Postgres; nothing survives. */
export class MemoryInvoiceLedger implements InvoiceLedger {
  readonly #now: () => number;
  readonly #accountRef: (accountId: string) => string | null;
  readonly #rows = new Map<string, Row>();
  /** who had which item sent again */
  readonly resent: { key: string; by: string }[] = [];

  constructor(options: MemoryInvoiceOptions = {}) {
    this.#now = options.now ?? Date.now;
    this.#accountRef = options.accountRef ?? (() => null);
  }

  /** What ItemBook.book does. @param isDelivered false = as a release without deliveries did */
  add(items: readonly BillingItem[], isDelivered = true): string[] {
    const now = this.#now();
    const added = items.filter(({ key }, place) => {
      return !this.#rows.has(key) && items.findIndex((other) => other.key === key) === place;
    });
    for (const item of added) {
      this.#rows.set(item.key, {
        seq: this.#rows.size,
        item: structuredClone(item),
        state: isDelivered ? 'pending' : 'held',
        detail: isDelivered ? '' : 'made by a release that delivered nothing',
        attempts: 0,
        askFirst: false,
        remoteId: null,
        accountRef: null,
        createdAtMs: now,
        updatedAtMs: now,
        dueMs: isDelivered ? now : null,
        owner: null,
        isDelivered,
      });
    }
    return added.map(({ key }) => key);
  }

  /** All of them, in the order in which they were made. */
  items(): BillingItem[] {
    return [...this.#rows.values()].map(({ item }) => structuredClone(item));
  }

  has(key: string): boolean {
    return this.#rows.has(key);
  }

  /** Of one subscriber's cycles that begin in [fromMs, toMs), in the order in which they were made. */
  ofCycles(subscriberId: string, fromMs: number, toMs: number): BillingItem[] {
    const own: BillingItem[] = [];
    for (const { item } of this.#rows.values())
      if (item.subscriberId === subscriberId && item.cycleStartMs >= fromMs && item.cycleStartMs < toMs)
        own.push(structuredClone(item));
    return own;
  }

  claim(owner: string, limit: number, leaseMs: number): Promise<InvoiceDelivery[]> {
    const now = this.#now();
    const due = [...this.#rows.values()].filter(({ dueMs }) => dueMs !== null && dueMs <= now);
    due.sort((a, b) => (a.dueMs ?? 0) - (b.dueMs ?? 0) || a.seq - b.seq);
    const claimed = due.slice(0, Math.max(0, limit)).sort((a, b) => a.seq - b.seq);
    for (const row of claimed) {
      if (row.state === 'sending') row.askFirst = true;
      row.attempts += 1;
      this.#set(row, 'sending', row.detail, now + leaseMs);
      row.owner = owner;
    }
    return Promise.resolve(claimed.map((row) => this.#toDelivery(row)));
  }

  settle(
    owner: string,
    key: string,
    state: ActionState,
    detail: string,
    retryAtMs?: number,
    more: { askFirst?: boolean; remoteId?: string; uncounted?: boolean } = {},
  ): Promise<boolean> {
    if (state === 'sending') throw new AppError('invalid-input', 'an item cannot be settled as sending');
    const row = this.#rows.get(key);
    if (row === undefined || row.state !== 'sending' || row.owner !== owner) return Promise.resolve(false);
    const due =
      state === 'pending' ? (retryAtMs ?? this.#now()) : state === 'unknown' ? (retryAtMs ?? null) : null;
    row.askFirst = more.askFirst ?? row.askFirst;
    row.remoteId = more.remoteId ?? row.remoteId;
    if (more.uncounted === true) row.attempts -= 1;
    this.#set(row, state, detail, due);
    return Promise.resolve(true);
  }

  counts(): Promise<InvoiceCounts> {
    const states = { pending: 0, sending: 0, rejected: 0, unknown: 0, held: 0, superseded: 0, dead: 0 };
    const unknown: number[] = [];
    for (const { state, isDelivered, createdAtMs } of this.#rows.values()) {
      if (isDelivered && state !== 'delivered') states[state] += 1;
      if (state === 'unknown') unknown.push(createdAtMs);
    }
    return Promise.resolve({ states, oldestUnknownMs: unknown.length === 0 ? null : Math.min(...unknown) });
  }

  list(filter: ItemFilter, limit: number, after: string | null): Promise<Page<InvoiceDelivery>> {
    if (after !== null && !/^\d{1,18}$/.test(after))
      throw new AppError('invalid-input', 'a list of items goes on after a number');
    const found = [...this.#rows.values()]
      .reverse()
      .filter((row) => (after === null || row.seq < Number(after)) && isAsked(filter, row));
    const last = found.length > limit ? found[limit - 1] : undefined;
    return Promise.resolve({
      items: found.slice(0, limit).map((row) => this.#toDelivery(row)),
      next: last === undefined ? null : String(last.seq),
    });
  }

  async *pages(fromMs: number, toMs: number): AsyncGenerator<InvoiceDelivery[]> {
    const all = [...this.#rows.values()]
      .filter(({ createdAtMs }) => createdAtMs >= fromMs && createdAtMs < toMs)
      .sort((a, b) => Buffer.compare(Buffer.from(a.item.key), Buffer.from(b.item.key)));
    for (let at = 0; at < all.length; at += PAGE)
      yield await Promise.resolve(all.slice(at, at + PAGE).map((row) => this.#toDelivery(row)));
  }

  resend(key: string, by: string): Promise<boolean> {
    const row = this.#rows.get(key);
    if (row === undefined || !RESENT.includes(row.state)) return Promise.resolve(false);
    row.askFirst = true;
    row.attempts = 0;
    if (!row.isDelivered) row.detail = '';
    row.isDelivered = true;
    this.#set(row, 'pending', row.detail, this.#now());
    this.resent.push({ key, by });
    return Promise.resolve(true);
  }

  async resendAll(
    filter: ResendFilter,
    by: string,
    after: string | null,
  ): Promise<{ resent: number; next: string | null }> {
    const { items, next } = await this.list(filter, PAGE, after);
    for (const { item } of items) await this.resend(item.key, by);
    return { resent: items.length, next };
  }

  #set(row: Row, state: ActionState, detail: string, dueMs: number | null): void {
    row.state = state;
    row.detail = detail;
    row.dueMs = dueMs;
    row.owner = null;
    row.updatedAtMs = this.#now();
  }

  #toDelivery({
    item,
    state,
    detail,
    attempts,
    askFirst,
    remoteId,
    createdAtMs,
    updatedAtMs,
  }: Row): InvoiceDelivery {
    const accountRef = this.#accountRef(item.accountId);
    const delivery = { state, detail, attempts, askFirst, remoteId, accountRef, createdAtMs, updatedAtMs };
    return { item: structuredClone(item), ...delivery };
  }
}

function isAsked(filter: ItemFilter, { item, state, createdAtMs }: Row): boolean {
  return (
    (filter.accountId === null || filter.accountId === item.accountId) &&
    (filter.subscriberId === null || filter.subscriberId === item.subscriberId) &&
    (filter.type === null || filter.type === item.type) &&
    (filter.state === null || filter.state === state) &&
    (filter.fromMs === null || createdAtMs >= filter.fromMs) &&
    (filter.toMs === null || createdAtMs < filter.toMs)
  );
}
