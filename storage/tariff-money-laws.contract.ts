import fc from 'fast-check';
import { expect, it } from 'vitest';
import { billingCycleAt, pricedFrom, versionAt } from '../rules/tariff/timeline.ts';
import type { PlanLookup, TariffTimeline } from '../rules/tariff/timeline.ts';
import { dueFees } from '../rules/tariff/fees.ts';
import type { BillingItem } from '../schemas/billing.ts';
import { AppError } from '../schemas/errors.ts';
import type { PlanTerms, Span, SubscriberRows } from '../schemas/tariff.ts';
import { timelineOf } from './tariff-changes/instants.ts';
import { addOn, by, DAY, given, terms } from './tariff-given.contract.ts';
import { quietClose } from './money-fixture.contract.ts';
import type { MoneyFixture } from './money-fixture.contract.ts';
import type { Changed, TariffStore, When } from './tariff-ports.ts';

const START = Date.UTC(2026, 0, 20);
const GRACE_MS = 3 * DAY;
const ID = 's-1';
const ZONES = ['UTC', 'America/New_York', 'Asia/Tokyo', 'Australia/Lord_Howe', 'America/St_Johns'];
/** Prices that change in the middle of cycles. */
const PLANS: PlanTerms[] = [
  terms('home'),
  terms('home', {
    ...{ version: 2, effectiveFromMs: START + 20 * DAY },
    recurring: { feeMinor: 6_200, when: 'advance' },
  }),
  terms('home', {
    ...{ version: 3, effectiveFromMs: START + 75 * DAY },
    recurring: { feeMinor: 4_500, when: 'advance' },
  }),
  terms('late', { recurring: { feeMinor: 2_999, when: 'arrears' } }),
];
const ADD_ON = addOn();
const LOOKUP: PlanLookup = {
  plan: (planId) => PLANS.filter((plan) => plan.planId === planId),
  addOn: () => [ADD_ON],
};
const ACCOUNTS = [
  { accountId: 'first', cycle: { kind: 'month', anchorDay: 1 } },
  { accountId: 'anchored', cycle: { kind: 'month', anchorDay: 30 } },
  { accountId: 'weekly', cycle: { kind: 'week', weekday: 3 } },
  { accountId: 'days', cycle: { kind: 'days', days: 10, from: '2026-01-04' } },
] as const;

/** What happens at an instant. */
type Step =
  | {
      kind: 'change';
      apply: (store: TariffStore, who: Who, atMs: number) => Promise<Changed<SubscriberRows>>;
    }
  | { kind: 'cycle'; rule: (typeof ACCOUNTS)[number]['cycle'] }
  /** metering is mended at once, of a plan as it is in force: no money moves by that, so the law does not know of it */
  | { kind: 'mend'; planId: string; capBytes: number }
  | { kind: 'untold' };

/** Where the subscriber is said to be. */
interface Who {
  zone: string;
  accountId: string;
}

const when: fc.Arbitrary<(atMs: number) => When> = fc.oneof(
  fc.constant((): When => ({ at: 'now' })),
  fc.constant((): When => ({ at: 'cycle-end' })),
  fc
    .integer({ min: 0, max: 40 })
    .map((days) => (atMs: number): When => ({ at: 'time', ms: atMs + days * DAY })),
  fc.integer({ min: 0, max: 9 }).map((days) => (atMs: number): When => {
    return { at: 'back', ms: Math.floor(atMs / DAY - days) * DAY };
  }),
);

const put = (who: Who, change: Partial<Who>, store: TariffStore, atMs: number) =>
  store.putSubscriber(given(ID, Object.assign(who, change)), by(atMs));

const change: fc.Arbitrary<Extract<Step, { kind: 'change' }>['apply']> = fc.oneof(
  fc
    .tuple(fc.constantFrom('home', 'late'), when, fc.boolean())
    .map(([planId, at, replaces]) => (store: TariffStore, _: Who, atMs: number) => {
      return store.assign(ID, planId, at(atMs), replaces, by(atMs));
    }),
  when.map(
    (at) => (store: TariffStore, _: Who, atMs: number) => store.addAddOn(ID, 'gb', at(atMs), by(atMs)),
  ),
  when.map((at) => (store: TariffStore, _: Who, atMs: number) => store.terminate(ID, at(atMs), by(atMs))),
  fc
    .tuple(fc.integer({ min: 0, max: 20 }), fc.option(fc.integer({ min: 1, max: 50 }), { nil: null }))
    .map(([from, days]) => (store: TariffStore, _: Who, atMs: number) => {
      const fromMs = atMs + from * DAY;
      const toMs = days === null ? null : fromMs + days * DAY;
      return store.hold(ID, 'customer', { fromMs, toMs }, by(atMs));
    }),
  fc.constantFrom(...ZONES).map((zone) => (store: TariffStore, who: Who, atMs: number) => {
    return put(who, { zone }, store, atMs);
  }),
  fc.constantFrom(...ACCOUNTS).map(({ accountId }) => (store: TariffStore, who: Who, atMs: number) => {
    return put(who, { accountId }, store, atMs);
  }),
);

const history = fc.array(
  fc.record({
    // Often at one instant with the one before.
    afterMs: fc.oneof(
      { weight: 1, arbitrary: fc.constant(0) },
      { weight: 4, arbitrary: fc.integer({ min: 0, max: 25 * DAY }) },
    ),
    /** the slot passes over the cycles that end meanwhile: nothing was carried */
    passesOver: fc.boolean(),
    step: fc.oneof(
      { weight: 6, arbitrary: change.map((apply): Step => ({ kind: 'change', apply })) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(...ACCOUNTS).map(({ cycle: rule }): Step => ({ kind: 'cycle', rule })),
      },
      {
        weight: 1,
        arbitrary: fc
          .record({ planId: fc.constantFrom('home', 'late'), capBytes: fc.integer({ min: 1, max: 1e12 }) })
          .map((mend): Step => ({ kind: 'mend', ...mend })),
      },
      { weight: 1, arbitrary: fc.constant<Step>({ kind: 'untold' }) },
    ),
  }),
  { maxLength: 14 },
);

/** A slot as far as it closes cycles: by the profile of now, and not back over what it has closed. */
class Slot {
  /** what it closed, ascending */
  readonly told: Span[] = [];
  #closedMs = Number.NEGATIVE_INFINITY;
  /** where the cycle begins that it is in */
  #atMs = START;

  /** The cycles that end, with their time of grace, until an instant. */
  ended(t: TariffTimeline, nowMs: number, passesOver: boolean): Span[] {
    const closed: Span[] = [];
    for (;;) {
      const { startMs, endMs } = billingCycleAt(t, this.#atMs);
      if (endMs + GRACE_MS > nowMs) return closed;
      const cycle = { startMs: Math.max(startMs, this.#closedMs), endMs };
      this.#atMs = endMs;
      if (passesOver) continue;
      this.#closedMs = endMs;
      this.told.push(cycle);
      closed.push(cycle);
    }
  }
}

/** What closed cycles came to as they were closed, and whom, by their start. */
type Frozen = Map<number, { endMs: number; accountId: string; dueMinor: number }>;

const total = (items: readonly { amountMinor: number }[]): number =>
  items.reduce((sum, { amountMinor }) => sum + amountMinor, 0);

/** Who has what, and who pays. */
interface Billed {
  t: TariffTimeline;
  accountId: string;
}

async function billedNow({ rows }: MoneyFixture): Promise<Billed> {
  const found = await rows(ID);
  if (found === null) throw new Error('the subscriber is there');
  return { t: timelineOf(found), accountId: found.account.accountId };
}

/** What the fees of a row come to, by the versions of the slot's cycle. */
function dueOf(
  t: TariffTimeline,
  { startMs, endMs }: Span,
  told: readonly Span[],
  which: 'advance' | 'all',
): number {
  const before = told.findLast((cycle) => cycle.startMs < startMs) ?? null;
  const pricedFromMs = pricedFrom(t, startMs, before);
  return total(dueFees(t, { startMs, endMs, pricedFromMs }, LOOKUP, which));
}

/** Each account pays what the seconds of its cycles cost; each second is in one cycle; what is closed stays. */
async function checkLaw(
  fixture: MoneyFixture,
  frozen: Frozen,
  closedBy: Billed,
  told: readonly Span[],
): Promise<void> {
  const { t, accountId } = await billedNow(fixture);
  const cycles = await fixture.cycles(ID);
  const due: Record<string, number> = Object.fromEntries(ACCOUNTS.map((account) => [account.accountId, 0]));
  const charge = (payer: string, minor: number): void => {
    due[payer] = (due[payer] ?? 0) + minor;
  };
  for (const [index, { startMs, endMs, status }] of cycles.entries()) {
    expect(startMs).toBeGreaterThanOrEqual(cycles[index - 1]?.endMs ?? Number.NEGATIVE_INFINITY);
    if (status === 'closed' && !frozen.has(startMs))
      frozen.set(startMs, {
        ...{ endMs, accountId: closedBy.accountId },
        dueMinor: dueOf(closedBy.t, { startMs, endMs }, told, 'all'),
      });
    if (status !== 'closed') charge(accountId, dueOf(t, { startMs, endMs }, told, 'advance'));
  }
  for (const [startMs, { endMs, accountId: payer, dueMinor }] of frozen) {
    expect(cycles).toContainEqual(expect.objectContaining({ startMs, endMs, status: 'closed' }));
    charge(payer, dueMinor);
  }
  const items = await fixture.items(ID);
  const paid = ACCOUNTS.map((one) => [
    one.accountId,
    total(items.filter((item) => item.accountId === one.accountId)),
  ]);
  expect(Object.fromEntries(paid)).toEqual(due);
}

/** Each second with a plan is in a cycle. */
async function checkCover(fixture: MoneyFixture, nowMs: number): Promise<void> {
  const { assignments } = (await billedNow(fixture)).t;
  const cycles = await fixture.cycles(ID);
  for (const { fromMs, toMs } of assignments) {
    let atMs = fromMs;
    for (const { startMs, endMs } of cycles) if (startMs <= atMs && endMs > atMs) atMs = endMs;
    expect(atMs).toBeGreaterThanOrEqual(Math.min(toMs ?? nowMs, nowMs));
  }
}

/** Another cap for the version in force. It is refused in the day before another one begins alone. */
async function mend(store: TariffStore, planId: string, capBytes: number, atMs: number): Promise<void> {
  const inForce = versionAt(LOOKUP.plan(planId), atMs, atMs);
  if (inForce === null) throw new Error('a version is in force');
  const versions = await store.planVersions(planId);
  const isSoon = versions.some(
    ({ effectiveFromMs: from }) => from !== null && from > atMs && from <= atMs + DAY,
  );
  const version = 1 + Math.max(...versions.map((known) => known.version));
  const metering = { ...inForce.metering, capBytes };
  const put = store.putPlanVersion({ ...inForce, version, effectiveFromMs: null, metering }, by(atMs));
  if (isSoon && inForce.effectiveFromMs === null)
    await expect(put).rejects.toMatchObject({ code: 'conflict' });
  else await put;
}

/** Makes a change. Returns the items of its answer, null where it was refused. */
async function changed(
  fixture: MoneyFixture,
  step: Exclude<Step, { kind: 'mend' }>,
  who: Who,
  atMs: number,
): Promise<BillingItem[] | null> {
  try {
    if (step.kind === 'change') return (await step.apply(fixture.store, who, atMs)).items;
    if (step.kind === 'cycle')
      return (await fixture.store.changeCycle(who.accountId, step.rule, by(atMs))).items;
    await fixture.closeUntold(atMs - 7 * DAY);
    return null;
  } catch (error) {
    // Refusals are part of a history; a defect is not.
    if (error instanceof AppError && ['conflict', 'invalid-input', 'not-found'].includes(error.code))
      return [];
    throw error;
  }
}

/** Money over random histories: what the seconds cost, once, whatever is changed, corrected, moved, passed over or closed. */
export function moneyLaws(runs: number, fixture: () => MoneyFixture): void {
  it(`charges each second with a plan once (${String(runs)} histories)`, async () => {
    let made = 0;
    const property = fc.asyncProperty(history, async (steps) => {
      made += 1;
      const f = await fixture().reopened();
      const who: Who = { zone: 'UTC', accountId: 'first' };
      const status = {
        currency: 'EUR',
        taxClass: 'standard',
        billingStatus: 'current',
        billingRef: null,
      } as const;
      for (const plan of PLANS) await f.store.putPlanVersion(plan, by(0));
      await f.store.putAddOnVersion(ADD_ON, by(0));
      for (const account of ACCOUNTS) await f.store.putAccount({ ...account, ...status }, by(0));
      await f.store.putSubscriber(given(ID, who), by(START));
      await f.store.assign(ID, 'home', { at: 'now' }, false, by(START));
      const slot = new Slot();
      const frozen: Frozen = new Map();
      let atMs = START;
      for (const { afterMs, passesOver, step } of steps) {
        atMs += afterMs;
        await f.begun(atMs);
        for (const { startMs, endMs } of slot.ended((await billedNow(f)).t, atMs, passesOver)) {
          await f.close([quietClose(ID, startMs, endMs)], []);
          await checkLaw(f, frozen, await billedNow(f), slot.told);
        }
        await f.begun(atMs);
        const before = { billed: await billedNow(f), items: await f.items(ID) };
        if (step.kind === 'mend') await mend(f.store, step.planId, step.capBytes, atMs);
        const answered = step.kind === 'mend' ? [] : await changed(f, step, who, atMs);
        if (answered !== null) expect((await f.items(ID)).slice(before.items.length)).toEqual(answered);
        await checkLaw(f, frozen, before.billed, slot.told);
        await checkCover(f, atMs);
      }
    });
    await fc.assert(property, { numRuns: runs });
    expect(made).toBeGreaterThanOrEqual(runs);
  }, 300_000);
}
