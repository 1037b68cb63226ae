import { blockLine } from '../../rules/tariff/blocks.ts';
import type { ActionIntent, OverageBlock } from '../../schemas/action.ts';
import type { BillingItem } from '../../schemas/billing.ts';
import { ownAccount, STANDARD_TAX_CLASS } from '../../schemas/billing.ts';
import { AppError } from '../../schemas/errors.ts';
import type { BillingItems } from '../../storage/people-ports.ts';
import type { ActionSink, SinkResult } from '../../storage/ports.ts';
import type { TariffStore } from '../../storage/tariff-ports.ts';

/** What the sink changes. */
export interface BillingSinkPorts {
  items: Pick<BillingItems, 'charge'>;
  tariffs: Pick<TariffStore, 'bookPolicyTopUp'>;
  /** the log's clock, ms since 1970 UTC */
  nowMs: () => number;
}

/**
 * Puts paid blocks and top-ups on the account, each once by its action id; a top-up reaches the line with the same
 * transaction. One that is over before it is bought, as after a long pause of billing, is not charged.
 */
export class BillingSink implements ActionSink {
  readonly name = 'billing';
  readonly #ports: BillingSinkPorts;

  constructor(ports: BillingSinkPorts) {
    this.#ports = ports;
  }

  async send(intent: ActionIntent): Promise<SinkResult> {
    const { overage, topUp } = intent;
    if (overage !== null) return this.#charge(blockItem(intent, overage));
    if (topUp === null) return { state: 'rejected', detail: 'the intent holds nothing to be charged' };
    const outcome = await this.#ports.tariffs.bookPolicyTopUp(intent, this.#ports.nowMs());
    switch (outcome) {
      case 'no-subscriber':
        return { state: 'rejected', detail: 'no subscriber is called so' };
      case 'expired':
        return {
          state: 'rejected',
          detail: 'the top-up was over before it could be bought: nothing is charged',
        };
      case 'currency':
        return {
          state: 'rejected',
          detail: `the account is not charged in ${topUp.currency}: nothing is given`,
        };
      case 'added':
      case 'known':
        return delivered(outcome === 'added');
    }
  }

  async #charge(item: BillingItem): Promise<SinkResult> {
    try {
      return delivered(await this.#ports.items.charge(item));
    } catch (error) {
      // Another attempt would be refused as well, unless others were at the same rows.
      if (error instanceof AppError && error.code === 'conflict' && !error.retriable)
        return { state: 'rejected', detail: error.message };
      throw error;
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function delivered(isNew: boolean): SinkResult {
  return { state: 'delivered', detail: isNew ? 'on the account' : 'was on the account' };
}

function blockItem(
  intent: ActionIntent,
  { block, blockBytes, priceMinor, currency }: OverageBlock,
): BillingItem {
  const { id: actionId, subscriberId, policyId, policyVersion, rule, cycleStartMs } = intent;
  const what = `block ${block} of ${blockBytes} bytes`;
  return {
    key: actionId,
    type: 'overage',
    accountId: ownAccount(subscriberId),
    subscriberId,
    poolId: null,
    amountMinor: priceMinor,
    currency,
    quantity: 1,
    taxClass: STANDARD_TAX_CLASS,
    line: blockLine(intent),
    description: what,
    cycleStartMs,
    cycleEndMs: null,
    periodFromMs: null,
    periodToMs: null,
    source: { actionId, policyId, policyVersion, rule, what },
  };
}
