import type { Analytics } from '../../storage/analytics-ports.ts';
import type { ActionLedger } from '../../storage/ports.ts';

/** Actions of one round. */
const ROUND = 1_000;

/**
 * Brings actions from the ledger to analytics: whatever changed since analytics took it, oldest first, until nothing is
 * left. At least once, and the same version twice is one row. Throws what the ledger or analytics throws; the next call
 * goes on. Several processes may run it at once.
 * @returns how many went
 */
export async function exportActions(
  ledger: Pick<ActionLedger, 'unexported' | 'markExported'>,
  analytics: Pick<Analytics, 'insertActions'>,
): Promise<number> {
  for (let exported = 0; ;) {
    const actions = await ledger.unexported(ROUND);
    if (actions.length === 0) return exported;
    await analytics.insertActions(actions);
    await ledger.markExported(actions);
    exported += actions.length;
    if (actions.length < ROUND) return exported;
  }
}
