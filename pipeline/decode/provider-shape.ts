import type { Speed } from '../../schemas/action.ts';
import type {
  OffPeakCalendar,
  OffPeakHours,
  ProviderSettings,
  TopUpProduct,
} from '../../schemas/provider.ts';
import {
  boolean,
  currency,
  integer,
  list,
  nullable,
  object,
  oneOf,
  optional,
  record,
  text,
  where,
} from './shape.ts';

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

const topUpProduct = where(
  object<TopUpProduct>({
    kind: optional(oneOf(['bytes', 'boost', 'unlimited'])),
    bytes: integer(0, Number.MAX_SAFE_INTEGER),
    downBps: optional(bitsPerSecond),
    upBps: optional(bitsPerSecond),
    priceMinor: integer(0, 1e12),
    currency,
    validSeconds: nullable(integer(1, 366 * 86_400)),
  }),
  ({ kind = 'bytes', bytes, downBps, upBps }) => {
    if (kind === 'bytes' ? bytes === 0 : bytes !== 0)
      return kind === 'bytes' ? 'has no bytes' : `has bytes, though it is of kind ${kind}`;
    const speeds = [downBps, upBps].filter((speed) => speed !== undefined).length;
    if (kind === 'boost') return speeds === 2 ? null : 'is a boost without downBps and upBps';
    return speeds === 0 ? null : `has a speed, though it is of kind ${kind}`;
  },
);

/** What the provider sets for all policies, as it stands in the log. */
export const providerSettings = object<ProviderSettings>({
  offPeak: object<OffPeakCalendar>({
    hours: list(object<OffPeakHours>({ days: list(integer(1, 7), 7), from: timeOfDay, to: timeOfDay }), 50),
    dates: list(date, 1_000),
  }),
  throttleProfiles: record(object<Speed>({ downBps: bitsPerSecond, upBps: bitsPerSecond }), MAX_NAMES),
  redirectProfiles: list(text(1, 256), MAX_NAMES),
  topUps: record(topUpProduct, MAX_NAMES),
  neutrality: boolean,
});
