import type { ActionLedger, ActionSink, LedgerAction } from '../../storage/ports.ts';
import { settlementOf, type AttemptContext, type SendResult, type Settlement } from './settlement.ts';

/** What a dispatcher works on: a ledger to claim from, and who is sent to. */
export interface DispatchWork<Item> {
  /** of who is sent to */
  readonly name: string;
  /** How many may be claimed at `nowMs`; absent = any number. Asked before each claim. */
  mayClaim?(nowMs: number): number;
  /** The oldest that are due, with a lease for `owner`; a claim counts as an attempt. */
  claim(owner: string, limit: number, leaseMs: number): Promise<Item[]>;
  /** attempts so far, the one under way included */
  attempts(item: Item): number;
  /** Never throws for what the other side answers. */
  send(item: Item, signal: AbortSignal): Promise<SendResult>;
  /** An answer -> what becomes of the item. */
  conclude(result: SendResult, context: AttemptContext): Settlement;
  /** False where the lease is not this owner's any more: nothing changes. */
  settle(owner: string, item: Item, settlement: Settlement): Promise<boolean>;
  /** the item as it stands after that */
  after(item: Item, settlement: Settlement, nowMs: number): Item;
  /** what the time to its end is counted from, ms since 1970 UTC */
  sinceMs(item: Item): number;
}

/** Actions and the network: what a claim of the action ledger is sent to, and what its answers mean. */
export function actionWork(ledger: ActionLedger, sink: ActionSink): DispatchWork<LedgerAction> {
  return {
    name: sink.name,
    claim: (owner, limit, leaseMs) => ledger.claim(owner, limit, leaseMs),
    attempts: ({ attempts }) => attempts,
    send: ({ intent }, signal) => sink.send(intent, signal),
    conclude: settlementOf,
    settle: (owner, { intent }, { state, detail, retryAtMs }) =>
      ledger.settle(owner, intent.id, state, detail, retryAtMs),
    after: (action, { state, detail }, updatedAtMs) => ({ ...action, state, detail, updatedAtMs }),
    sinceMs: ({ intent }) => intent.appendTimeMs,
  };
}
