import type { DifferenceClass, InvoiceDelivery, ReconciliationDifference } from '../../schemas/billing.ts';
import type { PeerItem } from '../../storage/billing-ports.ts';
import type { ItemPair } from './pair-items.ts';

/** What a pair says. `left-out` = one side is too young or on its way: nothing can be said of it yet. */
export type Comparison = 'left-out' | ReconciliationDifference[];

/**
 * One item here against what is there. Pure.
 *
 * @param oldMs items made after it are left out, ms since 1970 UTC
 */
export function compareItem({ key, ours, theirs }: ItemPair, oldMs: number): Comparison {
  const difference = (of: DifferenceClass): ReconciliationDifference => {
    return { class: of, subject: key, ours: ours === null ? null : hereOf(ours), theirs: thereOf(theirs) };
  };
  if (ours === null)
    return theirs.every(({ createdAtMs }) => createdAtMs > oldMs) ? 'left-out' : [difference('missing-here')];
  if (ours.createdAtMs > oldMs || !isSettled(ours)) return 'left-out';
  const twice = theirs.length > 1 ? [difference('twice')] : [];
  const [there] = theirs;
  // Nobody sends what is held, unless somebody says so.
  if (there === undefined && ours.state === 'held') return [difference('missing-there')];
  if (ours.state !== 'delivered') return there === undefined ? [] : [difference('state'), ...twice];
  if (there === undefined) return [difference('missing-there')];
  return [
    ...twice,
    ...(theirs.some(({ currency }) => currency !== ours.item.currency) ? [difference('currency')] : []),
    ...(theirs.some(({ amountMinor }) => amountMinor !== ours.item.amountMinor)
      ? [difference('amount')]
      : []),
  ];
}

function isSettled({ state }: InvoiceDelivery): boolean {
  return state === 'delivered' || state === 'held' || state === 'rejected' || state === 'dead';
}

function hereOf({ item, state, remoteId }: InvoiceDelivery): unknown {
  const { accountId, subscriberId, type, amountMinor, currency } = item;
  return { accountId, subscriberId, type, amountMinor, currency, state, remoteId };
}

function thereOf(theirs: readonly PeerItem[]): unknown {
  if (theirs.length === 0) return null;
  const [first] = theirs;
  return {
    amountMinor: first?.amountMinor,
    currency: first?.currency,
    ids: theirs.map(({ remoteId }) => remoteId),
  };
}
