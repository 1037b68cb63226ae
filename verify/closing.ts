import { asNumber } from './allowance.ts';
import { notBelow0 } from './counted.ts';
import type { OverageTerms } from '../schemas/profile.ts';
import type { Cycle } from './cycle-book.ts';
import type { DecisionWorld } from './decisions.ts';
import type { ClosedAccount, ExpectedClosing } from './expected.ts';
import { termsOf } from './extras.ts';
import type { Line } from './line.ts';
import { rulesFor } from './policies.ts';
import {
  baseIn,
  carryOf,
  correctionOf,
  countedIn,
  countedOfPart,
  isUnlimited,
  pastView,
  planOf,
  planOfPart,
} from './tariff.ts';
import type { View } from './tariff.ts';
import { closeCarry } from './top-up-use.ts';
import type { World } from './world.ts';

/** A cycle that goes to billing with an entry; what it carries over is that for good. */
export function closingOf(line: Line, cycle: Cycle, world: World, offset: number): ExpectedClosing {
  const { startMs: cycleStartMs, endMs: cycleEndMs, classes, adjusted } = cycle;
  cycle.closed = true;
  const account = world.tariffs ? closedAccount(line, cycle, world) : null;
  if (world.tariffs) closeCarry(line, cycle, world.plans);
  const bounds = { subscriberId: line.id, cycleStartMs, cycleEndMs };
  return { ...bounds, classes: new Map(classes), adjusted, offset, account };
}

/** What a cycle comes to. */
function closedAccount(line: Line, cycle: Cycle, world: DecisionWorld): ClosedAccount {
  const view = pastView(line, cycle, world.plans);
  const base = baseIn(view);
  const { spent } = cycle;
  const topUps = new Map([...(spent?.topUps ?? [])].filter(([, used]) => used > 0n));
  const covered = [...topUps.values()].reduce((sum, used) => sum + used, 0n);
  const carryIn = spent?.carryBytes ?? 0n;
  return {
    planId: planOfPart(view, null).assigned?.planId ?? '',
    parts: partsOf(view),
    ...{ base, carryIn, topUps },
    carryOut: carryOf(view) ?? 0n,
    blocks: spent?.blocks ?? 0,
    soldBytes: spent?.soldBytes ?? 0,
    over: base === null ? 0n : asNumber(countedIn(view, 'before-fresh') - base - carryIn - covered),
    corrected: asNumber(notBelow0(-correctionOf(view))),
    terms: termsIn(view, world),
  };
}

/** Parts with an assignment; a cycle without parts is one. */
function partsOf(view: View): ClosedAccount['parts'] {
  const { cycle, line } = view;
  const isWhole = cycle.parts.length === 0;
  return (isWhole ? [cycle] : cycle.parts).flatMap((part) => {
    const { assigned, plan } = planOfPart(view, isWhole ? null : part);
    if (assigned === null) return [];
    const { startMs: fromMs, endMs: toMs, classes, offPeak } = part;
    return [
      {
        ...{ fromMs, toMs, planId: assigned.planId, version: plan?.version ?? 0 },
        unlimited: isUnlimited(line, part),
        counted: asNumber(countedOfPart(view, part, isWhole)),
        total: { startMs: fromMs, endMs: toMs, classes: new Map(classes), offPeak: new Map(offPeak) },
      },
    ];
  });
}

/** Terms by which the first rule that sells blocks to the line does so; null = none does. */
function termsIn(view: View, world: DecisionWorld): OverageTerms | null {
  const { line } = view;
  const plan = planOf(view);
  const asked = rulesFor(line, world, plan, true).filter(({ shadow }) => !shadow);
  return asked.map(({ rule }) => termsOf(rule, line, plan)).find((terms) => terms !== null) ?? null;
}
