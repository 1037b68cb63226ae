import type { ReconciliationSummary } from '../../schemas/billing.ts';
import { AppError } from '../../schemas/errors.ts';
import type { Job } from '../../storage/job-ports.ts';
import type { BeginItems } from './reconcile-items.ts';
import { syncAccounts } from './sync-accounts.ts';
import type { AccountSides } from './sync-accounts.ts';

/**
 * A week each night: an item that was not delivered yet is left out, and looked at again until it is. Longer ones are
 * asked for by hand.
 */
const WINDOW_MS = 7 * 86_400_000;

/** Who wants to know how the regular work went. */
export interface BillingJobEvents {
  ended(summary: ReconciliationSummary): void;
  /** what is no operating error */
  defect(error: unknown): void;
}

/** Agreement of cycles and status with the billing system. The run fails where it could not be finished. */
export function syncBillingJob(sides: AccountSides, events: BillingJobEvents): Job['run'] {
  return async ({ nowMs, signal }) => finished(await syncAccounts(sides, nowMs, signal), events);
}

/**
 * Comparison of the last week's items. One that was asked for by hand ends before. The run fails where it
 * could not be finished. @param nowMs dates items
 */
export function reconcileBillingJob(
  begin: BeginItems,
  nowMs: () => number,
  events: BillingJobEvents,
): Job['run'] {
  return async ({ signal }) => {
    const toMs = nowMs();
    const { id, done } = await begin({ fromMs: toMs - WINDOW_MS, toMs }, signal, 'wait');
    const summary = await done;
    if (summary === null)
      throw new AppError('unreachable', 'its end could not be stored', { retriable: true });
    return { id, ...finished(summary, events) };
  };
}

function finished(summary: ReconciliationSummary, events: BillingJobEvents): ReconciliationSummary {
  events.ended(summary);
  if (summary.failure !== null) throw new AppError('unreachable', summary.failure, { retriable: true });
  return summary;
}
