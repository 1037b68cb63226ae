import type { PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';

/**
 * Plans by id; they come and change, and never go. Which one is in force is asked several times a record, of the same profile at
 * the same time: the last answer is kept.
 */
export class PlanTable extends Map<string, PlanVersion> {
  #asked: { profile: SubscriberProfile; atMs: number; plan: PlanVersion | null } | null = null;

  override set(planId: string, plan: PlanVersion): this {
    this.#asked = null;
    return super.set(planId, plan);
  }

  /** The plan that the profile assigns at a time, ms since 1970 UTC; null where it assigns none, or one that is not known. */
  inForce(profile: SubscriberProfile, atMs: number): PlanVersion | null {
    const asked = this.#asked;
    if (asked !== null && asked.profile === profile && asked.atMs === atMs) return asked.plan;
    const plan = this.#look(profile, atMs);
    this.#asked = { profile, atMs, plan };
    return plan;
  }

  #look(profile: SubscriberProfile, atMs: number): PlanVersion | null {
    for (const { planId, fromMs, toMs } of profile.assignments) {
      if (fromMs <= atMs && (toMs === null || atMs < toMs)) return this.get(planId) ?? null;
    }
    return null;
  }
}
