import { describe, expect, it } from 'vitest';
import type { Amount } from '../../verify/amount.ts';
import { nothing, plus } from '../../verify/amount.ts';
import type { Facts } from '../../verify/conditions.ts';
import type { ClosedAccount } from '../../verify/expected.ts';
import { factsAt } from '../../verify/facts.ts';
import { newLine } from '../../verify/line.ts';
import { planNow } from '../../verify/tariff.ts';
import { totalOf } from '../../verify/totals.ts';
import type { Recomputation } from '../../verify/recompute.ts';
import { MINUTE, NOON } from '../factories.ts';
import type { Case } from './case-logs.ts';
import { CASES } from './cases.ts';
import { recomputed } from './oracle.ts';

type Pair = [down: number, up: number];
type TariffCase = Pick<
  Case,
  'facts' | 'parts' | 'cycles' | 'uses' | 'carry' | 'closed' | 'account' | 'adjustedParts' | 'told'
>;

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
  const all: Omit<Case, 'name' | 'log'> = {
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
    ...ofTariffs(run, wanted.facts ?? {}),
  };
  return Object.fromEntries(Object.entries(all).filter(([name]) => name in wanted));
}

/** What plans made of sub-1's usage. */
function ofTariffs(run: Recomputation, asked: Facts): TariffCase {
  const { expected, world } = run;
  const line = run.lines.get('sub-1') ?? newLine('sub-1', run.calendar);
  const facts = factsAt(line, planNow(line, world.plans, run.watermarkMs), run.watermarkMs, world);
  const { cycles } = line.book;
  const account = expected.closings[0]?.account;
  return {
    facts: Object.fromEntries(Object.keys(asked).map((name) => [name, facts[name]])),
    parts: cycles.flatMap(({ parts }) =>
      parts.map((part): [number, number, number] => [part.startMs, part.endMs, pair(totalOf(part))[0]]),
    ),
    cycles: cycles.map(({ startMs, endMs }) => [startMs, endMs]),
    uses: Object.fromEntries(
      [...line.topUpUses].map(([id, { before, used }]) => [id, [Number(before), Number(used)]]),
    ),
    closed: expected.closings.flatMap((closing): [number, number, number][] => {
      if (closing.account === null) return [];
      const { carryIn, topUps, over } = closing.account;
      const used = [...topUps.values()].reduce((sum, bytes) => sum + bytes, 0n);
      return [[Number(carryIn), Number(used), Number(over)]];
    }),
    adjustedParts: expected.adjustments.map(({ partFromMs }) => partFromMs),
    told: expected.contributions.map(({ contribution: { poolId, countedBytes, leaving } }) => [
      poolId,
      countedBytes,
      leaving,
    ]),
    ...(line.carry && { carry: [line.carry.cycleStartMs, Number(line.carry.bytes), line.carry.final] }),
    ...(account && { account: accountOf(account) }),
  };
}

function accountOf(account: ClosedAccount): NonNullable<Case['account']> {
  const { parts, base, carryIn, carryOut, topUps, over, corrected } = account;
  return {
    parts: parts.map(({ fromMs, toMs, planId, version, unlimited, counted }) => [
      fromMs,
      toMs,
      planId,
      version,
      unlimited,
      Number(counted),
    ]),
    base: base === null ? null : Number(base),
    carryIn: Number(carryIn),
    carryOut: Number(carryOut),
    topUps: Object.fromEntries([...topUps].map(([id, used]) => [id, Number(used)])),
    over: Number(over),
    corrected: Number(corrected),
  };
}

describe('the recomputation, by case of accounting', () => {
  it.each(CASES)('$name', ({ log, ...wanted }) => {
    const { name: _, ...expected } = wanted;
    expect(found(recomputed(log.inputs), { log, ...wanted })).toEqual(expected);
  });
});
