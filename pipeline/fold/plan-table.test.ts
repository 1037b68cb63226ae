import { expect, it } from 'vitest';
import { NOON, plan, profile } from '../../tests/factories.ts';
import { PlanTable } from './plan-table.ts';

const JUST_BEFORE = NOON - 1;

function table(): PlanTable {
  return new PlanTable().set('a', [plan({ planId: 'a' })]).set('b', [plan({ planId: 'b' })]);
}

const changing = profile({
  assignments: [
    { planId: 'a', fromMs: 0, toMs: NOON },
    { planId: 'b', fromMs: NOON, toMs: null },
  ],
});

it('gives the plan of the time, however often and in whatever order it is asked', () => {
  const plans = table();
  const asked = [JUST_BEFORE, NOON, NOON, JUST_BEFORE].map(
    (atMs) => plans.inForce(changing, atMs, 0)?.planId,
  );
  expect(asked).toEqual(['a', 'b', 'b', 'a']);
});

it('gives each profile its own', () => {
  const plans = table();
  const other = profile({ assignments: [{ planId: 'b', fromMs: 0, toMs: null }] });
  expect([changing, other, changing].map((one) => plans.inForce(one, 0, 0)?.planId)).toEqual(['a', 'b', 'a']);
});

it('gives a version that came since it was asked last', () => {
  const plans = table();
  expect(plans.inForce(changing, 0, 0)?.capBytes).not.toBe(5);
  plans.put(plan({ planId: 'a', capBytes: 5 }), 0, 0);
  expect(plans.inForce(changing, 0, 0)?.capBytes).toBe(5);
});

it('gives none where none is assigned or it is not known yet', () => {
  const plans = new PlanTable();
  expect(plans.inForce(changing, NOON, 0)).toBe(null);
  expect(table().inForce(profile({ assignments: [] }), NOON, 0)).toBe(null);
  plans.set('b', [plan({ planId: 'b' })]);
  expect(plans.inForce(changing, NOON, 0)?.planId).toBe('b');
});

it('gives the version of the running cycle, however many came since', () => {
  const plans = new PlanTable();
  const DAY = 86_400_000;
  for (let version = 1; version <= 60; version += 1)
    plans.put(
      plan({ planId: 'b', version, effectiveFromMs: version === 1 ? 0 : NOON + version * DAY }),
      NOON,
      NOON,
    );
  expect(plans.inForce(changing, NOON, NOON - 20 * DAY)?.version).toBe(1);
});

it('gives cycles of a version the one that took its place from the same instant, and cycles before that their own', () => {
  const plans = new PlanTable();
  for (const [version, effectiveFromMs] of [
    [1, 0],
    [2, NOON],
    [3, NOON],
  ] as const)
    plans.put(plan({ planId: 'b', version, effectiveFromMs }), NOON + 1, NOON + 1);
  const long = profile({ assignments: [{ planId: 'b', fromMs: 0, toMs: null }] });
  expect([NOON - 1, NOON].map((startMs) => plans.inForce(long, NOON, startMs)?.version)).toEqual([1, 3]);
});

it('keeps what cycles have by event time, however far the log is ahead of it', () => {
  const plans = new PlanTable();
  const DAY = 86_400_000;
  const kept = (watermarkMs: number): (number | undefined)[] => {
    for (const version of [1, 2, 3])
      plans.put(
        plan({ planId: 'b', version, effectiveFromMs: NOON + version * 50 * DAY }),
        watermarkMs,
        NOON + 500 * DAY,
      );
    return (plans.get('b') ?? []).map(({ version }) => version);
  };
  expect(kept(Number.NEGATIVE_INFINITY)).toEqual([1, 2, 3]);
  expect(kept(NOON + 200 * DAY - 1)).toEqual([1, 2, 3]);
  expect(kept(NOON + 200 * DAY)).toEqual([2, 3]);
});
