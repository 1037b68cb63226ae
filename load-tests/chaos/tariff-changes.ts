import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { PoolProfile } from '../../schemas/pool.ts';
import type { SubscriberProfile } from '../../schemas/profile.ts';
import type { BoughtTopUp } from '../../schemas/tariff.ts';
import { isAppError } from '../../schemas/errors.ts';
import { Random } from '../../simulator/random.ts';
import type { ChangeContext, TariffStore } from '../../storage/tariff-ports.ts';

const EVERY_MS = 1_000;
const AT_ONCE = 3;
const GB = 1_000_000_000;
const DAY_MS = 86_400_000;
/** Of pools; every POOLED-th line of those that tariffs change is in one at the beginning. */
const POOLS = 8;
const POOLED = 4;
const PLANS = ['home-lite', 'home-100', 'home-300'];

/** What was asked for, and what is known of it. */
export interface TariffChangesMade {
  plans: number;
  topUps: number;
  pools: number;
  /** what the store would not do, such as to leave a pool that the line is not in */
  refused: number;
}

/** Pools that lines of a run share. */
export function chaosPools(profiles: readonly SubscriberProfile[]): PoolProfile[] {
  return Array.from({ length: POOLS }, (_, i): PoolProfile => ({
    ...{ poolId: poolName(i), allowanceBytes: 15 * GB, zone: 'UTC', anchorDay: 1, segment: 'residential' },
    ...{ planId: null, overageConsent: false, billTo: profiles[i]?.subscriberId ?? '' },
  }));
}

/** Lines by who changes them: the directory, whose word replaces the one before, or people, whose changes add up. */
export function splitLines(profiles: readonly SubscriberProfile[]): {
  byDirectory: SubscriberProfile[];
  byPeople: SubscriberProfile[];
} {
  const byPeople = profiles
    .filter((_, i) => i % 2 === 1)
    .map((profile, i) => ({ ...profile, poolId: i % POOLED === 0 ? poolName((i / POOLED) % POOLS) : null }));
  return { byDirectory: profiles.filter((_, i) => i % 2 === 0), byPeople };
}

function poolName(i: number): string {
  return `pool-${String(i)}`;
}

/**
 * Plan changes, top-ups and pools, as people make them over the API while everything breaks: each with a key, and asked for
 * again until there is an answer. By the log's clock.
 */
export class TariffChanges {
  readonly made: TariffChangesMade = { plans: 0, topUps: 0, pools: 0, refused: 0 };
  /** ids of top-ups that the store has said yes to */
  readonly bought = new Set<string>();
  readonly #tariffs: Pick<TariffStore, 'assign' | 'buyTopUp' | 'joinPool' | 'leavePool'>;
  readonly #lines: readonly SubscriberProfile[];
  readonly #nowMs: () => number;
  readonly #random: Random;
  #asked = 0;
  #stopping = false;
  #done: Promise<void> = Promise.resolve();

  constructor(
    tariffs: Pick<TariffStore, 'assign' | 'buyTopUp' | 'joinPool' | 'leavePool'>,
    lines: readonly SubscriberProfile[],
    options: { seed: number; nowMs: () => number },
  ) {
    this.#tariffs = tariffs;
    this.#lines = lines;
    this.#nowMs = options.nowMs;
    this.#random = new Random(options.seed, 'tariff changes');
  }

  start(): void {
    this.#done = this.#run();
    this.#done.catch(() => undefined); // `stop` tells
  }

  /** Resolves when the last change is stored. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      for (let i = 0; i < AT_ONCE; i += 1) await this.#change();
      await pause(EVERY_MS);
    }
  }

  #change(): Promise<void> {
    const line = this.#lines[this.#random.between(0, this.#lines.length - 1)];
    if (line === undefined) throw new Error('there is nobody to change');
    const { subscriberId } = line;
    const what = this.#random.next();
    if (what < 0.4) return this.#assign(subscriberId);
    if (what < 0.7) return this.#buy({ subscriberId });
    if (what < 0.8) return this.#buy({ poolId: this.#pool() });
    return this.#move(subscriberId, what < 0.9);
  }

  #assign(subscriberId: string): Promise<void> {
    const planId = PLANS[this.#random.between(0, PLANS.length - 1)] ?? '';
    return this.#until('plans', (context) =>
      this.#tariffs.assign(subscriberId, planId, { at: 'now' }, true, context),
    );
  }

  #buy(subject: { subscriberId: string } | { poolId: string }): Promise<void> {
    const id = `bought-${String(this.#asked)}`;
    const bytes = this.#random.between(1, 20) * GB;
    return this.#until('topUps', async (context) => {
      const { atMs: fromMs } = context;
      const topUp: BoughtTopUp = {
        ...{ id, kind: 'bytes', bytes, speed: null, fromMs, expiresMs: fromMs + 5 * DAY_MS },
        ...{ source: 'api', productId: null, cancelledMs: null },
      };
      await this.#tariffs.buyTopUp(subject, topUp, { amountMinor: 500, currency: 'EUR' }, context);
      this.bought.add(id);
    });
  }

  #move(subscriberId: string, joins: boolean): Promise<void> {
    const poolId = this.#pool();
    return this.#until('pools', (context) =>
      joins
        ? this.#tariffs.joinPool(poolId, subscriberId, { fromMs: context.atMs, toMs: null }, context)
        : this.#tariffs.leavePool(poolId, subscriberId, { at: 'now' }, context),
    );
  }

  #pool(): string {
    return poolName(this.#random.between(0, POOLS - 1));
  }

  /** Until there is an answer. One that was lost is given again for the same key: it is done once. */
  async #until(
    kind: 'plans' | 'topUps' | 'pools',
    change: (context: ChangeContext) => Promise<unknown>,
  ): Promise<void> {
    this.#asked += 1;
    const key = `change-${String(this.#asked)}`;
    const requestHash = createHash('sha256').update(key).digest();
    const idempotency = { keyId: 'chaos', key, route: kind, requestHash };
    const context = { by: 'chaos', reason: '', atMs: this.#nowMs(), idempotency };
    for (;;) {
      try {
        await change(context);
        this.made[kind] += 1;
        return;
      } catch (error) {
        if (isAppError(error) && !error.retriable) {
          if (!isAppError(error, 'conflict') && !isAppError(error, 'not-found')) throw error;
          this.made.refused += 1;
          return;
        }
        // Postgres is away.
        await pause(300);
      }
    }
  }
}
