import { beforeEach, describe, expect, it } from 'vitest';
import type { ChangeContext, SubscriberFilter, TariffReads, TariffStore } from './tariff-ports.ts';
import { given, T, terms } from './tariff-given.contract.ts';

const DAY = 86_400_000;
const context: ChangeContext = { by: 'ann', atMs: T, reason: 'because' };
const ALL: SubscriberFilter = {
  accountId: null,
  segment: null,
  planId: null,
  poolId: null,
  status: null,
  text: null,
  atMs: T,
};

/** What every TariffReads does. @param open gives one without anything, and what changes it, before each test */
export function tariffReadsContract(
  name: string,
  open: () => Promise<{ store: TariffStore; reads: TariffReads }>,
): void {
  describe(`TariffReads: ${name}`, () => {
    let store: TariffStore;
    let reads: TariffReads;
    beforeEach(async () => {
      ({ store, reads } = await open());
      await store.putPlanVersion(terms('a'), context);
      await store.putPlanVersion(terms('b'), context);
      for (const id of ['s-10', 's-2', 'S-3']) await store.putSubscriber(given(id), context);
      await store.assign('s-2', 'a', { at: 'now' }, false, context);
      const pool = {
        allowanceBytes: null,
        zone: 'UTC',
        anchorDay: 1,
        segment: '',
        planId: null,
        billTo: 's-2',
      };
      for (const poolId of ['q', 'p'])
        await store.putPool({ ...pool, poolId, overageConsent: false }, context);
      await store.joinPool('p', 's-2', { fromMs: T, toMs: null }, context);
    });

    const listed = async (more: Partial<SubscriberFilter>) =>
      (await reads.list({ ...ALL, ...more }, 10, null)).items.map(({ subscriberId }) => subscriberId);

    it('lists subscribers by id in byte order, page by page', async () => {
      const first = await reads.list(ALL, 2, null);
      expect(first.items.map(({ subscriberId }) => subscriberId)).toEqual(['S-3', 's-10']);
      const second = await reads.list(ALL, 2, first.next);
      const summary = {
        subscriberId: 's-2',
        accountId: 'acct-s-2',
        segment: 'home',
        planId: 'a',
        status: 'active',
      };
      expect(second).toEqual({ items: [{ ...summary, revision: 3 }], next: null });
    });

    it('finds them by what they have', async () => {
      expect(await listed({ planId: 'a' })).toEqual(['s-2']);
      expect(await listed({ planId: 'a', atMs: T - 1 })).toEqual([]);
      expect(await listed({ poolId: 'p' })).toEqual(['s-2']);
      expect(await listed({ poolId: 'q' })).toEqual([]);
      expect(await listed({ accountId: 'acct-s-10' })).toEqual(['s-10']);
      expect(await listed({ segment: 'home' })).toHaveLength(3);
      expect(await listed({ segment: 'business' })).toEqual([]);
      expect(await listed({ text: 's-1' })).toEqual(['s-10']);
      expect(await listed({ text: 's-10@x' })).toEqual(['s-10']);
      expect(await listed({ text: '%' })).toEqual([]);
    });

    it('knows who is held and who is terminated', async () => {
      await store.hold('s-2', 'fraud', { fromMs: T + DAY, toMs: null }, context);
      await store.terminate('s-2', { at: 'time', ms: T + 2 * DAY }, context);
      const statusAt = async (atMs: number) =>
        (await reads.list({ ...ALL, atMs }, 10, null)).items[2]?.status;
      expect([await statusAt(T), await statusAt(T + DAY), await statusAt(T + 2 * DAY)]).toEqual([
        'active',
        'held',
        'terminated',
      ]);
      expect(await listed({ status: 'held', atMs: T + DAY })).toEqual(['s-2']);
    });

    it('lists plans, accounts and pools', async () => {
      const plan = { name: 'a', archivedMs: null, revision: 1 };
      expect(await reads.plans(1, null)).toEqual({ items: [{ ...plan, planId: 'a' }], next: 'a' });
      expect(await reads.plans(1, 'a')).toMatchObject({ items: [{ planId: 'b' }], next: null });
      expect([await reads.plan('a'), await reads.plan('x')]).toEqual([{ ...plan, planId: 'a' }, null]);
      const accounts = await reads.accounts({ status: 'current' }, 10, null);
      expect(accounts.items.map(({ accountId }) => accountId)).toEqual(['acct-S-3', 'acct-s-10', 'acct-s-2']);
      expect((await reads.accounts({ status: 'overdue' }, 10, null)).items).toEqual([]);
      expect((await reads.accounts({ status: null, hasBillingRef: true }, 10, null)).items).toEqual([]);
      expect(await reads.account('acct-s-2')).toEqual(accounts.items[2]);
      expect(await reads.account('x')).toBeNull();
      expect((await reads.pools(10, null)).items.map(({ poolId }) => poolId)).toEqual(['p', 'q']);
      const members = [{ subscriberId: 's-2', fromMs: T, toMs: null }];
      expect(await reads.pool('p')).toMatchObject({ members, revision: 1, profile: { poolId: 'p' } });
      expect(await reads.pool('x')).toBeNull();
    });

    it('lists who did what, the last first', async () => {
      const all = { subject: null, who: null, action: null, fromMs: null, toMs: null };
      const first = await reads.audit(all, 1, null);
      expect(first.items).toMatchObject([
        { who: 'ann', action: 'pool-join', subject: 's-2', content: { poolId: 'p', reason: 'because' } },
      ]);
      expect((await reads.audit(all, 1, first.next)).items).toMatchObject([{ action: 'pool-profile' }]);
      expect((await reads.audit({ ...all, subject: 's-10' }, 9, null)).items).toMatchObject([
        { action: 'subscriber' },
      ]);
      expect((await reads.audit({ ...all, who: 'ben' }, 9, null)).items).toEqual([]);
      expect((await reads.audit({ ...all, action: 'assignment' }, 9, null)).items).toHaveLength(1);
      expect((await reads.audit({ ...all, toMs: 5 }, 9, null)).items).toEqual([]);
    });

    it('gives rows of one, and counts what waits for the log', async () => {
      expect(await reads.rows('nobody')).toBeNull();
      expect(await reads.rows('s-2')).toMatchObject({
        assignments: [{ planId: 'a' }],
        pools: [{ poolId: 'p' }],
      });
      expect(await reads.outboxBacklog()).toBeGreaterThan(5);
      expect(
        await reads.cycles({ subscriberId: 'nobody', status: null, endBeforeMs: null }, 9, null),
      ).toEqual({
        items: [],
        next: null,
      });
    });
  });
}
