import type { BillingItem } from '../schemas/billing.ts';
import type { SubscriberProfile } from '../schemas/profile.ts';
import type { SubscriberRows } from '../schemas/tariff.ts';
import type { TariffStore } from './tariff-ports.ts';

/** A store of tariffs without anything, and what it holds. */
export interface TariffFixture {
  store: TariffStore;
  rows(subscriberId: string): Promise<SubscriberRows | null>;
  /** as the fold was told last; null = never */
  profile(subscriberId: string): Promise<SubscriberProfile | null>;
  /** profiles told to the log since the last question */
  told(): Promise<string[]>;
  items(subscriberId: string): Promise<BillingItem[]>;
  audited(): Promise<{ who: string | null; action: string; subject: string }[]>;
}

/** A store whose log's readers are of a layout. */
export type OpenTariffs = (layout: number | null) => Promise<TariffFixture>;
