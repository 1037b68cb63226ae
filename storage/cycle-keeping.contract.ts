import { expect, it } from 'vitest';
import { anIntent } from './action-factory.contract.ts';
import {
  aClose,
  aTariff,
  DAY,
  FEBRUARY,
  GB,
  itemsOf,
  JANUARY,
  late,
  SLOT,
  sums,
} from './item-book-factory.contract.ts';
import type { BookFixture } from './item-book-factory.contract.ts';

/** Cycles that cannot be itemised. */
export function faultsContract<Tx>(fixture: () => BookFixture<Tx>): void {
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

/** What the jobs do with cycles. */
export function keepingContract<Tx>(fixture: () => BookFixture<Tx>): void {
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

  it('opens the cycle of an add-on that has outlasted its plan', async () => {
    const { keeping: jobs, give } = fixture();
    const assignments = [{ planId: 'home', fromMs: JANUARY.startMs, toMs: JANUARY.endMs }];
    const addOns = [{ addOnId: 'tv', fromMs: JANUARY.startMs, toMs: null }];
    await give(aTariff('s-1', 'home', { assignments, addOns }));
    expect(await jobs.begun(FEBRUARY.startMs, 10)).toBe(1);
    expect(await sums(fixture(), 's-1')).toEqual({ 'add-on:tv': 700 });
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
