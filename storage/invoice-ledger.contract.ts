import { beforeEach, describe, expect, it } from 'vitest';
import { RESENDABLE_STATES } from '../schemas/billing.ts';
import type { BillingItem, InvoiceDelivery } from '../schemas/billing.ts';
import { anItem } from './billing-items.contract.ts';
import type { InvoiceLedger, ItemFilter } from './billing-ports.ts';

const LEASE_MS = 30_000;
const ALL: ItemFilter = {
  ...{ accountId: null, subscriberId: null, type: null, state: null, fromMs: null, toMs: null },
};

/** A ledger of items under test, and what a test needs around it. */
export interface InvoiceFixture {
  deliveries: InvoiceLedger;
  /** another dispatcher's access to the same ones */
  second: InvoiceLedger;
  /** books items. @param isDelivered false = as a release did that knew of no delivery */
  book(items: readonly BillingItem[], isDelivered?: boolean): Promise<void>;
  /** gives the account 'acct-7' an id in the billing system */
  nameAccount(ref: string): Promise<void>;
  /** the time that retryAtMs counts in */
  now(): number;
  /** lets leases and retries come nearer by so much, without waiting */
  passTime(ms: number): Promise<void>;
}

/** What every InvoiceLedger does. @param open gives an empty one before each test */
export function invoiceLedgerContract(name: string, open: () => Promise<InvoiceFixture>): void {
  describe(`InvoiceLedger: ${name}`, () => {
    let fixture: InvoiceFixture;
    beforeEach(async () => {
      fixture = await open();
    });
    claims(() => fixture);
    settling(() => fixture);
    reading(() => fixture);
    resending(() => fixture);
  });
}

function claims(fixture: () => InvoiceFixture): void {
  it('gives each item to one owner, the oldest first', async () => {
    const { deliveries, second, book } = fixture();
    await book(['a', 'b', 'c'].map((key) => anItem(key)));
    const first = await deliveries.claim('me', 2, LEASE_MS);
    expect(first.map(({ item, state, attempts }) => [item.key, state, attempts])).toEqual([
      ['a', 'sending', 1],
      ['b', 'sending', 1],
    ]);
    expect((await second.claim('you', 9, LEASE_MS)).map(({ item }) => item.key)).toEqual(['c']);
    expect(await deliveries.claim('me', 9, LEASE_MS)).toEqual([]);
    expect(await deliveries.claim('me', 0, LEASE_MS)).toEqual([]);
  });

  it('gives the item as it was booked, with what billing calls its account', async () => {
    const { deliveries, book, nameAccount, now } = fixture();
    const credit = anItem('a', {
      ...{ type: 'proration', amountMinor: -250, quantity: -1, line: 'plan:home', poolId: 'p-1' },
      ...{ cycleEndMs: 1_800_000_000_000, periodFromMs: 1, periodToMs: 2 },
    });
    const before = now();
    await book([credit]);
    await nameAccount('B-7');
    const [claimed] = await deliveries.claim('me', 1, LEASE_MS);
    expect(claimed).toMatchObject({ item: credit, askFirst: false, remoteId: null, accountRef: 'B-7' });
    expect(claimed?.createdAtMs).toBeGreaterThanOrEqual(before - 60_000);
    expect(Number.isSafeInteger(claimed?.createdAtMs)).toBe(true);
  });

  it('asks first for what somebody claimed and never answered for', async () => {
    const { deliveries, second, book, passTime } = fixture();
    await book([anItem('a')]);
    await deliveries.claim('me', 1, LEASE_MS);
    await passTime(LEASE_MS + 1);
    const [again] = await second.claim('you', 1, LEASE_MS);
    expect(again).toMatchObject({ askFirst: true, attempts: 2 });
    expect(await deliveries.settle('me', 'a', 'delivered', 'late')).toBe(false);
    expect(await second.settle('you', 'a', 'delivered', '')).toBe(true);
  });
}

function settling(fixture: () => InvoiceFixture): void {
  it('ends a claim once, and keeps what billing calls it', async () => {
    const { deliveries, book } = fixture();
    await book([anItem('a')]);
    await deliveries.claim('me', 1, LEASE_MS);
    expect(await deliveries.settle('you', 'a', 'dead', '')).toBe(false);
    expect(await deliveries.settle('me', 'a', 'delivered', 'ok', undefined, { remoteId: 'r-1' })).toBe(true);
    expect(await deliveries.settle('me', 'a', 'delivered', 'ok')).toBe(false);
    expect(await theOnly(deliveries)).toMatchObject({ state: 'delivered', detail: 'ok', remoteId: 'r-1' });
    expect((await deliveries.counts()).states).toMatchObject({ sending: 0, pending: 0 });
  });

  it('waits as long as it is told, and remembers to ask', async () => {
    const { deliveries, book, now, passTime } = fixture();
    await book([anItem('a'), anItem('b')]);
    await deliveries.claim('me', 2, LEASE_MS);
    await deliveries.settle('me', 'a', 'unknown', 'cut', now() + 15_000, { askFirst: true });
    await deliveries.settle('me', 'b', 'pending', '429', now() + 60_000);
    expect(await deliveries.claim('me', 9, LEASE_MS)).toEqual([]);
    await passTime(16_000);
    const [asked] = await deliveries.claim('me', 9, LEASE_MS);
    expect(asked).toMatchObject({ item: { key: 'a' }, askFirst: true, attempts: 2 });
    await deliveries.settle('me', 'a', 'pending', 'not there', undefined, { askFirst: false });
    expect((await deliveries.claim('me', 9, LEASE_MS))[0]).toMatchObject({ askFirst: false });
    await passTime(45_000);
    expect((await deliveries.claim('me', 9, LEASE_MS)).map(({ item }) => item.key)).toContain('b');
  });

  it('leaves what is unknown and has no time to be looked at as it is', async () => {
    const { deliveries, book, passTime } = fixture();
    await book([anItem('a')]);
    await deliveries.claim('me', 1, LEASE_MS);
    await deliveries.settle('me', 'a', 'unknown', 'cut');
    await passTime(86_400_000);
    expect(await deliveries.claim('me', 1, LEASE_MS)).toEqual([]);
  });

  it('takes an attempt back that says nothing about the item', async () => {
    const { deliveries, book } = fixture();
    await book([anItem('a')]);
    await deliveries.claim('me', 1, LEASE_MS);
    await deliveries.settle('me', 'a', 'pending', '401', undefined, { uncounted: true });
    expect((await deliveries.claim('me', 1, LEASE_MS))[0]).toMatchObject({ attempts: 1 });
  });

  it('settles many at once, each by its own owner', async () => {
    const { deliveries, book } = fixture();
    const keys = Array.from({ length: 40 }, (_, n) => `k${n}`);
    await book(keys.map((key) => anItem(key)));
    await deliveries.claim('me', 40, LEASE_MS);
    const answers = await Promise.all(
      keys.map((key, n) => deliveries.settle(n % 2 === 0 ? 'me' : 'you', key, 'delivered', '')),
    );
    expect(answers).toEqual(keys.map((_, n) => n % 2 === 0));
    expect((await deliveries.counts()).states).toMatchObject({ pending: 0, sending: 20 });
    expect((await deliveries.list({ ...ALL, state: 'delivered' }, 99, null)).items).toHaveLength(20);
    await expect(async () => deliveries.settle('me', 'k1', 'sending', '')).rejects.toMatchObject({
      code: 'invalid-input',
    });
  });
}

function reading(fixture: () => InvoiceFixture): void {
  it('lists the last made first, page by page, by what is asked for', async () => {
    const { deliveries, book } = fixture();
    await book([
      anItem('a'),
      anItem('b', { subscriberId: 's-2', accountId: 'acct-8' }),
      anItem('c', { type: 'recurring', line: 'plan:home' }),
    ]);
    const first = await deliveries.list(ALL, 2, null);
    expect(keysOf(first.items)).toEqual(['c', 'b']);
    const rest = await deliveries.list(ALL, 2, first.next);
    expect([keysOf(rest.items), rest.next]).toEqual([['a'], null]);
    const some = async (filter: Partial<ItemFilter>): Promise<string[]> =>
      keysOf((await deliveries.list({ ...ALL, ...filter }, 9, null)).items);
    expect(await some({ subscriberId: 's-2' })).toEqual(['b']);
    expect(await some({ accountId: 'acct-7' })).toEqual(['c', 'a']);
    expect(await some({ type: 'recurring' })).toEqual(['c']);
    expect(await some({ state: 'pending' })).toEqual(['c', 'b', 'a']);
    expect(await some({ state: 'delivered' })).toEqual([]);
    expect(await some({ state: 'pending', subscriberId: 's-2' })).toEqual(['b']);
    const pending = await deliveries.list({ ...ALL, state: 'pending' }, 2, null);
    const more = await deliveries.list({ ...ALL, state: 'pending' }, 2, pending.next);
    expect([keysOf(pending.items), keysOf(more.items)]).toEqual([['c', 'b'], ['a']]);
    const made = (await deliveries.list(ALL, 1, null)).items[0]?.createdAtMs ?? 0;
    expect(await some({ fromMs: made + 3_600_000 })).toEqual([]);
    expect(await some({ toMs: made - 3_600_000 })).toEqual([]);
    expect(await some({ fromMs: made - 3_600_000, toMs: made + 3_600_000 })).toHaveLength(3);
    await expect(async () => deliveries.list(ALL, 1, 'x')).rejects.toMatchObject({ code: 'invalid-input' });
  });

  it('counts what is not delivered, and knows the oldest that nobody knows the outcome of', async () => {
    const { deliveries, book } = fixture();
    const none = { pending: 0, sending: 0, rejected: 0, unknown: 0, held: 0, superseded: 0, dead: 0 };
    expect(await deliveries.counts()).toEqual({ states: none, oldestUnknownMs: null });
    await book(['a', 'b', 'c', 'd'].map((key) => anItem(key)));
    await deliveries.claim('me', 3, LEASE_MS);
    await deliveries.settle('me', 'a', 'delivered', '');
    await deliveries.settle('me', 'b', 'unknown', '');
    await deliveries.settle('me', 'c', 'held', '');
    const [made] = (await deliveries.list({ ...ALL, state: 'unknown' }, 1, null)).items;
    expect(await deliveries.counts()).toEqual({
      states: { ...none, unknown: 1, held: 1, pending: 1 },
      oldestUnknownMs: made?.createdAtMs,
    });
  });

  it('gives all of a time in byte order of their keys', async () => {
    const { deliveries, book, now } = fixture();
    const keys = ['z', 'Z', 'ä', '0', ...Array.from({ length: 5_100 }, (_, n) => `k${n}`)];
    await book(keys.map((key) => anItem(key)));
    const found: string[] = [];
    for await (const page of deliveries.pages(now() - 3_600_000, now() + 3_600_000))
      found.push(...keysOf(page));
    expect(found).toEqual([...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    for await (const page of deliveries.pages(0, now() - 3_600_000)) expect(page).toEqual([]);
  });

  it('shows what was made before there were deliveries as held, and does not send it', async () => {
    const { deliveries, book } = fixture();
    await book([anItem('old')], false);
    expect(await theOnly(deliveries)).toMatchObject({ state: 'held', attempts: 0, item: { key: 'old' } });
    expect((await deliveries.list({ ...ALL, state: 'held' }, 9, null)).items).toHaveLength(1);
    expect(await deliveries.claim('me', 9, LEASE_MS)).toEqual([]);
  });
}

function resending(fixture: () => InvoiceFixture): void {
  it.each(RESENDABLE_STATES)('sends what is %s once more, and asks for it first', async (state) => {
    const { deliveries, book } = fixture();
    await book([anItem('a')]);
    await deliveries.claim('me', 1, LEASE_MS);
    await deliveries.settle('me', 'a', state, 'why');
    expect(await deliveries.resend('a', 'ann')).toBe(true);
    expect(await deliveries.resend('a', 'ann')).toBe(false);
    expect((await deliveries.claim('me', 1, LEASE_MS))[0]).toMatchObject({ attempts: 1, askFirst: true });
  });

  it('sends nothing twice that is on its way or there', async () => {
    const { deliveries, book } = fixture();
    await book([anItem('a')]);
    expect(await deliveries.resend('a', 'ann')).toBe(false);
    await deliveries.claim('me', 1, LEASE_MS);
    expect(await deliveries.resend('a', 'ann')).toBe(false);
    await deliveries.settle('me', 'a', 'delivered', '');
    expect(await deliveries.resend('a', 'ann')).toBe(false);
    expect(await deliveries.resend('nothing', 'ann')).toBe(false);
  });

  it('delivers what was made before there were deliveries when somebody says so', async () => {
    const { deliveries, book } = fixture();
    await book([anItem('old')], false);
    expect(await deliveries.resend('old', 'ann')).toBe(true);
    expect((await deliveries.claim('me', 9, LEASE_MS))[0]).toMatchObject({
      item: { key: 'old' },
      ...{ detail: '', askFirst: true },
    });
  });

  it('sends all of a state once more that fit, also those that never had a delivery', async () => {
    const { deliveries, book } = fixture();
    const keys = Array.from({ length: 7 }, (_, n) => `k${n}`);
    await book(keys.map((key) => anItem(key)));
    await deliveries.claim('me', 7, LEASE_MS);
    for (const key of keys.slice(0, 5)) await deliveries.settle('me', key, 'held', 'nobody to send it to');
    await deliveries.settle('me', 'k5', 'rejected', 'no');
    await deliveries.settle('me', 'k6', 'delivered', '');
    await book([anItem('old'), anItem('other', { accountId: 'acct-8' })], false);
    const resendAll = async (filter: ItemFilter): Promise<number> => {
      let [sum, after]: [number, string | null] = [0, null];
      do {
        const piece = await deliveries.resendAll({ ...filter, state: 'held' }, 'ann', after);
        sum += piece.resent;
        after = piece.next;
      } while (after !== null);
      return sum;
    };
    expect(await resendAll({ ...ALL, toMs: 1 })).toBe(0);
    expect(await resendAll({ ...ALL, accountId: 'acct-8' })).toBe(1);
    expect(await resendAll(ALL)).toBe(6);
    expect(await resendAll(ALL)).toBe(0);
    const claimed = await deliveries.claim('me', 99, LEASE_MS);
    expect(keysOf(claimed).sort()).toEqual([...keys.slice(0, 5), 'old', 'other']);
    expect(claimed.every(({ askFirst, attempts }) => askFirst && attempts === 1)).toBe(true);
    expect((await deliveries.list({ ...ALL, state: 'rejected' }, 9, null)).items).toHaveLength(1);
  });
}

function keysOf(deliveries: readonly InvoiceDelivery[]): string[] {
  return deliveries.map(({ item }) => item.key);
}

async function theOnly(deliveries: InvoiceLedger): Promise<InvoiceDelivery | undefined> {
  const { items } = await deliveries.list(ALL, 2, null);
  expect(items).toHaveLength(1);
  return items[0];
}
