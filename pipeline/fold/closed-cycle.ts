import type { OverageTerms, PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';
import type { ClassBytes, ClosedCycle, ClosedPart } from '../../schemas/usage-record.ts';
import { correctionOf, countedByPlan, isUnlimited } from '../decide/counted.ts';
import { overageTerms } from '../decide/extras.ts';
import { assignmentOf, planOfCycle } from '../decide/in-force.ts';
import type { Cause } from '../decide/intents.ts';
import { assignmentAt } from './plan-table.ts';
import { settleClosing } from './cycle-end.ts';
import type { ClassTotal, CycleTotal, SlotState, Subscriber } from './slot-state.ts';
import type { CyclePart } from './tariff-state.ts';
import { TARIFF_VERSION } from './tariff-state.ts';

/** The totals of a cycle as billing gets them; what it carries over is final with it. */
export function closedCycle(
  state: SlotState,
  subscriber: Subscriber,
  cycle: CycleTotal,
  cause: Cause,
): ClosedCycle {
  const plan = planOfCycle(state, subscriber, cycle);
  const isTold = state.blobVersion >= TARIFF_VERSION;
  const assigned = isTold ? assignmentOf(state, subscriber, cycle)?.planId : plan?.planId;
  return {
    subscriberId: subscriber.id,
    cycleStartMs: cycle.startMs,
    cycleEndMs: cycle.endMs,
    planId: assigned ?? '',
    classes: classesOf(cycle),
    adjustedDownBytes: cycle.adjusted.down,
    adjustedUpBytes: cycle.adjusted.up,
    ...(isTold && balanceTold(state, subscriber, cycle, plan)),
    partition: state.partition,
    offset: cause.offset,
  };
}

/** How its cap, top-ups and blocks stand, and what of it was by which plan. */
function balanceTold(
  state: SlotState,
  subscriber: Subscriber,
  cycle: CycleTotal,
  plan: PlanVersion | null,
): Pick<ClosedCycle, 'parts' | 'allowance' | 'overage'> {
  const { countedBytes, baseBytes, spent, carryOutBytes } = settleClosing(state, subscriber, cycle);
  const { blocks, soldBytes, topUps, carryBytes: carryInBytes } = spent;
  // One after the other: the sum of what covered it may be beyond 2^53, where what is left is exact.
  const beyond = (base: number): number =>
    topUps.reduce((rest, { usedBytes }) => rest - usedBytes, countedBytes - base - carryInBytes);
  return {
    parts: closedParts(state, subscriber, cycle),
    allowance: { baseBytes, carryInBytes, carryOutBytes: carryOutBytes ?? 0, topUps },
    overage: {
      ...{ blocks, soldBytes },
      // Signed: what comes later counts on from here.
      overBytes: baseBytes === null ? 0 : exact(beyond(baseBytes)),
      correctedBytes: exact(Math.max(0, -correctionOf(cycle, plan))),
      terms: termsSold(state, subscriber, plan),
    },
  };
}

/** As far as a number goes. */
function exact(bytes: number): number {
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(bytes, Number.MAX_SAFE_INTEGER));
}

/** Stretches with a plan; what was carried without one is in no part. */
function closedParts(state: SlotState, subscriber: Subscriber, cycle: CycleTotal): ClosedPart[] {
  const { profile } = subscriber;
  if (profile === null) return [];
  if (cycle.parts.length > 0) {
    return cycle.parts.flatMap((part) => {
      const assignment = assignmentAt(profile, part.fromMs);
      if (assignment === null) return [];
      const plan = state.plans.assigned(assignment, cycle.startMs);
      return [partTold(profile, part, assignment.planId, plan)];
    });
  }
  const assignment = assignmentOf(state, subscriber, cycle);
  if (assignment === null) return [];
  const whole = { ...cycle, fromMs: cycle.startMs, toMs: cycle.endMs };
  return [partTold(profile, whole, assignment.planId, planOfCycle(state, subscriber, cycle))];
}

function partTold(
  profile: SubscriberProfile,
  part: CyclePart,
  planId: string,
  plan: PlanVersion | null,
): ClosedPart {
  const { fromMs, toMs, offPeak } = part;
  const unlimited = isUnlimited(profile, fromMs);
  const counted = unlimited ? 0 : countedByPlan(part, plan);
  return {
    ...{ fromMs, toMs, planId, version: plan?.version ?? 0, unlimited },
    countedBytes: Math.min(counted, Number.MAX_SAFE_INTEGER),
    ...{ classes: classesOf(part), offPeak: offPeak.map(told) },
  };
}

/** The default class is what the others leave. */
function classesOf({ down, up, classes }: Pick<CyclePart, 'down' | 'up' | 'classes'>): ClassBytes[] {
  const rest = { serviceClass: '', down, up };
  for (const share of classes) {
    rest.down -= share.down;
    rest.up -= share.up;
  }
  return [rest, ...classes].map(told);
}

function told({ serviceClass, down, up }: ClassTotal): ClassBytes {
  return { serviceClass, downBytes: down, upBytes: up };
}

/** Terms of the first rule that would sell this subscriber blocks, whether or not it has; null = none would. */
function termsSold(state: SlotState, subscriber: Subscriber, plan: PlanVersion | null): OverageTerms | null {
  const segment = subscriber.profile?.segment ?? '';
  for (const policy of state.compiled.concerning(plan?.planId ?? null, segment)) {
    if (!policy.includes(subscriber.id)) continue;
    for (const rule of policy.rules) {
      if (rule.shadow || rule.event.type !== 'overage') continue;
      const terms = overageTerms(rule, subscriber, plan);
      if (terms !== null) return terms;
    }
  }
  return null;
}
