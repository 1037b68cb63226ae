import type { ClickHouseClient } from '@clickhouse/client';
import type {
  ActionRow,
  Analytics,
  AnalyticsBatch,
  FeedQualityReading,
  SessionRow,
  SessionSpan,
  UsageExtent,
  UsageLateRow,
  UsageQuarter,
  UsageReading,
  UsageReplay,
  UsageSteps,
  UsageStepsRequest,
  UsageWindowRow,
} from '../analytics-ports.ts';
import type { HistorySpan } from '../history-ports.ts';
import type { LedgerAction } from '../ports.ts';
import { analyticsError } from './errors.ts';
import { readFeedQuality } from './feed-quality.ts';
import { READ_ACTIONS, READ_LATE, READ_SESSIONS, READ_WINDOWS, readAll } from './full-read.ts';
import type { ReadFormat } from './full-read.ts';
import { readLateHistory, readSessionHistory, readUsageHistory } from './history.ts';
import { migrateClickHouse } from './migrate.ts';
import { ACTION, FEED_QUALITY, insertStatement, SESSION, USAGE_LATE, USAGE_WINDOW } from './rows.ts';
import type { RowFormat } from './rows.ts';
import { readUsageExtent, readUsageSteps } from './usage-steps.ts';

/** 100 k rows are about 12 MB of JSON and one part a month that they touch. */
const MAX_ROWS_AN_INSERT = 100_000;

/** Sums are text: a JSON number above 2^53 would be rounded, and chDB rounds every 64-bit integer in JSON. */
const SUBSCRIBER_USAGE = `
SELECT toUInt32(window_start) AS start, service_class, nas_id, toString(sum(down_bytes)), toString(sum(up_bytes))
FROM usage
WHERE subscriber_id = {subscriber:String}
  AND window_start >= toDateTime({from:UInt32}, 'UTC') AND window_start < toDateTime({to:UInt32}, 'UTC')
GROUP BY start, service_class, nas_id
ORDER BY start, service_class, nas_id`;

/**
 * Analytics in ClickHouse, or in chDB inside the process: the same SQL through the same client.
 * The client is ours: close() closes it.
 */
export class ClickHouseAnalytics implements Analytics, UsageReplay {
  readonly #client: ClickHouseClient;

  constructor(client: ClickHouseClient) {
    this.#client = client;
  }

  async migrate(): Promise<void> {
    await migrateClickHouse(this.#client);
  }

  async insert(batch: AnalyticsBatch): Promise<void> {
    await this.#insertRows(USAGE_WINDOW, batch.windows);
    await this.#insertRows(USAGE_LATE, batch.late);
    await this.#insertRows(SESSION, batch.sessions);
    await this.#insertRows(FEED_QUALITY, batch.feeds);
  }

  async insertActions(actions: readonly LedgerAction[]): Promise<void> {
    await this.#insertRows(ACTION, actions);
  }

  async subscriberUsage(subscriberId: string, fromMs: number, toMs: number): Promise<UsageReading[]> {
    try {
      const result = await this.#client.query({
        query: SUBSCRIBER_USAGE,
        query_params: { subscriber: subscriberId, from: seconds(fromMs), to: seconds(toMs) },
        format: 'JSONCompactEachRow',
      });
      const rows = await result.json<[number, string, string, string, string]>();
      return rows.map(([start, serviceClass, nasId, down, up]) => ({
        windowStartMs: start * 1000,
        serviceClass,
        nasId,
        downBytes: Number(down),
        upBytes: Number(up),
      }));
    } catch (error) {
      throw analyticsError('reading usage', error);
    }
  }

  async feedQuality(fromMs: number, toMs: number, nasId: string | null): Promise<FeedQualityReading[]> {
    try {
      return await readFeedQuality(this.#client, seconds(fromMs), seconds(toMs), nasId);
    } catch (error) {
      throw analyticsError('reading feed quality', error);
    }
  }

  async usageExtent(fromMs: number, toMs: number): Promise<UsageExtent> {
    try {
      return await readUsageExtent(this.#client, seconds(fromMs), seconds(toMs));
    } catch (error) {
      throw analyticsError('reading what usage there is', error);
    }
  }

  async usageSteps(request: UsageStepsRequest): Promise<UsageSteps> {
    try {
      return await readUsageSteps(this.#client, request);
    } catch (error) {
      throw analyticsError('reading usage for a replay', error);
    }
  }

  async usageHistory(subscriberId: string, span: HistorySpan): Promise<UsageQuarter[]> {
    try {
      return await readUsageHistory(this.#client, subscriberId, span);
    } catch (error) {
      throw analyticsError('reading usage', error);
    }
  }

  async lateHistory(subscriberId: string, span: HistorySpan): Promise<UsageLateRow[]> {
    try {
      return await readLateHistory(this.#client, subscriberId, span);
    } catch (error) {
      throw analyticsError('reading late usage', error);
    }
  }

  async sessionHistory(subscriberId: string, span: SessionSpan): Promise<SessionRow[]> {
    try {
      return await readSessionHistory(this.#client, subscriberId, span);
    } catch (error) {
      throw analyticsError('reading sessions', error);
    }
  }

  allWindows(subscriberId?: string): AsyncIterable<UsageWindowRow[]> {
    return this.#all(READ_WINDOWS, subscriberId);
  }

  allLate(subscriberId?: string): AsyncIterable<UsageLateRow[]> {
    return this.#all(READ_LATE, subscriberId);
  }

  allSessions(subscriberId?: string): AsyncIterable<SessionRow[]> {
    return this.#all(READ_SESSIONS, subscriberId);
  }

  allActions(subscriberId?: string): AsyncIterable<ActionRow[]> {
    return this.#all(READ_ACTIONS, subscriberId);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async *#all<Row>(format: ReadFormat<Row>, subscriberId?: string): AsyncGenerator<Row[]> {
    const pages = readAll(this.#client, format, subscriberId);
    for (;;) {
      const page = await pages.next().catch((error: unknown) => {
        throw analyticsError(`reading ${format.table}`, error);
      });
      if (page.done === true) return;
      yield page.value;
    }
  }

  async #insertRows<Row>(format: RowFormat<Row>, rows: readonly Row[]): Promise<void> {
    for (let from = 0; from < rows.length; from += MAX_ROWS_AN_INSERT) {
      const statement = await insertStatement(format, rows.slice(from, from + MAX_ROWS_AN_INSERT));
      try {
        // Statement and data in one text: the same for HTTP and chDB, and no URL with a length limit.
        await this.#client.command({ query: statement });
      } catch (error) {
        throw analyticsError(`insert into ${format.table}`, error);
      }
    }
  }
}

/** Window starts are whole seconds, so rounding a bound up keeps [from, to) exact; held inside DateTime's range. */
function seconds(ms: number): number {
  return Math.min(Math.max(Math.ceil(ms / 1000), 0), 0xffff_ffff);
}
