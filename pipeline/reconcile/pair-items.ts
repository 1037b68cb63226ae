import { AppError } from '../../schemas/errors.ts';
import type { InvoiceDelivery } from '../../schemas/billing.ts';
import type { PeerItem } from '../../storage/billing-ports.ts';

/** What both sides have under one key; one of them has something. */
export interface ItemPair {
  key: string;
  ours: InvoiceDelivery | null;
  /** more than one: it is there twice */
  theirs: PeerItem[];
}

/** Most items of one key that are kept together; what is beyond tells nothing new. */
const MAX_TWINS = 10;

/**
 * Two lists by key in byte order -> pairs in that order, a page of each in memory.
 *
 * @throws AppError 'store-corrupt' where theirs is out of order: nothing could be said then
 */
export async function* pairItems(
  ours: AsyncIterable<InvoiceDelivery[]>,
  theirs: AsyncIterable<PeerItem[]>,
): AsyncGenerator<ItemPair> {
  const mine = singly(ours);
  const others = singly(theirs);
  let [here, there] = [await next(mine), await next(others)];
  while (here !== null || there !== null) {
    const order = here === null ? 1 : there === null ? -1 : compare(here.item.key, there.key);
    const pair: ItemPair = { key: '', ours: null, theirs: [] };
    if (here !== null && order <= 0) {
      pair.key = here.item.key;
      pair.ours = here;
      here = await next(mine);
    }
    if (order >= 0) {
      while (there !== null && (pair.key === '' || there.key === pair.key)) {
        pair.key = there.key;
        if (pair.theirs.length < MAX_TWINS) pair.theirs.push(there);
        const following: PeerItem | null = await next(others);
        if (following !== null && compare(following.key, there.key) < 0)
          throw new AppError('store-corrupt', 'the billing system lists its items out of order');
        there = following;
      }
    }
    yield pair;
  }
}

async function* singly<T>(pages: AsyncIterable<T[]>): AsyncGenerator<T> {
  for await (const page of pages) yield* page;
}

async function next<T>(items: AsyncGenerator<T>): Promise<T | null> {
  const { value, done } = await items.next();
  return done === true ? null : value;
}

/** Byte order of UTF-8, as both sides sort. */
function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
