import type { ReconciliationSummary } from '../../schemas/billing.ts';
import type { Job } from '../../storage/job-ports.ts';
import { AppError } from '../../schemas/errors.ts';
import { beginItemReconciliation } from './reconcile-items.ts';
import type { ItemSides } from './reconcile-items.ts';
import { syncAccounts } from './sync-accounts.ts';
import type { AccountSides } from './sync-accounts.ts';

/**
 * A week each night: an item that was not delivered yet is left out, and looked at again until it is. Longer ones are
 * asked for by hand.
 */
const WINDOW_MS = 7 * 86_400_000;

/** The regular work with the billing system: cycles and status every hour, items every night. */
export function billingJobs(
  sides: AccountSides & ItemSides,
  onDefect: (error: unknown) => void,
  onEnd: (summary: ReconciliationSummary) => void = () => undefined,
): Job[] {
  return [
    {
      name: 'sync-billing',
      cron: '20 * * * *',
      run: async ({ nowMs, signal }) => ended(await syncAccounts(sides, nowMs, signal), onEnd),
    },
    {
      name: 'reconcile-billing',
      cron: '30 3 * * *',
      run: async ({ signal }) => {
        const toMs = sides.nowMs();
        const window = { fromMs: toMs - WINDOW_MS, toMs };
        const { id, done } = await beginItemReconciliation(sides, window, signal, onDefect);
        const summary = await done;
        if (summary === null)
          throw new AppError('unreachable', 'its end could not be stored', { retriable: true });
        return { id, ...ended(summary, onEnd) };
      },
    },
  ];
}

function ended(
  summary: ReconciliationSummary,
  onEnd: (summary: ReconciliationSummary) => void,
): ReconciliationSummary {
  onEnd(summary);
  // A job that ends well has done all of it.
  if (summary.failure !== null) throw new AppError('unreachable', summary.failure, { retriable: true });
  return summary;
}
