import { beforeEach, describe, expect, it } from 'vitest';
import type { ClosedCycle } from '../schemas/usage-record.ts';
import { faultsContract, keepingContract } from './cycle-keeping.contract.ts';
import { blocksContract } from './item-book-blocks.contract.ts';
import {
  aClose,
  ADD_ONS,
  aTariff,
  DAY,
  FEBRUARY,
  GB,
  itemsOf,
  JANUARY,
  late,
  PLANS,
  SLOT,
  sums,
} from './item-book-factory.contract.ts';
import type { BookFixture } from './item-book-factory.contract.ts';

/** What every ItemBook and CycleKeeping does. @param open gives them empty before each test */
export function itemBookContract<Tx>(name: string, open: () => Promise<BookFixture<Tx>>): void {
  describe(`ItemBook: ${name}`, () => {
    let fixture: BookFixture<Tx>;
    beforeEach(async () => {
      fixture = await open();
      await fixture.terms(PLANS, ADD_ONS);
    });
    fees(() => fixture);
    closes(() => fixture);
    adjustments(() => fixture);
    blocksContract(() => fixture);
    faultsContract(() => fixture);
    keepingContract(() => fixture);
  });
}

function fees<Tx>(fixture: () => BookFixture<Tx>): void {
  it('itemises fees in advance once, and opens the cycle', async () => {
    const { book, run, give, cyclesOf } = fixture();
    const no = await give(aTariff('s-1', 'home', { addOns: [{ addOnId: 'tv', fromMs: 0, toMs: null }] }));
    const made = await run((tx) => book.settle(tx, no, JANUARY.startMs));
    expect(made.map(({ type, line, amountMinor }) => [type, line, amountMinor])).toEqual([
      ['recurring', 'plan:home', 3_100],
      ['add-on', 'add-on:tv', 700],
    ]);
    expect(made[0]).toMatchObject({
      subscriberId: 's-1',
      currency: 'EUR',
      cycleStartMs: JANUARY.startMs,
      poolId: null,
    });
    expect(await run((tx) => book.settle(tx, no, JANUARY.startMs))).toEqual([]);
    expect(await itemsOf(fixture(), 's-1')).toEqual(made);
    expect(await cyclesOf('s-1')).toMatchObject([{ ...JANUARY, status: 'open', closedMs: null }]);
  });

  it('brings what is itemised to what a changed plan costs, and what an end takes back', async () => {
    const { book, run, give } = fixture();
    const middle = JANUARY.startMs + 15 * DAY;
    const no = await give(aTariff('s-1', 'home'));
    await run((tx) => book.settle(tx, no, JANUARY.startMs));
    const [home, fast] = [
      { planId: 'home', fromMs: JANUARY.startMs, toMs: middle },
      { planId: 'fast', fromMs: middle, toMs: null },
    ];
    await give(aTariff('s-1', 'home', { assignments: [home, fast] }));
    const changed = await run((tx) => book.settle(tx, no, JANUARY.startMs));
    expect(changed.map(({ type, line, amountMinor }) => [type, line, amountMinor])).toEqual([
      ['proration', 'plan:home', -1_600],
      ['recurring', 'plan:fast', 3_200],
    ]);
    await give(aTariff('s-1', 'home', { assignments: [home, { ...fast, toMs: middle + DAY }] }));
    await run((tx) => book.settle(tx, no, JANUARY.startMs));
    expect(await sums(fixture(), 's-1')).toEqual({ 'plan:home': 1_500, 'plan:fast': 200 });
    await give(aTariff('s-1', 'home', { assignments: [] }));
    await run((tx) => book.settle(tx, no, JANUARY.startMs));
    expect(await sums(fixture(), 's-1')).toEqual({ 'plan:home': 0, 'plan:fast': 0 });
  });

  it('charges nobody who is on no account, nor by terms of another currency', async () => {
    const { book, run, give } = fixture();
    const [none, dear] = [
      await give(aTariff('s-1', 'home', { currency: null })),
      await give(aTariff('s-2', 'dear')),
    ];
    expect(await run((tx) => book.settle(tx, none, JANUARY.startMs))).toEqual([]);
    expect(await run((tx) => book.settle(tx, dear, JANUARY.startMs))).toEqual([]);
    const nobody = run((tx) => book.settle(tx, 999_999, JANUARY.startMs));
    await expect(nobody).rejects.toMatchObject({ code: 'not-found' });
  });

  it('books items with a delivery, once by their keys', async () => {
    const { book, run, give, deliveries } = fixture();
    const no = await give(aTariff('s-1', 'home'));
    const [item] = await run((tx) => book.settle(tx, no, JANUARY.startMs));
    if (item === undefined) throw new Error('an item');
    const other = { ...item, key: 'other', type: 'one-off' as const, line: 'one-off:1' };
    expect(await run((tx) => book.book(tx, [item, other, other]))).toEqual(['other']);
    expect(await run((tx) => book.book(tx, []))).toEqual([]);
    expect((await deliveries.claim('me', 9, 30_000)).map((one) => one.item)).toEqual([item, other]);
  });
}

function closes<Tx>(fixture: () => BookFixture<Tx>): void {
  it('makes what is missing at the close, in the call that stores it, once', async () => {
    const { ledger, book, run, give, cyclesOf } = fixture();
    const no = await give(aTariff('s-1', 'home'));
    await give(aTariff('s-2', 'metered'));
    await run((tx) => book.settle(tx, no, JANUARY.startMs));
    const batch = { closedCycles: [aClose('s-1', 'home', 5), aClose('s-2', 'metered', 12 * GB)] };
    await ledger.insert(SLOT, 1, batch);
    await ledger.insert(SLOT, 1, batch);
    await run((tx) => book.close(tx, batch.closedCycles));
    expect(await sums(fixture(), 's-1')).toEqual({ 'plan:home': 3_100 });
    const items = await itemsOf(fixture(), 's-2');
    expect(items.map(({ type, line, amountMinor, quantity }) => [type, line, amountMinor, quantity])).toEqual(
      [
        ['recurring', 'plan:metered', 1_000, 1],
        ['usage', `usage:${JANUARY.startMs}`, 200, 2 * GB],
      ],
    );
    expect(await cyclesOf('s-2')).toMatchObject([{ ...JANUARY, status: 'closed', termsDiffer: false }]);
    expect((await cyclesOf('s-2'))[0]?.closedMs).not.toBeNull();
  });

  it('closes several cycles of several subscribers at once, in any order', async () => {
    const { ledger, give } = fixture();
    const names = Array.from({ length: 30 }, (_, n) => `s-${n}`);
    for (const name of names) await give(aTariff(name, 'metered'));
    const february = { cycleStartMs: FEBRUARY.startMs, cycleEndMs: FEBRUARY.endMs };
    const closedCycles = [
      ...names.map((name) => aClose(name, 'metered', 11 * GB, february)),
      ...[...names].reverse().map((name) => aClose(name, 'metered', 0)),
    ];
    await ledger.insert(SLOT, 1, { closedCycles });
    for (const name of names) {
      const items = await itemsOf(fixture(), name);
      const [start, other] = [FEBRUARY.startMs, JANUARY.startMs];
      expect(items.filter(({ cycleStartMs }) => cycleStartMs === start).map((i) => i.amountMinor)).toEqual([
        1_000, 100,
      ]);
      expect(items.filter(({ cycleStartMs }) => cycleStartMs === other).map((i) => i.amountMinor)).toEqual([
        1_000,
      ]);
    }
  });

  it('changes no fees of a cycle that is closed', async () => {
    const { ledger, book, run, give } = fixture();
    const no = await give(aTariff('s-1', 'home'));
    await ledger.insert(SLOT, 1, { closedCycles: [aClose('s-1', 'home', 0)] });
    await give(aTariff('s-1', 'fast'));
    await expect(run((tx) => book.settle(tx, no, JANUARY.startMs))).rejects.toMatchObject({
      code: 'conflict',
    });
    await ledger.insert(SLOT, 2, { adjustments: [late('a', 's-1', 5)] });
    expect(await sums(fixture(), 's-1')).toEqual({ 'plan:home': 3_100 });
  });

  it('stores the close of who is unknown or on no account, and charges nothing', async () => {
    const { ledger, give, cyclesOf, deliveries } = fixture();
    await give(aTariff('s-1', 'metered', { currency: null }));
    await ledger.insert(SLOT, 1, {
      closedCycles: [aClose('s-1', 'metered', 20 * GB), aClose('nobody', 'metered', 20 * GB)],
    });
    // On an account now: what was free stays free.
    await give(aTariff('s-1', 'metered'));
    await ledger.insert(SLOT, 2, { adjustments: [late('a', 'nobody', 9 * GB)] });
    await ledger.insert(SLOT, 3, { adjustments: [late('b', 's-1', 9 * GB)] });
    expect(await deliveries.claim('me', 9, 30_000)).toEqual([]);
    expect(await cyclesOf('s-1')).toEqual([]);
  });

  it('tells where who had what is not what was metered, and where terms are of another currency', async () => {
    const { ledger, give, cyclesOf } = fixture();
    const change = JANUARY.startMs + 10 * DAY;
    const had = (at: number) => [
      { planId: 'home', fromMs: JANUARY.startMs, toMs: at },
      { planId: 'metered', fromMs: at, toMs: null },
    ];
    const [first] = aClose('s-1', 'home', 0).parts ?? [];
    if (first === undefined) throw new Error('a part');
    const parts = [
      { ...first, toMs: change },
      { ...first, planId: 'metered', fromMs: change },
    ];
    await give(aTariff('near', 'home', { assignments: had(change + DAY) }));
    await give(aTariff('far', 'home', { assignments: had(change + DAY + 1) }));
    await give(aTariff('dear', 'dear'));
    await ledger.insert(SLOT, 1, {
      closedCycles: [
        aClose('near', 'metered', 0, { parts }),
        aClose('far', 'metered', 0, { parts }),
        aClose('dear', 'dear', 0),
      ],
    });
    const differ = async (id: string): Promise<boolean | undefined> => (await cyclesOf(id))[0]?.termsDiffer;
    expect([await differ('near'), await differ('far'), await differ('dear')]).toEqual([false, true, true]);
    expect(await itemsOf(fixture(), 'dear')).toEqual([]);
  });

  it('follows an anchor that was corrected after the cycle had begun', async () => {
    const { ledger, book, run, give, cyclesOf } = fixture();
    const no = await give(aTariff('s-1', 'home'));
    await run((tx) => book.settle(tx, no, JANUARY.startMs));
    await run((tx) => book.settle(tx, no, FEBRUARY.startMs));
    await give(aTariff('s-1', 'home', { cycle: { kind: 'month', anchorDay: 15 } }));
    const [cycleStartMs, cycleEndMs] = [JANUARY.startMs + 14 * DAY, FEBRUARY.startMs + 14 * DAY];
    await ledger.insert(SLOT, 1, { closedCycles: [aClose('s-1', 'home', 0, { cycleStartMs, cycleEndMs })] });
    // What is left of January and February on both sides costs its share: 14 of 31 days, 31 of 31, 14 of 28.
    expect(await sums(fixture(), 's-1')).toEqual({ 'plan:home': 1_400 + 3_100 + 1_550 });
    expect((await cyclesOf('s-1')).map(({ startMs, status }) => [startMs, status])).toEqual([
      [JANUARY.startMs, 'closed'],
      [cycleStartMs, 'closed'],
      [cycleEndMs, 'open'],
    ]);
  });
}

function adjustments<Tx>(fixture: () => BookFixture<Tx>): void {
  it('charges what comes late as an adjustment, once', async () => {
    const { ledger, book, run, give } = fixture();
    await give(aTariff('s-1', 'metered'));
    await ledger.insert(SLOT, 1, { closedCycles: [aClose('s-1', 'metered', 12 * GB)] });
    const batch = { adjustments: [late('a', 's-1', GB)] };
    await ledger.insert(SLOT, 2, batch);
    await ledger.insert(SLOT, 2, batch);
    await run((tx) => book.adjust(tx, batch.adjustments));
    const items = await itemsOf(fixture(), 's-1');
    expect(items.map(({ type, amountMinor, quantity }) => [type, amountMinor, quantity])).toEqual([
      ['recurring', 1_000, 1],
      ['usage', 200, 2 * GB],
      ['adjustment', 100, GB],
    ]);
    await ledger.insert(SLOT, 3, { adjustments: [late('b', 's-1', -4 * GB, { reason: 'operator' })] });
    expect(await sums(fixture(), 's-1')).toEqual({ 'plan:metered': 1_000, [`usage:${JANUARY.startMs}`]: 0 });
  });

  it('ends in the same money, in whatever order and calls they come', async () => {
    const { ledger, give } = fixture();
    const changes = [3 * GB, -2 * GB, 1, 5 * GB];
    const closeOf = (id: string): ClosedCycle => aClose(id, 'metered', 9 * GB);
    const lateOf = (id: string) => changes.map((bytes, n) => late(`${id}/${n}`, id, bytes));
    for (const id of ['one', 'all', 'with', 'back']) await give(aTariff(id, 'metered'));
    await ledger.insert(SLOT, 1, { closedCycles: [closeOf('one'), closeOf('all'), closeOf('back')] });
    for (const each of lateOf('one')) await ledger.insert(SLOT, 2, { adjustments: [each] });
    for (const each of lateOf('back').reverse()) await ledger.insert(SLOT, 2, { adjustments: [each] });
    await ledger.insert(SLOT, 3, { adjustments: lateOf('all') });
    await ledger.insert(SLOT, 4, { adjustments: lateOf('with'), closedCycles: [closeOf('with')] });
    const due = { 'plan:metered': 1_000, [`usage:${JANUARY.startMs}`]: 500 };
    for (const id of ['one', 'all', 'with', 'back']) expect(await sums(fixture(), id)).toEqual(due);
  });

  it('leaves what changes an open cycle to its close', async () => {
    const { ledger, give } = fixture();
    await give(aTariff('s-1', 'metered'));
    const correction = late('a', 's-1', -GB, { reason: 'operator', offset: 500 });
    await ledger.insert(SLOT, 1, { adjustments: [correction] });
    expect(await itemsOf(fixture(), 's-1')).toEqual([]);
    await ledger.insert(SLOT, 2, {
      closedCycles: [aClose('s-1', 'metered', 12 * GB, { adjustedDownBytes: -GB })],
    });
    expect(await sums(fixture(), 's-1')).toEqual({
      'plan:metered': 1_000,
      [`usage:${JANUARY.startMs}`]: 100,
    });
  });
}
