import { partitionOfText } from '../../schemas/partitioning.ts';
import type { PoolUsageView } from '../../schemas/tariff-views.ts';
import { usedPercent } from '../decide/facts-of.ts';
import { decodePool, usedBytes } from '../pool/pool.ts';
import type { Pool } from '../pool/pool.ts';
import type { StateReader } from './stored-subscriber.ts';

/** A pool as of the last commit of its slot, without ownership; null where the slot knows nothing of it. */
export async function readPoolUsage(
  reader: Pick<StateReader, 'group' | 'topic' | 'partitionCount'> & {
    store: Pick<StateReader['store'], 'readHead'>;
  },
  poolId: string,
): Promise<PoolUsageView | null> {
  const partition = partitionOfText(poolId, await reader.partitionCount());
  const { meta } = await reader.store.readHead({ group: reader.group, topic: reader.topic, partition });
  const bytes = meta.get(`pool:${poolId}`);
  return bytes === undefined || bytes.length === 0 ? null : usageOf(decodePool(bytes));
}

function usageOf(pool: Pool): PoolUsageView {
  const { cycle, told, profile, members } = pool;
  const used = usedBytes(pool);
  // Members are told of every change of the allowance, top-ups and all.
  const allowance = told === null ? (profile?.allowanceBytes ?? null) : told.allowanceBytes;
  return {
    cycle: cycle && {
      start: new Date(cycle.startMs).toISOString(),
      end: new Date(cycle.endMs).toISOString(),
    },
    usedBytes: String(used),
    allowanceBytes: allowance === null ? null : String(allowance),
    usedPercent: allowance === null ? null : usedPercent(used, allowance),
    members: [...members]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([subscriberId, member]) => ({
        subscriberId,
        usedBytes: String(usedBytes({ ...pool, members: new Map([[subscriberId, member]]) })),
        left: member.left,
      })),
    rules: (told?.rules ?? []).map(({ policyId, rule, policyVersion, effect }) => ({
      ...{ policyId, rule, policyVersion },
      state: effect.state,
    })),
  };
}
