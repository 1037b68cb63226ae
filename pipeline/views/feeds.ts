import type { FeedHourView, FeedsView, FeedSummaryView } from '../../schemas/feed-views.ts';
import type { OutcomeCounts } from '../../schemas/outcome.ts';
import { OUTCOMES } from '../../schemas/outcome.ts';
import { AppError } from '../../schemas/errors.ts';
import type { Analytics, FeedQualityReading } from '../../storage/analytics-ports.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Of all NAS, so that an answer of some hundred NAS stays below 50,000 rows. */
const LONGEST_OF_ALL_MS = 7 * DAY_MS;
/** Of one NAS. */
const LONGEST_OF_ONE_MS = 92 * DAY_MS;
const MAX_HOURS = 1_000;
const MAX_NAS = 1_000;

/** Which hours; what is null has a default: until now, a day before the end, all NAS. */
export interface FeedsQuery {
  fromMs: number | null;
  toMs: number | null;
  nasId: string | null;
}

/** What feed views are made from. `nowMs` is the log's clock: simulated time where that is simulated. */
export interface FeedsReader {
  analytics: Pick<Analytics, 'feedQuality'>;
  nowMs: () => number;
}

/**
 * Feed quality of the hours asked for, from analytics: it lags by a flush. The hour that `from` lies in is one of them.
 *
 * @throws AppError 'invalid-input' where the time asked for is none or too long
 */
export async function readFeeds(
  { analytics, nowMs }: FeedsReader,
  { fromMs, toMs, nasId }: FeedsQuery,
): Promise<FeedsView> {
  const untilMs = toMs ?? nowMs();
  const sinceMs = hourOf(fromMs ?? untilMs - DAY_MS);
  if (sinceMs >= untilMs) throw new AppError('invalid-input', 'from must be before to');
  const longestMs = nasId === null ? LONGEST_OF_ALL_MS : LONGEST_OF_ONE_MS;
  if (untilMs - sinceMs > longestMs + HOUR_MS) {
    const days = longestMs / DAY_MS;
    const hint = nasId === null ? ' (name a NAS to ask for more)' : '';
    throw new AppError('invalid-input', `at most ${days} days can be asked for at once${hint}`);
  }
  const readings = await analytics.feedQuality(sinceMs, untilMs, nasId);
  const newest = [...readings].sort((a, b) => b.hourMs - a.hourMs || compare(a.nasId, b.nasId));
  const nas = summariesOf(newest);
  return {
    from: iso(sinceMs),
    to: iso(untilMs),
    nas: nas.slice(0, MAX_NAS),
    hours: newest.slice(0, MAX_HOURS).map(hourView),
    truncated: nas.length > MAX_NAS || newest.length > MAX_HOURS,
  };
}

function hourView(reading: FeedQualityReading): FeedHourView {
  const { hourMs, ...rest } = reading;
  return { ...rest, hour: iso(hourMs), records: recordsOf(reading.outcomes) };
}

/** @param newest readings, those of the newest hour first */
function summariesOf(newest: readonly FeedQualityReading[]): FeedSummaryView[] {
  const byNas = new Map<string, FeedQualityReading[]>();
  for (const reading of newest) {
    const readings = byNas.get(reading.nasId);
    if (readings === undefined) byNas.set(reading.nasId, [reading]);
    else readings.push(reading);
  }
  return [...byNas.values()].flatMap(summaryOf).sort((a, b) => compare(a.nasId, b.nasId));
}

function summaryOf(readings: readonly FeedQualityReading[]): FeedSummaryView[] {
  const [last] = readings;
  if (last === undefined) return [];
  const sum = (of: (reading: FeedQualityReading) => number): number =>
    readings.reduce((all, reading) => all + of(reading), 0);
  const records = sum(({ outcomes }) => recordsOf(outcomes));
  const weighted = sum((reading) => reading.skewMedianMs * recordsOf(reading.outcomes));
  return [
    {
      nasId: last.nasId,
      records,
      duplicateShare: records === 0 ? 0 : sum(({ outcomes }) => outcomes.duplicate) / records,
      deadLetters: sum(({ outcomes }) => outcomes['dead-lettered']),
      missingStops: sum(({ flags }) => flags['missing-stop']),
      skewMedianMs: records === 0 ? 0 : Math.round(weighted / records),
      skewMaxMs: readings.map(({ skewMaxMs }) => skewMaxMs).reduce(farther, 0),
      interimSeconds: readings.find(({ interimSeconds }) => interimSeconds !== null)?.interimSeconds ?? null,
      openSessions: last.openSessions,
      notBillable: readings.some(({ notBillable }) => notBillable),
      lastHour: iso(last.hourMs),
    },
  ];
}

function farther(a: number, b: number): number {
  return Math.abs(b) > Math.abs(a) ? b : a;
}

function recordsOf(outcomes: OutcomeCounts): number {
  return OUTCOMES.reduce((all, outcome) => all + outcomes[outcome], 0);
}

function hourOf(ms: number): number {
  return Math.floor(ms / HOUR_MS) * HOUR_MS;
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
