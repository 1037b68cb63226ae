import { setTimeout as wait } from 'node:timers/promises';
import type { ImportSources } from '../api/routes/imports.ts';
import { PostgresImports } from '../storage/postgres/imports.ts';
import type { Stores } from './compose-stores.ts';
import type { Config } from './config.ts';
import { Importer } from './import/importer.ts';
import type { Telemetry } from './telemetry.ts';

/** Records of one transaction: the same as the relay reads at once. */
const CHUNK_ROWS = 2_000;
/** Identities of a file's records are kept while it is read. */
const MAX_RECORDS = 2_000_000;
/** The relay appends a thousand controls in less. */
const BACKLOG_LOOK_MS = 50;

/**
 * Puts the import of files together.
 *
 * @param nowMs the log's clock
 * @returns what the API uses, and what ends it after the chunk in hand
 */
export function composeImports(
  config: Config,
  { log }: Telemetry,
  { pool, tariffs: store, tariffReads: reads }: Pick<Stores, 'pool' | 'tariffs' | 'tariffReads'>,
  nowMs: () => number,
): { sources: ImportSources; stop: () => Promise<void> } {
  const imports = new PostgresImports(pool);
  const { maxBytes, backlog } = config.imports;
  const importer = new Importer({
    imports,
    store,
    reads,
    log,
    nowMs,
    pause: () => wait(BACKLOG_LOOK_MS),
    limits: { maxBytes, maxRecords: MAX_RECORDS },
    chunkRows: CHUNK_ROWS,
    backlog,
  });
  return { sources: { importer, imports, maxBytes }, stop: () => importer.stop() };
}
