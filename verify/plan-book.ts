import type { PlanVersion } from '../schemas/profile.ts';

const DAY = 86_400_000;
/** Versions of a plan that are kept. */
const MOST_VERSIONS = 100;
/** One whose successor began as long ago is asked about no more. */
const KEPT_MS = 100 * DAY;

/** The versions of each plan, by when they begin. */
export class PlanBook {
  readonly #versions = new Map<string, PlanVersion[]>();

  /** Takes a version; what has begun when it arrives, by the clock of events or of the log, has begun for it. One with the same beginning gives way, to one without all that have begun. What cycles of event time have no more goes. */
  put(plan: PlanVersion, watermarkMs: number, appendTimeMs: number): void {
    const arrivedMs = appendTimeMs > watermarkMs ? appendTimeMs : watermarkMs;
    const isForAll = plan.effectiveFromMs === undefined;
    const others = (this.#versions.get(plan.planId) ?? []).filter(
      (one) => !(isForAll && beginsMs(one) <= arrivedMs) && beginsMs(one) !== beginsMs(plan),
    );
    const all = [...others, plan].sort((a, b) => (beginsMs(a) < beginsMs(b) ? -1 : 1));
    const kept = all.filter((_, i) => {
      const successor = all[i + 1];
      return successor === undefined || beginsMs(successor) > watermarkMs - KEPT_MS;
    });
    this.#versions.set(plan.planId, kept.slice(-MOST_VERSIONS));
  }

  /** Takes versions as they were stored. */
  adopt(planId: string, versions: readonly PlanVersion[]): void {
    this.#versions.set(planId, [...versions]);
  }

  /** The version for an assignment that began at an instant, in a cycle; null = the plan is not known. */
  versionFor(planId: string, assignedMs: number, cycleStartMs: number): PlanVersion | null {
    const latest = Math.max(assignedMs, cycleStartMs);
    return this.#versions.get(planId)?.findLast((one) => beginsMs(one) <= latest) ?? null;
  }
}

function beginsMs({ effectiveFromMs }: PlanVersion): number {
  return effectiveFromMs ?? Number.NEGATIVE_INFINITY;
}
