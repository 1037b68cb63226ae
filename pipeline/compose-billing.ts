import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { BillingSources } from '../api/billing-sources.ts';
import { BillingServer } from '../simulator/billing/server.ts';
import type { InvoiceDelivery } from '../schemas/billing.ts';
import { AppError } from '../schemas/errors.ts';
import type { InvoiceLedger, Reconciliations } from '../storage/billing-ports.ts';
import type { Job } from '../storage/job-ports.ts';
import { PostgresInvoiceLedger } from '../storage/postgres/invoice-ledger.ts';
import { INVOICE_CHANNEL } from '../storage/postgres/item-rows.ts';
import { PostgresListener } from '../storage/postgres/listener.ts';
import { PostgresReconciliations } from '../storage/postgres/reconciliations.ts';
import type { TariffReads, TariffStore } from '../storage/tariff-ports.ts';
import type { Stores } from './compose-stores.ts';
import type { Config } from './config.ts';
import { Secret } from './config/secret.ts';
import { BillingClient } from './dispatch/billing/client.ts';
import { invoiceSettings, invoiceWork, keptWork } from './dispatch/billing/invoice-work.ts';
import { Dispatcher } from './dispatch/dispatcher.ts';
import type { LifecyclePart } from './lifecycle.ts';
import { reconcileBillingJob, syncBillingJob } from './reconcile/billing-jobs.ts';
import { oneAtATime } from './reconcile/reconcile-items.ts';
import type { BeginItems } from './reconcile/reconcile-items.ts';
import type { Telemetry } from './telemetry.ts';
import { billingTelemetry, gaugeDeliveries, reconciled } from './telemetry/billing-gauges.ts';

/** Where tariffs are read and changed; what of them billing's side of an account needs. */
export interface BilledTariffs {
  reads: Pick<TariffReads, 'accounts' | 'list' | 'rows' | 'cycles'>;
  tariffs: Pick<TariffStore, 'changeCycle' | 'putAccount' | 'hold' | 'endHold'>;
}

/** The delivery of items, and everything else that is done with the billing system. */
export interface Billing {
  /** dispatches items, while the process has that role */
  part(isDispatcher: boolean): LifecyclePart;
  sources: BillingSources;
  /** for a program that could not be put together; the part's stop does it too */
  close(): Promise<void>;
  /** regular work, by the name of the job; none without a billing system */
  work(tariffs: BilledTariffs | null): Partial<Record<'sync-billing' | 'reconcile-billing', Job['run']>>;
}

interface Peer {
  client: BillingClient;
  /** of the simulated provider; null = a real one */
  server: BillingServer | null;
}

/** The simulated provider's billing system is near. */
const SIMULATED_TIMEOUT_MS = 5_000;

/**
 * Puts the billing side together: with the configured billing system, else with the simulated provider's, else without
 * any, and items are kept.
 *
 * @throws AppError 'config-invalid' for a key that no header can carry
 */
export async function composeBilling(
  config: Config,
  telemetry: Telemetry,
  stores: Pick<Stores, 'pool'>,
): Promise<Billing> {
  const { log, metrics } = telemetry;
  const events = billingTelemetry(log, metrics);
  const ledger = new PostgresInvoiceLedger(stores.pool);
  const store = new PostgresReconciliations(stores.pool);
  const peer = await openPeer(config, events.onRequest);
  if (peer?.client.isOpen === true)
    log.warn('BILLING_API_URL is http: the key and all items go over the network unencrypted');
  telemetry.onScrape(async () => {
    try {
      gaugeDeliveries(metrics, await ledger.counts(), Date.now());
    } catch (error) {
      // As with the overview: what needs the server keeps its last values.
      log.warn({ err: error }, 'no states of items for the scrape');
    }
  });
  const stopping = new AbortController();
  const sides = peer === null ? null : { ledger, peer: peer.client, store, nowMs: Date.now };
  const begin = sides === null ? null : oneAtATime(sides, (error) => events.jobs.defect(error));
  return {
    part: (isDispatcher) => billingPart({ config, stores, ledger, peer, events, isDispatcher, stopping }),
    close: () => closePeer(peer),
    sources: sourcesOf(ledger, store, begin, events, stopping.signal),
    work: (tariffs) => {
      if (sides === null || begin === null) return {};
      const setsHolds = config.billing.setsHolds;
      return {
        'reconcile-billing': reconcileBillingJob(begin, sides.nowMs, events.jobs),
        ...(tariffs === null
          ? {}
          : { 'sync-billing': syncBillingJob({ ...tariffs, ...sides, setsHolds }, events.jobs) }),
      };
    },
  };
}

async function openPeer(
  config: Config,
  onRequest: ReturnType<typeof billingTelemetry>['onRequest'],
): Promise<Peer | null> {
  const { maxInFlight } = config.billing;
  if (config.billingApi !== null) {
    const { url, key, timeoutMs } = config.billingApi;
    const client = new BillingClient({ url, key, timeoutMs, maxConnections: maxInFlight, onRequest });
    return { client, server: null };
  }
  if (config.simulator === null) return null;
  const key = new Secret(randomBytes(16).toString('hex'));
  const server = new BillingServer({
    key: key.reveal(),
    file: join(config.dataDir, 'simulated-billing.jsonl'),
  });
  const url = new Secret(await server.listen());
  const timeoutMs = SIMULATED_TIMEOUT_MS;
  return {
    client: new BillingClient({ url, key, timeoutMs, maxConnections: maxInFlight, onRequest }),
    server,
  };
}

interface PartSources {
  config: Config;
  stores: Pick<Stores, 'pool'>;
  ledger: InvoiceLedger;
  peer: Peer | null;
  events: ReturnType<typeof billingTelemetry>;
  isDispatcher: boolean;
  stopping: AbortController;
}

function billingPart(from: PartSources): LifecyclePart {
  const { stores, peer, isDispatcher, stopping } = from;
  const dispatcher = itemDispatcher(from);
  const listener = new PostgresListener(stores.pool, INVOICE_CHANNEL, () => dispatcher.wake());
  return {
    name: 'billing',
    start: () => {
      if (!isDispatcher) return;
      dispatcher.start();
      listener.start();
    },
    stop: async (graceMs) => {
      stopping.abort();
      if (isDispatcher) await listener.stop();
      await dispatcher.stop(graceMs / 2);
      await closePeer(peer);
    },
  };
}

async function closePeer(peer: Peer | null): Promise<void> {
  peer?.client.close();
  await peer?.server?.close();
}

function itemDispatcher({ config, ledger, peer, events }: PartSources): Dispatcher<InvoiceDelivery> {
  const timeoutMs = config.billingApi?.timeoutMs ?? SIMULATED_TIMEOUT_MS;
  return new Dispatcher({
    work: peer === null ? keptWork(ledger) : invoiceWork(ledger, peer.client, events.invoices),
    name: `billing-${randomUUID()}`,
    observer: events.dispatch,
    settings: invoiceSettings(timeoutMs, config.billing.maxInFlight),
  });
}

/** What the API shows and begins. @param begin null = there is no billing system */
function sourcesOf(
  ledger: InvoiceLedger,
  reconciliations: Reconciliations,
  begin: BeginItems | null,
  { jobs }: ReturnType<typeof billingTelemetry>,
  signal: AbortSignal,
): BillingSources {
  return {
    ledger,
    reconciliations,
    reconcile: async (window) => {
      if (begin === null)
        throw new AppError('conflict', 'no billing system is configured: set BILLING_API_URL');
      const { id, done } = await begin(window, signal, 'refuse');
      void reconciled(jobs, done);
      return id;
    },
  };
}
