import type { ClickHouseClient } from '@clickhouse/client';
import type { SessionRow, SessionSpan, UsageLateRow, UsageQuarter } from '../analytics-ports.ts';
import type { HistorySpan } from '../history-ports.ts';
import { READ_LATE, READ_SESSIONS, readSelected } from './full-read.ts';

const QUARTER_SECONDS = 15 * 60;
/** Greatest DateTime, seconds. */
const LAST_SECOND = 0xffff_ffff;
/** Greatest instant that DateTime64(3) and toUnixTimestamp64Milli are sure of: 2200. */
const LAST_MS = Date.UTC(2200, 0, 1);

/** Classes are put into arrays so that the limit counts quarters. Sums are text: JSON numbers above 2^53 would be rounded. */
const USAGE_HISTORY = `
SELECT quarter, groupArray(service_class), groupArray(toString(down)), groupArray(toString(up)), max(guessed)
FROM (
  SELECT intDiv(toUInt32(window_start), ${String(QUARTER_SECONDS)}) * ${String(QUARTER_SECONDS)} AS quarter, service_class,
    sum(down_bytes) AS down, sum(up_bytes) AS up, max(estimated) AS guessed
  FROM usage_window FINAL
  WHERE subscriber_id = {subscriber:String}
    AND window_start >= toDateTime({from:UInt32}, 'UTC') AND window_start <= toDateTime({through:UInt32}, 'UTC')
  GROUP BY quarter, service_class
  ORDER BY quarter, service_class
)
GROUP BY quarter
ORDER BY quarter DESC
LIMIT {limit:UInt32}
SETTINGS do_not_merge_across_partitions_select_final = 1`;

/** Errors are as the client throws them. */
export async function readUsageHistory(
  client: ClickHouseClient,
  subscriberId: string,
  { fromMs, throughMs, limit }: HistorySpan,
): Promise<UsageQuarter[]> {
  // Window starts are whole seconds: rounding the lower bound up and the upper one down keeps both exact.
  const from = Math.min(Math.max(Math.ceil(fromMs / 1000), 0), LAST_SECOND);
  const through = Math.min(Math.floor(throughMs / 1000), LAST_SECOND);
  if (through < from) return [];
  const result = await client.query({
    query: USAGE_HISTORY,
    query_params: { subscriber: subscriberId, from, through, limit },
    format: 'JSONCompactEachRow',
  });
  const rows = await result.json<[number | string, string[], string[], string[], boolean | number]>();
  return rows.map(([quarter, names, down, up, estimated]) => ({
    startMs: Number(quarter) * 1000,
    classes: names
      .map((serviceClass, i) => ({ serviceClass, downBytes: Number(down[i]), upBytes: Number(up[i]) }))
      .sort((a, b) => Buffer.compare(Buffer.from(a.serviceClass), Buffer.from(b.serviceClass))),
    estimated: Boolean(estimated),
  }));
}

/** Errors are as the client throws them. */
export async function readLateHistory(
  client: ClickHouseClient,
  subscriberId: string,
  { fromMs, throughMs, limit }: HistorySpan,
): Promise<UsageLateRow[]> {
  return readSelected(client, READ_LATE, {
    bounds: [
      'subscriber_id = {subscriber:String}',
      'toUnixTimestamp64Milli(used_from) BETWEEN {from:Int64} AND {through:Int64}',
    ],
    parameters: { subscriber: subscriberId, from: bounded(fromMs), through: bounded(throughMs) },
    order: 'used_from DESC, service_class, nas_id, log_partition, log_offset',
    limit,
  });
}

/** Errors are as the client throws them. */
export async function readSessionHistory(
  client: ClickHouseClient,
  subscriberId: string,
  {
    by,
    startFromMs = 0,
    startThroughMs = LAST_MS,
    endFromMs = 0,
    endThroughMs = LAST_MS,
    limit,
  }: SessionSpan,
): Promise<SessionRow[]> {
  return readSelected(client, READ_SESSIONS, {
    bounds: [
      'subscriber_id = {subscriber:String}',
      'toUnixTimestamp64Milli(started_at) BETWEEN {startFrom:Int64} AND {startThrough:Int64}',
      'toUnixTimestamp64Milli(ended_at) BETWEEN {endFrom:Int64} AND {endThrough:Int64}',
    ],
    parameters: {
      subscriber: subscriberId,
      startFrom: bounded(startFromMs),
      startThrough: bounded(startThroughMs),
      endFrom: bounded(endFromMs),
      endThrough: bounded(endThroughMs),
    },
    order: `${by === 'start' ? 'started_at' : 'ended_at'} DESC, nas_id, session_id, started_at`,
    limit,
  });
}

function bounded(ms: number): number {
  return Math.min(Math.max(Math.floor(ms), 0), LAST_MS);
}
