import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AddOn, TopUp } from '../../schemas/profile.ts';
import type { AllowanceInput, TopUpUse } from './allowance.ts';
import { baseCap, carryOver, consume, rolledUses } from './allowance.ts';
import { law } from './laws.contract.ts';
import { at } from './tariff-factory.contract.ts';

const topUp = (id: string, bytes: number, fromMs: number, expiresMs: number): TopUp => {
  return { id, bytes, fromMs, expiresMs };
};
const input = (given: Partial<AllowanceInput>): AllowanceInput => {
  return {
    countedBytes: 0,
    baseBytes: 100,
    carryBytes: 0,
    soldBytes: 0,
    topUps: [],
    uses: [],
    nowMs: 50,
    ...given,
  };
};
const use = (id: string, usedBytes: number, beforeBytes = 0): TopUpUse => ({ id, beforeBytes, usedBytes });

describe('consume, of what no store gives', () => {
  it('counts one of two top-ups with one id: in the next cycle nothing of it comes back', () => {
    const topUps = [topUp('a', 30, 0, 90), topUp('a', 20, 0, 60)];
    const first = consume(input({ topUps, countedBytes: 150 }));
    expect(first).toMatchObject({ uses: [use('a', 20)], allowanceBytes: 120, topUpRemainingBytes: 0 });
    const next = consume(input({ topUps, countedBytes: 150, uses: rolledUses(first.uses) }));
    expect(next).toMatchObject({ uses: [use('a', 0, 20)], allowanceBytes: 100 });
  });

  it('keeps uses of 1,000 top-ups that are there no longer', () => {
    let uses: TopUpUse[] = [];
    for (let round = 0; round < 3; round += 1) {
      const topUps = Array.from({ length: 700 }, (_, i) => topUp(`${round}-${i}`, 1, 0, 90));
      ({ uses } = consume(input({ topUps, countedBytes: 10_000, uses })));
    }
    expect(uses).toHaveLength(1700);
  });
});

describe('consume, by hand', () => {
  const two = [topUp('late', 30, 0, 100), topUp('soon', 20, 0, 60)];
  it.each<[string, Partial<AllowanceInput>, TopUpUse[], number, number]>([
    ['nothing beyond the cap', { topUps: two, countedBytes: 100 }, [], 150, 50],
    ['carry-over before top-ups', { topUps: two, countedBytes: 105, carryBytes: 10 }, [], 160, 50],
    ['the one that expires first', { topUps: two, countedBytes: 110 }, [use('soon', 10)], 150, 40],
    ['then the other', { topUps: two, countedBytes: 125 }, [use('late', 5), use('soon', 20)], 150, 25],
    ['more than there is', { topUps: two, countedBytes: 999 }, [use('late', 30), use('soon', 20)], 150, 0],
    [
      'blocks that were sold cover before top-ups',
      { topUps: two, countedBytes: 130, soldBytes: 25 },
      [use('soon', 5)],
      150,
      45,
    ],
    [
      'what an expired one covered',
      { topUps: two, countedBytes: 125, uses: [use('soon', 20)], nowMs: 60 },
      [use('late', 5), use('soon', 20)],
      150,
      25,
    ],
    [
      'the rest of an expired one is gone',
      { topUps: two, countedBytes: 125, uses: [use('soon', 10)], nowMs: 60 },
      [use('late', 15), use('soon', 10)],
      140,
      15,
    ],
    ['one that has not begun', { topUps: [topUp('later', 5, 51, 90)], countedBytes: 110 }, [], 100, 0],
    [
      'one that begins now',
      { topUps: [topUp('now', 5, 50, 90)], countedBytes: 110 },
      [use('now', 5)],
      105,
      0,
    ],
    [
      'what was used in cycles before',
      { topUps: two, countedBytes: 130, uses: [use('soon', 0, 15)] },
      [use('late', 25), use('soon', 5, 15)],
      135,
      5,
    ],
    [
      'a correction gives back',
      { topUps: two, countedBytes: 90, uses: [use('soon', 20), use('late', 5)] },
      [],
      150,
      50,
    ],
    [
      'but not what an expired one covered',
      { topUps: two, countedBytes: 90, uses: [use('soon', 20)], nowMs: 60 },
      [use('soon', 20)],
      150,
      30,
    ],
    [
      'one that is in the profile no longer',
      { countedBytes: 110, uses: [use('gone', 5)] },
      [use('gone', 5)],
      105,
      0,
    ],
    [
      'of two that expire together that which began first',
      { topUps: [topUp('a', 5, 2, 90), topUp('b', 5, 1, 90)], countedBytes: 105 },
      [use('b', 5)],
      110,
      5,
    ],
    [
      'of two that are the same by id',
      { topUps: [topUp('b', 5, 1, 90), topUp('a', 5, 1, 90)], countedBytes: 105 },
      [use('a', 5)],
      110,
      5,
    ],
  ])('%s', (_name, given, uses, allowanceBytes, topUpRemainingBytes) => {
    expect(consume(input(given))).toEqual({ uses, allowanceBytes, topUpRemainingBytes });
  });

  it('rolls: what was used was used before', () => {
    expect(rolledUses([use('a', 5, 3), use('b', 0, 2)])).toEqual([use('a', 0, 8), use('b', 0, 2)]);
  });
});

const topUpLists = fc
  .array(
    fc.record({
      bytes: fc.integer({ min: 1, max: 100 }),
      fromMs: fc.integer({ min: 0, max: 80 }),
      lastsMs: fc.integer({ min: 1, max: 60 }),
    }),
    { maxLength: 5 },
  )
  .map((list) =>
    list.map(({ bytes, fromMs, lastsMs }, i) => topUp(`t${i}`, bytes, fromMs, fromMs + lastsMs)),
  );

/** Totals that only grow, at the instants 0 to 100. */
const totals = fc
  .array(fc.record({ stepMs: fc.integer({ min: 0, max: 15 }), more: fc.integer({ min: 0, max: 60 }) }), {
    minLength: 1,
    maxLength: 12,
  })
  .map((steps) => {
    let [nowMs, countedBytes] = [0, 0];
    return steps.map(({ stepMs, more }) => ({
      nowMs: (nowMs += stepMs),
      countedBytes: (countedBytes += more),
    }));
  });
const histories = fc.record({
  topUps: topUpLists,
  totals,
  baseBytes: fc.integer({ min: 0, max: 100 }),
  carryBytes: fc.integer({ min: 0, max: 50 }),
  soldBytes: fc.integer({ min: 0, max: 20 }),
});
const usedOf = (uses: readonly TopUpUse[]): number => uses.reduce((sum, { usedBytes }) => sum + usedBytes, 0);

describe('consume', () => {
  law('covers what it can of what is beyond, in the order of expiry', histories, (one) => {
    const { topUps, baseBytes, carryBytes, soldBytes } = one;
    let uses: TopUpUse[] = [];
    for (const step of one.totals) {
      const given = { topUps, baseBytes, carryBytes, soldBytes, uses, ...step };
      const after = consume(given);
      const live = topUps.filter(({ fromMs, expiresMs }) => fromMs <= step.nowMs && step.nowMs < expiresMs);
      const past = usedOf(uses.filter(({ id }) => live.every((other) => other.id !== id)));
      const supply = live.reduce((sum, { bytes }) => sum + bytes, 0);
      const beyond = Math.max(0, step.countedBytes - baseBytes - carryBytes - soldBytes);
      expect(usedOf(after.uses)).toBe(Math.max(past, Math.min(beyond, past + supply)));
      expect(after.allowanceBytes).toBe(baseBytes + carryBytes + past + supply);
      expect(after.topUpRemainingBytes).toBe(past + supply - usedOf(after.uses));
      const usedBytes = (id: string): number => after.uses.find((other) => other.id === id)?.usedBytes ?? 0;
      for (const first of live)
        for (const later of live)
          if (first.expiresMs < later.expiresMs && usedBytes(later.id) > 0)
            expect(usedBytes(first.id)).toBe(first.bytes);
      uses = after.uses;
    }
  });

  law('never takes away what was covered while totals grow', histories, ({ totals: steps, ...given }) => {
    let uses: TopUpUse[] = [];
    let covered = 0;
    for (const step of steps) {
      const after = consume({ ...given, uses, ...step });
      const coveredNow = Math.min(step.countedBytes, after.allowanceBytes + given.soldBytes);
      expect(coveredNow).toBeGreaterThanOrEqual(covered);
      [covered, uses] = [coveredNow, after.uses];
    }
  });

  law(
    'gives the same at once as step by step where nothing expires between',
    histories,
    ({ totals: steps, ...given }) => {
      const topUps = given.topUps.map((one) => ({ ...one, expiresMs: one.expiresMs + 1000 }));
      let uses: TopUpUse[] = [];
      let daily = consume({ ...given, topUps, uses, countedBytes: 0, nowMs: 0 });
      for (const step of steps) {
        daily = consume({ ...given, topUps, uses, ...step });
        uses = daily.uses;
      }
      const last = steps.at(-1) ?? { nowMs: 0, countedBytes: 0 };
      expect(consume({ ...given, topUps, uses: [], ...last })).toEqual(daily);
    },
  );

  law('uses no top-up for more than it has, over all cycles', fc.tuple(histories, totals), ([one, next]) => {
    const { totals: first, ...given } = one;
    let uses: TopUpUse[] = [];
    for (const step of first) uses = consume({ ...given, uses, ...step }).uses;
    uses = rolledUses(uses);
    const lastMs = first.at(-1)?.nowMs ?? 0;
    for (const step of next) uses = consume({ ...given, uses, ...step, nowMs: lastMs + step.nowMs }).uses;
    for (const { id, beforeBytes, usedBytes } of uses) {
      const { bytes = 0 } = given.topUps.find((other) => other.id === id) ?? {};
      expect(beforeBytes + usedBytes).toBeLessThanOrEqual(bytes);
    }
  });
});

describe('carryOver', () => {
  it.each([
    [50, 100, 30, 50],
    [50, 100, 60, 40],
    [50, 100, 100, 0],
    [50, 100, 130, 0],
    [0, 100, 0, 0],
  ])('at most %s of a cap of %s with %s counted: %s', (limit, base, counted, carried) => {
    expect(carryOver(limit, base, counted)).toBe(carried);
  });
});

describe('baseCap', () => {
  const cycle = { startMs: at('2026-04-01T00:00Z'), endMs: at('2026-05-01T00:00Z') };
  const tenth = at('2026-04-11T00:00Z');
  const whole = (capBytes: number | null): { capBytes: number | null } => ({ capBytes });
  const prorated = (capBytes: number | null) => ({ capBytes, capProration: 'prorated' as const });
  const first = { fromMs: cycle.startMs, toMs: tenth };
  const second = { fromMs: tenth, toMs: cycle.endMs };
  const all = { fromMs: cycle.startMs, toMs: cycle.endMs };
  const addOn = (given: Partial<AddOn>): AddOn => {
    return { id: 'x', fromMs: cycle.startMs, toMs: null, capBytes: 60, prorated: true, ...given };
  };

  it.each<[string, Parameters<typeof baseCap>[1], AddOn[], number | null]>([
    ['one plan', [{ ...all, plan: whole(300) }], [], 300],
    ['no cap', [{ ...all, plan: whole(null) }], [], null],
    ['no plan', [{ ...all, plan: null }], [], null],
    ['nothing at all', [], [], null],
    ['a whole one for a part of the cycle', [{ ...second, plan: whole(300) }], [], 300],
    ['a prorated one', [{ ...second, plan: prorated(300) }], [], 200],
    [
      'of two whole ones the last',
      [
        { ...first, plan: whole(300) },
        { ...second, plan: whole(90) },
      ],
      [],
      90,
    ],
    [
      'of two prorated ones each its part',
      [
        { ...first, plan: prorated(300) },
        { ...second, plan: prorated(90) },
      ],
      [],
      160,
    ],
    [
      'a prorated and a whole one',
      [
        { ...first, plan: prorated(300) },
        { ...second, plan: whole(90) },
      ],
      [],
      190,
    ],
    [
      'a whole and a prorated one',
      [
        { ...first, plan: whole(300) },
        { ...second, plan: prorated(90) },
      ],
      [],
      360,
    ],
    [
      'a cap after none',
      [
        { ...first, plan: whole(null) },
        { ...second, plan: whole(90) },
      ],
      [],
      90,
    ],
    [
      'none after a cap',
      [
        { ...first, plan: whole(90) },
        { ...second, plan: prorated(null) },
      ],
      [],
      null,
    ],
    [
      'after the plan ended',
      [
        { ...first, plan: prorated(300) },
        { ...second, plan: null },
      ],
      [],
      100,
    ],
    ['an add-on', [{ ...all, plan: whole(300) }], [addOn({})], 360],
    ['a part of one', [{ ...all, plan: whole(300) }], [addOn({ fromMs: tenth })], 340],
    [
      'one that gives it whole',
      [{ ...all, plan: whole(300) }],
      [addOn({ fromMs: tenth, prorated: false })],
      360,
    ],
    [
      'one of the cycle before',
      [{ ...all, plan: whole(300) }],
      [addOn({ fromMs: 0, toMs: cycle.startMs, prorated: false })],
      300,
    ],
    [
      'one of the next',
      [{ ...all, plan: whole(300) }],
      [addOn({ fromMs: cycle.endMs, prorated: false })],
      300,
    ],
    ['an add-on without a cap', [{ ...all, plan: whole(null) }], [addOn({})], null],
  ])('%s', (_name, parts, addOns, bytes) => {
    expect(baseCap(cycle, parts, addOns)).toBe(bytes);
  });

  it('gives a stub the part that it is', () => {
    const stub = { startMs: cycle.startMs, endMs: tenth };
    expect(
      baseCap(
        stub,
        [{ ...stub, fromMs: stub.startMs, toMs: tenth, plan: prorated(300) }],
        [addOn({})],
        cycle,
      ),
    ).toBe(120);
    expect(baseCap(stub, [{ ...stub, fromMs: stub.startMs, toMs: tenth, plan: whole(300) }], [], cycle)).toBe(
      300,
    );
  });
});
