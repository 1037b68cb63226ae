import type { PolicyFile } from '../../schemas/policy.ts';
import { CLASS_FACTS } from '../facts/catalogue.ts';
import type { ClassFacts, ClassFactName, Facts } from '../facts/catalogue.ts';

/** Facts that a case states; of a class, those that it states. */
export type StatedFacts = Partial<Omit<Facts, 'byClass'>> & {
  byClass?: Record<string, Partial<ClassFacts>>;
};

/**
 * A subscriber at rest: in the middle of a cycle on a plan of 100 GB, nothing used, one session open for an hour, at
 * noon of Wednesday 2026-07-15, in good standing, nothing in force. On a plan and in a segment that the policy is for.
 */
export function restingFacts({ appliesTo }: Pick<PolicyFile, 'appliesTo'>): Facts {
  return {
    planId: anyOf(appliesTo?.plans) ?? 'any-plan',
    planFamily: null,
    segment: anyOf(appliesTo?.segments) ?? 'residential',
    tags: [],
    billingStatus: 'current',
    overageConsent: false,
    capBytes: 100e9,
    planDownBps: 100e6,
    planUpBps: 20e6,
    cycleTotalBytes: 0,
    cycleDownloadBytes: 0,
    cycleUploadBytes: 0,
    cycleOffPeakBytes: 0,
    cycleCountedBytes: 0,
    allowanceBytes: 100e9,
    capUsedPercent: 0,
    capRemainingBytes: 100e9,
    topUpRemainingBytes: 0,
    overageBlocks: 0,
    cycleDay: 16,
    cycleDaysLeft: 14,
    cycleElapsedPercent: 50,
    projectedCapUsedPercent: 0,
    poolUsedPercent: null,
    last5mBytes: 0,
    hourBytes: 0,
    dayBytes: 0,
    last24hBytes: 0,
    peakRateBps: 0,
    usualDayBytes: 3e9,
    dayToUsualPercent: 0,
    openSessions: 1,
    longestSessionSeconds: 3_600,
    hourOfDay: 12,
    dayOfWeek: 3,
    isOffPeak: false,
    date: '2026-07-15',
    isThrottled: false,
    throttledSeconds: 0,
    byClass: {},
  };
}

/** A name that the first pattern takes. */
function anyOf(patterns: readonly string[] | undefined): string | undefined {
  return patterns?.[0]?.replace(/\*$/, 'any');
}

/**
 * All facts of a case: what it states, what follows from that, and a subscriber at rest for the others. What follows:
 * allowance from cap; of allowance, counted bytes, share used and bytes left the ones that were not stated; the
 * projection from the share used; today against the usual day. A stated fact is never changed, also where it
 * contradicts another.
 */
export function completeFacts(policy: Pick<PolicyFile, 'appliesTo'>, stated: StatedFacts): Facts {
  const { byClass, ...plain } = stated;
  const facts: Facts = { ...restingFacts(policy), ...plain, byClass: completeClasses(byClass ?? {}) };
  const follows = (name: keyof Facts): boolean => !Object.hasOwn(stated, name);
  if (follows('allowanceBytes'))
    facts.allowanceBytes =
      facts.capBytes === null ? null : follows('capBytes') ? facts.allowanceBytes : facts.capBytes;
  fillUse(facts, follows);
  if (follows('projectedCapUsedPercent'))
    facts.projectedCapUsedPercent =
      facts.capUsedPercent === null || facts.cycleElapsedPercent < 5
        ? null
        : (facts.capUsedPercent * 100) / facts.cycleElapsedPercent;
  if (follows('dayToUsualPercent'))
    facts.dayToUsualPercent =
      facts.usualDayBytes === null || facts.usualDayBytes === 0
        ? null
        : (facts.dayBytes * 100) / facts.usualDayBytes;
  return facts;
}

/** Counted bytes, share used and bytes left of the allowance. */
function fillUse(facts: Facts, follows: (name: keyof Facts) => boolean): void {
  const { allowanceBytes } = facts;
  if (allowanceBytes === null) {
    if (follows('capUsedPercent')) facts.capUsedPercent = null;
    if (follows('capRemainingBytes')) facts.capRemainingBytes = null;
    return;
  }
  if (follows('cycleCountedBytes')) {
    if (!follows('capUsedPercent') && facts.capUsedPercent !== null)
      facts.cycleCountedBytes = (facts.capUsedPercent * allowanceBytes) / 100;
    else if (!follows('capRemainingBytes') && facts.capRemainingBytes !== null)
      facts.cycleCountedBytes = Math.max(0, allowanceBytes - facts.capRemainingBytes);
  }
  if (follows('capUsedPercent'))
    facts.capUsedPercent = allowanceBytes === 0 ? 100 : (facts.cycleCountedBytes * 100) / allowanceBytes;
  if (follows('capRemainingBytes'))
    facts.capRemainingBytes = Math.max(0, allowanceBytes - facts.cycleCountedBytes);
}

function completeClasses(stated: Record<string, Partial<ClassFacts>>): Record<string, ClassFacts> {
  const names = Object.keys(CLASS_FACTS) as ClassFactName[];
  return Object.fromEntries(
    Object.entries(stated).map(([serviceClass, facts]) => [
      serviceClass,
      Object.fromEntries(
        names.map((name) => [name, facts[name] ?? (CLASS_FACTS[name].nullable ? null : 0)]),
      ) as ClassFacts,
    ]),
  );
}
