import type { ActionState } from '../schemas/action.ts';
import type {
  BillingItem,
  InvoiceDelivery,
  ItemType,
  Reconciliation,
  ReconciliationDifference,
  ReconciliationKind,
  ReconciliationSummary,
  ResendableState,
} from '../schemas/billing.ts';
import type { CycleRule } from '../schemas/profile.ts';
import type { Account, Span } from '../schemas/tariff.ts';
import type { ClosedCycle, UsageAdjustment } from '../schemas/usage-record.ts';
import type { CycleRow, Page } from './tariff-ports.ts';

/* ---------- Items ---------- */

/**
 * Makes items within a transaction of the adapter; `Tx` is opaque outside it. All of it is what is due less what is
 * itemised, so a repeat makes nothing.
 */
export interface ItemBook<Tx> {
  /**
   * Brings the fees in advance of the cycle that runs at an instant to what they come to, and of those before it whose bounds a
   * correction has moved.
   *
   * @param closedThroughMs where its last closed cycle ends, for who locked it and knows; absent = it is asked for
   * @returns items made, in order
   * @throws AppError 'not-found' where nobody has that number, 'conflict' where the instant is in a cycle that is closed
   */
  settle(tx: Tx, subscriberNo: number, atMs: number, closedThroughMs?: number | null): Promise<BillingItem[]>;
  /**
   * To be called before a subscriber moves to another account: what it had of the running cycle until the instant is charged to
   * this one, what was paid beyond is credited, and that part of the cycle is closed. Whatever is made later goes to the new one.
   *
   * @param closedThroughMs as for `settle`
   */
  leave(tx: Tx, subscriberNo: number, atMs: number, closedThroughMs?: number | null): Promise<BillingItem[]>;
  /** @param cycles stored by the same transaction and not before */
  close(tx: Tx, cycles: readonly ClosedCycle[]): Promise<void>;
  /** @param adjustments stored by the same transaction and not before */
  adjust(tx: Tx, adjustments: readonly UsageAdjustment[]): Promise<void>;
  /** With their delivery. Returns the keys that were not there before. */
  book(tx: Tx, items: readonly BillingItem[]): Promise<string[]>;
}

/** The cycles of all subscribers, for the jobs. Each call does a bounded piece, is idempotent, and says how much it did. */
export interface CycleKeeping {
  /** Opens those that began, and itemises their fees in advance. */
  begun(nowMs: number, limit: number): Promise<number>;
  notClosed(beforeMs: number, limit: number): Promise<CycleRow[]>;
  /** Tries again to itemise those whose close failed. */
  retryFailed(limit: number): Promise<number>;
  /** Itemises those that ended before an instant and that a slot closed, but nobody itemised: a release before this one. */
  closeTold(beforeMs: number, limit: number): Promise<number>;
  /**
   * Closes those that ended before an instant and that no slot has closed: one in which nothing was carried may be passed over.
   * What their fees come to is itemised; usage that comes all the same becomes adjustments.
   */
  closeUntold(beforeMs: number, limit: number): Promise<number>;
}

/* ---------- Delivery to the billing system ---------- */

/** How the delivery of each item stands; claims, leases and states as those of the action ledger. */
export interface InvoiceLedger {
  /** The oldest that are due, with a lease for `owner`. */
  claim(owner: string, limit: number, leaseMs: number): Promise<InvoiceDelivery[]>;
  /** False where the lease is not this owner's any more: nothing changes. */
  settle(
    owner: string,
    key: string,
    state: ActionState,
    detail: string,
    retryAtMs?: number,
    /** `uncounted`: the claim does not count as an attempt */
    more?: { askFirst?: boolean; remoteId?: string; uncounted?: boolean },
  ): Promise<boolean>;
  /** Of what is not delivered: what is delivered grows for ever, and is not counted. */
  counts(): Promise<InvoiceCounts>;
  /** The last made first. */
  list(filter: ItemFilter, limit: number, after: string | null): Promise<Page<InvoiceDelivery>>;
  /** Items made in [fromMs, toMs), by key in byte order. */
  pages(fromMs: number, toMs: number): AsyncIterable<InvoiceDelivery[]>;
  /**
   * From dead, rejected, held or unknown to pending; billing is asked for the key before it is sent. False where it is in
   * none of these. Written to the audit.
   */
  resend(key: string, by: string): Promise<boolean>;
  /** The same for a bounded piece of those that fit, the last made first; `after` is the `next` of the piece before. */
  resendAll(
    filter: ResendFilter,
    by: string,
    after: string | null,
  ): Promise<{ resent: number; /** null = all were looked at */ next: string | null }>;
}

export interface InvoiceCounts {
  /** deliveries in each state but 'delivered'; items that never had a delivery are in none */
  states: Record<UndeliveredState, number>;
  /** when the oldest was made of those that nobody knows the outcome of, ms since 1970 UTC; null = there is none */
  oldestUnknownMs: number | null;
}

export type UndeliveredState = Exclude<ActionState, 'delivered'>;

/** Which items are sent again. */
export type ResendFilter = ItemFilter & { state: ResendableState };

/** Which items; what is null does not restrict. */
export interface ItemFilter {
  accountId: string | null;
  subscriberId: string | null;
  type: ItemType | null;
  state: ActionState | null;
  fromMs: number | null;
  toMs: number | null;
}

/** The billing system, by schemas/billing-api.yaml. Requests are bounded in time and size. Those that answer never throw. */
export interface BillingPeer {
  send(delivery: InvoiceDelivery, signal: AbortSignal): Promise<PeerAnswer>;
  /** Whether it has the item, and whether with this content. */
  ask(delivery: InvoiceDelivery, signal: AbortSignal): Promise<PeerFinding>;
  /** Null = it has no such account. Throws 'unreachable', 'timeout' (retriable), 'unauthorised'. */
  account(ref: string, signal: AbortSignal): Promise<PeerAccount | null>;
  putCycle(ref: string, cycle: Span, signal: AbortSignal): Promise<PeerAnswer>;
  /**
   * Items that were made here in [fromMs, toMs), by key in byte order. Throws as account(), and 'store-corrupt' for an
   * answer that breaks the contract.
   */
  items(fromMs: number, toMs: number, signal: AbortSignal): AsyncIterable<PeerItem[]>;
}

/** What billing says of one item. */
export type PeerFinding =
  | { kind: 'there'; same: boolean; remoteId: string; /** what differs, '' = nothing */ detail: string }
  | { kind: 'absent' }
  /** it refuses us: no other one needs to be tried */
  | { kind: 'stop'; detail: string }
  /** it wants us to wait */
  | { kind: 'later'; afterMs: number; detail: string }
  | { kind: 'no-answer'; detail: string };

/** What became of a request. */
export type PeerAnswer =
  | { kind: 'accepted'; remoteId: string }
  | { kind: 'refused'; detail: string }
  /** it has an item of this key already: ask which */
  | { kind: 'taken'; detail: string }
  /** it refuses us, not the item: no other one needs to be tried; `isUnknownThere` = nobody there does such things at all */
  | { kind: 'stop'; detail: string; isUnknownThere?: true }
  /** the address is wrong, or something that the request names is not there */
  | { kind: 'not-there'; detail: string }
  | { kind: 'later'; afterMs: number; detail: string }
  /** it never left here */
  | { kind: 'not-sent'; detail: string }
  /** it may have been done */
  | { kind: 'unknown'; detail: string };

/** An account as the billing system has it. */
export interface PeerAccount {
  ref: string;
  currency: string;
  cycle: CycleRule;
  status: Account['billingStatus'];
  /** of the running cycle; null = it does not say */
  cycleStartMs: number | null;
}

/** An item as the billing system has it. */
export interface PeerItem {
  key: string;
  remoteId: string;
  amountMinor: number;
  currency: string;
  createdAtMs: number;
}

/* ---------- What differed ---------- */

/** Comparisons of both sides and their differences. Throws 'unreachable', 'timeout' (retriable). */
export interface Reconciliations {
  /** @returns its id */
  begin(kind: ReconciliationKind, fromMs: number, toMs: number): Promise<string>;
  /** One bounded part of the differences, after those before. Throws 'not-found', 'conflict' where it has ended. */
  add(id: string, differences: readonly ReconciliationDifference[]): Promise<void>;
  /** Throws as add(). */
  end(id: string, summary: ReconciliationSummary): Promise<void>;
  find(id: string): Promise<Reconciliation | null>;
  /** The last begun first; null = of every kind. */
  list(kind: ReconciliationKind | null, limit: number, after: string | null): Promise<Page<Reconciliation>>;
  /** In the order in which they were found. */
  differences(id: string, limit: number, after: string | null): Promise<Page<ReconciliationDifference>>;
}
