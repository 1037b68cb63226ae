import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { deriveProfile } from './derive-profile.ts';
import { addOn, by, bytes, DAY, given, T, terms } from './tariff-given.contract.ts';
import { catalogueCases } from './tariff-catalogue.contract.ts';
import type { OpenTariffs, TariffFixture } from './tariff-fixture.contract.ts';
import { step } from './tariff-histories.contract.ts';
import { salesCases } from './tariff-sales.contract.ts';
import type { ChangeContext, TariffStore, When } from './tariff-ports.ts';

/** An account that is not its subscriber's own. */
const FIRM = {
  accountId: 'firm',
  currency: 'EUR',
  taxClass: 'standard',
  cycle: { kind: 'month', anchorDay: 1 },
  billingStatus: 'current',
  billingRef: null,
} as const;
const CYCLE_END = Date.UTC(2026, 1, 1);

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

    it('imports who is new and who is not in one chunk, by accounts that are new and that are not', async () => {
      await put();
      const named = (userName: string) => ({ credentials: [{ userName, fromMs: 0, toMs: null }] });
      await store.putSubscriber(given('s-2', { externalId: 'x-1', ...named('ann@x') }), by(T));
      await f.told();
      const plan = { planId: 'a', fromMs: T, toMs: null };
      const contents = [
        { ...given('s-3', { accountId: 'firm', externalId: 'x-1', ...named('ann@x') }), plan },
        given('s-2', { accountId: 'acct-s-1', externalId: 'x-2', ...named('bob@x') }),
        { ...given('s-4', { accountId: 'firm', tags: ['vip'], overageConsent: true }), plan },
        { ...given('s-5', { accountId: 'acct-s-1' }), plan },
        { subscriberId: 's-6', zone: 'Europe/Lisbon' },
        { ...given('s-8'), plan: { ...plan, toMs: Date.UTC(9999, 11, 31) } },
        { ...given('s-9'), plan: { ...plan, fromMs: -DAY, toMs: Date.UTC(9999, 11, 31) } },
        { ...given('s-10'), plan },
      ];
      const lines = contents.map((content, i) => ({ line: i + 1, content }));
      await store.applyImport('i-1', lines, by(T));
      const ids = contents.map(({ subscriberId }) => subscriberId);
      expect((await f.told()).sort()).toEqual(ids.sort());
      for (const id of ids) {
        const rows = await f.rows(id);
        if (rows === null) throw new Error(`${id} is not there`);
        expect(await f.profile(id)).toEqual(deriveProfile(rows, () => []));
      }
      expect(await f.profile('s-3')).toMatchObject({ userName: 'ann@x', assignments: [plan] });
      expect(await f.rows('s-4')).toMatchObject({ account: { accountId: 'firm' }, tags: ['vip'] });
      expect(await f.rows('s-6')).toMatchObject({
        account: { accountId: 'acct-s-6' },
        zone: 'Europe/Lisbon',
      });
      const taken = [{ line: 9, content: given('s-7', named('bob@x')) }];
      await expect(store.applyImport('i-2', taken, by(T))).rejects.toMatchObject({ code: 'conflict' });
      const unknown = [{ line: 9, content: { ...given('s-7'), plan: { ...plan, planId: 'none' } } }];
      await expect(store.applyImport('i-2', unknown, by(T))).rejects.toMatchObject({ code: 'not-found' });
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

    it('leaves who was charged with its account, also where all that it had was taken back, until a move settles', async () => {
      await put();
      await store.putAccount(FIRM, by(0));
      await assign('a', { at: 'time', ms: T + DAY }, T);
      await store.terminate('s-1', { at: 'now' }, by(T + 1));
      expect(await f.rows('s-1')).toMatchObject({ assignments: [] });
      const bring = (importId: string, accountId: string) =>
        store.applyImport(importId, [{ line: 1, content: given('s-1', { accountId }) }], by(T + 2));
      await expect(bring('i-1', 'firm')).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringContaining('is moved by PUT') as string,
      });
      await store.putSubscriber(given('s-1', { accountId: 'firm' }), by(T + 3));
      // What was charged is for the account that was left: this one is owed nothing.
      await bring('i-2', 'acct-s-1');
      expect(await f.rows('s-1')).toMatchObject({ account: { accountId: 'acct-s-1' } });
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

    salesCases(() => f);
    catalogueCases(() => f);
  });
}
