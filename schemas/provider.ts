import type { Speed } from './action.ts';
import type { TopUpKind } from './tariff.ts';

/** Off-peak hours on some days of the week, in the subscriber's zone. `to` at or before `from` ends on the next day. */
export interface OffPeakHours {
  /** ISO days, 1 = Monday to 7 = Sunday: those on which it begins */
  days: number[];
  /** HH:MM */
  from: string;
  /** HH:MM; 24:00 = midnight */
  to: string;
}

/** When the network has room. */
export interface OffPeakCalendar {
  hours: OffPeakHours[];
  /** YYYY-MM-DD that are off-peak as a whole */
  dates: string[];
}

/** What a policy's event `topup` buys. Money in minor units of the currency. */
export interface TopUpProduct {
  /** absent = 'bytes' */
  kind?: TopUpKind;
  /** 0 of a boost and of what is unlimited */
  bytes: number;
  /** of a boost, both */
  downBps?: number;
  upBps?: number;
  priceMinor: number;
  currency: string;
  /** how long it is valid; null = to the end of the cycle */
  validSeconds: number | null;
}

/** What the provider sets for all policies; the file `provider.json` of the policies folder. */
export interface ProviderSettings {
  offPeak: OffPeakCalendar;
  /** speeds that throttles name as `profile` */
  throttleProfiles: Record<string, Speed>;
  /** names that NAS know for redirection */
  redirectProfiles: string[];
  topUps: Record<string, TopUpProduct>;
  /** the rules of the EU on net neutrality bind this provider (BEREC 2022): lint refuses what favours classes */
  neutrality: boolean;
}

/** A provider that has set nothing. */
export const NO_PROVIDER_SETTINGS: ProviderSettings = {
  offPeak: { hours: [], dates: [] },
  throttleProfiles: {},
  redirectProfiles: [],
  topUps: {},
  neutrality: false,
};
