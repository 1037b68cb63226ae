import type { FactName } from '../../rules/facts/catalogue.ts';
import type { PolicyInForce } from '../../schemas/policy.ts';
import type { PlanVersion } from '../../schemas/profile.ts';
import type { ProviderSettings } from '../../schemas/provider.ts';
import type { UsageSteps } from '../../storage/analytics-ports.ts';

/** How often a subscriber is looked at. */
export const RESOLUTIONS = ['5m', '1h', '1d'] as const;
export type Resolution = (typeof RESOLUTIONS)[number];

/** The two sets of policies that are compared. */
export const SIDES = ['draft', 'against'] as const;
export type SideName = (typeof SIDES)[number];

/** Everything that a replay goes by besides subscribers and their usage. Plain data: it goes to other threads. */
export interface BacktestTask {
  /** actions count in [fromMs, toMs), ms since 1970 UTC */
  fromMs: number;
  toMs: number;
  resolution: Resolution;
  /** policies by id */
  draft: ReadonlyMap<string, PolicyInForce>;
  against: ReadonlyMap<string, PolicyInForce>;
  /** what both ask about: nothing else is computed */
  facts: ReadonlySet<FactName>;
  provider: Readonly<Record<SideName, ProviderSettings>>;
  plans: readonly PlanVersion[];
  defaultZone: string;
  /** samples of each kind of difference */
  samples: number;
  /** only subscribers whose hash is below; null = all */
  hashBelow: number | null;
}

/** Some subscribers with all their usage. */
export interface BacktestPage {
  /** JSON array of SubscriberProfile */
  profiles: string;
  usage: UsageSteps;
  /** length of the steps that usage comes in, ms */
  gridMs: number;
}
