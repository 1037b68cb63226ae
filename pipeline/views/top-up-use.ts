import { partitionOfText } from '../../schemas/partitioning.ts';
import { TARIFF_VERSION } from '../fold/tariff-state.ts';
import { decodePool } from '../pool/pool.ts';
import { readStoredSubscriber } from './stored-subscriber.ts';
import type { StateReader } from './stored-subscriber.ts';

/** Whose a top-up is. */
export type TopUpOwner = { subscriberId: string } | { poolId: string };

/**
 * Octets that were used of a top-up, as of the last commit of its owner's slot. Null where that is not known: the log has not
 * come to it yet (with it the bytes that are over a cap are covered at once), or it holds no bytes.
 */
export async function readTopUpUse(
  reader: StateReader,
  owner: TopUpOwner,
  topUpId: string,
): Promise<number | null> {
  const known =
    'poolId' in owner ? await ofPool(reader, owner.poolId) : await ofOne(reader, owner.subscriberId);
  if (!known.topUps.some(({ id }) => id === topUpId)) return null;
  const use = known.uses.find(({ id }) => id === topUpId);
  return use === undefined ? 0 : use.beforeBytes + use.usedBytes;
}

interface Known {
  topUps: readonly { id: string }[];
  uses: readonly { id: string; beforeBytes: number; usedBytes: number }[];
}

const NOTHING: Known = { topUps: [], uses: [] };

async function ofOne(reader: StateReader, subscriberId: string): Promise<Known> {
  const stored = await readStoredSubscriber(reader, subscriberId);
  // A layout before says nothing of what was used.
  if (stored === null || stored.state.blobVersion < TARIFF_VERSION) return NOTHING;
  const { profile, topUpUses } = stored.subscriber;
  return { topUps: profile?.topUps ?? [], uses: topUpUses };
}

async function ofPool(reader: StateReader, poolId: string): Promise<Known> {
  const partition = partitionOfText(poolId, await reader.partitionCount());
  const { meta } = await reader.store.readHead({ group: reader.group, topic: reader.topic, partition });
  const bytes = meta.get(`pool:${poolId}`);
  if (bytes === undefined || bytes.length === 0) return NOTHING;
  const { profile, topUpUses } = decodePool(bytes);
  return { topUps: profile?.topUps ?? [], uses: topUpUses };
}
