import { expect, it } from 'vitest';
import type { BoughtTopUp } from '../schemas/tariff.ts';
import { anIntent } from './action-factory.contract.ts';
import { addOn, by, bytes, DAY, given, T } from './tariff-given.contract.ts';
import type { ChangeContext, TariffStore, When } from './tariff-ports.ts';
import type { TariffFixture } from './tariff-fixture.contract.ts';

/** What a TariffStore does with what is had beside a plan: top-ups, pools, add-ons, items by hand. @param use gives the store of the test */
export function salesCases(use: () => TariffFixture): void {
  const store = (): TariffStore => use().store;
  const put = (id = 's-1') => store().putSubscriber(given(id), by(T));
  const assign = (
    planId: string,
    when: When,
    atMs = T,
    replaceLater = false,
    more: Partial<ChangeContext> = {},
  ) => store().assign('s-1', planId, when, replaceLater, by(atMs, more));

  it('sells a top-up of each kind with its item, and takes it back', async () => {
    await put();
    const price = { amountMinor: 500, currency: 'EUR' };
    const sold = await store().buyTopUp({ subscriberId: 's-1' }, bytes('t-1'), price, by(T));
    expect(sold.items).toMatchObject([{ key: 't-1', type: 'topup', amountMinor: 500, line: 'top-up:t-1' }]);
    const boost = bytes('t-2', { kind: 'boost', bytes: null, speed: { downBps: 9, upBps: 8 } });
    await store().buyTopUp({ subscriberId: 's-1' }, boost, { ...price, amountMinor: 0 }, by(T));
    await store().buyTopUp(
      { subscriberId: 's-1' },
      bytes('t-3', { kind: 'unlimited', bytes: null }),
      price,
      by(T),
    );
    const span = { fromMs: T, expiresMs: T + 30 * DAY };
    expect(await use().profile('s-1')).toMatchObject({
      topUps: [{ id: 't-1', bytes: 5e9, ...span }],
      boosts: [{ id: 't-2', downBps: 9, upBps: 8, ...span }],
      unlimited: [{ id: 't-3', fromMs: T, toMs: span.expiresMs }],
    });
    const cancelled = await store().cancelTopUp('t-1', by(T + DAY), true);
    expect(cancelled.items).toMatchObject([{ type: 'adjustment', amountMinor: -500 }]);
    expect((await store().cancelTopUp('t-3', by(T + DAY))).items).toEqual([]);
    expect((await use().profile('s-1'))?.topUps).toEqual([
      { id: 't-1', bytes: 5e9, fromMs: T, expiresMs: T + DAY },
    ]);
    await expect(store().cancelTopUp('t-1', by(T + DAY))).rejects.toMatchObject({ code: 'conflict' });
  });

  it.each<[string, Partial<BoughtTopUp>, string, string]>([
    ['that is over', { fromMs: T - 2 * DAY, expiresMs: T }, 'EUR', 'conflict'],
    ['of nothing', { bytes: 0 }, 'EUR', 'invalid-input'],
    ['for another currency', {}, 'USD', 'conflict'],
    ['of an id that is taken', { id: 't-0' }, 'EUR', 'conflict'],
  ])('sells no top-up %s', async (_what, more, currency, code) => {
    await put();
    const owner = { subscriberId: 's-1' };
    await store().buyTopUp(owner, bytes('t-0'), { amountMinor: 1, currency: 'EUR' }, by(T));
    const sold = store().buyTopUp(owner, bytes('t-1', more), { amountMinor: 1, currency }, by(T));
    await expect(sold).rejects.toMatchObject({ code });
    expect(await use().items('s-1')).toHaveLength(1);
  });

  it('books what a policy bought once, and nothing that is over by the clock of the log', async () => {
    await put();
    const topUp = {
      productId: 'gb-5',
      bytes: 5e9,
      priceMinor: 300,
      currency: 'EUR',
      fromMs: T,
      expiresMs: T + DAY,
    };
    const intent = anIntent({ id: 'buy', kind: 'topup', subscriberId: 's-1', topUp });
    expect(await store().bookPolicyTopUp(intent, T + DAY)).toBe('expired');
    expect([await use().items('s-1'), (await use().profile('s-1'))?.topUps]).toEqual([[], []]);
    expect(await store().bookPolicyTopUp(intent, T + DAY - 1)).toBe('added');
    expect(await store().bookPolicyTopUp(intent, T + DAY)).toBe('known');
    expect(await store().bookPolicyTopUp({ ...intent, id: 'x', subscriberId: 'nobody' }, T)).toBe(
      'no-subscriber',
    );
    expect(await use().items('s-1')).toMatchObject([{ key: 'buy', amountMinor: 300, accountId: 'acct-s-1' }]);
    expect((await use().profile('s-1'))?.topUps).toEqual([
      { id: 'buy', bytes: 5e9, fromMs: T, expiresMs: T + DAY },
    ]);
  });

  it('puts subscribers into pools and takes them out', async () => {
    await put();
    const pool = { poolId: 'p', allowanceBytes: 1e12, zone: 'UTC', anchorDay: 1, segment: 'home' };
    const profile = { ...pool, planId: null, overageConsent: false, billTo: 's-1' };
    await expect(store().joinPool('p', 's-1', { fromMs: T, toMs: null }, by(T))).rejects.toMatchObject({
      code: 'not-found',
    });
    expect(await store().putPool(profile, by(T))).toMatchObject({ value: profile, revision: 1 });
    await store().putPool({ ...profile, poolId: 'q' }, by(T));
    await store().joinPool('p', 's-1', { fromMs: T, toMs: null }, by(T));
    expect(await use().profile('s-1')).toMatchObject({ poolId: 'p' });
    const other = store().joinPool('q', 's-1', { fromMs: T + DAY, toMs: null }, by(T));
    await expect(other).rejects.toMatchObject({ code: 'conflict' });
    await store().leavePool('p', 's-1', { at: 'now' }, by(T + DAY));
    expect(await use().profile('s-1')).toMatchObject({
      poolId: null,
      poolMemberships: [{ poolId: 'p', fromMs: T, toMs: T + DAY }],
    });
    await expect(store().leavePool('p', 's-1', { at: 'now' }, by(T + DAY))).rejects.toMatchObject({
      code: 'not-found',
    });
    const price = { amountMinor: 900, currency: 'EUR' };
    const { items } = await store().buyTopUp({ poolId: 'p' }, bytes('t-p'), price, by(T));
    expect(items).toMatchObject([{ poolId: 'p', subscriberId: 's-1', amountMinor: 900 }]);
    const after = await store().putPool({ ...profile, allowanceBytes: 2e12 }, by(T));
    const topUps = [{ id: 't-p', bytes: 5e9, fromMs: T, expiresMs: T + 30 * DAY }];
    expect(after.value).toEqual({ ...profile, allowanceBytes: 2e12, topUps });
  });

  it('lets into a pool whose cycles have the length of the pool’s alone, and keeps it so', async () => {
    await put();
    const profile = {
      ...{ poolId: 'p', allowanceBytes: 1e12, zone: 'UTC', anchorDay: 1, segment: 'home' },
      ...{ planId: null, overageConsent: false, billTo: 's-1' },
    };
    const weeks = { kind: 'week', weekday: 1 } as const;
    const days = { kind: 'days', days: 7, from: '2026-01-01' } as const;
    const own = { accountId: 'acct-s-1', currency: 'EUR', taxClass: 'standard' };
    const billed = { ...own, billingStatus: 'current', billingRef: null } as const;
    const refused = { code: 'conflict', message: expect.stringMatching(/^pool-cycle: /) as string };
    await store().putPool({ ...profile, cycle: weeks }, by(T));
    const join = () => store().joinPool('p', 's-1', { fromMs: T + DAY, toMs: null }, by(T));
    await expect(join()).rejects.toMatchObject(refused);
    await store().putPool(profile, by(T));
    await join();
    for (const cycle of [weeks, days]) {
      await expect(store().putPool({ ...profile, cycle }, by(T))).rejects.toMatchObject(refused);
      await expect(store().changeCycle('acct-s-1', cycle, by(T))).rejects.toMatchObject(refused);
      await expect(store().putAccount({ ...billed, cycle }, by(T))).rejects.toMatchObject(refused);
    }
    await store().putPool({ ...profile, anchorDay: 5 }, by(T));
    await store().changeCycle('acct-s-1', { kind: 'month', anchorDay: 9 }, by(T));
    await store().putAccount({ ...billed, accountId: 'weekly', cycle: weeks }, by(T));
    const moved = given('s-1', { accountId: 'weekly' });
    await expect(store().putSubscriber(moved, by(T))).rejects.toMatchObject(refused);
    const line = { line: 1, content: moved };
    await expect(store().applyImport('i-1', [line], by(T))).rejects.toMatchObject({ code: 'conflict' });
    // Who has left is free.
    await store().leavePool('p', 's-1', { at: 'time', ms: T + 2 * DAY }, by(T));
    await store().putSubscriber(moved, by(T + 2 * DAY));
    await expect(join()).rejects.toMatchObject(refused);
  });

  it('gives and ends add-ons', async () => {
    await put();
    await assign('a', { at: 'now' });
    await store().putAddOnVersion(addOn({ effectiveFromMs: T }), by(0));
    const early = store().addAddOn('s-1', 'gb', { at: 'back', ms: T - DAY }, by(T));
    await expect(early).rejects.toMatchObject({ code: 'not-found' });
    const { items, value } = await store().addAddOn('s-1', 'gb', { at: 'now' }, by(T));
    expect(items).toMatchObject([{ amountMinor: 170, line: 'add-on:gb' }]);
    const twice = store().addAddOn('s-1', 'gb', { at: 'cycle-end' }, by(T));
    await expect(twice).rejects.toMatchObject({ code: 'conflict' });
    expect((await use().profile('s-1'))?.addOns).toEqual([
      { id: 'gb', fromMs: T, toMs: null, capBytes: 5e9, prorated: false },
    ]);
    const ended = await store().endAddOn('s-1', value.addOns[0]?.id ?? '', { at: 'now' }, by(T + 7 * DAY));
    expect(ended.items).toMatchObject([{ amountMinor: -100 }]);
  });

  it('puts no add-on where there is no plan', async () => {
    await put();
    await store().putAddOnVersion(addOn(), by(0));
    const add = (when: When) => store().addAddOn('s-1', 'gb', when, by(T));
    const refused = { code: 'conflict', message: expect.stringMatching(/^no-plan: /) as string };
    await expect(add({ at: 'now' })).rejects.toMatchObject(refused);
    await assign('a', { at: 'now' });
    await store().terminate('s-1', { at: 'time', ms: T + 7 * DAY }, by(T));
    for (const days of [7, 30])
      await expect(add({ at: 'time', ms: T + days * DAY })).rejects.toMatchObject(refused);
    await add({ at: 'time', ms: T + 7 * DAY - 1 });
  });

  it('books an item by hand, once by the key of its request', async () => {
    await put();
    const idempotency = { keyId: 'k', key: 'i', route: 'POST /items', requestHash: Uint8Array.of(1) };
    const amount = { amountMinor: -250, currency: 'EUR' };
    const booked = await store().bookOneOff('s-1', amount, 'sorry', by(T, { idempotency }));
    expect(booked.value).toMatchObject({ type: 'one-off', ...amount, description: 'sorry', quantity: -1 });
    await store().bookOneOff('s-1', amount, 'sorry', by(T, { idempotency }));
    expect(await use().items('s-1')).toEqual([booked.value]);
    const odd = by(T, { idempotency: { ...idempotency, key: 'odd' } });
    await store().bookOneOff('s-1', amount, 'so\0rry', odd);
    expect(await store().bookOneOff('s-1', amount, 'so\0rry', odd)).toMatchObject({ replayed: true });
  });
}
