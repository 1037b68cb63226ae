import { setTimeout as pause } from 'node:timers/promises';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import { Random } from '../../simulator/random.ts';
import type { Directory } from '../../storage/people-ports.ts';

const EVERY_MS = 1_500;
const AT_ONCE = 3;
/** Plans that a line may be moved to; all known to the directory. */
const PLANS = ['home-lite', 'home-100', 'home-300', 'business-500'];

/** People at work while everything breaks: every now and then some subscribers get another plan. */
export class DirectoryChanges {
  /** subscriber -> plan that was stored last */
  readonly plans = new Map<string, string>();
  readonly #directory: Pick<Directory, 'putSubscribers'>;
  readonly #profiles: readonly SubscriberProfile[];
  readonly #random: Random;
  #stopping = false;
  #done: Promise<void> = Promise.resolve();

  constructor(
    directory: Pick<Directory, 'putSubscribers'>,
    profiles: readonly SubscriberProfile[],
    seed: number,
  ) {
    this.#directory = directory;
    this.#profiles = profiles;
    this.#random = new Random(seed, 'directory changes');
  }

  start(): void {
    this.#done = this.#run();
  }

  /** Resolves when the last change is stored. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const changed = Array.from({ length: AT_ONCE }, () => this.#change());
      await this.#put(changed);
      for (const { subscriberId, assignments } of changed) {
        this.plans.set(subscriberId, assignments[0]?.planId ?? '');
      }
      await pause(EVERY_MS);
    }
  }

  #change(): SubscriberProfile {
    const profile = this.#profiles[this.#random.between(0, this.#profiles.length - 1)];
    const planId = PLANS[this.#random.between(0, PLANS.length - 1)];
    if (profile === undefined || planId === undefined) throw new Error('there is nobody to change');
    return { ...profile, assignments: profile.assignments.map((each) => ({ ...each, planId })) };
  }

  /** Until it is stored: people try again. A change that was stored without an answer is then no change. */
  async #put(profiles: readonly SubscriberProfile[]): Promise<void> {
    for (;;) {
      try {
        return await this.#directory.putSubscribers(profiles);
      } catch {
        // Postgres is away.
        await pause(300);
      }
    }
  }
}
