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

/** States of a delivery from which somebody can have it sent again. */
export const RESENDABLE_STATES = ['dead', 'rejected', 'held', 'unknown'] as const satisfies ActionState[];
export type ResendableState = (typeof RESENDABLE_STATES)[number];

/** How the delivery of an item to the billing system stands. `held` = there was no billing system to send it to. */
export interface InvoiceDelivery {
  item: BillingItem;
  state: ActionState;
  detail: string;
  attempts: number;
  /** the last send had no answer: billing is asked for the key before the next */
  askFirst: boolean;
  /** billing's own id of it */
  remoteId: string | null;
  /** the account's id in the billing system; null = it has ours */
  accountRef: string | null;
  /** when the item was made; billing is told it, so that both sides cut the same windows */
  createdAtMs: number;
  updatedAtMs: number;
}

/** Account of a subscriber that nobody put on another one. */
export function ownAccount(subscriberId: string): string {
  return `acct-${subscriberId}`;
}

/** What is not said to be taxed otherwise. */
export const STANDARD_TAX_CLASS = 'standard';

/** What two sides can be compared for. */
export const RECONCILIATION_KINDS = ['billing-items', 'billing-cycles', 'usage'] as const;
export type ReconciliationKind = (typeof RECONCILIATION_KINDS)[number];

/**
 * How one thing differs: it is missing on a side, it stands there twice, an item's amount, currency or state, an
 * account's anchor, status or currency; or an account could not be brought to agreement.
 */
export const DIFFERENCE_CLASSES = [
  'missing-there',
  'missing-here',
  'twice',
  'amount',
  'currency',
  'state',
  'anchor',
  'status',
  'currency-of-account',
  'account-failed',
] as const;
export type DifferenceClass = (typeof DIFFERENCE_CLASSES)[number];

/** One difference between here and there. */
export interface ReconciliationDifference {
  class: DifferenceClass;
  /** key of the item, or id of the account */
  subject: string;
  /** what each side has, small; null = nothing */
  ours: unknown;
  theirs: unknown;
}

/** A comparison of [fromMs, toMs) that was begun. Instants are ms since 1970 UTC. */
export interface Reconciliation {
  id: string;
  kind: ReconciliationKind;
  fromMs: number;
  toMs: number;
  startedMs: number;
  /** null = it runs, or its process ended in between */
  endedMs: number | null;
  /** null until it ended */
  summary: ReconciliationSummary | null;
}

export interface ReconciliationSummary {
  /** looked at on either side */
  ours: number;
  theirs: number;
  /** too young, or not delivered yet */
  leftOut: number;
  /** all of them, also those beyond what is stored one by one */
  differences: Partial<Record<DifferenceClass, number>>;
  /** more differed than is stored one by one */
  truncated: boolean;
  /** why it could not be finished, one line; null = it is complete */
  failure: string | null;
}
