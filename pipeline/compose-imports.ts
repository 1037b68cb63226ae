import { setTimeout as wait } from 'node:timers/promises';
import type { ImportSources } from '../api/routes/imports.ts';
import { PostgresImports } from '../storage/postgres/imports.ts';
import type { TariffReads, TariffStore } from '../storage/tariff-ports.ts';
import type { Stores } from './compose-stores.ts';
import type { Config } from './config.ts';
import { Importer } from './import/importer.ts';
import type { LifecyclePart } from './lifecycle.ts';
import type { Telemetry } from './telemetry.ts';

/** Records of one transaction: the same as the relay reads at once. */
const CHUNK_ROWS = 2_000;
/** Identities of a file's records are kept while it is read. */
const MAX_RECORDS = 2_000_000;
/** The relay appends a thousand controls in less. */
const BACKLOG_LOOK_MS = 50;

/** Where tariffs are changed and read. */
export interface ImportedTariffs {
  store: TariffStore;
  reads: TariffReads;
}

/**
 * Puts the import of files together.
 *
 * @param nowMs the log's clock
 * @returns what the API uses, and the part that ends after the chunk in hand
 */
export function composeImports(
  config: Config,
  { log }: Telemetry,
  { pool }: Pick<Stores, 'pool'>,
  tariffs: ImportedTariffs,
  nowMs: () => number,
): { sources: ImportSources; part: LifecyclePart } {
  const imports = new PostgresImports(pool);
  const { maxBytes, backlog } = config.imports;
  const importer = new Importer({
    imports,
    ...tariffs,
    log,
    nowMs,
    pause: () => wait(BACKLOG_LOOK_MS),
    limits: { maxBytes, maxRecords: MAX_RECORDS },
    chunkRows: CHUNK_ROWS,
    backlog,
  });
  return {
    sources: { importer, imports, maxBytes },
    part: { name: 'imports', stop: () => importer.stop() },
  };
}
