import { setTimeout as wait } from 'node:timers/promises';
import type { ImportSources } from '../api/routes/imports.ts';
import { PostgresImports } from '../storage/postgres/imports.ts';
import type { TariffReads } from '../storage/tariff-ports.ts';
import type { Stores } from './compose-stores.ts';
import type { Config } from './config.ts';
import { Importer } from './import/importer.ts';
import { every } from './schedule/every.ts';
import type { Telemetry } from './telemetry.ts';

/** Records of one transaction: the same as the relay reads at once. */
const CHUNK_ROWS = 2_000;
/** What identifies a file's records is kept while it is read, up to 350 bytes a record. */
const MAX_RECORDS = 1_000_000;
/** Imports that nobody goes on with are looked for so often. */
const ADOPT_MS = 30_000;

/**
 * Puts the import of files together.
 *
 * @param nowMs the log's clock
 * @returns what the API uses, what has it go on with imports that other processes left, and what ends it after the chunk in hand
 */
export function composeImports(
  config: Config,
  { log, metrics }: Telemetry,
  { pool, tariffs: store, tariffReads: reads }: Pick<Stores, 'pool' | 'tariffs' | 'tariffReads'>,
  nowMs: () => number,
): { sources: ImportSources; start: () => void; stop: () => Promise<void> } {
  const imports = new PostgresImports(pool, config.defaultCurrency);
  const { maxBytes, backlog } = config.imports;
  const importer = new Importer({
    imports,
    store,
    reads,
    log,
    nowMs,
    pause: (ms) => wait(ms),
    onApplied: (kind, records) => metrics.importRows.inc({ kind }, records),
    limits: { maxBytes, maxRecords: MAX_RECORDS },
    chunkRows: CHUNK_ROWS,
    backlog,
  });
  const failed = (error: unknown): void => log.warn({ err: error }, 'imports were not looked at');
  let end = (): Promise<void> => Promise.resolve();
  return {
    sources: { importer, imports, maxBytes },
    start: () => {
      end = every(ADOPT_MS, () => importer.adopt(), failed);
    },
    stop: async () => {
      await Promise.all([end(), importer.stop()]);
    },
  };
}

/** Puts how many changes wait for the log into the metrics, before each scrape. */
export function watchOutbox(
  { log, metrics, onScrape }: Telemetry,
  reads: Pick<TariffReads, 'outboxBacklog'>,
): void {
  onScrape(async () => {
    try {
      metrics.controlsWaiting.set(await reads.outboxBacklog());
    } catch (error) {
      // As with the overview: what needs the server keeps its last value.
      log.warn({ err: error }, 'no count of waiting changes for the scrape');
    }
  });
}
