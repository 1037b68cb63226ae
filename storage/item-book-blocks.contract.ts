import { expect, it } from 'vitest';
import { blockLine, overageItemKey } from '../rules/tariff/blocks.ts';
import type { ActionIntent } from '../schemas/action.ts';
import type { BillingItem } from '../schemas/billing.ts';
import type { ClosedCycle, ClosedOverage, UsageAdjustment } from '../schemas/usage-record.ts';
import {
  aBlock,
  aClose,
  aTariff,
  DAY,
  FEBRUARY,
  GB,
  itemsOf,
  JANUARY,
  late,
  overage,
  SLOT,
  sums,
} from './item-book-factory.contract.ts';
import type { BookFixture } from './item-book-factory.contract.ts';

/** Paid blocks at the close and after it. */
export function blocksContract<Tx>(fixture: () => BookFixture<Tx>): void {
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

  it('leaves a pool’s blocks, and blocks in another currency, out of the sums of a cycle', async () => {
    const { ledger, book, run, give } = fixture();
    await give(aTariff('s-1', 'blocks'));
    const ofPool = itemOfBlock({ ...aBlock('s-1', 1), id: 'of-a-pool' });
    const dear = { ...itemOfBlock(aBlock('s-1', 9)), currency: 'USD' };
    await run((tx) => book.book(tx, [ofPool, dear]));
    const inDollars = aBlock('s-1', 3);
    if (inDollars.overage !== null) inDollars.overage = { ...inDollars.overage, currency: 'USD' };
    const waiting = [aBlock('s-1', 1), aBlock('s-1', 2), inDollars, { ...aBlock('s-1', 4), id: 'pool-too' }];
    await ledger.insert(SLOT, 1, {
      intents: waiting,
      closedCycles: [aClose('s-1', 'blocks', 115 * GB, over)],
    });
    const made = (await itemsOf(fixture(), 's-1')).filter(
      ({ key }) => key !== ofPool.key && key !== dear.key,
    );
    expect(made.map(({ amountMinor, currency }) => [amountMinor, currency])).toEqual([
      [450, 'EUR'],
      [450, 'EUR'],
    ]);
    // Nothing was used after all: what is of the pool, or in dollars, is not credited.
    await ledger.insert(SLOT, 2, { adjustments: [late('a', 's-1', -90 * GB, { reason: 'operator' })] });
    const all = await itemsOf(fixture(), 's-1');
    expect(all.at(-1)).toMatchObject({ amountMinor: -900, currency: 'EUR', type: 'adjustment' });
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

function itemOfBlock(intent: ActionIntent): BillingItem {
  const { id, subscriberId, cycleStartMs, overage: block } = intent;
  return {
    ...{ key: id, type: 'overage', accountId: `acct-${subscriberId}`, subscriberId, poolId: null },
    ...{ amountMinor: block?.priceMinor ?? 0, currency: 'EUR', quantity: 1, taxClass: 'standard' },
    ...{
      line: blockLine(intent),
      description: '',
      cycleStartMs,
      cycleEndMs: null,
      periodFromMs: null,
      periodToMs: null,
    },
    source: { actionId: id, policyId: '', policyVersion: '', rule: '', what: '' },
  };
}
