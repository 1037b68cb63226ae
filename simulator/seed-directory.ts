import type { Directory } from '../storage/people-ports.ts';
import type { NasAccess } from '../storage/ports.ts';
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
