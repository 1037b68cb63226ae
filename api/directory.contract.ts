import type { OperatorCommand } from '../schemas/control.ts';
import type { PoolProfile } from '../schemas/pool.ts';
import type { FeedProfile, NasProfile, PlanVersion, SubscriberProfile } from '../schemas/profile.ts';
import type { Directory } from '../storage/people-ports.ts';

/** A directory for tests of the API: keeps what the API puts in, knows no subscriber but those given. */
export class FakeDirectory implements Directory {
  readonly commands: OperatorCommand[] = [];
  readonly foldVersions: number[] = [];
  readonly #known: readonly string[];
  readonly #nas = new Map<string, NasProfile>();
  readonly #pools = new Map<string, PoolProfile>();
  readonly #feeds = new Map<string, FeedProfile>();

  constructor(known: readonly string[] = []) {
    this.#known = known;
  }

  putPlans(_plans: readonly PlanVersion[]): Promise<void> {
    return Promise.resolve();
  }

  putSubscribers(_profiles: readonly SubscriberProfile[]): Promise<void> {
    return Promise.resolve();
  }

  putPools(pools: readonly PoolProfile[]): Promise<void> {
    for (const pool of pools) this.#pools.set(pool.poolId, pool);
    return Promise.resolve();
  }

  pools(): Promise<PoolProfile[]> {
    return Promise.resolve([...this.#pools.values()]);
  }

  putNas(): Promise<void> {
    return Promise.resolve();
  }

  putNasProfile(profile: NasProfile): Promise<void> {
    this.#nas.set(profile.nasId, profile);
    return Promise.resolve();
  }

  nasProfiles(): Promise<NasProfile[]> {
    return Promise.resolve([...this.#nas.values()]);
  }

  putFeed(feed: FeedProfile): Promise<void> {
    this.#feeds.set(feed.feedId, feed);
    return Promise.resolve();
  }

  feeds(): Promise<FeedProfile[]> {
    return Promise.resolve([...this.#feeds.values()]);
  }

  command(command: OperatorCommand): Promise<void> {
    this.commands.push(command);
    return Promise.resolve();
  }

  raiseFoldVersion(version: number): Promise<void> {
    this.foldVersions.push(version);
    return Promise.resolve();
  }

  foldVersion(): Promise<number | null> {
    return Promise.resolve(this.foldVersions.at(-1) ?? null);
  }

  subscriber(subscriberId: string): Promise<SubscriberProfile | null> {
    if (!this.#known.includes(subscriberId)) return Promise.resolve(null);
    return Promise.resolve({
      subscriberId,
      userName: subscriberId,
      segment: '',
      tags: [],
      zone: 'UTC',
      anchorDay: 1,
      assignments: [],
      topUps: [],
      carryOverBytes: 0,
      holds: [],
      poolId: null,
      billingStatus: 'current',
      overageConsent: false,
    });
  }

  plan(): Promise<PlanVersion | null> {
    return Promise.resolve(null);
  }

  plans(): Promise<PlanVersion[]> {
    return Promise.resolve([]);
  }

  counts(): Promise<{ subscribers: number; plans: number; nas: number }> {
    return Promise.resolve({ subscribers: this.#known.length, plans: 0, nas: this.#nas.size });
  }
}
