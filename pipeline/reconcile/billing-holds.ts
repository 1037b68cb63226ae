import type { Dated } from '../../schemas/tariff.ts';
import type { ChangeContext, TariffReads, TariffStore } from '../../storage/tariff-ports.ts';
import { settled } from './settled.ts';

export interface HoldSides {
  reads: Pick<TariffReads, 'list' | 'rows'>;
  tariffs: Pick<TariffStore, 'hold' | 'endHold'>;
}

const PAGE = 100;

/**
 * Puts all services of an account on hold for non-payment, or ends the holds that were put so. Holds of others stay, and
 * while one of them is for non-payment none is added. Idempotent.
 *
 * @param refused a service whose hold the store did not take, and why; the others go on
 */
export async function setBillingHolds(
  { reads, tariffs }: HoldSides,
  accountId: string,
  isSuspended: boolean,
  context: ChangeContext,
  refused: (subscriberId: string, why: string) => void,
): Promise<void> {
  const all = { accountId, segment: null, planId: null, poolId: null, status: null, text: null };
  let after: string | null = null;
  do {
    const page = await reads.list({ ...all, atMs: context.atMs }, PAGE, after);
    for (const { subscriberId, status } of page.items) {
      if (status === 'terminated') continue;
      const holds =
        (await reads.rows(subscriberId))?.holds.filter(({ kind }) => kind === 'non-payment') ?? [];
      const why = (text: string): void => refused(subscriberId, text);
      if (isSuspended) {
        const from: Dated = { fromMs: context.atMs, toMs: null };
        if (!holds.some((hold) => isOn(hold, context.atMs)))
          await settled(() => tariffs.hold(subscriberId, 'non-payment', from, context), why);
        continue;
      }
      for (const { id, source, toMs } of holds)
        if (source === 'billing' && toMs === null)
          await settled(() => tariffs.endHold(subscriberId, id, context), why);
    }
    after = page.next;
  } while (after !== null);
}

function isOn({ fromMs, toMs }: Dated, atMs: number): boolean {
  return fromMs <= atMs && (toMs === null || toMs > atMs);
}
