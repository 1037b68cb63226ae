import type { ClickHouseClient } from '@clickhouse/client';
import { FLAGS, OUTCOMES } from '../../schemas/outcome.ts';
import type { Flag, Outcome } from '../../schemas/outcome.ts';
import type { FeedQualityReading } from '../analytics-ports.ts';
import { OUTCOME_COLUMNS } from './rows.ts';

/** What one row of the query holds: hour, NAS, open sessions, then texts of signed and unsigned 64-bit integers. */
type Values = [
  hour: number,
  nasId: string,
  interimSeconds: number | null,
  notBillable: boolean,
  skewMedianMs: string,
  skewMaxMs: string,
  openSessions: string,
  outcomes: string[],
  flags: string[],
];

const FEED_QUALITY_QUERY = `
SELECT toUInt32(hour), nas_id, interim_seconds, not_billable, toString(skew_median_ms), toString(skew_max_ms),
  toString(open_sessions), [${OUTCOME_COLUMNS.map((name) => `toString(${name})`).join(', ')}],
  [${FLAGS.map((flag) => `toString(flags['${flag}'])`).join(', ')}]
FROM feeds
WHERE hour >= toDateTime({from:UInt32}, 'UTC') AND hour < toDateTime({to:UInt32}, 'UTC')
  AND ({any:UInt8} = 1 OR nas_id = {nas:String})
ORDER BY hour, nas_id`;

/** Hours that start in [from, to), whole seconds since 1970, of one NAS or all. Errors are as the client throws them. */
export async function readFeedQuality(
  client: ClickHouseClient,
  from: number,
  to: number,
  nasId: string | null,
): Promise<FeedQualityReading[]> {
  const result = await client.query({
    query: FEED_QUALITY_QUERY,
    query_params: { from, to, any: nasId === null ? 1 : 0, nas: nasId ?? '' },
    format: 'JSONCompactEachRow',
  });
  return (await result.json<Values>()).map(toReading);
}

function toReading(row: Values): FeedQualityReading {
  const [hour, nasId, interimSeconds, notBillable, median, max, openSessions, outcomes, flags] = row;
  return {
    nasId,
    hourMs: hour * 1000,
    outcomes: named(OUTCOMES, outcomes) as Record<Outcome, number>,
    flags: named(FLAGS, flags) as Record<Flag, number>,
    skewMedianMs: Number(median),
    skewMaxMs: Number(max),
    interimSeconds,
    openSessions: Number(openSessions),
    notBillable,
  };
}

function named(names: readonly string[], counts: readonly string[]): Record<string, number> {
  return Object.fromEntries(names.map((name, index) => [name, Number(counts[index])]));
}
