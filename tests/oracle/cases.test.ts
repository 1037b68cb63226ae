import { describe, expect, it } from 'vitest';
import type { Amount } from '../../verify/amount.ts';
import { nothing, plus } from '../../verify/amount.ts';
import { totalOf } from '../../verify/totals.ts';
import type { Recomputation } from '../../verify/recompute.ts';
import { MINUTE, NOON } from '../factories.ts';
import type { Case } from './case-logs.ts';
import { CASES } from './cases.ts';
import { recomputed } from './oracle.ts';

type Pair = [down: number, up: number];

function pair({ down, up }: Amount): Pair {
  return [Number(down), Number(up)];
}

function above0(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

/** What a recomputation says of the things that a case names. */
function found(run: Recomputation, wanted: Case): Partial<Case> {
  const { expected } = run;
  const line = run.lines.get('sub-1');
  const cycles = line?.book.cycles ?? [];
  const classes: Record<string, Pair> = {};
  for (const { classes: shares } of cycles)
    for (const [name, share] of shares) {
      const [down, up] = classes[name] ?? [0, 0];
      classes[name] = [down + Number(share.down), up + Number(share.up)];
    }
  const all: Required<Omit<Case, 'name' | 'log'>> = {
    total: pair(cycles.map(totalOf).reduce(plus, nothing())),
    windows: [...expected.windows]
      .map(([key, amount]): [number, number, number] => {
        const [, startMs = 0] = JSON.parse(key) as [string, number];
        return [(startMs - NOON) / MINUTE, ...pair(amount)];
      })
      .sort(([a], [b]) => a - b),
    classes,
    late: pair([...expected.late.values()].reduce(plus, nothing())),
    outcomes: above0(expected.outcomes),
    // Everybody is, but those of whom a case needs a profile.
    flags: above0({ ...expected.flags, unassigned: 0 }),
    ends: [...expected.sessionEnds.values()].map((end) => [end.cause, ...pair(end)]),
    adjustments: expected.adjustments.map((one) => [one.reason, one.cycleStartMs, ...pair(one)]),
    closings: expected.closings.map(({ cycleStartMs, classes: shares }) => [
      cycleStartMs,
      ...pair(shares.get('') ?? nothing()),
    ]),
    letters: [...expected.deadLetters.values()].map(({ reason }) => reason),
    actions: expected.actions.map(({ kind }) => kind),
    open: line?.sessions.open.length ?? 0,
  };
  return Object.fromEntries(Object.entries(all).filter(([name]) => name in wanted));
}

describe('the recomputation, by case of accounting', () => {
  it.each(CASES)('$name', ({ log, ...wanted }) => {
    const { name: _, ...expected } = wanted;
    expect(found(recomputed(log.inputs), { log, ...wanted })).toEqual(expected);
  });
});
