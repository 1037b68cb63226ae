import { versionAt } from '../../rules/tariff/timeline.ts';
import type { Assignment, PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';

/** Versions of one plan that are kept, the newest ones; the store refuses more than 90 of 100 days and what is to come. */
const MOST_VERSIONS = 100;
/**
 * One whose successor has been in effect for so long goes: no open cycle is asked about it. The oldest of these began 62 days ago:
 * LONGEST_CYCLE_MS, and the longest grace of 30 days.
 */
const KEPT_MS = 100 * 24 * 3_600_000;

/**
 * Versions of plans by id, ascending by when they take effect; plans never go. Which one is in force is asked several times a
 * record, of the same profile at the same time: the last answer is kept.
 */
export class PlanTable extends Map<string, readonly PlanVersion[]> {
  /** what was asked last; null = nothing */
  #profile: SubscriberProfile | null = null;
  #atMs = 0;
  #cycleStartMs = 0;
  #plan: PlanVersion | null = null;

  override set(planId: string, versions: readonly PlanVersion[]): this {
    this.#profile = null;
    return super.set(planId, versions);
  }

  /**
   * Takes a version in: in the place of that which takes effect at the same instant, and one that does at once in that of all that
   * have done so: it is for everybody. That goes by the log's clock: event time may lie behind, or not have begun. What is long
   * over goes, by event time alone: cycles are asked about by that, also where the log is far ahead of what it brings.
   */
  put(plan: PlanVersion, watermarkMs: number, appendTimeMs: number): void {
    const nowMs = Math.max(watermarkMs, appendTimeMs);
    const known = this.get(plan.planId) ?? [];
    const others = known.filter((other) =>
      plan.effectiveFromMs === undefined
        ? effectiveMs(other) > nowMs
        : other.effectiveFromMs !== plan.effectiveFromMs,
    );
    const all = [...others, plan].sort((a, b) => effectiveMs(a) - effectiveMs(b));
    const kept = all.filter((_, i) => {
      const next = all[i + 1];
      return next === undefined || effectiveMs(next) > watermarkMs - KEPT_MS;
    });
    this.set(plan.planId, kept.slice(-MOST_VERSIONS));
  }

  /**
   * The plan that the profile assigns at a time, ms since 1970 UTC, in the version that holds in a cycle; null where it assigns
   * none, or one that is not known.
   */
  inForce(profile: SubscriberProfile, atMs: number, cycleStartMs: number): PlanVersion | null {
    if (this.#profile === profile && this.#atMs === atMs && this.#cycleStartMs === cycleStartMs)
      return this.#plan;
    const assignment = assignmentAt(profile, atMs);
    this.#profile = profile;
    this.#atMs = atMs;
    this.#cycleStartMs = cycleStartMs;
    this.#plan = assignment === null ? null : this.assigned(assignment, cycleStartMs);
    return this.#plan;
  }

  /** The version of an assigned plan in a cycle; null where none is known. */
  assigned({ planId, fromMs }: Assignment, cycleStartMs: number): PlanVersion | null {
    const versions = this.get(planId);
    if (versions === undefined) return null;
    const only = versions[0];
    if (versions.length === 1 && only !== undefined && only.effectiveFromMs === undefined) return only;
    return versionAt(versions, fromMs, cycleStartMs);
  }
}

function effectiveMs({ effectiveFromMs }: PlanVersion): number {
  return effectiveFromMs ?? Number.NEGATIVE_INFINITY;
}

/** The assignment of a profile that contains an instant; null = none. A record asks it for each part of the cycle. */
export function assignmentAt({ assignments }: SubscriberProfile, atMs: number): Assignment | null {
  let [low, high] = [0, assignments.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((assignments[middle]?.fromMs ?? Number.POSITIVE_INFINITY) <= atMs) low = middle + 1;
    else high = middle;
  }
  const last = assignments[low - 1];
  return last !== undefined && (last.toMs === null || atMs < last.toMs) ? last : null;
}
