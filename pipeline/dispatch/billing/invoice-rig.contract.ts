import { expect } from 'vitest';
import { BillingServer } from '../../../simulator/billing/server.ts';
import type { FaultSettings } from '../../../simulator/billing/faults.ts';
import type { ActionState } from '../../../schemas/action.ts';
import type { BillingItem, InvoiceDelivery } from '../../../schemas/billing.ts';
import { anItem } from '../../../storage/billing-items.contract.ts';
import type { InvoiceLedger, ItemFilter } from '../../../storage/billing-ports.ts';
import { MemoryInvoiceLedger } from '../../../storage/memory/invoice-ledger.ts';
import { Secret } from '../../config/secret.ts';
import { ManualTimers } from '../dispatch-rig.contract.ts';
import { Dispatcher } from '../dispatcher.ts';
import { BillingClient } from './client.ts';
import { invoiceSettings, invoiceWork } from './invoice-work.ts';

export const BILLING_KEY = 'billing-key-for-tests';
export const TIMEOUT_MS = 250;
/** More than any wait between two tries. */
export const LATER_MS = 3_700_000;
const ALL: ItemFilter = {
  ...{ accountId: null, subscriberId: null, type: null, state: null, fromMs: null, toMs: null },
};

/** An item that the contract takes. */
export function billed(key: string, over: Partial<BillingItem> = {}): BillingItem {
  return anItem(key, { currency: 'EUR', ...over });
}

/** How many of up to 1,000 items are delivered. */
export async function deliveredOf(ledger: Pick<InvoiceLedger, 'list'>): Promise<number> {
  return (await ledger.list({ ...ALL, state: 'delivered' }, 1_000, null)).items.length;
}

/** A dispatcher of items with a clock of the test's, a ledger in memory and the reference billing server over HTTP. */
export class InvoiceRig {
  readonly timers = new ManualTimers();
  readonly ledger = new MemoryInvoiceLedger({ now: () => this.timers.now() });
  readonly server = new BillingServer({ key: BILLING_KEY, now: () => this.timers.now() });
  readonly stops: (string | null)[] = [];
  readonly taken: string[] = [];
  /** one text an ended attempt: key and state */
  readonly settled: string[] = [];
  readonly #clients: BillingClient[] = [];
  readonly #dispatchers: Dispatcher<InvoiceDelivery>[] = [];
  url = '';

  async open(): Promise<void> {
    this.url = await this.server.listen();
  }

  async close(): Promise<void> {
    for (const dispatcher of this.#dispatchers) {
      const stopped = dispatcher.stop(0);
      await this.timers.advance(0);
      await stopped;
    }
    for (const client of this.#clients) client.close();
    await this.server.close();
    expect(this.server.defects).toEqual([]);
  }

  client(over: { url?: string; key?: string } = {}): BillingClient {
    const client = new BillingClient({
      url: new Secret(over.url ?? this.url),
      key: new Secret(over.key ?? BILLING_KEY),
      timeoutMs: TIMEOUT_MS,
      maxConnections: 8,
      now: () => this.timers.now(),
    });
    this.#clients.push(client);
    return client;
  }

  /** Starts a dispatcher over this ledger. */
  dispatch(over: { client?: BillingClient; ledger?: MemoryInvoiceLedger } = {}): Dispatcher<InvoiceDelivery> {
    const events = {
      stopped: (detail: string | null) => void this.stops.push(detail),
      keyTaken: (key: string) => void this.taken.push(key),
    };
    const now = (): number => this.timers.now();
    const dispatcher = new Dispatcher({
      work: invoiceWork(over.ledger ?? this.ledger, over.client ?? this.client(), events, now),
      name: `invoices-${this.#dispatchers.length}`,
      settings: invoiceSettings(TIMEOUT_MS, 8),
      timers: this.timers,
      random: () => 0,
      observer: {
        settled: ({ item }, state) => void this.settled.push(`${item.key} ${state}`),
        stale: ({ item }) => void this.settled.push(`${item.key} stale`),
        failed: () => undefined,
      },
    });
    this.#dispatchers.push(dispatcher);
    dispatcher.start();
    return dispatcher;
  }

  fault(settings: FaultSettings): void {
    expect(this.server.faults.set(settings)).toBe(null);
  }

  /** Waits for so many ended attempts in all, in real time: HTTP takes some. */
  async untilSettled(count: number): Promise<void> {
    await expect
      .poll(() => this.settled.length, { timeout: 20_000, interval: 5 })
      .toBeGreaterThanOrEqual(count);
  }

  async states(): Promise<Record<string, [ActionState, number]>> {
    const { items } = await this.ledger.list(ALL, 1_000, null);
    return Object.fromEntries(items.map(({ item, state, attempts }) => [item.key, [state, attempts]]));
  }

  async theOnly(): Promise<InvoiceDelivery> {
    const [only] = (await this.ledger.list(ALL, 2, null)).items;
    if (only === undefined) throw new Error('the ledger is empty');
    return only;
  }
}
