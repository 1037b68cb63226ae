import { MemoryInvoiceLedger } from '../storage/memory/invoice-ledger.ts';
import { MemoryReconciliations } from '../storage/memory/reconciliations.ts';
import type { BillingSources } from './billing-sources.ts';

/** Sources of items and reconciliations that hold nothing. */
export function billingSources(): BillingSources {
  return {
    ledger: new MemoryInvoiceLedger(),
    reconciliations: new MemoryReconciliations(),
    reconcile: () => Promise.resolve('1'),
  };
}
