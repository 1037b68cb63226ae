import { beforeEach, describe, expect, it } from 'vitest';
import { by, DAY, given, terms } from './tariff-given.contract.ts';
import type { ClosedCycle, UsageAdjustment } from '../schemas/usage-record.ts';
import { quietClose } from './money-fixture.contract.ts';
import type { MoneyFixture } from './money-fixture.contract.ts';
import { moneyLaws } from './tariff-money-laws.contract.ts';
import { priceCases } from './tariff-prices.contract.ts';

const at = (text: string): number => Date.parse(`2026-${text}Z`);
const JANUARY = { startMs: at('01-01T00:00'), endMs: at('02-01T00:00') };

/** What a change of tariffs makes of the money of running cycles, whatever became of their bounds. */
export function tariffMoneyContract(name: string, runs: number, open: () => Promise<MoneyFixture>): void {
  describe(`money of tariffs: ${name}`, () => {
    let fixture: MoneyFixture;
    const id = 's-1';
    beforeEach(async () => {
      fixture = await open();
      const { store } = fixture;
      await store.putPlanVersion(terms('home'), by(0));
      await store.putPlanVersion(terms('fast', { recurring: { feeMinor: 6_200, when: 'advance' } }), by(0));
      await store.putPlanVersion(terms('late', { recurring: { feeMinor: 3_100, when: 'arrears' } }), by(0));
    });
    const amounts = async (): Promise<number[]> =>
      (await fixture.items(id)).map(({ amountMinor }) => amountMinor);
    const sum = async (): Promise<number> => (await amounts()).reduce((a, b) => a + b, 0);
    const sumOf = async (accountId: string): Promise<number> =>
      (await fixture.items(id))
        .filter((item) => item.accountId === accountId)
        .reduce((total, { amountMinor }) => total + amountMinor, 0);
    const spans = async (): Promise<[string, string, string][]> =>
      (await fixture.cycles(id)).map(({ startMs, endMs, status }) => {
        return [
          new Date(startMs).toISOString().slice(5, 16),
          new Date(endMs).toISOString().slice(5, 16),
          status,
        ];
      });

    it('charges nothing twice when the zone is corrected to one whose cycle begins later', async () => {
      const { store, close } = fixture;
      await store.putSubscriber(given(id), by(JANUARY.startMs - DAY));
      await store.assign(id, 'home', { at: 'time', ms: JANUARY.startMs }, false, by(JANUARY.startMs - DAY));
      await fixture.begun(JANUARY.startMs);
      const { items } = await store.putSubscriber(
        given(id, { zone: 'America/New_York' }),
        by(at('01-10T12:00')),
      );
      expect(await sum()).toBe(3_100 + 21);
      expect(items.reduce((total, { amountMinor }) => total + amountMinor, 0)).toBe(21);
      // The five hours before the new cycle may have carried something or not.
      await close([quietClose(id, JANUARY.startMs, at('01-01T05:00'))], []);
      expect(await sum()).toBe(3_100 + 21);
      await close([quietClose(id, at('01-01T05:00'), at('02-01T05:00'))], []);
      expect(await sum()).toBe(3_100 + 21);
    });

    it('leaves what is closed alone when the anchor is corrected to an earlier one', async () => {
      const { store, close } = fixture;
      await store.putAccount(accountOf('acct-15', 15), by(0));
      await store.putAccount(accountOf('acct-1', 1), by(0));
      await store.putSubscriber(given(id, { accountId: 'acct-15' }), by(at('01-01T00:00')));
      await store.assign(id, 'home', { at: 'time', ms: at('01-15T00:00') }, false, by(at('01-01T00:00')));
      await fixture.begun(at('01-15T00:00'));
      await fixture.begun(at('02-15T00:00'));
      await close([quietClose(id, at('01-15T00:00'), at('02-15T00:00'))], []);
      expect(await amounts()).toEqual([3_100, 3_100]);
      await store.putSubscriber(given(id, { accountId: 'acct-1' }), by(at('02-20T00:00')));
      // 5 of 28 days to the first account, 9 of 28 to the other.
      expect([await sumOf('acct-15'), await sumOf('acct-1')]).toEqual([3_100 + 554, 996]);
      await store.assign(id, 'fast', { at: 'now' }, false, by(at('02-22T00:00')));
      expect(await sumOf('acct-15')).toBe(3_100 + 554);
      expect(await sumOf('acct-1')).toBe(221 + 1_550);
      const back = store.assign(
        id,
        'home',
        { at: 'back', ms: at('02-16T00:00') },
        true,
        by(at('02-22T01:00')),
      );
      await expect(back).rejects.toMatchObject({ code: 'conflict' });
      const before = await fixture.items(id);
      await close([quietClose(id, at('02-15T00:00'), at('03-01T00:00'))], []);
      expect(await fixture.items(id)).toEqual(before);
      expect(await spans()).toEqual([
        ['12-15T00:00', '01-15T00:00', 'closed'],
        ['01-15T00:00', '02-15T00:00', 'closed'],
        ['02-15T00:00', '02-20T00:00', 'closed'],
        ['02-20T00:00', '03-01T00:00', 'closed'],
      ]);
    });

    it('lets who pays weekly move to a monthly account, each paying for its own days', async () => {
      const { store, close } = fixture;
      const weekly = { ...accountOf('weekly', 1), cycle: { kind: 'week', weekday: 3 } as const };
      await store.putAccount(weekly, by(0));
      await store.putAccount(accountOf('monthly', 1), by(0));
      await store.putSubscriber(given(id, { accountId: 'weekly' }), by(at('02-03T00:00')));
      await store.assign(id, 'home', { at: 'time', ms: at('02-04T00:00') }, false, by(at('02-03T00:00')));
      for (const day of ['02-04', '02-11', '02-18']) await fixture.begun(at(`${day}T00:00`));
      await close([quietClose(id, at('02-04T00:00'), at('02-11T00:00'))], []);
      await close([quietClose(id, at('02-11T00:00'), at('02-18T00:00'))], []);
      expect(await sum()).toBe(3 * 3_100);
      await store.putSubscriber(given(id, { accountId: 'monthly' }), by(at('02-20T00:00')));
      expect([await sumOf('weekly'), await sumOf('monthly')]).toEqual([2 * 3_100 + 886, 996]);
      await close([quietClose(id, at('02-18T00:00'), at('03-01T00:00'))], []);
      expect([await sumOf('weekly'), await sumOf('monthly')]).toEqual([2 * 3_100 + 886, 996]);
    });

    it('credits whoever is charged now for what ends later, and the first one for nothing', async () => {
      const { store, close } = fixture;
      await store.putAccount(accountOf('other', 1), by(0));
      await store.putSubscriber(given(id), by(JANUARY.startMs));
      await store.assign(id, 'late', { at: 'now' }, false, by(JANUARY.startMs));
      await store.putSubscriber(given(id, { accountId: 'other' }), by(at('01-11T00:00')));
      expect([await sumOf(`acct-${id}`), await sumOf('other')]).toEqual([1_000, 0]);
      await store.assign(id, 'home', { at: 'now' }, false, by(at('01-21T00:00')));
      await store.terminate(id, { at: 'now' }, by(at('01-26T00:00')));
      await close([quietClose(id, JANUARY.startMs, JANUARY.endMs)], []);
      expect([await sumOf(`acct-${id}`), await sumOf('other')]).toEqual([1_000, 1_000 + 500]);
    });

    it('charges what comes late to the account that was charged for the cycle', async () => {
      const { store, close } = fixture;
      const told = await metered(fixture);
      await close([told], []);
      await store.putSubscriber(given(id, { accountId: 'other' }), by(at('02-10T00:00')));
      const { cycleStartMs, cycleEndMs } = told;
      const late = { id: 'a', subscriberId: id, cycleStartMs, cycleEndMs, serviceClass: '', downBytes: 10 };
      const adjustment = { ...late, upBytes: 0, reason: 'late-usage', detail: '' } as const;
      await close([told], [{ ...adjustment, partition: 0, offset: 2_000 }]);
      expect([await sumOf(`acct-${id}`), await sumOf('other')]).toEqual([110, 0]);
    });

    it('charges usage of a cycle that ended before a move to the account that was left, as usage', async () => {
      const { store, close } = fixture;
      const told = await metered(fixture);
      await fixture.begun(at('02-01T00:00'));
      await store.putSubscriber(given(id, { accountId: 'other' }), by(at('02-02T00:00')));
      await close([told], []);
      expect([await sumOf(`acct-${id}`), await sumOf('other')]).toEqual([100, 0]);
      expect((await fixture.items(id)).map(({ type }) => type)).toEqual(['usage']);
    });

    it('charges the account of now alone once what the one before had paid for was taken back', async () => {
      const { store } = fixture;
      await store.putAccount(accountOf('other', 1), by(0));
      await store.putSubscriber(given(id), by(JANUARY.startMs));
      await store.assign(id, 'home', { at: 'time', ms: at('01-20T00:00') }, false, by(at('01-10T00:00')));
      await store.terminate(id, { at: 'now' }, by(at('01-11T00:00')));
      await store.putSubscriber(given(id, { accountId: 'other' }), by(at('01-12T00:00')));
      await store.assign(id, 'home', { at: 'now' }, false, by(at('01-13T00:00')));
      expect([await sumOf(`acct-${id}`), await sumOf('other')]).toEqual([0, 1_900]);
    });

    it('credits blocks that corrections made needless to the account that was charged for them', async () => {
      const { store, close } = fixture;
      const told = await metered(fixture);
      await store.putSubscriber(given(id, { overageConsent: true }), by(JANUARY.startMs));
      const terms = { blockBytes: 10, blockPriceMinor: 500, currency: 'EUR', maxBlocks: 4 };
      const overage = { blocks: 0, soldBytes: 0, overBytes: 15, correctedBytes: 0, terms };
      await close([{ ...told, overage }], []);
      await store.putSubscriber(
        given(id, { accountId: 'other', overageConsent: true }),
        by(at('02-10T00:00')),
      );
      expect(await sumOf(`acct-${id}`)).toBe(100 + 1_000);
      await close([{ ...told, overage }], [correctionOf(told, -10)]);
      expect([await sumOf(`acct-${id}`), await sumOf('other')]).toEqual([90 + 500, 0]);
    });

    it('opens no cycle for who moves without ever having had anything', async () => {
      const { store } = fixture;
      await store.putAccount(accountOf('other', 1), by(0));
      await store.putSubscriber(given(id), by(JANUARY.startMs));
      await store.putSubscriber(given(id, { accountId: 'other' }), by(at('01-12T00:00')));
      expect(await fixture.cycles(id)).toEqual([]);
    });

    it('keeps the price of the running cycle for who moves to another account', async () => {
      const { store, close } = fixture;
      await store.putAccount(accountOf('other', 1), by(0));
      const dearer = { version: 2, effectiveFromMs: at('01-10T00:00') };
      await store.putPlanVersion(
        terms('home', { ...dearer, recurring: { feeMinor: 6_200, when: 'advance' } }),
        by(0),
      );
      await store.putSubscriber(given(id), by(JANUARY.startMs));
      await store.assign(id, 'home', { at: 'now' }, false, by(JANUARY.startMs));
      await store.putSubscriber(given(id, { accountId: 'other' }), by(at('01-20T00:00')));
      expect([await sumOf(`acct-${id}`), await sumOf('other')]).toEqual([1_900, 1_200]);
      await close([quietClose(id, JANUARY.startMs, JANUARY.endMs)], []);
      expect([await sumOf(`acct-${id}`), await sumOf('other')]).toEqual([1_900, 1_200]);
      await fixture.begun(JANUARY.endMs);
      expect(await sumOf('other')).toBe(1_200 + 6_200);
    });

    it('moves nobody twice at one instant: the account in between would pay for the one after it', async () => {
      const { store } = fixture;
      for (const accountId of ['other', 'third']) await store.putAccount(accountOf(accountId, 1), by(0));
      await store.putSubscriber(given(id), by(JANUARY.startMs));
      await store.assign(id, 'home', { at: 'now' }, false, by(JANUARY.startMs));
      const move = (accountId: string, atMs: number) =>
        store.putSubscriber(given(id, { accountId }), by(atMs));
      const atMs = at('01-11T00:00');
      await move('other', atMs);
      // Of two processes the second one's clock may be behind.
      for (const ms of [atMs, atMs - 1])
        await expect(move('third', ms)).rejects.toMatchObject({ code: 'conflict', retriable: true });
      await move('third', atMs + 1);
      expect([await sumOf(`acct-${id}`), await sumOf('other'), await sumOf('third')]).toEqual([
        1_000, 0, 2_100,
      ]);
    });

    it('keeps fees and price of usage of all cycles that run where metering is mended at once', async () => {
      const { store, close } = fixture;
      const told = await metered(fixture);
      const tiers = [{ toBytes: null, unitBytes: 1, priceMicro: 3_000_000 }];
      const usage = { mode: 'graduated' as const, includedBytes: 0, tiers };
      const recurring = { feeMinor: 3_100, when: 'advance' } as const;
      const dearer = terms('metered', { version: 2, effectiveFromMs: at('01-20T00:00'), recurring, usage });
      await store.putPlanVersion(dearer, by(0));
      await store.putAccount(accountOf('anchored', 20), by(0));
      await store.putSubscriber(given('s-2', { accountId: 'anchored' }), by(0));
      await store.assign(
        's-2',
        'metered',
        { at: 'time', ms: at('01-20T00:00') },
        false,
        by(at('01-19T00:00')),
      );
      await fixture.begun(at('01-21T00:00'));
      const metering = { ...dearer.metering, capBytes: 1 };
      const mended = { ...dearer, version: 3, effectiveFromMs: null, metering };
      await store.putPlanVersion(mended, by(at('01-25T00:00')));
      for (const subscriberId of [id, 's-2']) {
        const { items } = await store.putSubscriber(
          given(subscriberId, { ...(subscriberId === id ? {} : { accountId: 'anchored' }), segment: 'b' }),
          by(at('01-26T00:00')),
        );
        expect(items).toEqual([]);
      }
      // Slots tell the version of each cycle: what took the place of the second one, and the first one as it was.
      const next = quietClose('s-2', at('01-20T00:00'), at('02-20T00:00'));
      const span = { fromMs: next.cycleStartMs, toMs: next.cycleEndMs };
      await close(
        [told, { ...next, parts: (told.parts ?? []).map((part) => ({ ...part, ...span, version: 3 })) }],
        [],
      );
      expect(await amounts()).toEqual([100]);
      expect((await fixture.items('s-2')).map(({ amountMinor }) => amountMinor)).toEqual([3_100, 300]);
    });

    it('credits what was to come and is taken back, where nothing else is left', async () => {
      const { store } = fixture;
      await store.putSubscriber(given(id), by(JANUARY.startMs));
      await store.assign(id, 'home', { at: 'time', ms: at('01-20T00:00') }, false, by(at('01-10T00:00')));
      expect(await amounts()).toEqual([1_200]);
      const preview = await store.terminate(id, { at: 'now' }, by(at('01-11T00:00'), { dryRun: true }));
      const { items, value } = await store.terminate(id, { at: 'now' }, by(at('01-11T00:00')));
      expect(value.assignments).toEqual([]);
      expect(items.map(({ amountMinor }) => amountMinor)).toEqual([-1_200]);
      expect(preview.items).toEqual(items);
      expect(await sum()).toBe(0);
    });

    it('charges the fees of a cycle that its slot passed over, and usage that comes all the same', async () => {
      const { store, close } = fixture;
      await store.putSubscriber(given(id), by(JANUARY.startMs));
      await store.assign(id, 'late', { at: 'now' }, false, by(JANUARY.startMs));
      await fixture.begun(JANUARY.endMs);
      await fixture.closeUntold(JANUARY.endMs);
      expect(await sum()).toBe(0);
      await fixture.closeUntold(JANUARY.endMs + 1);
      expect(await sum()).toBe(3_100);
      expect((await spans()).map(([, , status]) => status)).toEqual(['closed', 'open']);
      await fixture.closeUntold(JANUARY.endMs + 1);
      await close([quietClose(id, JANUARY.startMs, JANUARY.endMs)], []);
      expect(await sum()).toBe(3_100);
    });

    it('opens the cycles that passed while nobody looked', async () => {
      const { store } = fixture;
      await store.putAccount(
        { ...accountOf('short', 1), cycle: { kind: 'days', days: 2, from: '2026-01-01' } },
        by(0),
      );
      await store.putSubscriber(given(id, { accountId: 'short' }), by(JANUARY.startMs));
      await store.assign(id, 'home', { at: 'now' }, false, by(JANUARY.startMs));
      await fixture.begun(at('01-08T00:00'));
      expect(await sum()).toBe(4 * 3_100);
      expect((await spans()).map(([from]) => from.slice(0, 5))).toEqual(['01-01', '01-03', '01-05', '01-07']);
    });

    it('gives no plan before a version of it is in effect', async () => {
      const { store } = fixture;
      await store.putPlanVersion(terms('spring', { effectiveFromMs: at('03-01T00:00') }), by(0));
      await store.putSubscriber(given(id), by(JANUARY.startMs));
      const now = store.assign(id, 'spring', { at: 'now' }, false, by(JANUARY.startMs));
      await expect(now).rejects.toMatchObject({ code: 'conflict' });
      await store.assign(id, 'spring', { at: 'time', ms: at('03-01T00:00') }, false, by(JANUARY.startMs));
    });

    it('changes the cycle of services in several zones at the end of the running cycle of each', async () => {
      const { store } = fixture;
      await store.putAccount(accountOf('many', 1), by(0));
      const zones = { [id]: 'Asia/Tokyo', 's-2': 'America/Lima' };
      for (const [subscriberId, zone] of Object.entries(zones)) {
        await store.putSubscriber(given(subscriberId, { accountId: 'many', zone }), by(JANUARY.startMs));
        await store.assign(subscriberId, 'home', { at: 'now' }, false, by(at('01-10T00:00')));
      }
      await store.changeCycle('many', { kind: 'month', anchorDay: 9 }, by(at('01-10T00:00')));
      await fixture.begun(at('02-01T06:00'));
      expect((await spans()).map(([from, to]) => [from, to])).toEqual([
        ['12-31T15:00', '01-31T15:00'],
        ['01-31T15:00', '02-08T15:00'],
      ]);
      expect((await fixture.cycles('s-2')).map(({ endMs }) => endMs)).toEqual([
        at('02-01T05:00'),
        at('02-09T05:00'),
      ]);
    });

    priceCases(() => fixture);
    moneyLaws(runs, () => fixture);
  });
}

/** Puts a subscriber on a plan of 0.01 a byte. @returns its January, with 100 of them */
async function metered({ store }: MoneyFixture): Promise<ClosedCycle> {
  const id = 's-1';
  const tiers = [{ toBytes: null, unitBytes: 1, priceMicro: 1_000_000 }];
  const usage = { mode: 'graduated' as const, includedBytes: 0, tiers };
  await store.putPlanVersion(terms('metered', { recurring: null, usage }), by(0));
  await store.putAccount(accountOf('other', 1), by(0));
  await store.putSubscriber(given(id), by(JANUARY.startMs));
  await store.assign(id, 'metered', { at: 'now' }, false, by(JANUARY.startMs));
  const classes = [{ serviceClass: '', downBytes: 100, upBytes: 0 }];
  const span = { fromMs: JANUARY.startMs, toMs: JANUARY.endMs };
  const part = { ...span, planId: 'metered', version: 1, unlimited: false, countedBytes: 100, classes };
  return { ...quietClose(id, JANUARY.startMs, JANUARY.endMs), parts: [{ ...part, offPeak: [] }] };
}

function correctionOf(
  { subscriberId, cycleStartMs, cycleEndMs }: ClosedCycle,
  downBytes: number,
): UsageAdjustment {
  return {
    ...{ id: 'a', subscriberId, cycleStartMs, cycleEndMs, serviceClass: '', downBytes, upBytes: 0 },
    ...{ reason: 'operator', detail: '', partition: 0, offset: 2_000 },
  };
}

function accountOf(accountId: string, anchorDay: number) {
  return {
    ...{ accountId, currency: 'EUR', taxClass: 'standard', billingRef: null },
    ...{ cycle: { kind: 'month', anchorDay } as const, billingStatus: 'current' as const },
  };
}
