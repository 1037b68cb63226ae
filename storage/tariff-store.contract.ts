import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { BillingItem } from '../schemas/billing.ts';
import type { CycleRule, SubscriberProfile } from '../schemas/profile.ts';
import type { BoughtTopUp, SubscriberRows } from '../schemas/tariff.ts';
import { anIntent } from './action-factory.contract.ts';
import { deriveProfile } from './derive-profile.ts';
import { addOn, by, bytes, DAY, given, T, terms } from './tariff-given.contract.ts';
import { step } from './tariff-histories.contract.ts';
import type { ChangeContext, TariffStore, When } from './tariff-ports.ts';

const CYCLE_END = Date.UTC(2026, 1, 1);
const HOUR = 3_600_000;

/** A store of tariffs without anything, and what it holds. */
export interface TariffFixture {
  store: TariffStore;
  rows(subscriberId: string): Promise<SubscriberRows | null>;
  /** as the fold was told last; null = never */
  profile(subscriberId: string): Promise<SubscriberProfile | null>;
  /** profiles told to the log since the last question */
  told(): Promise<string[]>;
  items(subscriberId: string): Promise<BillingItem[]>;
  audited(): Promise<{ who: string | null; action: string; subject: string }[]>;
}

/** A store whose log's readers are of a layout. */
export type OpenTariffs = (layout: number | null) => Promise<TariffFixture>;

/** What every TariffStore does. @param open gives one without anything before each test */
export function tariffStoreContract(name: string, open: OpenTariffs): void {
  describe(`TariffStore: ${name}`, () => {
    let f: TariffFixture;
    let store: TariffStore;
    beforeEach(async () => {
      f = await open(null);
      ({ store } = f);
      for (const planId of ['a', 'b']) await store.putPlanVersion(terms(planId), by(0));
    });

    const put = (id = 's-1') => store.putSubscriber(given(id), by(T));
    const assign = (
      planId: string,
      when: When,
      atMs = T,
      replaceLater = false,
      more: Partial<ChangeContext> = {},
    ) => store.assign('s-1', planId, when, replaceLater, by(atMs, more));
    const spans = async () =>
      (await f.rows('s-1'))?.assignments.map(({ planId, fromMs, toMs }) => [planId, fromMs, toMs]);

    it('adds a subscriber on an account of its own, and says what it is', async () => {
      const { value, revision } = await put();
      expect(revision).toBe(1);
      expect(value).toMatchObject({
        subscriberId: 's-1',
        account: { accountId: 'acct-s-1', currency: 'EUR' },
      });
      expect(await f.rows('s-1')).toEqual(value);
      expect(await f.profile('s-1')).toMatchObject({ userName: 's-1@x', segment: 'home', asOfMs: T });
      expect(await f.told()).toEqual(['s-1']);
      const again = await store.putSubscriber(
        given('s-1', { segment: 'business' }),
        by(T + 1, { revision: 1 }),
      );
      expect(again).toMatchObject({ revision: 2, value: { segment: 'business', tags: ['a'] } });
      expect(await f.audited()).toContainEqual({ who: 'ann', action: 'subscriber', subject: 's-1' });
    });

    it('tells nothing of what changed nothing that the fold knows', async () => {
      await put();
      await f.told();
      await store.putSubscriber(given('s-1', { externalId: 'crm-1' }), by(T + 1));
      expect(await f.told()).toEqual([]);
      expect((await f.rows('s-1'))?.externalId).toBe('crm-1');
    });

    it('assigns at once, and charges what is left of the cycle', async () => {
      await put();
      const { items, value } = await assign('a', { at: 'now' });
      expect(value.assignments).toMatchObject([{ planId: 'a', fromMs: T, toMs: null, source: 'api' }]);
      expect(items).toMatchObject([
        { type: 'recurring', amountMinor: 1700, line: 'plan:a', accountId: 'acct-s-1' },
      ]);
      expect(await f.items('s-1')).toEqual(items);
      expect((await f.profile('s-1'))?.assignments).toEqual([{ planId: 'a', fromMs: T, toMs: null }]);
    });

    it('changes the plan at once: a credit and a charge', async () => {
      await put();
      await assign('a', { at: 'now' });
      const { items } = await assign('b', { at: 'now' }, T + 7 * DAY);
      expect(items.map(({ line, amountMinor }) => [line, amountMinor]).sort()).toEqual([
        ['plan:a', -1000],
        ['plan:b', 1000],
      ]);
      expect(await spans()).toEqual([
        ['a', T, T + 7 * DAY],
        ['b', T + 7 * DAY, null],
      ]);
    });

    it('changes it at the end of the cycle, at a time, and from a midnight that was', async () => {
      await put();
      await assign('a', { at: 'now' });
      expect((await assign('b', { at: 'cycle-end' })).items).toEqual([]);
      expect(await spans()).toEqual([
        ['a', T, CYCLE_END],
        ['b', CYCLE_END, null],
      ]);
      await expect(assign('a', { at: 'time', ms: T + 5 * DAY })).rejects.toMatchObject({ code: 'conflict' });
      await assign('b', { at: 'time', ms: T + 5 * DAY }, T, true);
      expect(await spans()).toEqual([
        ['a', T, T + 5 * DAY],
        ['b', T + 5 * DAY, null],
      ]);
      await assign('a', { at: 'back', ms: T + 6 * DAY }, T + 8 * DAY + 5);
      expect((await spans())?.at(-1)).toEqual(['a', T + 6 * DAY, null]);
    });

    it.each<[string, When, number, string]>([
      ['in the past', { at: 'time', ms: T - 1 }, T, 'invalid-input'],
      ['too far ahead', { at: 'time', ms: T + 401 * DAY }, T, 'invalid-input'],
      ['from no midnight', { at: 'back', ms: T - DAY + 1 }, T, 'invalid-input'],
      ['before the cycle', { at: 'back', ms: Date.UTC(2025, 11, 31) }, T, 'conflict'],
      ['from before another change', { at: 'back', ms: T - DAY }, T + 1, 'conflict'],
    ])('refuses a change %s', async (_what, when, atMs, code) => {
      await put();
      await assign('a', { at: 'now' });
      const items = await f.items('s-1');
      await expect(assign('b', when, atMs)).rejects.toMatchObject({ code });
      expect([await spans(), await f.items('s-1')]).toEqual([[['a', T, null]], items]);
    });

    it('refuses what it does not know, and other currencies', async () => {
      await put();
      await expect(assign('nobody', { at: 'now' })).rejects.toMatchObject({ code: 'not-found' });
      await expect(store.assign('x', 'a', { at: 'now' }, false, by(T))).rejects.toMatchObject({
        code: 'not-found',
      });
      await store.putPlanVersion(terms('usd', { currency: 'USD' }), by(0));
      await expect(assign('usd', { at: 'now' })).rejects.toMatchObject({ code: 'conflict' });
      await store.changePlan('b', { archived: true }, by(0));
      await expect(assign('b', { at: 'now' })).rejects.toMatchObject({ code: 'conflict' });
      expect(await spans()).toEqual([]);
    });

    it('refuses a change of what is not any more as the caller knows it', async () => {
      await put();
      await assign('a', { at: 'now' }, T, false, { revision: 1 });
      const late = assign('b', { at: 'now' }, T + 1, false, { revision: 1 });
      await expect(late).rejects.toMatchObject({ code: 'precondition-failed' });
      await expect(store.putSubscriber(given('s-1'), by(T, { revision: 0 }))).rejects.toMatchObject({
        code: 'precondition-failed',
      });
      expect(await spans()).toEqual([['a', T, null]]);
    });

    it('of two changes at once does both one after the other, or refuses the one that knew less', async () => {
      await put();
      const both = [
        assign('a', { at: 'now' }, T, false, { revision: 1 }),
        assign('b', { at: 'now' }, T, false, { revision: 1 }),
      ];
      const outcomes = (await Promise.allSettled(both)).map(({ status }) => status);
      expect(outcomes.sort()).toEqual(['fulfilled', 'rejected']);
      expect(await spans()).toHaveLength(1);
      expect((await f.items('s-1')).reduce((sum, { amountMinor }) => sum + amountMinor, 0)).toBe(1700);
    });

    it('answers a request again, and refuses another one under its key', async () => {
      await put();
      const asked = { keyId: 'k', key: 'once', route: 'POST /assign', requestHash: Uint8Array.of(1, 2) };
      const first = await assign('a', { at: 'now' }, T, false, { idempotency: asked });
      const again = await assign('a', { at: 'now' }, T + 9, false, { idempotency: asked });
      expect(again).toEqual({ ...first, replayed: true });
      expect(await spans()).toEqual([['a', T, null]]);
      const other = { ...asked, requestHash: Uint8Array.of(3) };
      await expect(assign('a', { at: 'now' }, T, false, { idempotency: other })).rejects.toMatchObject({
        code: 'idempotency-mismatch',
      });
      await assign('b', { at: 'now' }, T + DAY, false, { idempotency: { ...asked, keyId: 'other' } });
      expect(await spans()).toHaveLength(2);
    });

    it('previews without doing', async () => {
      await put();
      await f.told();
      const { items, value } = await assign('a', { at: 'now' }, T, false, { dryRun: true });
      expect(items).toMatchObject([{ amountMinor: 1700 }]);
      expect(value.assignments).toHaveLength(1);
      expect([await spans(), await f.items('s-1'), await f.told()]).toEqual([[], [], []]);
      expect((await assign('a', { at: 'now' })).items).toEqual(items);
    });

    it('terminates: everything ends, what was paid in advance is credited, and a plan brings it back', async () => {
      await put();
      await store.putAddOnVersion(addOn(), by(0));
      await assign('a', { at: 'now' });
      await store.addAddOn('s-1', 'gb', { at: 'now' }, by(T));
      const { items, value } = await store.terminate('s-1', { at: 'time', ms: T + 7 * DAY }, by(T));
      expect(items.map(({ line, amountMinor }) => [line, amountMinor]).sort()).toEqual([
        ['add-on:gb', -100],
        ['plan:a', -1000],
      ]);
      expect(value.terminatedMs).toBe(T + 7 * DAY);
      await expect(store.terminate('s-1', { at: 'now' }, by(T + 8 * DAY))).rejects.toMatchObject({
        code: 'conflict',
      });
      const back = await assign('b', { at: 'now' }, T + 8 * DAY);
      expect(back.value.terminatedMs).toBeNull();
    });

    it('holds, once a kind, and ends holds', async () => {
      await put();
      await assign('a', { at: 'now' });
      const held = await store.hold('s-1', 'customer', { fromMs: T, toMs: T + 10 * DAY }, by(T));
      expect(held.items).toMatchObject([{ type: 'proration', amountMinor: -1000 }]);
      await store.hold('s-1', 'fraud', { fromMs: T, toMs: null }, by(T));
      const twice = store.hold('s-1', 'customer', { fromMs: T + 9 * DAY, toMs: null }, by(T));
      await expect(twice).rejects.toMatchObject({ code: 'conflict' });
      expect((await f.profile('s-1'))?.holds).toEqual([
        { kind: 'customer', fromMs: T, toMs: T + 10 * DAY },
        { kind: 'fraud', fromMs: T, toMs: null },
      ]);
      const id = held.value.holds[0]?.id ?? '';
      const ended = await store.endHold('s-1', id, by(T + 5 * DAY));
      expect(ended.items).toMatchObject([{ amountMinor: 500 }]);
      await expect(store.endHold('s-1', id, by(T + 6 * DAY))).rejects.toMatchObject({ code: 'conflict' });
      await expect(store.endHold('s-1', '999', by(T))).rejects.toMatchObject({ code: 'not-found' });
    });

    it('sells a top-up of each kind with its item, and takes it back', async () => {
      await put();
      const price = { amountMinor: 500, currency: 'EUR' };
      const sold = await store.buyTopUp({ subscriberId: 's-1' }, bytes('t-1'), price, by(T));
      expect(sold.items).toMatchObject([{ key: 't-1', type: 'topup', amountMinor: 500, line: 'top-up:t-1' }]);
      const boost = bytes('t-2', { kind: 'boost', bytes: null, speed: { downBps: 9, upBps: 8 } });
      await store.buyTopUp({ subscriberId: 's-1' }, boost, { ...price, amountMinor: 0 }, by(T));
      await store.buyTopUp(
        { subscriberId: 's-1' },
        bytes('t-3', { kind: 'unlimited', bytes: null }),
        price,
        by(T),
      );
      const span = { fromMs: T, expiresMs: T + 30 * DAY };
      expect(await f.profile('s-1')).toMatchObject({
        topUps: [{ id: 't-1', bytes: 5e9, ...span }],
        boosts: [{ id: 't-2', downBps: 9, upBps: 8, ...span }],
        unlimited: [{ id: 't-3', fromMs: T, toMs: span.expiresMs }],
      });
      const cancelled = await store.cancelTopUp('t-1', by(T + DAY), true);
      expect(cancelled.items).toMatchObject([{ type: 'adjustment', amountMinor: -500 }]);
      expect((await store.cancelTopUp('t-3', by(T + DAY))).items).toEqual([]);
      expect((await f.profile('s-1'))?.topUps).toEqual([
        { id: 't-1', bytes: 5e9, fromMs: T, expiresMs: T + DAY },
      ]);
      await expect(store.cancelTopUp('t-1', by(T + DAY))).rejects.toMatchObject({ code: 'conflict' });
    });

    it.each<[string, Partial<BoughtTopUp>, string, string]>([
      ['that is over', { fromMs: T - 2 * DAY, expiresMs: T }, 'EUR', 'conflict'],
      ['of nothing', { bytes: 0 }, 'EUR', 'invalid-input'],
      ['for another currency', {}, 'USD', 'conflict'],
      ['of an id that is taken', { id: 't-0' }, 'EUR', 'conflict'],
    ])('sells no top-up %s', async (_what, more, currency, code) => {
      await put();
      const owner = { subscriberId: 's-1' };
      await store.buyTopUp(owner, bytes('t-0'), { amountMinor: 1, currency: 'EUR' }, by(T));
      const sold = store.buyTopUp(owner, bytes('t-1', more), { amountMinor: 1, currency }, by(T));
      await expect(sold).rejects.toMatchObject({ code });
      expect(await f.items('s-1')).toHaveLength(1);
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
      expect(await store.bookPolicyTopUp(intent, T + DAY)).toBe('expired');
      expect([await f.items('s-1'), (await f.profile('s-1'))?.topUps]).toEqual([[], []]);
      expect(await store.bookPolicyTopUp(intent, T + DAY - 1)).toBe('added');
      expect(await store.bookPolicyTopUp(intent, T + DAY)).toBe('known');
      expect(await store.bookPolicyTopUp({ ...intent, id: 'x', subscriberId: 'nobody' }, T)).toBe(
        'no-subscriber',
      );
      expect(await f.items('s-1')).toMatchObject([{ key: 'buy', amountMinor: 300, accountId: 'acct-s-1' }]);
      expect((await f.profile('s-1'))?.topUps).toEqual([
        { id: 'buy', bytes: 5e9, fromMs: T, expiresMs: T + DAY },
      ]);
    });

    it('puts subscribers into pools and takes them out', async () => {
      await put();
      const pool = { poolId: 'p', allowanceBytes: 1e12, zone: 'UTC', anchorDay: 1, segment: 'home' };
      const profile = { ...pool, planId: null, overageConsent: false, billTo: 's-1' };
      await expect(store.joinPool('p', 's-1', { fromMs: T, toMs: null }, by(T))).rejects.toMatchObject({
        code: 'not-found',
      });
      expect(await store.putPool(profile, by(T))).toMatchObject({ value: profile, revision: 1 });
      await store.putPool({ ...profile, poolId: 'q' }, by(T));
      await store.joinPool('p', 's-1', { fromMs: T, toMs: null }, by(T));
      expect(await f.profile('s-1')).toMatchObject({ poolId: 'p' });
      const other = store.joinPool('q', 's-1', { fromMs: T + DAY, toMs: null }, by(T));
      await expect(other).rejects.toMatchObject({ code: 'conflict' });
      await store.leavePool('p', 's-1', { at: 'now' }, by(T + DAY));
      expect(await f.profile('s-1')).toMatchObject({
        poolId: null,
        poolMemberships: [{ poolId: 'p', fromMs: T, toMs: T + DAY }],
      });
      await expect(store.leavePool('p', 's-1', { at: 'now' }, by(T + DAY))).rejects.toMatchObject({
        code: 'not-found',
      });
      const price = { amountMinor: 900, currency: 'EUR' };
      const { items } = await store.buyTopUp({ poolId: 'p' }, bytes('t-p'), price, by(T));
      expect(items).toMatchObject([{ poolId: 'p', subscriberId: 's-1', amountMinor: 900 }]);
      const after = await store.putPool({ ...profile, allowanceBytes: 2e12 }, by(T));
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
      await store.putPool({ ...profile, cycle: weeks }, by(T));
      const join = () => store.joinPool('p', 's-1', { fromMs: T + DAY, toMs: null }, by(T));
      await expect(join()).rejects.toMatchObject(refused);
      await store.putPool(profile, by(T));
      await join();
      for (const cycle of [weeks, days]) {
        await expect(store.putPool({ ...profile, cycle }, by(T))).rejects.toMatchObject(refused);
        await expect(store.changeCycle('acct-s-1', cycle, by(T))).rejects.toMatchObject(refused);
        await expect(store.putAccount({ ...billed, cycle }, by(T))).rejects.toMatchObject(refused);
      }
      await store.putPool({ ...profile, anchorDay: 5 }, by(T));
      await store.changeCycle('acct-s-1', { kind: 'month', anchorDay: 9 }, by(T));
      await store.putAccount({ ...billed, accountId: 'weekly', cycle: weeks }, by(T));
      const moved = given('s-1', { accountId: 'weekly' });
      await expect(store.putSubscriber(moved, by(T))).rejects.toMatchObject(refused);
      const line = { line: 1, content: moved };
      await expect(store.applyImport('i-1', [line], by(T))).rejects.toMatchObject({ code: 'conflict' });
      // Who has left is free.
      await store.leavePool('p', 's-1', { at: 'time', ms: T + 2 * DAY }, by(T));
      await store.putSubscriber(moved, by(T + 2 * DAY));
      await expect(join()).rejects.toMatchObject(refused);
    });

    it('gives and ends add-ons', async () => {
      await put();
      await assign('a', { at: 'now' });
      await store.putAddOnVersion(addOn({ effectiveFromMs: T }), by(0));
      const early = store.addAddOn('s-1', 'gb', { at: 'back', ms: T - DAY }, by(T));
      await expect(early).rejects.toMatchObject({ code: 'not-found' });
      const { items, value } = await store.addAddOn('s-1', 'gb', { at: 'now' }, by(T));
      expect(items).toMatchObject([{ amountMinor: 170, line: 'add-on:gb' }]);
      const twice = store.addAddOn('s-1', 'gb', { at: 'cycle-end' }, by(T));
      await expect(twice).rejects.toMatchObject({ code: 'conflict' });
      expect((await f.profile('s-1'))?.addOns).toEqual([
        { id: 'gb', fromMs: T, toMs: null, capBytes: 5e9, prorated: false },
      ]);
      const ended = await store.endAddOn('s-1', value.addOns[0]?.id ?? '', { at: 'now' }, by(T + 7 * DAY));
      expect(ended.items).toMatchObject([{ amountMinor: -100 }]);
    });

    it('puts no add-on where there is no plan', async () => {
      await put();
      await store.putAddOnVersion(addOn(), by(0));
      const add = (when: When) => store.addAddOn('s-1', 'gb', when, by(T));
      const refused = { code: 'conflict', message: expect.stringMatching(/^no-plan: /) as string };
      await expect(add({ at: 'now' })).rejects.toMatchObject(refused);
      await assign('a', { at: 'now' });
      await store.terminate('s-1', { at: 'time', ms: T + 7 * DAY }, by(T));
      for (const days of [7, 30])
        await expect(add({ at: 'time', ms: T + days * DAY })).rejects.toMatchObject(refused);
      await add({ at: 'time', ms: T + 7 * DAY - 1 });
    });

    it('keeps versions of plans as they are, in one currency', async () => {
      const again = store.putPlanVersion(terms('a'), by(0));
      await expect(again).rejects.toMatchObject({ code: 'conflict' });
      const dated = terms('a', { version: 2, effectiveFromMs: CYCLE_END });
      expect(await store.putPlanVersion(dated, by(0))).toMatchObject({ value: dated, revision: 2 });
      const same = store.putPlanVersion({ ...dated, version: 3 }, by(0));
      await expect(same).rejects.toMatchObject({ code: 'conflict' });
      const usd = store.putPlanVersion(terms('a', { version: 3, currency: 'USD' }), by(0));
      await expect(usd).rejects.toMatchObject({ code: 'conflict' });
      expect(await store.planVersions('a')).toEqual([terms('a'), dated]);
    });

    it('changes prices from now on only; what is no price may hold at once', async () => {
      const dearer = { recurring: { feeMinor: 3200, when: 'advance' } } as const;
      for (const effectiveFromMs of [null, T - 1]) {
        const past = store.putPlanVersion(terms('a', { version: 2, effectiveFromMs, ...dearer }), by(T));
        await expect(past).rejects.toMatchObject({
          code: 'conflict',
          message: expect.stringMatching(/^effective/),
        });
      }
      await store.putPlanVersion(terms('a', { version: 2, name: 'A' }), by(T));
      await store.putPlanVersion(terms('a', { version: 3, effectiveFromMs: T, ...dearer }), by(T));
      // Cycles that run began before those prices, for as long as one can be open.
      const later = T + 60 * DAY;
      for (const effectiveFromMs of [null, T - DAY]) {
        const past = store.putPlanVersion(terms('a', { version: 4, effectiveFromMs, ...dearer }), by(later));
        await expect(past).rejects.toMatchObject({
          code: 'conflict',
          message: expect.stringMatching(/^effective/),
        });
      }
      const same = terms('a', { version: 4, effectiveFromMs: T + 1, ...dearer });
      await store.putPlanVersion(same, by(later));
      await store.putPlanVersion(terms('a', { version: 5, ...dearer }), by(T + 63 * DAY));
      await store.putAddOnVersion(addOn(), by(T));
      const past = store.putAddOnVersion(addOn({ version: 2, effectiveFromMs: T - 1, feeMinor: 5 }), by(T));
      await expect(past).rejects.toMatchObject({ code: 'conflict' });
      await store.putAddOnVersion(addOn({ version: 2, effectiveFromMs: T, feeMinor: 5 }), by(T));
      // Who has had it since then pays what it was sold for.
      const before = addOn({ version: 3, effectiveFromMs: T - 1, feeMinor: 5 });
      await expect(store.putAddOnVersion(before, by(T + 400 * DAY))).rejects.toMatchObject({
        code: 'conflict',
      });
      expect((await store.changePlan('a', { archived: true }, by(T))).value.archivedMs).toBe(T);
    });

    it('changes accounts, and their cycle at its end', async () => {
      await put();
      await assign('a', { at: 'now' });
      const account = (await f.rows('s-1'))?.account;
      if (account === undefined) throw new Error('no account');
      const { revision: _revision, cycleChanges: _changes, ...said } = account;
      await store.putAccount({ ...said, billingStatus: 'overdue' }, by(T));
      expect((await f.profile('s-1'))?.billingStatus).toBe('overdue');
      for (const wrong of [{ currency: 'USD' }, { cycle: { kind: 'month', anchorDay: 9 } as const }])
        await expect(store.putAccount({ ...said, ...wrong }, by(T))).rejects.toMatchObject({
          code: 'conflict',
        });
      const { value } = await store.changeCycle('acct-s-1', { kind: 'week', weekday: 1 }, by(T));
      expect(value.cycleChanges).toEqual([
        { fromMs: CYCLE_END, cycle: { kind: 'week', weekday: 1 }, source: 'api' },
      ]);
      expect((await f.profile('s-1'))?.cycleChanges).toEqual([
        { fromMs: CYCLE_END, cycle: { kind: 'week', weekday: 1 } },
      ]);
      await store.changeCycle('acct-s-1', { kind: 'month', anchorDay: 1 }, by(T));
      expect(await f.profile('s-1')).not.toHaveProperty('cycleChanges');
      await expect(store.changeCycle('x', { kind: 'week', weekday: 1 }, by(T))).rejects.toMatchObject({
        code: 'not-found',
      });
    });

    it('changes the cycle of services in several zones where a cycle ends in each of them', async () => {
      const weeks = { kind: 'week', weekday: 1 } as const;
      const months = { kind: 'month', anchorDay: 9 } as const;
      const putIn = (id: string, zone: string) =>
        store.putSubscriber(given(id, { accountId: 'acct-s-1', zone }), by(T));
      const change = async (cycle: CycleRule, atMs: number) =>
        (await store.changeCycle('acct-s-1', cycle, by(atMs))).value.cycleChanges;
      await putIn('s-1', 'Asia/Tokyo');
      await putIn('s-2', 'America/Lima');
      // In Tokyo February has begun, in Lima January runs.
      const first = { fromMs: Date.UTC(2026, 1, 28, 22), cycle: weeks, source: 'api' };
      expect(await change(weeks, CYCLE_END - 4 * HOUR)).toEqual([first]);
      expect(await change(weeks, CYCLE_END + DAY)).toEqual([first]);
      // Weeks have begun in Tokyo: what begins in Lima with them stays, and both have the next end.
      const next = { fromMs: Date.UTC(2026, 2, 1, 22), cycle: months, source: 'api' };
      expect(await change(months, Date.UTC(2026, 1, 28, 20))).toEqual([first, next]);
      await putIn('s-3', 'Pacific/Kiritimati');
      await putIn('s-2', 'Pacific/Pago_Pago');
      await expect(change(weeks, Date.UTC(2026, 1, 20))).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringMatching(/^zones: /) as string,
      });
    });

    it('books an item by hand, once by the key of its request', async () => {
      await put();
      const idempotency = { keyId: 'k', key: 'i', route: 'POST /items', requestHash: Uint8Array.of(1) };
      const amount = { amountMinor: -250, currency: 'EUR' };
      const booked = await store.bookOneOff('s-1', amount, 'sorry', by(T, { idempotency }));
      expect(booked.value).toMatchObject({ type: 'one-off', ...amount, description: 'sorry', quantity: -1 });
      await store.bookOneOff('s-1', amount, 'sorry', by(T, { idempotency }));
      expect(await f.items('s-1')).toEqual([booked.value]);
      const odd = by(T, { idempotency: { ...idempotency, key: 'odd' } });
      await store.bookOneOff('s-1', amount, 'so\0rry', odd);
      expect(await store.bookOneOff('s-1', amount, 'so\0rry', odd)).toMatchObject({ replayed: true });
    });

    it('lets a user name be that of one service at a time', async () => {
      await put();
      const taken = { credentials: [{ userName: 's-1@x', fromMs: T, toMs: null }] };
      await expect(store.putSubscriber(given('s-2', taken), by(T))).rejects.toMatchObject({
        code: 'conflict',
      });
      expect(await f.rows('s-2')).toBeNull();
      const ended = { credentials: [{ userName: 's-1@x', fromMs: 0, toMs: T }] };
      await store.putSubscriber(given('s-1', ended), by(T));
      await store.putSubscriber(given('s-2', taken), by(T));
      expect((await f.profile('s-2'))?.userName).toBe('s-1@x');
      expect((await f.profile('s-1'))?.userName).toBe('');
    });

    it('forgets who a terminated subscriber was; what was billed stays', async () => {
      await put();
      await assign('a', { at: 'now' });
      await expect(store.erase('s-1', by(T))).rejects.toMatchObject({ code: 'conflict' });
      await store.terminate('s-1', { at: 'now' }, by(T + DAY));
      expect(await store.erase('s-1', by(T + DAY))).toMatchObject({ credentials: 1 });
      expect((await f.profile('s-1'))?.userName).toBe('');
      expect((await f.items('s-1')).length).toBeGreaterThan(0);
    });

    it('applies chunks of an import once, all or nothing', async () => {
      const lines = ['s-1', 's-2'].map((id, i) => ({ line: i + 1, content: given(id) }));
      await store.applyImport('i-1', lines, by(T));
      expect((await f.told()).sort()).toEqual(['s-1', 's-2']);
      const plans = ['s-1', 's-2'].map((subscriberId, i) => ({
        line: i + 1,
        content: { subscriberId, planId: 'a', fromMs: T, toMs: null },
      }));
      await store.applyImport('i-2', plans, by(T));
      expect(await spans()).toEqual([['a', T, null]]);
      await store.applyImport('i-3', plans, by(T));
      expect(await f.rows('s-2')).toMatchObject({ assignments: [{ planId: 'a', source: 'import' }] });
      const bad = [
        ...lines.map((one) => ({ ...one, content: given('s-9') })),
        { line: 3, content: { subscriberId: 'x', planId: 'a', fromMs: 0, toMs: null } },
      ];
      await expect(store.applyImport('i-4', bad.slice(1), by(T))).rejects.toMatchObject({
        code: 'not-found',
      });
      expect(await f.rows('s-9')).toBeNull();
    });

    it('leaves who is charged with its account where a file names another', async () => {
      await put();
      const moved = [{ line: 1, content: given('s-1', { accountId: 'firm' }) }];
      await store.applyImport('i-1', moved, by(T));
      expect(await f.rows('s-1')).toMatchObject({ account: { accountId: 'firm' } });
      await assign('a', { at: 'now' });
      await store.applyImport('i-2', moved, by(T));
      const back = [{ line: 1, content: given('s-1', { accountId: 'acct-s-1' }) }];
      await expect(store.applyImport('i-3', back, by(T))).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringContaining('is moved by PUT') as string,
      });
      expect(await f.rows('s-1')).toMatchObject({ account: { accountId: 'firm' } });
    });

    it('tells readers of an older layout only what they understand', async () => {
      f = await open(4);
      ({ store } = f);
      await store.putPlanVersion(terms('a'), by(0));
      await put();
      await assign('a', { at: 'now' });
      expect(await f.profile('s-1')).not.toHaveProperty('asOfMs');
      const unlimited = bytes('t', { kind: 'unlimited', bytes: null });
      const sold = store.buyTopUp(
        { subscriberId: 's-1' },
        unlimited,
        { amountMinor: 1, currency: 'EUR' },
        by(T),
      );
      await expect(sold).rejects.toMatchObject({ code: 'conflict' });
      const weekly = store.changeCycle('acct-s-1', { kind: 'week', weekday: 1 }, by(T));
      await expect(weekly).rejects.toMatchObject({ code: 'conflict' });
      const dated = store.putPlanVersion(terms('a', { version: 2, effectiveFromMs: T }), by(0));
      await expect(dated).rejects.toMatchObject({ code: 'conflict' });
      expect(await f.items('s-1')).toHaveLength(1);
    });

    it('takes no more versions of a plan than the fold keeps', async () => {
      const dated = (version: number) =>
        store.putPlanVersion(terms('a', { version, effectiveFromMs: T + version * DAY }), by(T));
      for (let version = 2; version <= 91; version += 1) await dated(version);
      const refused = { code: 'conflict', message: expect.stringMatching(/^too-many: /) as string };
      await expect(dated(92)).rejects.toMatchObject(refused);
      const later = terms('a', { version: 92, effectiveFromMs: T + 300 * DAY });
      await store.putPlanVersion(later, by(T + 110 * DAY));
    });

    it('derives the profile of any history as the other writing of it does', async () => {
      await store.putAddOnVersion(addOn(), by(0));
      await store.putAddOnVersion(addOn({ version: 2, effectiveFromMs: T + 3 * DAY, capBytes: 0 }), by(0));
      const pool = {
        allowanceBytes: 1,
        zone: 'UTC',
        anchorDay: 1,
        segment: '',
        planId: null,
        overageConsent: false,
      };
      for (const poolId of ['p', 'q']) await store.putPool({ ...pool, poolId, billTo: 'x' }, by(0));
      let n = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
          const id = `h-${n++}`;
          await store.putSubscriber(given(id), by(T));
          let atMs = T;
          for (const one of steps) {
            atMs += one.afterMs;
            // What the store refuses leaves everything as it was: that is a history too.
            await one.apply(store, id, atMs).catch(() => undefined);
          }
          const rows = await f.rows(id);
          if (rows === null) throw new Error('gone');
          const versions = [addOn(), addOn({ version: 2, effectiveFromMs: T + 3 * DAY, capBytes: 0 })];
          const derived = deriveProfile(rows, () => versions);
          expect({ ...(await f.profile(id)), asOfMs: 0 }).toEqual({ ...derived, asOfMs: 0 });
        }),
        { numRuns: Number(process.env['WEIR_TEST_RUNS'] ?? 25), seed: 34 },
      );
    });
  });
}
