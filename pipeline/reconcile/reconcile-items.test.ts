import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ActionState } from '../../schemas/action.ts';
import type { InvoiceDelivery } from '../../schemas/billing.ts';
import { AppError } from '../../schemas/errors.ts';
import { anItem } from '../../storage/billing-items.contract.ts';
import type { PeerFinding, PeerItem } from '../../storage/billing-ports.ts';
import type { JobContext } from '../../storage/job-ports.ts';
import { MemoryReconciliations } from '../../storage/memory/reconciliations.ts';
import { reconcileBillingJob } from './billing-jobs.ts';
import { beginItemReconciliation, oneAtATime } from './reconcile-items.ts';

const NOW = Date.UTC(2025, 0, 31);
const WINDOW = { fromMs: NOW - 86_400_000, toMs: NOW };
const OLD = NOW - 3_600_000;

function here(key: string, over: Partial<InvoiceDelivery> = {}): InvoiceDelivery {
  return {
    ...{ item: anItem(key), state: 'delivered', detail: '', attempts: 1, askFirst: false },
    ...{ remoteId: `r-${key}`, accountRef: null, createdAtMs: OLD, updatedAtMs: OLD },
    ...over,
  };
}

function there(key: string, over: Partial<PeerItem> = {}): PeerItem {
  const { amountMinor, currency } = anItem(key);
  return { key, remoteId: `r-${key}`, amountMinor, currency, createdAtMs: OLD, ...over };
}

async function* pages<T>(all: T[], size: number): AsyncGenerator<T[]> {
  for (let at = 0; at < all.length; at += size) yield await Promise.resolve(all.slice(at, at + size));
}

interface Planted {
  ours: InvoiceDelivery[];
  theirs: PeerItem[];
  finding?: PeerFinding;
  size?: number;
}

async function reconcile({ ours, theirs, finding = { kind: 'absent' }, size = 2 }: Planted) {
  const store = new MemoryReconciliations(() => NOW);
  const sides = {
    ledger: { pages: () => pages(ours, size) },
    peer: { items: () => pages(theirs, size), ask: () => Promise.resolve(finding) },
    store,
    nowMs: () => NOW,
  };
  const defects: unknown[] = [];
  const { id, done } = await beginItemReconciliation(sides, WINDOW, new AbortController().signal, (error) =>
    defects.push(error),
  );
  const summary = await done;
  const { items } = await store.differences(id, 100_000, null);
  return { summary, defects, found: items.map((one) => `${one.class} ${one.subject}`), items };
}

it('finds nothing where both sides have the same', async () => {
  const keys = ['a', 'b', 'c', 'd', 'e'];
  const { found, summary } = await reconcile({
    ours: keys.map((k) => here(k)),
    theirs: keys.map((k) => there(k)),
  });
  expect(found).toEqual([]);
  expect(summary).toMatchObject({ ours: 5, theirs: 5, leftOut: 0, differences: {}, failure: null });
});

it('finds each difference that was planted, once, in its class', async () => {
  const { found, summary } = await reconcile({
    ours: [
      ...[here('a'), here('b'), here('c'), here('d')],
      ...[here('f', { state: 'rejected' }), here('g', { state: 'dead' })],
    ],
    theirs: [
      ...[there('a', { amountMinor: 1 }), there('b', { currency: 'USD' })],
      ...[there('c'), there('c', { remoteId: 'r-2' }), there('e'), there('f')],
    ],
  });
  expect(found).toEqual([
    'amount a',
    'currency b',
    'twice c',
    'missing-there d',
    'missing-here e',
    'state f',
  ]);
  expect(summary?.differences).toEqual({
    ...{ amount: 1, currency: 1, twice: 1, 'missing-there': 1, 'missing-here': 1, state: 1 },
  });
});

it('says what each side has', async () => {
  const { items } = await reconcile({ ours: [here('a')], theirs: [there('a', { amountMinor: 1 })] });
  expect(items).toEqual([
    {
      class: 'amount',
      subject: 'a',
      ours: expect.objectContaining({ amountMinor: anItem('a').amountMinor, remoteId: 'r-a' }) as unknown,
      theirs: { amountMinor: 1, currency: anItem('a').currency, ids: ['r-a'] },
    },
  ]);
});

it.each<[string, Partial<InvoiceDelivery>]>([
  ['younger than 15 minutes', { createdAtMs: NOW - 14 * 60_000 }],
  ...(['pending', 'sending', 'unknown'] as ActionState[]).map<[string, Partial<InvoiceDelivery>]>((state) => [
    state,
    { state },
  ]),
])('leaves out what is %s', async (_, over) => {
  const { found, summary } = await reconcile({ ours: [here('a', over)], theirs: [] });
  expect(found).toEqual([]);
  expect(summary?.leftOut).toBe(1);
});

it('leaves out what is younger than 15 minutes there, and was made here after this side was read', async () => {
  const { found, summary } = await reconcile({
    ours: [],
    theirs: [there('a', { createdAtMs: NOW - 1_000 })],
  });
  expect([found, summary?.leftOut]).toEqual([[], 1]);
});

it.each<[string, Partial<InvoiceDelivery>]>([
  ['held, as there was no billing system', { state: 'held', remoteId: null }],
  ['delivered to nobody by the release before', { remoteId: null }],
])('names what is %s', async (_, over) => {
  const { found } = await reconcile({ ours: [here('a', over)], theirs: [] });
  expect(found).toEqual(['missing-there a']);
});

it('believes the key rather than the list', async () => {
  const planted = { ours: [here('a')], theirs: [] };
  const thereNow = { kind: 'there', same: true, remoteId: 'r-a', detail: '' } as const;
  expect((await reconcile({ ...planted, finding: thereNow })).found).toEqual([]);
  const other = { kind: 'there', same: false, remoteId: 'r-a', detail: 'amount' } as const;
  expect((await reconcile({ ...planted, finding: other })).found).toEqual(['amount a']);
});

it('ends with what kept it from its end, and what it had found', async () => {
  const ours = [here('a'), here('b')];
  const away = await reconcile({ ours, theirs: [there('b')], finding: { kind: 'no-answer', detail: 'cut' } });
  expect(away.summary).toMatchObject({ failure: 'the billing system: cut', ours: 1 });
  const mixed = await reconcile({ ours, theirs: [there('b'), there('a')] });
  expect(mixed.summary?.failure).toBe('the billing system lists its items out of order');
  expect(mixed.defects).toEqual([]);
});

it('tells a defect to the log alone', async () => {
  const store = new MemoryReconciliations(() => NOW);
  const defects: unknown[] = [];
  const broken = new TypeError('key=secret');
  const peer = {
    items: () => {
      throw broken;
    },
    ask: () => Promise.reject(broken),
  };
  const sides = { ledger: { pages: () => pages<InvoiceDelivery>([], 1) }, peer, store, nowMs: () => NOW };
  const { done } = await beginItemReconciliation(sides, WINDOW, new AbortController().signal, (error) =>
    defects.push(error),
  );
  expect((await done)?.failure).toBe('a defect of Weir: its log tells more');
  expect(defects).toEqual([broken]);
});

it('stores ten thousand differences and counts all', async () => {
  const theirs = Array.from({ length: 10_050 }, (_, n) => there(`k${String(n).padStart(6, '0')}`));
  const { found, summary } = await reconcile({ ours: [], theirs, size: 1_000 });
  expect(found).toHaveLength(10_000);
  expect(summary).toMatchObject({ truncated: true, differences: { 'missing-here': 10_050 } });
});

it.each([
  [5, 5],
  [5, 4],
  [0, 401 * 86_400_000],
])('refuses the window %i to %i', async (fromMs, toMs) => {
  const sides = {
    ledger: { pages: () => pages<InvoiceDelivery>([], 1) },
    peer: { items: () => pages<PeerItem>([], 1), ask: () => Promise.reject(new AppError('unreachable', '')) },
    store: new MemoryReconciliations(() => NOW),
    nowMs: () => NOW,
  };
  const begun = beginItemReconciliation(
    sides,
    { fromMs, toMs },
    new AbortController().signal,
    () => undefined,
  );
  await expect(begun).rejects.toMatchObject({ code: 'invalid-input' });
});

it('finds exactly what is on one side only, whatever the keys and pages', async () => {
  const key = fc.string({ unit: fc.constantFrom('a', 'b', '~', 'é', '𝄞', '1'), minLength: 1, maxLength: 4 });
  const keys = fc.uniqueArray(key, { maxLength: 30 });
  const sorted = (list: string[]): string[] =>
    [...list].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  await fc.assert(
    fc.asyncProperty(keys, keys, fc.integer({ min: 1, max: 7 }), async (mine, others, size) => {
      const { found } = await reconcile({
        ours: sorted(mine).map((one) => here(one)),
        theirs: sorted(others).map((one) => there(one)),
        size,
      });
      const expected = sorted([...new Set([...mine, ...others])]).flatMap((one) => {
        if (mine.includes(one) && others.includes(one)) return [];
        return [mine.includes(one) ? `missing-there ${one}` : `missing-here ${one}`];
      });
      expect(found).toEqual(expected);
    }),
    { numRuns: 300 },
  );
});

/** Comparisons of one process, of which the first lasts until `go`. */
function heldComparisons() {
  const store = new MemoryReconciliations(() => NOW);
  let go: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (go = resolve));
  async function* waiting(): AsyncGenerator<PeerItem[]> {
    await held;
    yield [];
  }
  const peer = { items: waiting, ask: () => Promise.resolve({ kind: 'absent' } as const) };
  const sides = { ledger: { pages: () => pages<InvoiceDelivery>([], 1) }, peer, store, nowMs: () => NOW };
  const begin = oneAtATime(sides, () => undefined);
  return { begin, go };
}

it('runs one comparison at a time, whoever asks', async () => {
  const { begin, go } = heldComparisons();
  const { signal } = new AbortController();
  await expect(begin({ fromMs: 1, toMs: 1 }, signal, 'refuse')).rejects.toMatchObject({
    code: 'invalid-input',
  });
  const { done } = await begin(WINDOW, signal, 'refuse');
  await expect(begin(WINDOW, signal, 'refuse')).rejects.toMatchObject({ code: 'conflict' });
  go();
  await done;
  expect((await (await begin(WINDOW, signal, 'refuse')).done)?.failure).toBe(null);
});

it('the job waits for a comparison that somebody asked for, and those that wait have their turns', async () => {
  const { begin, go } = heldComparisons();
  const { signal } = new AbortController();
  const ended: string[] = [];
  const job = reconcileBillingJob(begin, () => NOW, {
    ended: ({ failure }) => ended.push(`job ${failure}`),
    defect: () => undefined,
  });
  const context = { nowMs: NOW, signal } as JobContext;
  const { done } = await begin(WINDOW, signal, 'refuse');
  void done.then(() => ended.push('by hand'));
  const jobs = [job(context), job(context)];
  go();
  await Promise.all(jobs);
  expect(ended).toEqual(['by hand', 'job null', 'job null']);
});

it('who waits for a comparison stops waiting when told to', async () => {
  const { begin, go } = heldComparisons();
  const stop = new AbortController();
  const { done } = await begin(WINDOW, new AbortController().signal, 'refuse');
  const waiting = begin(WINDOW, stop.signal, 'wait');
  stop.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'stopped' });
  await expect(begin(WINDOW, stop.signal, 'wait')).rejects.toMatchObject({ code: 'stopped' });
  go();
  await done;
});
