import { beforeEach, describe, expect, it } from 'vitest';
import { overageItemKey } from '../rules/tariff/blocks.ts';
import type { ActionIntent } from '../schemas/action.ts';
import type { BillingItem } from '../schemas/billing.ts';
import type { CycleChange, CycleRule, Hold } from '../schemas/profile.ts';
import type { AddOnTerms, PlanTerms, Span } from '../schemas/tariff.ts';
import type { ClosedCycle, ClosedOverage, UsageAdjustment } from '../schemas/usage-record.ts';
import { anIntent } from './action-factory.contract.ts';
import type { CycleKeeping, InvoiceLedger, ItemBook } from './billing-ports.ts';
import type { ActionLedger, SlotId } from './ports.ts';
import type { CycleRow } from './tariff-ports.ts';

const SLOT: SlotId = { group: 'weir', topic: 'accounting', partition: 0 };
const DAY = 86_400_000;
export const JANUARY: Span = { startMs: Date.UTC(2026, 0, 1), endMs: Date.UTC(2026, 1, 1) };
export const FEBRUARY: Span = { startMs: JANUARY.endMs, endMs: Date.UTC(2026, 2, 1) };
const GB = 1_000_000_000;

/** Who has what, whole: replaces what was given before. */
export interface GivenTariff {
  subscriberId: string;
  /** null = on no account */
  currency: string | null;
  zone: string;
  cycle: CycleRule;
  cycleChanges: CycleChange[];
  assignments: { planId: string; fromMs: number; toMs: number | null }[];
  addOns: { addOnId: string; fromMs: number; toMs: number | null }[];
  holds: Hold[];
  overageConsent: boolean;
}

/** A book under test, with a ledger that stores closes through it, and what a test needs around them. */
export interface BookFixture<Tx> {
  book: ItemBook<Tx>;
  ledger: ActionLedger;
  deliveries: InvoiceLedger;
  keeping: CycleKeeping;
  /** one transaction */
  run<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** @returns its number */
  give(tariff: GivenTariff): Promise<number>;
  terms(plans: readonly PlanTerms[], addOns: readonly AddOnTerms[]): Promise<void>;
  cyclesOf(subscriberId: string): Promise<CycleRow[]>;
  /** what could not be itemised or opened, since it was opened */
  faults: unknown[];
}

/** 'home' at 31.00 a month in advance, 'metered' at 10.00 in arrears with bytes at 1.00 a GB and blocks, 'dear' in dollars. */
const PLANS: PlanTerms[] = [
  aPlan('home', { recurring: { feeMinor: 3_100, when: 'advance' } }),
  aPlan('fast', { recurring: { feeMinor: 6_200, when: 'advance' } }),
  aPlan('metered', {
    recurring: { feeMinor: 1_000, when: 'arrears' },
    usage: {
      mode: 'graduated',
      includedBytes: 10 * GB,
      tiers: [{ toBytes: null, unitBytes: GB, priceMicro: 100_000_000 }],
    },
  }),
  aPlan('blocks', { overage: { blockBytes: 10 * GB, blockPriceMinor: 500, currency: 'EUR', maxBlocks: 4 } }),
  aPlan('dear', { currency: 'USD', recurring: { feeMinor: 9_900, when: 'advance' } }),
];
const ADD_ONS: AddOnTerms[] = [
  {
    ...{ addOnId: 'tv', version: 1, name: 'TV', currency: 'EUR', feeMinor: 700, when: 'advance' },
    ...{ capBytes: 0, prorated: false, effectiveFromMs: 0 },
  },
];

/** Terms of a plan for tests. */
export function aPlan(
  planId: string,
  over: Partial<PlanTerms> & Pick<Partial<PlanTerms['metering']>, 'overage'> = {},
): PlanTerms {
  const { overage = null, ...terms } = over;
  return {
    ...{
      planId,
      version: 1,
      name: `Plan ${planId}`,
      currency: 'EUR',
      taxClass: 'standard',
      effectiveFromMs: null,
    },
    ...{ recurring: null, usage: null },
    heldPerMille: { customer: 0, 'non-payment': 1000, fraud: 1000, legal: 1000 },
    metering: {
      ...{
        family: 'f',
        capBytes: 100 * GB,
        counted: 'down',
        downBps: 1,
        upBps: 1,
        overage,
        classFactors: {},
      },
    },
    ...terms,
  };
}

/** A subscriber on a plan from January on. */
export function aTariff(subscriberId: string, planId: string, over: Partial<GivenTariff> = {}): GivenTariff {
  return {
    ...{
      subscriberId,
      currency: 'EUR',
      zone: 'UTC',
      cycle: { kind: 'month', anchorDay: 1 },
      cycleChanges: [],
    },
    assignments: [{ planId, fromMs: JANUARY.startMs, toMs: null }],
    ...{ addOns: [], holds: [], overageConsent: true },
    ...over,
  };
}

/** January of a subscriber that was on one plan all the time. */
export function aClose(
  subscriberId: string,
  planId: string,
  downBytes: number,
  over: Partial<ClosedCycle> = {},
): ClosedCycle {
  const [cycleStartMs, cycleEndMs] = [over.cycleStartMs ?? JANUARY.startMs, over.cycleEndMs ?? JANUARY.endMs];
  const classes = [{ serviceClass: '', downBytes, upBytes: 0 }];
  const part = {
    ...{
      fromMs: cycleStartMs,
      toMs: cycleEndMs,
      planId,
      version: 1,
      unlimited: false,
      countedBytes: downBytes,
    },
    ...{ classes, offPeak: [] },
  };
  return {
    ...{ subscriberId, cycleStartMs, cycleEndMs, planId, classes, adjustedDownBytes: 0, adjustedUpBytes: 0 },
    parts: [part],
    ...{ partition: 0, offset: 1_000 },
    ...over,
  };
}

function overage(over: Partial<ClosedOverage>): { overage: ClosedOverage } {
  return { overage: { blocks: 0, soldBytes: 0, overBytes: 0, correctedBytes: 0, ...over } };
}

/** What comes later to January. */
function late(
  id: string,
  subscriberId: string,
  downBytes: number,
  over: Partial<UsageAdjustment> = {},
): UsageAdjustment {
  return {
    ...{ id, subscriberId, cycleStartMs: JANUARY.startMs, cycleEndMs: JANUARY.endMs, serviceClass: '' },
    ...{ downBytes, upBytes: 0, reason: 'late-usage', detail: '', partition: 0, offset: 2_000 },
    ...over,
  };
}

/** The intent of a block as the fold makes it. */
function aBlock(subscriberId: string, block: number, priceMinor = 450): ActionIntent {
  return anIntent({
    ...{ id: overageItemKey(subscriberId, JANUARY.startMs, 'data', block), kind: 'overage', subscriberId },
    ...{ cycleStartMs: JANUARY.startMs, ordinal: block },
    overage: { block, blockBytes: 10 * GB, priceMinor, currency: 'EUR' },
  });
}

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
    blocks(() => fixture);
    faults(() => fixture);
    keeping(() => fixture);
  });
}

function fees<Tx>(fixture: () => BookFixture<Tx>): void {
  it('itemises fees in advance once, and opens the cycle', async () => {
    const { book, run, give, cyclesOf } = fixture();
    const no = await give(aTariff('s-1', 'home', { addOns: [{ addOnId: 'tv', fromMs: 0, toMs: null }] }));
    const made = await run((tx) => book.settleCycle(tx, no, JANUARY, 'advance'));
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
    expect(await run((tx) => book.settleCycle(tx, no, JANUARY, 'advance'))).toEqual([]);
    expect(await itemsOf(fixture(), 's-1')).toEqual(made);
    expect(await cyclesOf('s-1')).toMatchObject([{ ...JANUARY, status: 'open', closedMs: null }]);
  });

  it('brings what is itemised to what a changed plan costs, and what an end takes back', async () => {
    const { book, run, give } = fixture();
    const middle = JANUARY.startMs + 15 * DAY;
    const no = await give(aTariff('s-1', 'home'));
    await run((tx) => book.settleCycle(tx, no, JANUARY, 'advance'));
    const [home, fast] = [
      { planId: 'home', fromMs: JANUARY.startMs, toMs: middle },
      { planId: 'fast', fromMs: middle, toMs: null },
    ];
    await give(aTariff('s-1', 'home', { assignments: [home, fast] }));
    const changed = await run((tx) => book.settleCycle(tx, no, JANUARY, 'advance'));
    expect(changed.map(({ type, line, amountMinor }) => [type, line, amountMinor])).toEqual([
      ['proration', 'plan:home', -1_600],
      ['recurring', 'plan:fast', 3_200],
    ]);
    await give(aTariff('s-1', 'home', { assignments: [home, { ...fast, toMs: middle + DAY }] }));
    await run((tx) => book.settleCycle(tx, no, JANUARY, 'advance'));
    expect(await sums(fixture(), 's-1')).toEqual({ 'plan:home': 1_500, 'plan:fast': 200 });
    await give(aTariff('s-1', 'home', { assignments: [] }));
    await run((tx) => book.settleCycle(tx, no, JANUARY, 'advance'));
    expect(await sums(fixture(), 's-1')).toEqual({ 'plan:home': 0, 'plan:fast': 0 });
  });

  it('charges nobody who is on no account, nor by terms of another currency', async () => {
    const { book, run, give } = fixture();
    const [none, dear] = [
      await give(aTariff('s-1', 'home', { currency: null })),
      await give(aTariff('s-2', 'dear')),
    ];
    expect(await run((tx) => book.settleCycle(tx, none, JANUARY, 'all'))).toEqual([]);
    expect(await run((tx) => book.settleCycle(tx, dear, JANUARY, 'all'))).toEqual([]);
    const nobody = run((tx) => book.settleCycle(tx, 999_999, JANUARY, 'all'));
    await expect(nobody).rejects.toMatchObject({ code: 'not-found' });
  });

  it('books items with a delivery, once by their keys', async () => {
    const { book, run, give, deliveries } = fixture();
    const no = await give(aTariff('s-1', 'home'));
    const [item] = await run((tx) => book.settleCycle(tx, no, JANUARY, 'advance'));
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
    await run((tx) => book.settleCycle(tx, no, JANUARY, 'advance'));
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
    await expect(run((tx) => book.settleCycle(tx, no, JANUARY, 'advance'))).rejects.toMatchObject({
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
    expect(await deliveries.claim('me', 9, 30_000)).toEqual([]);
    expect(await cyclesOf('s-1')).toMatchObject([{ status: 'closed' }]);
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
    await run((tx) => book.settleCycle(tx, no, JANUARY, 'advance'));
    await run((tx) => book.settleCycle(tx, no, FEBRUARY, 'advance'));
    await give(aTariff('s-1', 'home', { cycle: { kind: 'month', anchorDay: 15 } }));
    const [cycleStartMs, cycleEndMs] = [JANUARY.startMs + 14 * DAY, FEBRUARY.startMs + 14 * DAY];
    await ledger.insert(SLOT, 1, { closedCycles: [aClose('s-1', 'home', 0, { cycleStartMs, cycleEndMs })] });
    // February's fee was for the cycle that is this one now; it is not charged again.
    expect(await sums(fixture(), 's-1')).toEqual({ 'plan:home': 6_200 });
    expect((await cyclesOf('s-1')).map(({ startMs, status }) => [startMs, status])).toEqual([
      [cycleStartMs, 'closed'],
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

function blocks<Tx>(fixture: () => BookFixture<Tx>): void {
  const over = overage({ blocks: 2, soldBytes: 20 * GB, overBytes: 15 * GB });

  it('books blocks that were asked for and wait in the ledger, at the price that was said', async () => {
    const { ledger, book, run, give } = fixture();
    await give(aTariff('s-1', 'blocks'));
    await ledger.insert(SLOT, 1, { intents: [aBlock('s-1', 1), aBlock('s-1', 2)] });
    await ledger.insert(SLOT, 2, { closedCycles: [aClose('s-1', 'blocks', 115 * GB, over)] });
    const items = await itemsOf(fixture(), 's-1');
    expect(items.map(({ key, type, amountMinor }) => [key, type, amountMinor])).toEqual(
      [1, 2].map((block) => [overageItemKey('s-1', JANUARY.startMs, 'data', block), 'overage', 450]),
    );
    // The dispatcher comes to the action now.
    const [first] = items;
    if (first === undefined) throw new Error('an item');
    expect(await run((tx) => book.book(tx, [{ ...first, amountMinor: 450 }]))).toEqual([]);
    await run((tx) => book.close(tx, [aClose('s-1', 'blocks', 115 * GB, over)]));
    expect(await itemsOf(fixture(), 's-1')).toHaveLength(2);
  });

  it('takes a block of the same call and one that is booked already', async () => {
    const { ledger, book, run, give } = fixture();
    await give(aTariff('s-1', 'blocks'));
    await run((tx) => book.book(tx, [itemOfBlock(aBlock('s-1', 1))]));
    await ledger.insert(SLOT, 2, {
      intents: [aBlock('s-1', 1), aBlock('s-1', 2)],
      closedCycles: [aClose('s-1', 'blocks', 115 * GB, over)],
    });
    expect(await sums(fixture(), 's-1')).toEqual({ 'overage:data': 900 });
  });

  it('adds blocks that nobody asked for, within the limit, where they were agreed to', async () => {
    const { ledger, give } = fixture();
    for (const [id, overageConsent] of [
      ['yes', true],
      ['no', false],
      ['much', true],
      ['none', true],
    ] as const)
      await give(aTariff(id, 'blocks', { overageConsent }));
    const closeOf = (id: string, more: Partial<ClosedOverage>): ClosedCycle =>
      aClose(id, 'blocks', 0, overage(more));
    await ledger.insert(SLOT, 1, {
      intents: [aBlock('yes', 1), aBlock('no', 1)],
      closedCycles: [
        closeOf('yes', { blocks: 1, soldBytes: 10 * GB, overBytes: 25 * GB }),
        closeOf('no', { blocks: 1, soldBytes: 10 * GB, overBytes: 25 * GB }),
        closeOf('much', { overBytes: 999 * GB }),
        closeOf('none', { overBytes: -5 * GB }),
      ],
    });
    expect(await sums(fixture(), 'yes')).toEqual({ 'overage:data': 450 + 2 * 500 });
    expect(await sums(fixture(), 'no')).toEqual({ 'overage:data': 450 });
    expect(await sums(fixture(), 'much')).toEqual({ 'overage:data': 4 * 500 });
    expect(await itemsOf(fixture(), 'none')).toEqual([]);
    const keys = (await itemsOf(fixture(), 'yes')).map(({ key }) => key);
    expect(keys).toEqual([1, 2, 3].map((block) => overageItemKey('yes', JANUARY.startMs, 'data', block)));
  });

  it('follows the terms of a policy where the slot says them', async () => {
    const { ledger, give } = fixture();
    await give(aTariff('none', 'blocks'));
    await give(aTariff('cheap', 'blocks'));
    const terms = { blockBytes: 10 * GB, blockPriceMinor: 100, currency: 'EUR', maxBlocks: 2 };
    await ledger.insert(SLOT, 1, {
      closedCycles: [
        aClose('none', 'blocks', 0, overage({ overBytes: 25 * GB, terms: null })),
        aClose('cheap', 'blocks', 0, overage({ overBytes: 25 * GB, terms })),
      ],
    });
    expect(await itemsOf(fixture(), 'none')).toEqual([]);
    expect(await sums(fixture(), 'cheap')).toEqual({ 'overage:data': 200 });
  });

  it('charges blocks for what comes late, and credits what corrections made needless, each once', async () => {
    const { ledger, book, run, give } = fixture();
    await give(aTariff('s-1', 'blocks'));
    const closed = aClose('s-1', 'blocks', 95 * GB, overage({ overBytes: -5 * GB }));
    await ledger.insert(SLOT, 1, { closedCycles: [closed] });
    expect(await itemsOf(fixture(), 's-1')).toEqual([]);
    const settle = async (id: string, bytes: number, reason: UsageAdjustment['reason']): Promise<number> => {
      await ledger.insert(SLOT, 2, { adjustments: [late(id, 's-1', bytes, { reason })] });
      await run((tx) => book.close(tx, [closed]));
      return (await sums(fixture(), 's-1'))['overage:data'] ?? 0;
    };
    expect(await settle('a', 3 * GB, 'late-usage')).toBe(0);
    expect(await settle('b', 14 * GB, 'late-usage')).toBe(1_000);
    expect(await settle('c', -5 * GB, 'operator')).toBe(500);
    expect(await settle('d', -50 * GB, 'operator')).toBe(0);
    expect(await settle('e', 60 * GB, 'late-usage')).toBe(1_000);
    const items = await itemsOf(fixture(), 's-1');
    expect(items.every(({ type }) => type === 'adjustment')).toBe(true);
    expect(items.map(({ quantity }) => quantity).reduce((a, b) => a + b)).toBe(2);
  });

  it('charges no block of a plan without a cap', async () => {
    const { ledger, give } = fixture();
    await give(aTariff('s-1', 'blocks'));
    const allowance = { baseBytes: null, carryInBytes: 0, carryOutBytes: 0, topUps: [] };
    await ledger.insert(SLOT, 1, {
      closedCycles: [aClose('s-1', 'blocks', GB, { allowance, ...overage({}) })],
    });
    await ledger.insert(SLOT, 2, { adjustments: [late('a', 's-1', 90 * GB)] });
    expect(await itemsOf(fixture(), 's-1')).toEqual([]);
  });

  it('charges nobody again for blocks that were sold before the anchor was corrected', async () => {
    const { ledger, book, run, give } = fixture();
    await give(aTariff('s-1', 'blocks', { cycle: { kind: 'month', anchorDay: 15 } }));
    const sold = [itemOfBlock(aBlock('s-1', 1)), itemOfBlock(aBlock('s-1', 2))];
    await run((tx) => book.book(tx, sold));
    const [cycleStartMs, cycleEndMs] = [JANUARY.startMs + 14 * DAY, FEBRUARY.startMs + 14 * DAY];
    const bounds = { cycleStartMs, cycleEndMs };
    const beyond = overage({ blocks: 2, soldBytes: 20 * GB, overBytes: 25 * GB });
    const closed = aClose('s-1', 'blocks', 125 * GB, { ...bounds, ...beyond });
    await ledger.insert(SLOT, 1, { closedCycles: [closed] });
    expect(await sums(fixture(), 's-1')).toEqual({ 'overage:data': 2 * 450 + 500 });
    await run((tx) => book.close(tx, [closed]));
    await ledger.insert(SLOT, 2, { adjustments: [late('a', 's-1', 10 * GB, bounds)] });
    expect(await sums(fixture(), 's-1')).toEqual({ 'overage:data': 2 * 450 + 2 * 500 });
  });

  it('refunds no block for a top-up that came later', async () => {
    const { ledger, give } = fixture();
    await give(aTariff('s-1', 'blocks'));
    const asked = [aBlock('s-1', 1, 500), aBlock('s-1', 2, 500)];
    const more = overage({ blocks: 2, soldBytes: 20 * GB, overBytes: -30 * GB });
    await ledger.insert(SLOT, 1, { intents: asked, closedCycles: [aClose('s-1', 'blocks', 70 * GB, more)] });
    expect(await sums(fixture(), 's-1')).toEqual({ 'overage:data': 1_000 });
  });
}

function faults<Tx>(fixture: () => BookFixture<Tx>): void {
  it('stores a cycle that cannot be itemised and the actions of its call, and itemises it when it can', async () => {
    const { ledger, keeping, give, cyclesOf, faults: told } = fixture();
    await give(aTariff('good', 'metered'));
    await give(aTariff('bad', 'metered', { zone: 'Nowhere/At_all' }));
    const intent = anIntent({ id: 'a', subscriberId: 'bad' });
    const closedCycles = [aClose('bad', 'metered', 12 * GB), aClose('good', 'metered', 12 * GB)];
    expect(await ledger.insert(SLOT, 1, { intents: [intent], closedCycles })).toEqual(['a']);
    expect(told).toHaveLength(1);
    expect(await itemsOf(fixture(), 'bad')).toEqual([]);
    expect(await cyclesOf('bad')).toMatchObject([{ ...JANUARY, status: 'closing', closedMs: null }]);
    expect(await sums(fixture(), 'good')).toEqual({
      'plan:metered': 1_000,
      [`usage:${JANUARY.startMs}`]: 200,
    });
    // Late bytes find it as it is, and so does the job.
    await ledger.insert(SLOT, 2, { adjustments: [late('x', 'bad', GB)] });
    expect(await keeping.retryFailed(10)).toBe(0);
    expect(told.length).toBeGreaterThan(2);
    await give(aTariff('bad', 'metered'));
    expect(await keeping.retryFailed(10)).toBe(1);
    expect(await keeping.retryFailed(10)).toBe(0);
    expect(await sums(fixture(), 'bad')).toEqual({
      'plan:metered': 1_000,
      [`usage:${JANUARY.startMs}`]: 300,
    });
    expect(await cyclesOf('bad')).toMatchObject([{ status: 'closed' }]);
  });

  it('tries an adjustment again that could not be itemised', async () => {
    const { ledger, keeping, give, cyclesOf } = fixture();
    await give(aTariff('s-1', 'metered'));
    await ledger.insert(SLOT, 1, { closedCycles: [aClose('s-1', 'metered', 12 * GB)] });
    const huge = late('a', 's-1', Number.MAX_SAFE_INTEGER);
    await ledger.insert(SLOT, 2, { adjustments: [huge, late('b', 's-1', Number.MAX_SAFE_INTEGER)] });
    expect(await cyclesOf('s-1')).toMatchObject([{ status: 'closing' }]);
    await ledger.insert(SLOT, 3, { adjustments: [late('c', 's-1', 1 - Number.MAX_SAFE_INTEGER)] });
    await ledger.insert(SLOT, 4, { adjustments: [late('d', 's-1', GB - Number.MAX_SAFE_INTEGER)] });
    expect(await keeping.retryFailed(10)).toBeLessThan(2);
    expect(await cyclesOf('s-1')).toMatchObject([{ status: 'closed' }]);
    expect((await sums(fixture(), 's-1'))[`usage:${JANUARY.startMs}`]).toBe(300);
  });
}

function keeping<Tx>(fixture: () => BookFixture<Tx>): void {
  it('opens the cycles that began with their fees, a piece a call, once', async () => {
    const { keeping: jobs, give, cyclesOf } = fixture();
    for (const id of ['s-1', 's-2', 's-3']) await give(aTariff(id, 'home'));
    await give(
      aTariff('later', 'home', { assignments: [{ planId: 'home', fromMs: FEBRUARY.startMs, toMs: null }] }),
    );
    await give(aTariff('free', 'home', { currency: null }));
    const at = JANUARY.startMs + DAY;
    expect(await jobs.begun(at, 2)).toBe(2);
    expect(await jobs.begun(at, 2)).toBe(1);
    expect(await jobs.begun(at, 2)).toBe(0);
    for (const id of ['s-1', 's-2', 's-3']) expect(await sums(fixture(), id)).toEqual({ 'plan:home': 3_100 });
    expect(await cyclesOf('later')).toEqual([]);
    expect(await cyclesOf('free')).toEqual([]);
    expect(await cyclesOf('s-1')).toMatchObject([{ ...JANUARY, status: 'open' }]);
  });

  it('says what ended and was not closed, and charges the next cycle as it begins', async () => {
    const { keeping: jobs, ledger, give, cyclesOf } = fixture();
    await give(aTariff('s-1', 'home'));
    await jobs.begun(JANUARY.startMs, 10);
    expect(await jobs.notClosed(JANUARY.endMs, 10)).toEqual([]);
    expect(await jobs.begun(FEBRUARY.startMs, 10)).toBe(2);
    const row = { ...JANUARY, subscriberId: 's-1', closedMs: null, termsDiffer: false };
    expect(await jobs.notClosed(FEBRUARY.startMs + 1, 10)).toEqual([{ ...row, status: 'closing' }]);
    expect(await jobs.notClosed(FEBRUARY.startMs, 10)).toEqual([]);
    expect((await cyclesOf('s-1')).map(({ status }) => status)).toEqual(['closing', 'open']);
    await ledger.insert(SLOT, 1, { closedCycles: [aClose('s-1', 'home', 0)] });
    expect(await jobs.notClosed(FEBRUARY.startMs + 1, 10)).toEqual([]);
    expect(await jobs.begun(FEBRUARY.startMs + 1, 10)).toBe(0);
    expect(await sums(fixture(), 's-1')).toEqual({ 'plan:home': 6_200 });
  });

  it('opens the others where one cannot be', async () => {
    const { keeping: jobs, give, faults: told } = fixture();
    for (const id of ['a', 'b', 'c', 'd'])
      await give(aTariff(id, 'home', id === 'b' ? { zone: 'Nowhere/At_all' } : {}));
    let opened = 0;
    for (let did = 1; did > 0; opened += did) did = await jobs.begun(JANUARY.startMs, 1);
    expect(opened).toBe(3);
    expect(told.length).toBeGreaterThan(0);
    expect(await sums(fixture(), 'd')).toEqual({ 'plan:home': 3_100 });
  });

  it('cuts a cycle where its rule changes, and charges the stub its share', async () => {
    const { keeping: jobs, give, cyclesOf } = fixture();
    const cycleChanges = [{ fromMs: FEBRUARY.startMs, cycle: { kind: 'month' as const, anchorDay: 15 } }];
    await give(aTariff('s-1', 'home', { cycleChanges }));
    await jobs.begun(FEBRUARY.startMs, 10);
    expect(await cyclesOf('s-1')).toMatchObject([
      { startMs: FEBRUARY.startMs, endMs: FEBRUARY.startMs + 14 * DAY },
    ]);
    expect(await sums(fixture(), 's-1')).toEqual({ 'plan:home': 1_400 });
  });
}

function itemOfBlock({ id, subscriberId, cycleStartMs, overage: block }: ActionIntent): BillingItem {
  return {
    ...{ key: id, type: 'overage', accountId: `acct-${subscriberId}`, subscriberId, poolId: null },
    ...{ amountMinor: block?.priceMinor ?? 0, currency: 'EUR', quantity: 1, taxClass: 'standard' },
    ...{
      line: 'overage:data',
      description: '',
      cycleStartMs,
      cycleEndMs: null,
      periodFromMs: null,
      periodToMs: null,
    },
    source: { actionId: id, policyId: '', policyVersion: '', rule: '', what: '' },
  };
}

/** Items of a subscriber, the first made first. */
export async function itemsOf<Tx>(
  { deliveries }: BookFixture<Tx>,
  subscriberId: string,
): Promise<BillingItem[]> {
  const filter = { accountId: null, subscriberId, type: null, state: null, fromMs: null, toMs: null };
  return (await deliveries.list(filter, 500, null)).items.map(({ item }) => item).reverse();
}

/** What the items of a subscriber come to, by line. */
export async function sums<Tx>(
  fixture: BookFixture<Tx>,
  subscriberId: string,
): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const { line, amountMinor } of await itemsOf(fixture, subscriberId))
    found[line] = (found[line] ?? 0) + amountMinor;
  return found;
}
