import type { PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';
import type { ProfilePage, ProfilePages } from '../profile-pages.ts';

/** Profiles in memory, for unit tests. */
export class MemoryProfilePages implements ProfilePages {
  readonly #profiles: readonly SubscriberProfile[];
  readonly #plans: readonly PlanVersion[];

  constructor(profiles: readonly SubscriberProfile[], plans: readonly PlanVersion[]) {
    this.#profiles = [...profiles].sort((a, b) =>
      Buffer.compare(Buffer.from(a.subscriberId), Buffer.from(b.subscriberId)),
    );
    this.#plans = plans;
  }

  count(): Promise<number> {
    return Promise.resolve(this.#profiles.length);
  }

  plans(): Promise<PlanVersion[]> {
    const newest = new Map<string, PlanVersion>();
    for (const plan of this.#plans) {
      const known = newest.get(plan.planId);
      if (known === undefined || plan.version > known.version) newest.set(plan.planId, plan);
    }
    return Promise.resolve([...newest.values()].sort((a, b) => (a.planId < b.planId ? -1 : 1)));
  }

  async *pages(size: number): AsyncGenerator<ProfilePage> {
    for (let at = 0; at < this.#profiles.length; at += size) {
      const profiles = this.#profiles.slice(at, at + size);
      const rules = new Map(
        profiles.map(({ zone, anchorDay }) => [`${anchorDay} ${zone}`, { zone, anchorDay }]),
      );
      const page = {
        json: JSON.stringify(profiles),
        count: profiles.length,
        lastId: profiles.at(-1)?.subscriberId ?? '',
        rules: [...rules.values()],
      };
      yield await Promise.resolve(page);
    }
  }
}
