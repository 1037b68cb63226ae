import type { TariffSources } from '../api/tariff-sources.ts';
import type { AddOnTerms, SubscriberRows } from '../schemas/tariff.ts';
import { deriveProfile } from '../storage/derive-profile.ts';
import { PostgresSubjectExport } from '../storage/postgres/subject-export.ts';
import type { TariffReads } from '../storage/tariff-ports.ts';
import type { AccountingLog } from './compose-log.ts';
import type { Stores } from './compose-stores.ts';
import type { Config } from './config.ts';
import { readCycleStanding } from './views/cycle-standing.ts';
import { readPoolUsage } from './views/pool-usage.ts';
import { readTopUpUse } from './views/top-up-use.ts';

/**
 * What the API uses of tariffs.
 *
 * @param nowMs the log's clock
 */
export function tariffSources(
  config: Config,
  stores: Stores,
  log: AccountingLog,
  nowMs: () => number,
): TariffSources {
  const reader = {
    store: stores.store,
    group: config.group,
    topic: config.topic,
    partitionCount: () => log.source.partitionCount(),
  };
  const { tariffReads: reads } = stores;
  return {
    store: stores.tariffs,
    reads,
    exports: new PostgresSubjectExport(stores.pool),
    records: stores.records,
    items: stores.billingItems,
    product: async (productId) => {
      const settings = (await stores.policies.settings())?.settings;
      // By its own names alone: `constructor` is no product.
      return Object.entries(settings?.topUps ?? {}).find(([id]) => id === productId)?.[1] ?? null;
    },
    poolUsage: (poolId) => readPoolUsage(reader, poolId),
    standing: async (rows) => {
      const addOns = await addOnsOf(reads, rows);
      return readCycleStanding(
        reader,
        deriveProfile(rows, (id) => addOns.get(id) ?? []),
      );
    },
    topUpUse: (owner, topUpId) => readTopUpUse(reader, owner, topUpId),
    nowMs,
  };
}

/** Versions of the add-ons that a subscriber has, by id. */
async function addOnsOf(
  reads: Pick<TariffReads, 'addOnVersions'>,
  { addOns }: SubscriberRows,
): Promise<Map<string, AddOnTerms[]>> {
  const ids = [...new Set(addOns.map(({ addOnId }) => addOnId))];
  return new Map(
    await Promise.all(
      ids.map(async (id): Promise<[string, AddOnTerms[]]> => [id, await reads.addOnVersions(id)]),
    ),
  );
}
