import type { BillingItem } from '../schemas/billing.ts';
import type { SubscriberRows } from '../schemas/tariff.ts';
import type { ClosedCycle, UsageAdjustment } from '../schemas/usage-record.ts';
import type { CycleRow, TariffStore } from './tariff-ports.ts';

/** Changes of tariffs and the money of their cycles, on the same rows. */
export interface MoneyFixture {
  store: TariffStore;
  rows(subscriberId: string): Promise<SubscriberRows | null>;
  /** in the order in which they were made */
  items(subscriberId: string): Promise<BillingItem[]>;
  cycles(subscriberId: string): Promise<CycleRow[]>;
  /** as the ledger stores them; cycles that are stored already are given again with what comes late to them */
  close(cycles: readonly ClosedCycle[], adjustments: readonly UsageAdjustment[]): Promise<void>;
  /** opens the cycles that began */
  begun(nowMs: number): Promise<void>;
  /** closes what ended before and no slot has closed */
  closeUntold(beforeMs: number): Promise<void>;
  /** the same without anything */
  reopened(): Promise<MoneyFixture>;
}

/** A closed cycle in which nothing was carried. */
export function quietClose(subscriberId: string, cycleStartMs: number, cycleEndMs: number): ClosedCycle {
  return {
    ...{ subscriberId, cycleStartMs, cycleEndMs, planId: '', classes: [], parts: [] },
    ...{ adjustedDownBytes: 0, adjustedUpBytes: 0, partition: 0, offset: 1_000 },
  };
}
