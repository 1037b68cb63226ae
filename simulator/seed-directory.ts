import { AppError } from '../schemas/errors.ts';
import type { Directory } from '../storage/people-ports.ts';
import type { NasAccess } from '../storage/ports.ts';
import type { TariffStore } from '../storage/tariff-ports.ts';
import { SIMULATED_TERMS } from './plans.ts';
import type { Provider } from './provider.ts';

/** Subscribers a call: large enough to make the round trip small, small enough for one statement. */
const CHUNK = 1_000;

/**
 * Puts the provider's plans, NAS and subscribers into the directory, in this order. Idempotent: unchanged content
 * makes no control. `access` = how to reach the NAS; one that is not listed is put without access.
 * Throws what the directory throws; calling again goes on.
 */
export async function seedDirectory(
  directory: Pick<Directory, 'putPlans' | 'putNas' | 'putSubscribers'>,
  provider: Provider,
  access: readonly NasAccess[] = [],
): Promise<void> {
  await directory.putPlans(provider.plans);
  const byId = new Map(access.map((each) => [each.nasId, each]));
  await directory.putNas(
    provider.nas.map(({ profile }) => ({ profile, access: byId.get(profile.nasId) ?? null })),
  );
  const profiles = provider.subscribers.map(({ profile }) => profile);
  for (let from = 0; from < profiles.length; from += CHUNK) {
    await directory.putSubscribers(profiles.slice(from, from + CHUNK));
  }
}

/**
 * Puts what the provider's plans cost into the store. Idempotent: a plan that is there stays as it is, also one that an earlier
 * release made without a price. Call it before `seedDirectory`, which makes the plans without one. Throws what the store throws.
 *
 * @param atMs the log's clock
 */
export async function seedTerms(tariffs: Pick<TariffStore, 'putPlanVersion'>, atMs: number): Promise<void> {
  for (const terms of SIMULATED_TERMS) {
    try {
      await tariffs.putPlanVersion(terms, { by: 'simulator', atMs, reason: '' });
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'conflict')) throw error;
    }
  }
}
