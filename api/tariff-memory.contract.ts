import { MemoryTariffs } from '../storage/memory/tariffs.ts';
import { NOW_MS } from './tariff-factory.contract.ts';
import { MemoryBillingItems } from '../storage/memory/billing-items.ts';
import type { TariffSources } from './tariff-sources.ts';

/** Sources of tariffs over the store in memory: a provider that has one top-up, whose network has metered nothing. */
export function memoryTariffs(tariffs = new MemoryTariffs()): TariffSources & { memory: MemoryTariffs } {
  const { store, reads } = tariffs;
  return {
    memory: tariffs,
    store,
    reads,
    exports: {
      async *rows(id) {
        const rows = await reads.rows(id);
        if (rows !== null) yield { of: 'subscriber', row: rows };
      },
    },
    records: { closedCycles: () => Promise.resolve([]) },
    items: {
      cycleSums: async (id, starts) => {
        const items = new MemoryBillingItems();
        for (const item of tariffs.items) await items.charge(item);
        return items.cycleSums(id, starts);
      },
    },
    product: (id) =>
      Promise.resolve(
        id === 'extra-5' ? { bytes: 5e9, priceMinor: 500, currency: 'EUR', validSeconds: null } : null,
      ),
    poolUsage: () => Promise.resolve(null),
    standing: () => Promise.resolve(null),
    topUpUse: () => Promise.resolve(null),
    nowMs: () => NOW_MS,
  };
}
