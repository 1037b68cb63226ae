import type { TimelineViews } from '../api/routes/timeline.ts';
import type { AccountingLog } from './compose-log.ts';
import type { Stores } from './compose-stores.ts';
import type { Config } from './config.ts';
import { readExplanation } from './views/explain.ts';
import type { ExplainReader } from './views/explain.ts';
import { readTimeline } from './views/timeline.ts';

/**
 * What the API tells of subscribers' past.
 *
 * @param nowMs the log's clock
 */
export function composeTimelines(
  config: Config,
  stores: Stores,
  log: AccountingLog,
  nowMs: () => number,
): TimelineViews {
  const reader: ExplainReader = {
    store: stores.store,
    history: stores.history,
    analytics: stores.analytics,
    records: stores.records,
    group: config.group,
    topic: config.topic,
    partitionCount: () => log.source.partitionCount(),
    nowMs,
    simulatedTime: config.simulatedTime,
  };
  return {
    // Of simulated time and the database's clock the later one: what people change has the latter.
    nowMs: () => Math.max(nowMs(), Date.now()),
    timeline: (id, query) => readTimeline(reader, id, query),
    explain: (id, atMs) => readExplanation(reader, id, atMs),
  };
}
