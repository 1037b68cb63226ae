import { CycleCalendar } from '../../rules/cycle.ts';
import { baseCap, consume } from '../../rules/tariff/allowance.ts';
import type { Allowance, CapPart, TopUpUse } from '../../rules/tariff/allowance.ts';
import type { PlanVersion, SubscriberProfile, TopUp } from '../../schemas/profile.ts';
import type { CycleTotal, SlotState, Subscriber } from '../fold/slot-state.ts';
import { TARIFF_VERSION } from '../fold/tariff-state.ts';
import { wholeCycleOf } from '../window/calendar-rule.ts';
import { countedIn, freshFromMs } from './counted.ts';
import { exact, extrasOf } from './extras.ts';
import { nowOf } from './in-force.ts';

/** Calendar maths remembered; it changes no answer. */
const CALENDAR = new CycleCalendar();

/** What a cycle has used, and of what. */
export interface CycleBalance {
  countedBytes: number;
  /** cap of the cycle, null = none */
  baseBytes: number | null;
}

/** Use and cap of a cycle, without what a change to a fresh plan leaves out. */
export function balanceOf(
  state: SlotState,
  subscriber: Subscriber,
  cycle: CycleTotal,
  plan: PlanVersion | null,
): CycleBalance {
  const fromMs = freshFromMs(state, subscriber, cycle, plan);
  return {
    countedBytes: countedIn(state, subscriber, cycle, plan, fromMs),
    baseBytes: baseOf(state, subscriber, cycle, plan, fromMs),
  };
}

/** Cap of a cycle; of the current one as far as plans and add-ons have begun. */
function baseOf(
  state: SlotState,
  subscriber: Subscriber,
  cycle: CycleTotal,
  plan: PlanVersion | null,
  fromMs: number,
): number | null {
  const { profile } = subscriber;
  if (profile === null) return plan?.capBytes ?? null;
  const { addOns, cycleChanges } = profile;
  if (cycle.parts.length === 0 && addOns === undefined && cycleChanges === undefined)
    return plan?.capBytes ?? null;
  const nowMs = cycle === subscriber.cycles[0] ? nowOf(state, subscriber) : cycle.endMs - 1;
  const begun = (addOns ?? []).filter((addOn) => addOn.fromMs <= nowMs);
  const whole = cycleChanges === undefined ? cycle : wholeCycleOf(profile, cycle.startMs, CALENDAR);
  // One that stands since before parts were kept goes by its plan, as its bytes do.
  const stretches =
    cycle.parts.length === 0
      ? [{ fromMs: cycle.startMs, toMs: cycle.endMs, plan }]
      : stretchesOf(state, profile, cycle, nowMs);
  const counting = stretches.filter((stretch) => stretch.fromMs >= fromMs);
  return baseCap(cycle, counting, begun, whole);
}

/** Stretches of a cycle that have begun, each with its plan. */
function stretchesOf(
  { plans }: SlotState,
  { assignments }: SubscriberProfile,
  { startMs, endMs }: CycleTotal,
  nowMs: number,
): CapPart[] {
  return assignments
    .filter(
      ({ fromMs, toMs }) => fromMs <= nowMs && fromMs < endMs && (toMs ?? endMs) > Math.max(fromMs, startMs),
    )
    .map((assignment) => ({
      fromMs: Math.max(assignment.fromMs, startMs),
      toMs: Math.min(assignment.toMs ?? endMs, endMs),
      plan: plans.assigned(assignment, startMs),
    }));
}

/** What a cycle has on top of its cap from the cycle before, and from the system before Weir. */
export function carriedBytes({ profile, carry }: Subscriber, cycleStartMs: number, nowMs: number): number {
  return withGiven(profile, carry?.cycleStartMs === cycleStartMs ? carry.bytes : 0, nowMs);
}

/** What the cycle before left, and what the profile gives at an instant; never more than can be stored. */
export function withGiven(profile: SubscriberProfile | null, leftBytes: number, nowMs: number): number {
  if (profile === null) return leftBytes;
  const { carryOverBytes, carryOverUntilMs = Number.POSITIVE_INFINITY } = profile;
  return nowMs < carryOverUntilMs ? exact(carryOverBytes + leftBytes) : leftBytes;
}

/** What the current cycle may use for nothing. Slots of a layout before do not know what top-ups were used for. */
export function allowanceOf(
  state: SlotState,
  subscriber: Subscriber,
  cycleStartMs: number,
  { countedBytes, baseBytes }: CycleBalance & { baseBytes: number },
): Pick<Allowance, 'allowanceBytes' | 'topUpRemainingBytes'> {
  const nowMs = nowOf(state, subscriber);
  const carryBytes = carriedBytes(subscriber, cycleStartMs, nowMs);
  const { profile, topUpUses } = subscriber;
  const topUps = profile?.topUps ?? NO_TOP_UPS;
  if (topUps.length === 0 && topUpUses.length === 0)
    return { allowanceBytes: exact(baseBytes + carryBytes), topUpRemainingBytes: 0 };
  if (state.blobVersion < TARIFF_VERSION) {
    const bytes = liveBytes(topUps, [], nowMs);
    const allowanceBytes = exact(baseBytes + carryBytes + bytes);
    return {
      allowanceBytes,
      topUpRemainingBytes: Math.min(bytes, Math.max(0, allowanceBytes - countedBytes)),
    };
  }
  return consumed(subscriber, cycleStartMs, countedBytes, baseBytes, carryBytes, nowMs);
}

const NO_TOP_UPS: readonly TopUp[] = [];

function consumed(
  subscriber: Subscriber,
  cycleStartMs: number,
  countedBytes: number,
  baseBytes: number,
  carryBytes: number,
  nowMs: number,
): Allowance {
  return consume({
    ...{ baseBytes, carryBytes, nowMs },
    countedBytes: exact(countedBytes),
    soldBytes: extrasOf(subscriber, cycleStartMs).soldBytes,
    topUps: subscriber.profile?.topUps ?? NO_TOP_UPS,
    uses: subscriber.topUpUses,
  });
}

/** What is left of the top-ups that are live where there is no cap: nothing of them is used. */
export function unusedTopUps(state: SlotState, subscriber: Subscriber): number {
  const { profile, topUpUses } = subscriber;
  return profile === null ? 0 : liveBytes(profile.topUps, topUpUses, nowOf(state, subscriber));
}

function liveBytes(topUps: readonly TopUp[], uses: readonly TopUpUse[], nowMs: number): number {
  let left = 0;
  for (const { id, bytes, fromMs, expiresMs } of topUps) {
    if (fromMs > nowMs || nowMs >= expiresMs) continue;
    const use = uses.length === 0 ? undefined : uses.find((one) => one.id === id);
    left += Math.max(0, bytes - (use === undefined ? 0 : use.beforeBytes + use.usedBytes));
  }
  return exact(left);
}

/**
 * Brings what is used of each top-up up to what the current cycle has counted: with whatever changes that, so that what a top-up
 * covered is known as it expires. True where something changed. Asked with every record, and nearly nobody has a top-up.
 */
export function useTopUps(state: SlotState, subscriber: Subscriber, plan: PlanVersion | null): boolean {
  const { profile, topUpUses, cycles } = subscriber;
  if (profile === null || (profile.topUps.length === 0 && topUpUses.length === 0)) return false;
  const [cycle] = cycles;
  if (cycle === undefined || state.watermarkMs <= 0 || state.blobVersion < TARIFF_VERSION) return false;
  return useTopUpsOf(state, subscriber, cycle, plan, nowOf(state, subscriber));
}

/** The same for the current cycle or the one that was it until now, by what is live at an instant. */
export function useTopUpsOf(
  state: SlotState,
  subscriber: Subscriber,
  cycle: CycleTotal,
  plan: PlanVersion | null,
  nowMs: number,
): boolean {
  const { topUpUses } = subscriber;
  const { countedBytes, baseBytes } = balanceOf(state, subscriber, cycle, plan);
  if (baseBytes === null) return false;
  const carryBytes = carriedBytes(subscriber, cycle.startMs, nowMs);
  // Below the cap nothing is used, and nothing was.
  if (topUpUses.length === 0 && countedBytes <= baseBytes + carryBytes) return false;
  const { uses } = consumed(subscriber, cycle.startMs, countedBytes, baseBytes, carryBytes, nowMs);
  if (areSame(uses, topUpUses)) return false;
  subscriber.topUpUses = uses;
  return true;
}

function areSame(a: readonly TopUpUse[], b: readonly TopUpUse[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ id, beforeBytes, usedBytes }, i) => {
      const other = b[i];
      return other?.id === id && other.beforeBytes === beforeBytes && other.usedBytes === usedBytes;
    })
  );
}
