import type { CycleCalendar } from '../../rules/cycle.ts';
import { carryOver, consume, rolledUses } from '../../rules/tariff/allowance.ts';
import type { PlanVersion } from '../../schemas/profile.ts';
import type { Span } from '../../schemas/tariff.ts';
import { balanceOf, carriedBytes, useTopUpsOf, withGiven } from '../decide/allowance.ts';
import type { CycleBalance } from '../decide/allowance.ts';
import { exact } from '../decide/extras.ts';
import { planOfCycle } from '../decide/in-force.ts';
import { boundsAt } from '../window/calendar-rule.ts';
import { newCycle, rebaseCycles, rollCycles } from '../window/cycles.ts';
import { partsOf } from '../window/parts.ts';
import type { CycleTotal, OverageState, SlotState, Subscriber } from './slot-state.ts';
import type { CarriedOver, CycleSpent } from './tariff-state.ts';
import { TARIFF_VERSION } from './tariff-state.ts';

/**
 * Moves the cycles on to the one that contains the watermark, and what goes with them. True where one rolled or the first was made.
 */
export function rollOn(state: SlotState, subscriber: Subscriber, calendar: CycleCalendar): boolean {
  const [before] = subscriber.cycles;
  if (!rollCycles(subscriber, state.watermarkMs, calendar, state.settings.defaultZone)) return false;
  enterCycle(state, subscriber, before, calendar);
  return true;
}

/**
 * Takes a roll: what the cycle before had used up is kept with it, top-ups go on in the new one, and what was left of the cap is
 * carried over.
 *
 * @param before the current cycle until now
 */
function enterCycle(
  state: SlotState,
  subscriber: Subscriber,
  before: CycleTotal | undefined,
  calendar: CycleCalendar,
): void {
  if (state.blobVersion < TARIFF_VERSION) return;
  const [current] = subscriber.cycles;
  if (before === undefined || current === undefined || before.startMs >= current.startMs) return;
  // After a silence nobody has looked at what was live as it ended.
  if (subscriber.topUpUses.length > 0 || (subscriber.profile?.topUps.length ?? 0) > 0)
    useTopUpsOf(state, subscriber, before, planOfCycle(state, subscriber, before), before.endMs - 1);
  before.spent = spentOf(subscriber, before);
  goOn(state, subscriber, current, calendar);
}

/** Top-ups and what is left go on into a cycle that has become the current one. */
function goOn(state: SlotState, subscriber: Subscriber, current: CycleTotal, calendar: CycleCalendar): void {
  if (subscriber.topUpUses.length > 0) moveUsesOn(subscriber, current);
  subscriber.carry = carryInto(state, subscriber, current, calendar);
}

/**
 * Makes the cycles anew where they lie elsewhere by the profile, with what the current one had besides its cap: where it begins
 * later, and more of its time until now is before that than after, it is over as at a roll. Else all of it goes to the new one,
 * with that of those that are over and are part of it again.
 */
export function moveCycles(state: SlotState, subscriber: Subscriber, calendar: CycleCalendar): void {
  const { watermarkMs, blobVersion } = state;
  const { defaultZone } = state.settings;
  const [before] = subscriber.cycles;
  const startMs = boundsAt(subscriber, watermarkMs, calendar, defaultZone).startMs;
  const isOver =
    before !== undefined &&
    watermarkMs > 0 &&
    blobVersion >= TARIFF_VERSION &&
    startMs - before.startMs > watermarkMs - startMs;
  if (isOver) before.spent = spentOf(subscriber, { startMs: before.startMs, endMs: startMs });
  const again = rebaseCycles(subscriber, watermarkMs, calendar, defaultZone);
  const [current] = subscriber.cycles;
  if (before === undefined || current === undefined) return;
  if (isOver) return goOn(state, subscriber, current, calendar);
  const { overage, carry } = subscriber;
  const asked = overage !== null && overage.cycleStartMs >= before.startMs ? overage : null;
  if (overage?.cycleStartMs === before.startMs) overage.cycleStartMs = current.startMs;
  if (carry?.cycleStartMs === before.startMs) carry.cycleStartMs = current.startMs;
  if (again.length > 0) takeBack(subscriber, current, again, asked);
}

/**
 * What those had that were over and are part of the current cycle again is the current one's: blocks and top-ups besides what it has,
 * and what was carried into the oldest of them in place of what they left.
 *
 * @param again newest first
 * @param asked paid extras of the current cycle as it was; null = none
 */
function takeBack(
  subscriber: Subscriber,
  { startMs: cycleStartMs }: CycleTotal,
  again: readonly CycleTotal[],
  asked: OverageState | null,
): void {
  let [blocks, soldBytes] = [asked?.blocks ?? 0, asked?.soldBytes ?? 0];
  for (const { endMs, spent } of again) {
    const had = spent ?? NOTHING_SPENT;
    blocks += had.blocks;
    soldBytes = exact(soldBytes + had.soldBytes);
    for (const { id, usedBytes } of had.topUps) useAgain(subscriber, id, usedBytes);
    const bytes = Math.max(0, had.carryBytes - withGiven(subscriber.profile, 0, endMs - 1));
    subscriber.carry = bytes === 0 ? null : { cycleStartMs, bytes, final: false };
  }
  if (blocks + soldBytes === 0) return;
  const topUps = (asked ?? subscriber.overage)?.topUps ?? 0;
  subscriber.overage = { cycleStartMs, blocks, soldBytes, topUps };
}

function useAgain(subscriber: Subscriber, id: string, bytes: number): void {
  const known = subscriber.topUpUses.find((use) => use.id === id);
  const others = subscriber.topUpUses.filter((use) => use !== known);
  const { beforeBytes, usedBytes } = known ?? { beforeBytes: 0, usedBytes: 0 };
  subscriber.topUpUses = [
    ...others,
    { id, beforeBytes: Math.max(0, beforeBytes - bytes), usedBytes: usedBytes + bytes },
  ];
}

function spentOf(subscriber: Subscriber, { startMs, endMs }: Span): CycleSpent | null {
  const { overage, topUpUses } = subscriber;
  const isOwn = overage !== null && overage.cycleStartMs >= startMs && overage.cycleStartMs < endMs;
  const carryBytes = carriedBytes(subscriber, startMs, endMs - 1);
  const [blocks, soldBytes] = isOwn ? [overage.blocks, overage.soldBytes] : [0, 0];
  const topUps = topUpUses
    .filter(({ usedBytes }) => usedBytes > 0)
    .map(({ id, usedBytes }) => ({ id, usedBytes }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  if (carryBytes + blocks + soldBytes === 0 && topUps.length === 0) return null;
  return { carryBytes, blocks, soldBytes, topUps };
}

/** What expired before the oldest cycle ended that is still open can not be used any more, by late bytes neither. */
function moveUsesOn(subscriber: Subscriber, { startMs }: CycleTotal): void {
  let fromMs = startMs;
  for (const { endMs, closed } of subscriber.pastCycles) if (!closed) fromMs = Math.min(fromMs, endMs);
  const alive = new Set<string>();
  for (const { id, expiresMs } of subscriber.profile?.topUps ?? []) if (expiresMs >= fromMs) alive.add(id);
  subscriber.topUpUses = rolledUses(subscriber.topUpUses).filter(({ id }) => alive.has(id));
}

/** What is carried into a cycle from the one before; that is an empty one where nothing was used in it. Null = nothing is carried over. */
function carryInto(
  state: SlotState,
  subscriber: Subscriber,
  current: CycleTotal,
  calendar: CycleCalendar,
): CarriedOver | null {
  const known = subscriber.pastCycles.find(({ endMs }) => endMs === current.startMs);
  const before = known ?? emptyBefore(state, subscriber, current, calendar);
  const bytes = leftOf(state, subscriber, before);
  return bytes === null ? null : { cycleStartMs: current.startMs, bytes, final: false };
}

function emptyBefore(
  state: SlotState,
  subscriber: Subscriber,
  { startMs }: CycleTotal,
  calendar: CycleCalendar,
): CycleTotal {
  const bounds = boundsAt(subscriber, startMs - 1, calendar, state.settings.defaultZone);
  return newCycle(bounds, partsOf(subscriber, bounds));
}

/** What a cycle that is over leaves of its cap, as far as its plan lets it; null where the plan carries nothing over. */
function leftOf(state: SlotState, subscriber: Subscriber, cycle: CycleTotal): number | null {
  const plan = planOfCycle(state, subscriber, cycle);
  if (plan?.carryOver === undefined) return null;
  const { countedBytes, baseBytes } = balanceOf(state, subscriber, cycle, plan);
  if (baseBytes === null) return null;
  return carryOver(plan.carryOver.limitBytes, baseBytes, countedBytes);
}

/**
 * To be called where bytes or corrections reached a cycle: one that is over, as long as it is not closed, uses what of top-ups was
 * live at its end, and carries over what is left now. All of it is cold, as it is.
 */
export function reckonLate(state: SlotState, subscriber: Subscriber, cycle: CycleTotal): void {
  if (state.blobVersion < TARIFF_VERSION || cycle.closed || !subscriber.pastCycles.includes(cycle)) return;
  spendMore(state, subscriber, cycle);
  carryOn(state, subscriber, cycle, leftOf(state, subscriber, cycle) ?? 0, false);
}

/** What a cycle that is over leaves is what the next one has: the current one, or one that is over as well. */
function carryOn(
  state: SlotState,
  subscriber: Subscriber,
  { endMs }: CycleTotal,
  bytes: number,
  final: boolean,
): void {
  const { carry, cycles, pastCycles, profile } = subscriber;
  if (cycles[0]?.startMs === endMs) {
    if (carry?.cycleStartMs === endMs && !carry.final) subscriber.carry = { ...carry, bytes, final };
    return;
  }
  const next = pastCycles.find(({ startMs }) => startMs === endMs);
  // What billing was told of stands.
  if (next === undefined || next.closed || next.spent === null) return;
  const carryBytes = withGiven(profile, bytes, next.endMs - 1);
  if (carryBytes === next.spent.carryBytes) return;
  next.spent = { ...next.spent, carryBytes };
  spendMore(state, subscriber, next);
}

const NOTHING_SPENT: CycleSpent = { carryBytes: 0, blocks: 0, soldBytes: 0, topUps: [] };

/** What came late to a cycle uses the top-ups that were live as it ended. */
function spendMore(state: SlotState, subscriber: Subscriber, cycle: CycleTotal): void {
  const { profile, topUpUses } = subscriber;
  if (profile === null || (profile.topUps.length === 0 && topUpUses.length === 0)) return;
  const { countedBytes, baseBytes } = balanceOf(
    state,
    subscriber,
    cycle,
    planOfCycle(state, subscriber, cycle),
  );
  if (baseBytes === null) return;
  const spent = cycle.spent ?? NOTHING_SPENT;
  const usedThen = new Map(spent.topUps.map(({ id, usedBytes }) => [id, usedBytes]));
  const inAll = new Map(topUpUses.map(({ id, beforeBytes, usedBytes }) => [id, beforeBytes + usedBytes]));
  for (const [id, bytes] of usedThen) if (!inAll.has(id)) inAll.set(id, bytes);
  const { uses } = consume({
    ...{ baseBytes, carryBytes: spent.carryBytes, soldBytes: spent.soldBytes },
    countedBytes: Math.min(countedBytes, Number.MAX_SAFE_INTEGER),
    topUps: profile.topUps,
    uses: [...inAll].map(([id, bytes]) => {
      const usedBytes = usedThen.get(id) ?? 0;
      return { id, beforeBytes: Math.max(0, bytes - usedBytes), usedBytes };
    }),
    nowMs: cycle.endMs - 1,
  });
  const more = uses.filter(({ id, usedBytes }) => usedBytes > (usedThen.get(id) ?? 0));
  if (more.length === 0) return;
  for (const { id, usedBytes } of more) {
    const added = usedBytes - (usedThen.get(id) ?? 0);
    usedThen.set(id, usedBytes);
    addUse(subscriber, id, added);
  }
  const topUps = [...usedThen].map(([id, usedBytes]) => ({ id, usedBytes }));
  cycle.spent = { ...spent, topUps: topUps.sort((a, b) => (a.id < b.id ? -1 : 1)) };
}

function addUse(subscriber: Subscriber, id: string, bytes: number): void {
  const { topUpUses } = subscriber;
  const known = topUpUses.find((use) => use.id === id);
  subscriber.topUpUses =
    known === undefined
      ? [...topUpUses, { id, beforeBytes: bytes, usedBytes: 0 }]
      : topUpUses.map((use) => (use === known ? { ...use, beforeBytes: use.beforeBytes + bytes } : use));
}

/** How a cycle that closes stands: its use, cap and what it had besides; what it carries over is final now. */
export interface ClosingBalance extends CycleBalance {
  plan: PlanVersion | null;
  spent: CycleSpent;
  /** null = its plan carries nothing over */
  carryOutBytes: number | null;
}

/** Takes the last word on a cycle that closes. */
export function settleClosing(state: SlotState, subscriber: Subscriber, cycle: CycleTotal): ClosingBalance {
  const plan = planOfCycle(state, subscriber, cycle);
  const carryOutBytes = leftOf(state, subscriber, cycle);
  carryOn(state, subscriber, cycle, carryOutBytes ?? 0, true);
  return {
    ...balanceOf(state, subscriber, cycle, plan),
    plan,
    spent: cycle.spent ?? NOTHING_SPENT,
    carryOutBytes,
  };
}
