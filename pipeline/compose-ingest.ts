import type { Logger } from 'pino';
import type { AccountingLog } from './compose-log.ts';
import type { Stores } from './compose-stores.ts';
import type { Config } from './config.ts';
import { Ingest } from './ingest/ingest.ts';
import type { IngestObserver } from './ingest/ingest.ts';
import { ACCOUNTING_SCHEMA_TEXT } from './source/accounting-schema.ts';
import type { Telemetry } from './telemetry.ts';
import type { Metrics } from './telemetry/metrics.ts';

/** At most one line in so long tells of refused requests: a misconfigured feeder repeats each of them. */
const TELL_EVERY_MS = 10_000;

/** What takes accounting records from the API into the log; its counters are metrics. */
export function composeIngest(
  config: Config,
  { log, metrics, onScrape }: Pick<Telemetry, 'log' | 'metrics' | 'onScrape'>,
  stores: Pick<Stores, 'lookup'>,
  { writer }: Pick<AccountingLog, 'writer'>,
): Ingest {
  const ingest = new Ingest({
    writer,
    lookup: stores.lookup,
    accountingText: ACCOUNTING_SCHEMA_TEXT,
    radius: { serviceAttribute: config.radiusServiceAttribute },
    maxRecordBytes: config.maxRecordBytes,
    observer: observerOf(metrics, complaints(log)),
  });
  onScrape(() => metrics.ingestWaiting.set(ingest.heldRecords));
  return ingest;
}

function observerOf(metrics: Metrics, complain: (feedId: string, detail: string) => void): IngestObserver {
  return {
    ended: (result) => metrics.ingestRequests.inc({ result }),
    records: (result, count) => metrics.ingestRecords.inc({ result }, count),
    refused: complain,
  };
}

function complaints(log: Logger): (feedId: string, detail: string) => void {
  let lastMs = -TELL_EVERY_MS;
  let since = 0;
  return (feedId, detail) => {
    since += 1;
    const nowMs = performance.now();
    if (nowMs - lastMs < TELL_EVERY_MS) return;
    log.warn({ feed: feedId, requests: since, detail }, 'accounting records refused');
    lastMs = nowMs;
    since = 0;
  };
}
