import type { InvoiceLedger, Reconciliations } from '../storage/billing-ports.ts';

/** What the routes of items and reconciliations use. Everything may throw AppErrors. */
export interface BillingSources {
  ledger: Pick<InvoiceLedger, 'list' | 'resend' | 'resendAll'>;
  reconciliations: Pick<Reconciliations, 'list' | 'find' | 'differences'>;
  /**
   * Begins a comparison of items made in [fromMs, toMs) with the billing system's; it goes on by itself.
   *
   * @returns its id. Throws 'conflict' where no billing system is configured or one is under way, 'invalid-input'
   */
  reconcile(window: { fromMs: number; toMs: number }): Promise<string>;
}
