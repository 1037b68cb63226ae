import type { ActionState } from './action.ts';

/** What an item of an invoice is for. */
export const ITEM_TYPES = [
  'recurring',
  'proration',
  'usage',
  'overage',
  'topup',
  'add-on',
  'adjustment',
  'one-off',
] as const;
export type ItemType = (typeof ITEM_TYPES)[number];

/** A line of an invoice to be; money in minor units of the currency, net of tax. Instants are ms since 1970 UTC. */
export interface BillingItem {
  /** the same key is the same item */
  key: string;
  type: ItemType;
  accountId: string;
  subscriberId: string;
  /** null = of the subscriber itself */
  poolId: string | null;
  /** negative = a credit */
  amountMinor: number;
  currency: string;
  /** not 0 */
  quantity: number;
  taxClass: string;
  /**
   * what of the cycle it is a part of: `plan:<id>`, `add-on:<id>`, `usage:<part from ms>`, `overage:data`, `top-up:<id>`;
   * items of one line add up to what it costs
   */
  line: string;
  /** for people */
  description: string;
  cycleStartMs: number;
  /** null = not known when it was made */
  cycleEndMs: number | null;
  /** what it is charged for, both or neither */
  periodFromMs: number | null;
  periodToMs: number | null;
  /** what asked for it */
  source: { actionId: string; policyId: string; policyVersion: string; rule: string; what: string };
}

/** How the delivery of an item to the billing system stands. */
export interface InvoiceDelivery {
  item: BillingItem;
  state: ActionState;
  detail: string;
  attempts: number;
  /** the last send had no answer: billing is asked for the key before the next */
  askFirst: boolean;
  /** billing's own id of it */
  remoteId: string | null;
  updatedAtMs: number;
}

/** Account of a subscriber that nobody put on another one. */
export function ownAccount(subscriberId: string): string {
  return `acct-${subscriberId}`;
}

/** What is not said to be taxed otherwise. */
export const STANDARD_TAX_CLASS = 'standard';
