import { createHash } from 'node:crypto';
import type { CycleRule } from '../../schemas/profile.ts';

/** An item as it came, by `InvoiceItem` of the contract. */
export interface GivenItem {
  key: string;
  account: string;
  amount: { amountMinor: number; currency: string };
  createdAt: string;
}

/** An item on an account. */
export type StoredItem = GivenItem & { id: string };

/** An account, by `Account` of the contract. */
export interface SimAccount {
  ref: string;
  currency: string;
  cycle: CycleRule;
  status: 'current' | 'overdue' | 'suspended';
  cycleStart: string | null;
}

/** What became of an item. */
export type Taken =
  { kind: 'new' | 'known'; id: string } | { kind: 'other' } | { kind: 'refused'; detail: string };

/** A line of the books' file. */
export type Entry = { kind: 'item'; item: StoredItem } | { kind: 'account'; account: SimAccount };

/**
 * Items and accounts of the billing server. It is as forgetful as real ones: the key of a request is remembered for a
 * while only, and then a repeat is a second item on the invoice.
 */
export class Books {
  readonly #items: StoredItem[] = [];
  readonly #byKey = new Map<string, StoredItem>();
  /** content of requests by key, and when it came */
  readonly #requests = new Map<string, { hash: string; id: string; atMs: number }>();
  readonly #accounts = new Map<string, SimAccount>();
  readonly #now: () => number;
  readonly #onEntry: (entry: Entry) => void;

  /** @param onEntry is told of every change, before it is answered */
  constructor(now: () => number, onEntry: (entry: Entry) => void) {
    this.#now = now;
    this.#onEntry = onEntry;
  }

  /** All items in the order in which they came; one key may stand there twice. */
  get items(): readonly StoredItem[] {
    return this.#items;
  }

  /** @param forgetMs how long the key of a request is remembered */
  take(item: GivenItem, forgetMs: number): Taken {
    const nowMs = this.#now();
    const hash = createHash('sha256').update(JSON.stringify(item)).digest('hex');
    const known = this.#requests.get(item.key);
    if (known !== undefined && nowMs - known.atMs < forgetMs)
      return known.hash === hash ? { kind: 'known', id: known.id } : { kind: 'other' };
    const account = this.#accounts.get(item.account) ?? this.#opened(item);
    if (account.currency !== item.amount.currency)
      return { kind: 'refused', detail: `the account is kept in ${account.currency}` };
    const id = `inv-${this.#items.length + 1}`;
    this.#store({ id, ...item });
    this.#requests.set(item.key, { hash, id, atMs: nowMs });
    return { kind: 'new', id };
  }

  /** The first item of a key. */
  find(key: string): StoredItem | undefined {
    return this.#byKey.get(key);
  }

  /** Items made in [fromMs, toMs), by key in byte order. */
  between(fromMs: number, toMs: number): StoredItem[] {
    return this.#items
      .filter(({ createdAt }) => Date.parse(createdAt) >= fromMs && Date.parse(createdAt) < toMs)
      .sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  }

  account(ref: string): SimAccount | undefined {
    return this.#accounts.get(ref);
  }

  putAccount(account: SimAccount): void {
    this.#accounts.set(account.ref, account);
    this.#onEntry({ kind: 'account', account });
  }

  /** Puts a difference into the books, as somebody at their own console would. */
  plant(item: StoredItem): void {
    this.#store(item);
  }

  /** Takes an item out again; for the same purpose. */
  remove(key: string): void {
    for (let at = this.#items.length - 1; at >= 0; at--)
      if (this.#items[at]?.key === key) this.#items.splice(at, 1);
    this.#byKey.delete(key);
  }

  /** What a file says of an earlier life. Keys of its requests are forgotten. */
  restore(entry: Entry): void {
    if (entry.kind === 'account') this.#accounts.set(entry.account.ref, entry.account);
    else this.#keep(entry.item);
  }

  #opened({ account: ref, amount }: GivenItem): SimAccount {
    const account: SimAccount = {
      ref,
      currency: amount.currency,
      cycle: { kind: 'month', anchorDay: 1 },
      status: 'current',
      cycleStart: null,
    };
    this.putAccount(account);
    return account;
  }

  #store(item: StoredItem): void {
    this.#keep(item);
    this.#onEntry({ kind: 'item', item });
  }

  #keep(item: StoredItem): void {
    this.#items.push(item);
    if (!this.#byKey.has(item.key)) this.#byKey.set(item.key, item);
  }
}
