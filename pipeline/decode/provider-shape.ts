import type { Speed } from '../../schemas/action.ts';
import type {
  OffPeakCalendar,
  OffPeakHours,
  ProviderSettings,
  TopUpProduct,
} from '../../schemas/provider.ts';
import { boolean, currency, integer, list, nullable, object, record, text, where } from './shape.ts';

const MAX_NAMES = 1_000;
const bitsPerSecond = integer(1, 1e15);

const timeOfDay = where(text(5, 5), (value) =>
  /^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$/.test(value) ? null : 'is not a time of day HH:MM',
);
const date = where(text(10, 10), (value) =>
  /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(`${value}T00:00:00Z`))
    ? null
    : 'is not a date YYYY-MM-DD',
);

/** What the provider sets for all policies, as it stands in the log. */
export const providerSettings = object<ProviderSettings>({
  offPeak: object<OffPeakCalendar>({
    hours: list(object<OffPeakHours>({ days: list(integer(1, 7), 7), from: timeOfDay, to: timeOfDay }), 50),
    dates: list(date, 1_000),
  }),
  throttleProfiles: record(object<Speed>({ downBps: bitsPerSecond, upBps: bitsPerSecond }), MAX_NAMES),
  redirectProfiles: list(text(1, 256), MAX_NAMES),
  topUps: record(
    object<TopUpProduct>({
      bytes: integer(1, Number.MAX_SAFE_INTEGER),
      priceMinor: integer(0, 1e12),
      currency,
      validSeconds: nullable(integer(1, 366 * 86_400)),
    }),
    MAX_NAMES,
  ),
  neutrality: boolean,
});
