import { AppError } from '../../schemas/errors.ts';
import type {
  InvoiceDelivery,
  ReconciliationDifference,
  ReconciliationSummary,
} from '../../schemas/billing.ts';
import type { BillingPeer, InvoiceLedger, Reconciliations } from '../../storage/billing-ports.ts';
import { compareItem } from './compare-item.ts';
import { DifferenceBook } from './difference-book.ts';
import { pairItems } from './pair-items.ts';
import type { ItemPair } from './pair-items.ts';

export interface ItemSides {
  ledger: Pick<InvoiceLedger, 'pages'>;
  peer: Pick<BillingPeer, 'items' | 'ask'>;
  store: Reconciliations;
  /** ms since 1970 UTC by the clock that dates items */
  nowMs: () => number;
}

/** Items made in [fromMs, toMs), ms since 1970 UTC. */
export interface ItemWindow {
  fromMs: number;
  toMs: number;
}

/** An item that is younger may be on its way. */
const YOUNG_MS = 15 * 60_000;
const LONGEST_WINDOW_MS = 400 * 86_400_000;
/** Items missing there that are asked for one by one; beyond it the list is believed. */
const MAX_ASKED = 1_000;

/** A comparison that was begun: its id, and the whole of it. */
export interface BegunItems {
  id: string;
  /** never rejects: the summary says what kept it from its end; null = not even that could be stored */
  done: Promise<ReconciliationSummary | null>;
}

/**
 * Begins comparisons, as `beginItemReconciliation` does.
 *
 * @param ifBusy what becomes of it while another is under way: 'refuse' throws 'conflict', 'wait' begins after its end, or throws
 * 'stopped' as the signal says so before
 */
export type BeginItems = (
  window: ItemWindow,
  signal: AbortSignal,
  ifBusy: 'refuse' | 'wait',
) => Promise<BegunItems>;

/**
 * The comparisons of one process, whoever asks for them: one at a time, since each reads all of both sides.
 */
export function oneAtATime(sides: ItemSides, onDefect: (error: unknown) => void): BeginItems {
  let underWay: Promise<void> | null = null;
  return async (window, signal, ifBusy) => {
    while (underWay !== null) {
      if (ifBusy === 'refuse')
        throw new AppError('conflict', 'a reconciliation is under way: wait for its end');
      await endOf(underWay, signal);
    }
    let over = (): void => undefined;
    underWay = new Promise<void>((resolve) => {
      over = () => {
        underWay = null;
        resolve();
      };
    });
    try {
      const { id, done } = await beginItemReconciliation(sides, window, signal, onDefect);
      return { id, done: done.finally(over) };
    } catch (error) {
      over();
      throw error;
    }
  };
}

/** Waits for the end of what never rejects. @throws AppError 'stopped' where the signal comes first */
async function endOf(underWay: Promise<void>, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true, signal: over.signal });
  });
  if (!signal.aborted) await Promise.race([underWay, stopped]);
  over.abort();
  if (signal.aborted) throw new AppError('stopped', 'stopped before it began', { retriable: true });
}

/**
 * Begins a comparison of items here with items there.
 *
 * @returns its id, and the whole of it: that never rejects, its summary says what kept it from its end
 * @throws AppError 'invalid-input' for a window that is none or longer than 400 days; what the store throws
 */
export async function beginItemReconciliation(
  sides: ItemSides,
  window: ItemWindow,
  signal: AbortSignal,
  onDefect: (error: unknown) => void,
): Promise<BegunItems> {
  const { fromMs, toMs } = window;
  if (toMs <= fromMs) throw new AppError('invalid-input', 'the window must end after it begins');
  if (toMs - fromMs > LONGEST_WINDOW_MS)
    throw new AppError('invalid-input', 'the window may have 400 days at most');
  const id = await sides.store.begin('billing-items', fromMs, toMs);
  const book = new DifferenceBook(sides.store, id);
  return { id, done: carryOut(sides, window, book, signal, onDefect) };
}

async function carryOut(
  sides: ItemSides,
  window: ItemWindow,
  book: DifferenceBook,
  signal: AbortSignal,
  onDefect: (error: unknown) => void,
): Promise<ReconciliationSummary | null> {
  try {
    let failure: unknown = null;
    try {
      await compareAll(sides, window, book, signal);
    } catch (error) {
      failure = error;
      if (!(error instanceof AppError)) onDefect(error);
    }
    return await book.end(failure);
  } catch (error) {
    // The store is away: the comparison stays without an end, and shows as that.
    onDefect(error);
    return null;
  }
}

async function compareAll(
  { ledger, peer, nowMs }: ItemSides,
  { fromMs, toMs }: ItemWindow,
  book: DifferenceBook,
  signal: AbortSignal,
): Promise<void> {
  const oldMs = nowMs() - YOUNG_MS;
  let asked = 0;
  for await (const pair of pairItems(ledger.pages(fromMs, toMs), peer.items(fromMs, toMs, signal))) {
    if (signal.aborted) throw new AppError('stopped', 'stopped before its end', { retriable: true });
    if (pair.ours !== null) book.ours += 1;
    book.theirs += pair.theirs.length;
    const found = compareItem(pair, oldMs);
    if (found === 'left-out') book.leftOut += 1;
    else if (found[0]?.class === 'missing-there' && pair.ours !== null && asked++ < MAX_ASKED)
      await book.add(await missingThere(peer, { ...pair, ours: pair.ours }, found, signal));
    else await book.add(found);
  }
}

/** It was delivered, and the list does not have it: what the billing system says of the key itself decides. */
async function missingThere(
  peer: Pick<BillingPeer, 'ask'>,
  { ours }: ItemPair & { ours: InvoiceDelivery },
  found: readonly ReconciliationDifference[],
  signal: AbortSignal,
): Promise<readonly ReconciliationDifference[]> {
  const finding = await peer.ask(ours, signal);
  switch (finding.kind) {
    case 'absent':
      return found;
    case 'there':
      if (finding.same) return [];
      return found.map((one) => ({
        ...one,
        class: 'amount',
        theirs: { ids: [finding.remoteId], other: finding.detail },
      }));
    case 'stop':
      throw new AppError('unauthorised', `the billing system: ${finding.detail}`);
    case 'later':
    case 'no-answer':
      throw new AppError('unreachable', `the billing system: ${finding.detail}`, { retriable: true });
  }
}
