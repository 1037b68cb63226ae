import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { AppError } from '../../schemas/errors.ts';
import type { ImportJob, ImportKind, Imports } from '../../storage/import-ports.ts';
import type { ImportLine, TariffReads, TariffStore } from '../../storage/tariff-ports.ts';
import type { FileLimits, ImportFormat } from './read-file.ts';
import { readFile } from './read-file.ts';

/** What the importer works with. */
export interface ImporterParts {
  imports: Imports;
  store: Pick<TariffStore, 'applyImport'>;
  reads: Pick<TariffReads, 'outboxBacklog'>;
  log: Pick<Logger, 'info' | 'error'>;
  /** the log's clock, ms since 1970 UTC */
  nowMs(): number;
  /** Resolves a little later; the back-pressure's step. */
  pause(): Promise<void>;
  limits: FileLimits;
  /** records of one transaction */
  chunkRows: number;
  /** controls that may wait for the log before the next chunk */
  backlog: number;
}

/** A file as somebody sends it. */
export interface GivenFile {
  kind: ImportKind;
  format: ImportFormat;
  /** it is checked, and nothing is applied */
  dryRun: boolean;
  by: string;
  bytes: AsyncIterable<Uint8Array>;
}

/**
 * Brings files of subscribers and assignments in. First the whole file is read, checked and staged: one fault, and nothing is
 * applied. Then its records go in by chunks, each all or none, in the background. What of it is done is in the store, so a process
 * that ends in between loses nothing: `resume` goes on.
 */
export class Importer {
  readonly #parts: ImporterParts;
  readonly #applying = new Map<string, Promise<void>>();
  #isStopped = false;

  constructor(parts: ImporterParts) {
    this.#parts = parts;
  }

  /**
   * Reads a file to its end. A file whose content was applied before, or is on its way, answers that import: sending it again is
   * harmless.
   *
   * @returns refused, done (dry run, nothing in it), or applying
   * @throws AppError 'invalid-input' beyond the limits, errors of the store
   */
  async take({ kind, format, dryRun, by, bytes }: GivenFile): Promise<ImportJob> {
    this.#whileOpen();
    const { imports, chunkRows, limits } = this.#parts;
    const importId = randomUUID();
    await imports.begin({ importId, kind, dryRun, chunkRows, by });
    try {
      const reading = readFile(kind, format, bytes, chunkRows, limits);
      let step = await reading.next();
      for (; step.done !== true; step = await reading.next()) await imports.stage(importId, step.value);
      const { contentHash, records, faults } = step.value;
      const known = dryRun ? null : await imports.ofContent(kind, contentHash);
      if (known !== null) {
        await imports.remove(importId);
        return known;
      }
      await imports.read(importId, contentHash, records);
      const isWrong = (await imports.markUnknown(importId)) + faults > 0;
      const state = isWrong ? 'refused' : dryRun || records === 0 ? 'done' : 'applying';
      await imports.become(importId, ['checking'], state);
      if (state === 'applying') this.#begin(importId, by);
    } catch (error) {
      await this.#forget(importId);
      throw error;
    }
    return this.#stored(importId);
  }

  /**
   * Goes on with one that stopped, or whose process did. One that is under way here is left alone.
   *
   * @throws AppError 'not-found', 'conflict' where there is nothing to go on with
   */
  async resume(importId: string, by: string): Promise<ImportJob> {
    this.#whileOpen();
    if (!this.#applying.has(importId)) {
      const { imports } = this.#parts;
      if (!(await imports.become(importId, ['stopped', 'applying'], 'applying'))) {
        const { state } = await this.#stored(importId);
        throw new AppError('conflict', `the import is ${state}: there is nothing to go on with`);
      }
      this.#begin(importId, by);
    }
    return this.#stored(importId);
  }

  /** Until nothing is applied any more; for tests and the end of the process. */
  async idle(): Promise<void> {
    while (this.#applying.size > 0) await Promise.all(this.#applying.values());
  }

  /** Takes nothing more, and ends after the chunk in hand; the imports can be resumed. Idempotent. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.idle();
  }

  #begin(importId: string, by: string): void {
    if (this.#applying.has(importId)) return;
    const done = this.#apply(importId, by).finally(() => this.#applying.delete(importId));
    this.#applying.set(importId, done);
  }

  /** Never rejects: what stops it stands at the import. */
  async #apply(importId: string, by: string): Promise<void> {
    const { imports, chunkRows, log } = this.#parts;
    try {
      let { rowsApplied } = await this.#stored(importId);
      for (;;) {
        await this.#room();
        if (this.#isStopped) return;
        const lines = await imports.records(importId, rowsApplied, chunkRows);
        const last = lines.at(-1);
        if (last === undefined) break;
        if (!(await this.#chunk(importId, lines, by))) return;
        await imports.applied(importId, last.line);
        rowsApplied = last.line;
      }
      await imports.become(importId, ['applying'], 'done');
      log.info({ importId, rowsApplied }, 'an import is done');
    } catch (error) {
      // Resume tries again: a store that was away for a moment is no fault of the file.
      log.error({ importId, err: error }, 'an import stopped');
      await imports.become(importId, ['applying'], 'stopped').catch((failed: unknown) => {
        log.error(
          { importId, err: failed },
          'nor could that be noted: it stands as applying and can be resumed',
        );
      });
    }
  }

  /** False where the chunk cannot go in as it is; its first record says why. */
  async #chunk(importId: string, lines: readonly ImportLine[], by: string): Promise<boolean> {
    const { imports, store, nowMs } = this.#parts;
    const first = lines[0]?.line ?? 0;
    const context = { by, atMs: nowMs(), reason: `import ${importId}` };
    try {
      await store.applyImport(importId, lines, context);
      await imports.blame(importId, first, null);
      return true;
    } catch (error) {
      if (!(error instanceof AppError) || error.retriable) throw error;
      const range = `records ${first} to ${lines.at(-1)?.line ?? first}`;
      await imports.blame(importId, first, `${range} did not go in: ${error.message}`);
      await imports.become(importId, ['applying'], 'stopped');
      return false;
    }
  }

  /** Waits while too many controls wait for the log: what people change meanwhile stands in the same line. */
  async #room(): Promise<void> {
    const { reads, backlog, pause } = this.#parts;
    while (!this.#isStopped && (await reads.outboxBacklog()) > backlog) await pause();
  }

  async #stored(importId: string): Promise<ImportJob> {
    const job = await this.#parts.imports.find(importId);
    if (job === null) throw new AppError('not-found', 'there is no such import');
    return job;
  }

  async #forget(importId: string): Promise<void> {
    try {
      await this.#parts.imports.remove(importId);
    } catch (error) {
      // What is wrong is thrown by the caller; what was staged goes with retention.
      this.#parts.log.error({ importId, err: error }, 'an import that failed could not be removed');
    }
  }

  #whileOpen(): void {
    if (this.#isStopped) throw new AppError('stopped', 'Weir is stopping');
  }
}
