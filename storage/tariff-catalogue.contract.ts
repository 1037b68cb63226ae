import { expect, it } from 'vitest';
import type { CycleRule } from '../schemas/profile.ts';
import { addOn, by, DAY, given, T, terms } from './tariff-given.contract.ts';
import type { ChangeContext, TariffStore, When } from './tariff-ports.ts';
import type { TariffFixture } from './tariff-fixture.contract.ts';

const CYCLE_END = Date.UTC(2026, 1, 1);
const HOUR = 3_600_000;

/** What a TariffStore does with plans and accounts. @param use gives the store of the test */
export function catalogueCases(use: () => TariffFixture): void {
  const store = (): TariffStore => use().store;
  const put = (id = 's-1') => store().putSubscriber(given(id), by(T));
  const assign = (
    planId: string,
    when: When,
    atMs = T,
    replaceLater = false,
    more: Partial<ChangeContext> = {},
  ) => store().assign('s-1', planId, when, replaceLater, by(atMs, more));

  it('keeps versions of plans as they are, in one currency', async () => {
    const again = store().putPlanVersion(terms('a'), by(0));
    await expect(again).rejects.toMatchObject({ code: 'conflict' });
    const dated = terms('a', { version: 2, effectiveFromMs: CYCLE_END });
    expect(await store().putPlanVersion(dated, by(0))).toMatchObject({ value: dated, revision: 2 });
    const usd = store().putPlanVersion(terms('a', { version: 3, currency: 'USD' }), by(0));
    await expect(usd).rejects.toMatchObject({ code: 'conflict' });
    expect(await store().planVersions('a')).toEqual([terms('a'), dated]);
  });

  it('changes prices from now on only; what is no price may hold at once', async () => {
    const dearer = { recurring: { feeMinor: 3200, when: 'advance' } } as const;
    for (const effectiveFromMs of [null, T - 1]) {
      const past = store().putPlanVersion(terms('a', { version: 2, effectiveFromMs, ...dearer }), by(T));
      await expect(past).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringMatching(/^effective/),
      });
    }
    await store().putPlanVersion(terms('a', { version: 2, name: 'A' }), by(T));
    await store().putPlanVersion(terms('a', { version: 3, effectiveFromMs: T, ...dearer }), by(T));
    // Cycles that run began before those prices, for as long as one can be open.
    const later = T + 60 * DAY;
    const past = terms('a', { version: 4, effectiveFromMs: T - DAY, ...dearer });
    await expect(store().putPlanVersion(past, by(later))).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/^effective/),
    });
    const same = terms('a', { version: 4, effectiveFromMs: T + 1, ...dearer });
    await store().putPlanVersion(same, by(later));
    await store().putPlanVersion(terms('a', { version: 5, ...dearer }), by(T + 63 * DAY));
    await store().putAddOnVersion(addOn(), by(T));
    const sold = store().putAddOnVersion(addOn({ version: 2, effectiveFromMs: T - 1, feeMinor: 5 }), by(T));
    await expect(sold).rejects.toMatchObject({ code: 'conflict' });
    await store().putAddOnVersion(addOn({ version: 2, effectiveFromMs: T, feeMinor: 5 }), by(T));
    // Who has had it since then pays what it was sold for.
    const before = addOn({ version: 3, effectiveFromMs: T - 1, feeMinor: 5 });
    await expect(store().putAddOnVersion(before, by(T + 400 * DAY))).rejects.toMatchObject({
      code: 'conflict',
    });
    expect((await store().changePlan('a', { archived: true }, by(T))).value.archivedMs).toBe(T);
  });

  it('mends metering at once in the place of the version in force, at its prices, also after they changed', async () => {
    const dearer = { recurring: { feeMinor: 3200, when: 'advance' } } as const;
    const metering = { ...terms('a').metering, capBytes: 2e11 };
    await store().putPlanVersion(terms('a', { version: 2, effectiveFromMs: T, ...dearer }), by(0));
    const mended = terms('a', { version: 5, metering, ...dearer });
    expect((await store().putPlanVersion(mended, by(T + DAY))).value).toEqual({
      ...mended,
      effectiveFromMs: T,
    });
    const refused = [
      // The prices of the version before, others, and what would be of a smaller number than what it replaces.
      terms('a', { version: 6, metering }),
      terms('a', { version: 6, effectiveFromMs: T, recurring: { feeMinor: 1, when: 'advance' } }),
      terms('a', { version: 4, ...dearer }),
    ];
    for (const one of refused)
      await expect(store().putPlanVersion(one, by(T + DAY))).rejects.toMatchObject({ code: 'conflict' });
    // How bytes count is a price where each costs something, and no price else.
    const tiers = [{ toBytes: null, unitBytes: 1, priceMicro: 1 }];
    for (const usage of [null, { mode: 'graduated' as const, tiers, includedBytes: 0 }]) {
      const planId = usage === null ? 'flat' : 'priced';
      await store().putPlanVersion(terms(planId, { usage }), by(0));
      const other = { ...terms(planId).metering, counted: 'down' as const };
      const put = store().putPlanVersion(terms(planId, { version: 2, usage, metering: other }), by(T));
      if (usage === null) await put;
      else await expect(put).rejects.toMatchObject({ code: 'conflict' });
    }
    // Told late, it would take the place of one that has begun by then.
    await store().putPlanVersion(terms('flat', { version: 3, effectiveFromMs: T + 2 * DAY }), by(T));
    const late = terms('flat', { version: 4, metering });
    await expect(store().putPlanVersion(late, by(T + DAY + HOUR))).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/begins within a day/),
    });
    await store().putPlanVersion(late, by(T + DAY - HOUR));
    // One that is to come is mended by its instant.
    await store().putPlanVersion(terms('a', { version: 7, effectiveFromMs: T + 9 * DAY }), by(T + DAY));
    const announced = terms('a', { version: 8, effectiveFromMs: T + 9 * DAY, metering });
    await store().putPlanVersion(announced, by(T + DAY));
    const other = store().putPlanVersion({ ...announced, version: 9, ...dearer }, by(T + DAY));
    await expect(other).rejects.toMatchObject({ code: 'conflict' });
  });

  it('changes accounts, and their cycle at its end', async () => {
    await put();
    await assign('a', { at: 'now' });
    const account = (await use().rows('s-1'))?.account;
    if (account === undefined) throw new Error('no account');
    const { revision: _revision, cycleChanges: _changes, ...said } = account;
    await store().putAccount({ ...said, billingStatus: 'overdue' }, by(T));
    expect((await use().profile('s-1'))?.billingStatus).toBe('overdue');
    for (const wrong of [{ currency: 'USD' }, { cycle: { kind: 'month', anchorDay: 9 } as const }])
      await expect(store().putAccount({ ...said, ...wrong }, by(T))).rejects.toMatchObject({
        code: 'conflict',
      });
    const { value } = await store().changeCycle('acct-s-1', { kind: 'week', weekday: 1 }, by(T));
    expect(value.cycleChanges).toEqual([
      { fromMs: CYCLE_END, cycle: { kind: 'week', weekday: 1 }, source: 'api' },
    ]);
    expect((await use().profile('s-1'))?.cycleChanges).toEqual([
      { fromMs: CYCLE_END, cycle: { kind: 'week', weekday: 1 } },
    ]);
    await store().changeCycle('acct-s-1', { kind: 'month', anchorDay: 1 }, by(T));
    expect(await use().profile('s-1')).not.toHaveProperty('cycleChanges');
    await expect(store().changeCycle('x', { kind: 'week', weekday: 1 }, by(T))).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  it('changes the cycle of services in several zones where a cycle ends in each of them', async () => {
    const weeks = { kind: 'week', weekday: 1 } as const;
    const months = { kind: 'month', anchorDay: 9 } as const;
    const putIn = (id: string, zone: string) =>
      store().putSubscriber(given(id, { accountId: 'acct-s-1', zone }), by(T));
    const change = async (cycle: CycleRule, atMs: number) =>
      (await store().changeCycle('acct-s-1', cycle, by(atMs))).value.cycleChanges;
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

  it('takes no more versions of a plan than the fold keeps', async () => {
    const dated = (version: number) =>
      store().putPlanVersion(terms('a', { version, effectiveFromMs: T + version * DAY }), by(T));
    for (let version = 2; version <= 91; version += 1) await dated(version);
    const refused = { code: 'conflict', message: expect.stringMatching(/^too-many: /) as string };
    await expect(dated(92)).rejects.toMatchObject(refused);
    const later = terms('a', { version: 92, effectiveFromMs: T + 300 * DAY });
    await store().putPlanVersion(later, by(T + 110 * DAY));
  });
}
