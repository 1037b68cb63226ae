import type { SubscriberLookup } from '../../storage/people-ports.ts';

/** How long an answer, also "nobody", is used: a new or changed profile counts after this. */
const KEPT_MS = 30_000;
/** About 20 MB. */
const MAX_KEPT = 100_000;

interface Kept {
  subscriberId: string | null;
  untilMs: number;
}

/** Subscriber ids by user name, kept for 30 s, at most 100,000. Failures are not kept: they are the caller's to repeat. */
export class SubscriberNames {
  readonly #lookup: SubscriberLookup;
  readonly #now: () => number;
  readonly #maxKept: number;
  readonly #kept = new Map<string, Kept>();

  constructor(lookup: SubscriberLookup, now: () => number = Date.now, maxKept = MAX_KEPT) {
    this.#lookup = lookup;
    this.#now = now;
    this.#maxKept = maxKept;
  }

  /**
   * The id of each name; null where no profile or more than one has it. One read of the directory for all that is not
   * kept. @throws what the directory throws
   */
  async resolve(userNames: Iterable<string>): Promise<Map<string, string | null>> {
    const nowMs = this.#now();
    const resolved = new Map<string, string | null>();
    const missing: string[] = [];
    for (const name of new Set(userNames)) {
      const kept = this.#kept.get(name);
      if (kept !== undefined && kept.untilMs > nowMs) resolved.set(name, kept.subscriberId);
      else missing.push(name);
    }
    if (missing.length === 0) return resolved;
    const found = await this.#lookup.subscriberIdsOf(missing);
    for (const name of missing) {
      const subscriberId = found.get(name) ?? null;
      resolved.set(name, subscriberId);
      this.#keep(name, { subscriberId, untilMs: nowMs + KEPT_MS });
    }
    return resolved;
  }

  /** Names come from records: the oldest go when there are too many. */
  #keep(name: string, kept: Kept): void {
    this.#kept.delete(name);
    this.#kept.set(name, kept);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#maxKept) return;
      this.#kept.delete(oldest);
    }
  }
}
