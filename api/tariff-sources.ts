import type { CycleStanding } from '../pipeline/views/cycle-standing.ts';
import type { TopUpProduct } from '../schemas/provider.ts';
import type { SubscriberRows } from '../schemas/tariff.ts';
import type { PoolUsageView } from '../schemas/tariff-views.ts';
import type { BillingItems, UsageRecords } from '../storage/people-ports.ts';
import type { SubjectExport, TariffReads, TariffStore } from '../storage/tariff-ports.ts';
import type { StoredTopUp } from '../storage/tariff-transaction.ts';

/** What the routes of tariffs use. Everything may throw AppErrors; 'unreachable' and 'timeout' become 503. */
export interface TariffSources {
  store: TariffStore;
  reads: TariffReads;
  exports: SubjectExport;
  records: Pick<UsageRecords, 'closedCycles'>;
  items: Pick<BillingItems, 'cycleSums'>;
  /** of the provider's settings; null = nothing is called so */
  product(productId: string): Promise<TopUpProduct | null>;
  /** as of the last commit of the pool's worker; null = nothing is known of it */
  poolUsage(poolId: string): Promise<PoolUsageView | null>;
  /** What its running cycle may carry, now and with these rows; null = nothing is known of it. */
  standing(rows: SubscriberRows): Promise<{ before: CycleStanding; after: CycleStanding } | null>;
  /** Octets used of a top-up, as of the last commit; null = nothing is known of it, or it holds no bytes. */
  topUpUse(owner: StoredTopUp['owner'], topUpId: string): Promise<number | null>;
  /** the log's clock, ms since 1970 UTC */
  nowMs(): number;
}
