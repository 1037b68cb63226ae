import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import { dayAt } from '../../rules/cycle.ts';
import { dueUsage } from '../../rules/tariff/close.ts';
import { dueFees } from '../../rules/tariff/fees.ts';
import { billingCycleAt } from '../../rules/tariff/timeline.ts';
import type { TariffTimeline } from '../../rules/tariff/timeline.ts';
import { AppError } from '../../schemas/errors.ts';
import type { PlanTerms, Span } from '../../schemas/tariff.ts';
import type { ClosedCycle, ClosedPart } from '../../schemas/usage-record.ts';
import { CycleBook, hasBegun } from '../../storage/memory/cycle-book.ts';
import { MemoryTariffs } from '../../storage/memory/tariffs.ts';
import { timelineOf } from '../../storage/tariff-changes/instants.ts';
import { addOn, by, DAY, given, terms } from '../../storage/tariff-given.contract.ts';
import type { TariffStore, When } from '../../storage/tariff-ports.ts';

/** Half an hour of summer time; clocks changed at 00:01; a date left out on 30 December 2011; midnights that are skipped. */
const ZONES = [
  'Australia/Lord_Howe',
  'America/St_Johns',
  'Europe/Berlin',
  'Pacific/Apia',
  'America/Santiago',
  'Asia/Kolkata',
];
/** Years of each zone, 0.4 s each. */
const RUNS = Math.min(100, Number(process.env['WEIR_TEST_RUNS'] ?? 8));
const ID = 's-1';
const NO = 1;
const GRACE_MS = 2 * DAY;
/** One cent a megabyte beyond 20 of them. */
const USAGE: NonNullable<PlanTerms['usage']> = {
  mode: 'graduated',
  includedBytes: 20_000_000,
  tiers: [{ toBytes: null, unitBytes: 1_000_000, priceMicro: 1_000_000 }],
};
const PLANS: PlanTerms[] = [
  terms('home', { usage: USAGE }),
  terms('late', { recurring: { feeMinor: 2_999, when: 'arrears' } }),
];
const RULES = [
  { kind: 'month', anchorDay: 31 },
  { kind: 'week', weekday: 7 },
  { kind: 'days', days: 28, from: '2011-01-05' },
] as const;

/** A change in the course of the year. */
interface Change {
  atMs: number;
  apply(store: TariffStore, atMs: number): Promise<unknown>;
}

function changesIn(zone: string, { startMs, endMs }: Span): fc.Arbitrary<Change[]> {
  const when: fc.Arbitrary<(atMs: number) => When> = fc.oneof(
    fc.constant((): When => ({ at: 'now' })),
    fc.constant((): When => ({ at: 'cycle-end' })),
    fc.integer({ min: 0, max: 60 }).map((days) => (atMs: number): When => {
      return { at: 'time', ms: atMs + days * DAY };
    }),
    fc.integer({ min: 0, max: 20 }).map((days) => (atMs: number): When => {
      return { at: 'back', ms: dayAt(zone, atMs - days * DAY).startMs };
    }),
  );
  const apply: fc.Arbitrary<Change['apply']> = fc.oneof(
    fc
      .tuple(fc.constantFrom('home', 'late'), when, fc.boolean())
      .map(([planId, at, replaces]): Change['apply'] => {
        return (store, atMs) => store.assign(ID, planId, at(atMs), replaces, by(atMs));
      }),
    when.map(
      (at): Change['apply'] =>
        (store, atMs) =>
          store.addAddOn(ID, 'gb', at(atMs), by(atMs)),
    ),
    when.map(
      (at): Change['apply'] =>
        (store, atMs) =>
          store.terminate(ID, at(atMs), by(atMs)),
    ),
    fc.integer({ min: 1, max: 90 }).map((days): Change['apply'] => {
      return (store, atMs) => store.hold(ID, 'customer', { fromMs: atMs, toMs: atMs + days * DAY }, by(atMs));
    }),
    fc.constantFrom(...RULES).map((rule): Change['apply'] => {
      return (store, atMs) => store.changeCycle(`acct-${ID}`, rule, by(atMs));
    }),
  );
  const change = fc.record({ atMs: fc.integer({ min: startMs, max: endMs - 1 }), apply });
  return fc.array(change, { maxLength: 12 }).map((all) => all.sort((a, b) => a.atMs - b.atMs));
}

/** A year with its money. */
class Year {
  readonly #tariffs = new MemoryTariffs();
  readonly #book = new CycleBook(this.#tariffs.cycleStore, () => 0);
  /** where the cycle begins that is not told yet */
  #untoldMs: number;

  constructor(startMs: number) {
    this.#untoldMs = startMs;
  }

  async begin(zone: string, startMs: number): Promise<void> {
    const { store } = this.#tariffs;
    for (const plan of PLANS) await store.putPlanVersion(plan, by(0));
    await store.putAddOnVersion(addOn(), by(0));
    await store.putSubscriber(given(ID, { zone }), by(startMs));
    await store.assign(ID, 'home', { at: 'now' }, false, by(startMs));
  }

  async change({ atMs, apply }: Change): Promise<void> {
    try {
      await apply(this.#tariffs.store, atMs);
    } catch (error) {
      // What is refused is so both times.
      if (!(error instanceof AppError)) throw error;
    }
  }

  /** What jobs and slots do until an instant: open the cycle that runs, close those whose grace is over. */
  async work(nowMs: number): Promise<void> {
    const { cycleStore } = this.#tariffs;
    if (hasBegun(NO, cycleStore, cycleStore.cycles, nowMs)) this.#book.settle(NO, nowMs);
    const t = await this.timeline();
    for (;;) {
      const { endMs } = billingCycleAt(t, this.#untoldMs);
      if (endMs + GRACE_MS > nowMs) return;
      this.#book.close(NO, closedCycle(t, { startMs: this.#untoldMs, endMs }), [], false);
      this.#untoldMs = endMs;
    }
  }

  async timeline(): Promise<TariffTimeline> {
    const rows = await this.#tariffs.reads.rows(ID);
    if (rows === null) throw new Error('the subscriber is there');
    return timelineOf(rows);
  }

  /** What each line of each cycle came to, minor units. */
  sums(): Record<string, number> {
    const found: Record<string, number> = {};
    for (const { cycleStartMs, line, amountMinor } of this.#tariffs.items) {
      const name = `${new Date(cycleStartMs).toISOString()} ${line}`;
      found[name] = (found[name] ?? 0) + amountMinor;
    }
    return withoutZeros(found);
  }
}

function withoutZeros(sums: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(sums).filter(([, amountMinor]) => amountMinor !== 0));
}

/** 1 MB an hour, all the time. */
function closedCycle({ assignments }: TariffTimeline, { startMs, endMs }: Span): ClosedCycle {
  const parts = assignments.flatMap(({ planId, fromMs, toMs }): ClosedPart[] => {
    const part = { fromMs: Math.max(startMs, fromMs), toMs: Math.min(endMs, toMs ?? endMs) };
    if (part.fromMs >= part.toMs) return [];
    const downBytes = Math.round((part.toMs - part.fromMs) / 3.6);
    const classes = [{ serviceClass: '', downBytes, upBytes: 0 }];
    return [{ ...part, planId, version: 1, unlimited: false, countedBytes: downBytes, classes, offPeak: [] }];
  });
  return {
    ...{ subscriberId: ID, cycleStartMs: startMs, cycleEndMs: endMs, planId: '', classes: [], parts },
    ...{ adjustedDownBytes: 0, adjustedUpBytes: 0, partition: 0, offset: 1 },
  };
}

/** What the final timeline says that the year costs. */
function costOf(t: TariffTimeline, startMs: number, endMs: number): Record<string, number> {
  const plans = {
    plan: (planId: string) => PLANS.filter((plan) => plan.planId === planId),
    addOn: () => [addOn()],
  };
  const found: Record<string, number> = {};
  for (let cycle = billingCycleAt(t, startMs); cycle.endMs <= endMs; cycle = billingCycleAt(t, cycle.endMs)) {
    const usage = dueUsage(closedCycle(t, cycle), [], plans, 'EUR');
    for (const { line, amountMinor } of [...dueFees(t, cycle, plans, 'all'), ...usage])
      found[`${new Date(cycle.startMs).toISOString()} ${line}`] = amountMinor;
  }
  return withoutZeros(found);
}

describe.each(ZONES)('a year in %s', (zone) => {
  const newYear = (year: number): number =>
    new Temporal.PlainDate(year, 1, 1).toZonedDateTime({ timeZone: zone }).epochMilliseconds;
  const [startMs, endMs] = [newYear(2011), newYear(2012)];
  /** when all cycles that began in it are closed, whatever their length */
  const overMs = endMs + 60 * DAY;

  async function lived(changes: readonly Change[], daily: boolean): Promise<Year> {
    const year = new Year(startMs);
    await year.begin(zone, startMs);
    let dayMs = startMs;
    for (const change of [...changes, { atMs: overMs, apply: () => Promise.resolve() }]) {
      for (; daily && dayMs <= change.atMs; dayMs = dayAt(zone, dayMs).endMs) await year.work(dayMs);
      await year.change(change);
    }
    await year.work(overMs);
    return year;
  }

  it(`costs the same day by day and at once (${String(RUNS)} years)`, { timeout: 300_000 }, async () => {
    let days = 0;
    for (let dayMs = startMs; dayMs < endMs; dayMs = dayAt(zone, dayMs).endMs) days += 1;
    expect(days).toBe(zone === 'Pacific/Apia' ? 364 : 365);
    const property = fc.asyncProperty(changesIn(zone, { startMs, endMs }), async (changes) => {
      const daily = await lived(changes, true);
      const atOnce = await lived(changes, false);
      expect(atOnce.sums()).toEqual(daily.sums());
      const t = await daily.timeline();
      // The cycle that runs when all is over may have fees in advance already.
      const due = costOf(t, startMs, overMs - GRACE_MS);
      expect(daily.sums()).toMatchObject(due);
    });
    await fc.assert(property, { numRuns: RUNS });
  });
});
