import type { ActionIntent } from '../../schemas/action.ts';
import type { BillingItem } from '../../schemas/billing.ts';
import { ownAccount, STANDARD_TAX_CLASS } from '../../schemas/billing.ts';
import type { BillingItems } from '../../storage/people-ports.ts';
import type { ActionSink, SinkResult } from '../../storage/ports.ts';

/** Puts paid blocks and top-ups on the account, each once by its action id; a top-up reaches the line with the same transaction. */
export class BillingSink implements ActionSink {
  readonly name = 'billing';
  readonly #items: BillingItems;

  constructor(items: BillingItems) {
    this.#items = items;
  }

  async send(intent: ActionIntent): Promise<SinkResult> {
    const { overage, topUp } = intent;
    if (overage !== null) {
      const what = `block ${overage.block} of ${overage.blockBytes} bytes`;
      const isNew = await this.#items.charge(itemOf(intent, 'overage', overage, what));
      return delivered(isNew);
    }
    if (topUp === null) return { state: 'rejected', detail: 'the intent holds nothing to be charged' };
    const { productId, bytes, fromMs, expiresMs } = topUp;
    const item = itemOf(intent, 'topup', topUp, productId);
    const outcome = await this.#items.topUp(item, { id: intent.id, bytes, fromMs, expiresMs });
    if (outcome === 'no-subscriber') return { state: 'rejected', detail: 'no subscriber is called so' };
    return delivered(outcome === 'added');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function delivered(isNew: boolean): SinkResult {
  return { state: 'delivered', detail: isNew ? 'on the account' : 'was on the account' };
}

function itemOf(
  intent: ActionIntent,
  type: 'overage' | 'topup',
  { priceMinor, currency }: { priceMinor: number; currency: string },
  what: string,
): BillingItem {
  const { id: actionId, subscriberId, policyId, policyVersion, rule, cycleStartMs } = intent;
  const source = { actionId, policyId, policyVersion, rule, what };
  return {
    key: actionId,
    type,
    accountId: ownAccount(subscriberId),
    subscriberId,
    poolId: null,
    amountMinor: priceMinor,
    currency,
    quantity: 1,
    taxClass: STANDARD_TAX_CLASS,
    line: type === 'overage' ? 'overage:data' : `top-up:${actionId}`,
    description: what,
    cycleStartMs,
    cycleEndMs: null,
    periodFromMs: null,
    periodToMs: null,
    source,
  };
}
