import type { ChangeContext, TariffReads, TariffStore } from '../../storage/tariff-ports.ts';

export interface HoldSides {
  reads: Pick<TariffReads, 'list' | 'rows'>;
  tariffs: Pick<TariffStore, 'hold' | 'endHold'>;
}

const PAGE = 100;

/**
 * Puts all services of an account on hold for non-payment, or ends the holds that were put so. Holds of others stay, and
 * where one of them is for non-payment none is added. Idempotent.
 */
export async function setBillingHolds(
  { reads, tariffs }: HoldSides,
  accountId: string,
  isSuspended: boolean,
  context: ChangeContext,
): Promise<void> {
  const all = { accountId, segment: null, planId: null, poolId: null, status: null, text: null };
  let after: string | null = null;
  do {
    const page = await reads.list({ ...all, atMs: context.atMs }, PAGE, after);
    for (const { subscriberId, status } of page.items) {
      if (status === 'terminated') continue;
      const rows = await reads.rows(subscriberId);
      const open = (rows?.holds ?? []).filter(({ kind, toMs }) => kind === 'non-payment' && toMs === null);
      if (isSuspended && open.length === 0)
        await tariffs.hold(subscriberId, 'non-payment', { fromMs: context.atMs, toMs: null }, context);
      if (isSuspended) continue;
      for (const { id, source } of open)
        if (source === 'billing') await tariffs.endHold(subscriberId, id, context);
    }
    after = page.next;
  } while (after !== null);
}
