import { cover } from './allowance.ts';
import type { Use } from './allowance.ts';
import type { Cycle, Spent } from './cycle-book.ts';
import { extrasIn } from './extras.ts';
import { ruleOf } from './line.ts';
import type { Line } from './line.ts';
import type { PlanBook } from './plan-book.ts';
import {
  baseIn,
  carriedInto,
  carriedWith,
  carryOf,
  countedIn,
  coverageOf,
  currentView,
  pastView,
} from './tariff.ts';
import type { World } from './world.ts';

/** Brings up what of each top-up is used in the current cycle. Without a cap none is. */
export function bringUpUses(line: Line, plans: PlanBook, watermarkMs: number): void {
  if (!hasTopUps(line)) return;
  const view = currentView(line, plans, watermarkMs);
  const coverage = view && coverageOf(view);
  if (coverage !== null) line.topUpUses = coverage.uses;
}

/** Moves a line on to the cycle of now, and what goes with it. */
export function rollLine(line: Line, world: World, watermarkMs: number): void {
  const rule = ruleOf(line, world);
  const ended = line.book.roll(rule, watermarkMs);
  const before = line.book.before(rule);
  if (ended !== null && before !== null && world.tariffs) rollTariff(line, ended, before, world.plans);
}

/** A cycle is over and another began: what it had is noted, top-ups go on, and what of its cap is left is carried over. */
function rollTariff(line: Line, ended: Cycle, before: Cycle, plans: PlanBook): void {
  // Top-ups that began since anybody looked cover what there was to cover.
  const coverage = coverageOf(pastView(line, ended, plans));
  if (coverage !== null && hasTopUps(line)) line.topUpUses = coverage.uses;
  ended.spent = spentIn(line, ended, plans);
  begin(line, before, plans);
}

/** A cycle has become the current one: top-ups go on in it, and what is left of the cap of the one before. */
export function begin(line: Line, before: Cycle, plans: PlanBook): void {
  const { current } = line.book;
  if (current === null) return;
  // Late octets may still use what was live as their cycle ended.
  const open = line.book.cycles.filter(({ endMs, closed }) => !closed && endMs <= current.startMs);
  const fromMs = Math.min(current.startMs, ...open.map(({ endMs }) => endMs));
  const topUps = line.profile?.topUps ?? [];
  const isThere = (id: string): boolean =>
    topUps.some((topUp) => topUp.id === id && topUp.expiresMs >= fromMs);
  line.topUpUses = new Map(
    [...line.topUpUses]
      .filter(([id]) => isThere(id))
      .map(([id, use]): [string, Use] => [id, { before: use.before + use.used, used: 0n }]),
  );
  const bytes = carryOf(pastView(line, before, plans));
  line.carry = bytes === null ? null : { cycleStartMs: current.startMs, bytes, final: false };
}

function hasTopUps({ topUpUses, profile }: Line): boolean {
  return topUpUses.size > 0 || (profile?.topUps ?? []).length > 0;
}

/** What the current cycle had until it ended, now or at an instant before its end. */
export function spentIn(line: Line, cycle: Cycle, plans: PlanBook): Spent | null {
  const asked = extrasIn(line, cycle.startMs);
  // Those of a later cycle are its own.
  const { blocks, soldBytes } = asked.cycleStartMs < cycle.endMs ? asked : { blocks: 0, soldBytes: 0 };
  const used = [...line.topUpUses].filter(([, use]) => use.used > 0n);
  const topUps = new Map(used.map(([id, use]) => [id, use.used]));
  const carryBytes = carriedInto(pastView(line, cycle, plans));
  const isNothing = carryBytes === 0n && blocks === 0 && soldBytes === 0 && topUps.size === 0;
  return isNothing ? null : { carryBytes, blocks, soldBytes, topUps };
}

/** Octets or corrections came to a cycle that is over. */
export function noteLate(line: Line, cycle: Cycle, plans: PlanBook): void {
  const { current } = line.book;
  if (current === null || cycle.startMs >= current.startMs || cycle.closed) return;
  useInPast(line, cycle, plans);
  reckonCarry(line, cycle, plans, false);
}

/** A cycle goes to billing: what it leaves is that for good. */
export function closeCarry(line: Line, cycle: Cycle, plans: PlanBook): void {
  reckonCarry(line, cycle, plans, true);
}

/** What a cycle leaves is in the one that follows: the current one, or one that is over as well, and had it as it ended. */
function reckonCarry(line: Line, cycle: Cycle, plans: PlanBook, final: boolean): void {
  const { carry, book } = line;
  const bytes = carryOf(pastView(line, cycle, plans)) ?? 0n;
  if (book.current?.startMs === cycle.endMs) {
    if (carry?.cycleStartMs === cycle.endMs && !carry.final) line.carry = { ...carry, bytes, final };
    return;
  }
  const next = book.cycles.find(({ startMs }) => startMs === cycle.endMs);
  if (next === undefined || next.closed || next.spent === null) return;
  const carryBytes = carriedWith(pastView(line, next, plans), bytes);
  if (carryBytes === next.spent.carryBytes) return;
  next.spent.carryBytes = carryBytes;
  useInPast(line, next, plans);
}

/** Late octets use what was live as their cycle ended: the less is left of it now. */
function useInPast(line: Line, cycle: Cycle, plans: PlanBook): void {
  // One that was never the current cycle had nothing but its cap.
  const spent = cycle.spent ?? { carryBytes: 0n, blocks: 0, soldBytes: 0, topUps: new Map<string, bigint>() };
  const view = pastView(line, cycle, plans);
  const base = baseIn(view);
  const topUps = line.profile?.topUps ?? [];
  if (base === null || (topUps.length === 0 && spent.topUps.size === 0)) return;
  const known = new Map<string, Use>();
  for (const id of new Set([...line.topUpUses.keys(), ...spent.topUps.keys()])) {
    const used = spent.topUps.get(id) ?? 0n;
    const all = line.topUpUses.get(id);
    const before = (all?.before ?? 0n) + (all?.used ?? 0n) - used;
    known.set(id, { used, before: before > 0n ? before : 0n });
  }
  const supply = {
    base,
    counted: countedIn(view, 'before-fresh'),
    carried: spent.carryBytes,
    sold: BigInt(spent.soldBytes),
  };
  for (const [id, { used }] of cover(supply, topUps, known, view.atMs).uses) {
    const more = used - (spent.topUps.get(id) ?? 0n);
    if (more <= 0n) continue;
    cycle.spent = spent;
    spent.topUps.set(id, used);
    const use = line.topUpUses.get(id) ?? { before: 0n, used: 0n };
    line.topUpUses.set(id, { ...use, before: use.before + more });
  }
}
