import type { Logger } from 'pino';
import type { BillingItem, InvoiceDelivery, ReconciliationSummary } from '../../schemas/billing.ts';
import type { InvoiceCounts } from '../../storage/billing-ports.ts';
import type { RequestOutcome } from '../dispatch/billing/client.ts';
import type { InvoiceEvents } from '../dispatch/billing/invoice-work.ts';
import type { DispatchObserver } from '../dispatch/dispatcher.ts';
import type { BillingJobEvents } from '../reconcile/billing-jobs.ts';
import type { Metrics } from './metrics.ts';

/** An item that the billing system has not answered for in so long needs somebody. */
const ALARM_MS = 86_400_000;

/** Metrics and log lines of the delivery of items. Lines hold keys of items and ids, no names and no secrets. */
export function billingTelemetry(
  log: Logger,
  metrics: Metrics,
): {
  dispatch: DispatchObserver<InvoiceDelivery>;
  invoices: InvoiceEvents;
  jobs: BillingJobEvents;
  onRequest: (outcome: RequestOutcome, durationMs: number) => void;
} {
  return {
    dispatch: dispatchObserver(log, metrics),
    invoices: {
      stopped: (detail) => {
        metrics.billingStopped.set(detail === null ? 0 : 1);
        if (detail === null) log.info('the billing system takes items again');
        else log.error({ detail }, 'the billing system refuses us: items wait, one a minute is tried');
      },
      keyTaken: (item, differs) => {
        log.error({ item, differs }, 'the billing system has another item under this key');
      },
    },
    jobs: {
      ended: ({ ours, theirs, leftOut, differences, failure }) => {
        for (const [of, count] of Object.entries(differences))
          metrics.reconciliationDifferences.inc({ class: of }, count);
        const line = { ours, theirs, leftOut, differences, failure };
        const level = failure === null && Object.keys(differences).length === 0 ? 'info' : 'warn';
        log[level](line, 'compared with the billing system');
      },
      defect: (error) => log.error({ err: error }, 'a reconciliation failed'),
    },
    onRequest: (outcome, durationMs) => {
      metrics.billingRequests.inc({ outcome });
      metrics.billingRequestDuration.observe(durationMs / 1_000);
    },
  };
}

function dispatchObserver(log: Logger, metrics: Metrics): DispatchObserver<InvoiceDelivery> {
  return {
    settled: ({ item, detail, attempts }, state, sinceMs) => {
      if (state === 'delivered') countDelivered(metrics, item);
      const line = { item: item.key, type: item.type, account: item.accountId, attempts, detail };
      if (state === 'delivered' || state === 'pending' || state === 'held') log.debug(line, `item ${state}`);
      else if (state === 'unknown' && sinceMs > ALARM_MS)
        log.error(line, 'for more than a day nobody says what became of this item');
      else log.warn(line, `item ${state}`);
    },
    stale: ({ item }) => {
      metrics.staleClaims.inc();
      log.warn({ item: item.key }, 'an attempt outlived its lease; somebody else has the item');
    },
    failed: (during, error) => {
      metrics.dispatchErrors.inc({ during });
      log.warn({ during, err: error }, 'dispatch of items failed; trying again');
    },
  };
}

/** A counter cannot go back: credits have a label of their own. */
function countDelivered(metrics: Metrics, { type, amountMinor, currency }: BillingItem): void {
  metrics.billingItems.inc({ type });
  const of = amountMinor < 0 ? 'credit' : 'charge';
  metrics.billingAmount.inc({ currency, type, of }, Math.abs(amountMinor));
}

/** Puts how the delivery of items stands into the metrics. @param nowMs ms since 1970 UTC */
export function gaugeDeliveries(
  metrics: Pick<Metrics, 'invoiceDeliveries' | 'invoiceOldestUnknown'>,
  { states, oldestUnknownMs }: InvoiceCounts,
  nowMs: number,
): void {
  for (const [state, count] of Object.entries(states)) metrics.invoiceDeliveries.set({ state }, count);
  const ageMs = oldestUnknownMs === null ? 0 : nowMs - oldestUnknownMs;
  metrics.invoiceOldestUnknown.set(Math.max(0, ageMs / 1_000));
}

/** What was compared by hand counts as the job's. */
export function reconciled(
  events: BillingJobEvents,
  done: Promise<ReconciliationSummary | null>,
): Promise<void> {
  return done.then((summary) => {
    if (summary !== null) events.ended(summary);
  });
}
