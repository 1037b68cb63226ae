import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { AppError } from '../../schemas/errors.ts';
import type { ImportJob, ImportKind, Imports } from '../../storage/import-ports.ts';
import type { ImportLine, TariffReads, TariffStore } from '../../storage/tariff-ports.ts';
import type { FileEnd, FileLimits, ImportFormat } from './read-file.ts';
import { readFile } from './read-file.ts';
import { Staging } from './staging.ts';

/** What the importer works with. */
export interface ImporterParts {
  imports: Imports;
  store: Pick<TariffStore, 'applyImport'>;
  reads: Pick<TariffReads, 'outboxBacklog'>;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** the log's clock, ms since 1970 UTC */
  nowMs(): number;
  /** Resolves so many ms later. */
  pause(ms: number): Promise<void>;
  /** So many records of a kind went in. */
  onApplied?(kind: ImportKind, records: number): void;
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
  /** plans of it are faults otherwise */
  mayGivePlans: boolean;
  bytes: AsyncIterable<Uint8Array>;
}

/** What became of a file. */
interface TakenFile {
  job: ImportJob;
  /** its content was brought in before, and is what was brought in last: nothing is applied by it */
  isKnown: boolean;
}

const ANOTHER_GOES_IN = 'busy: another import of this kind goes in; send the file once it ended';
const GONE_MEANWHILE = 'the import was forgotten or expired while its file was checked; send it again';
/** The relay appends a thousand controls in less. */
const BACKLOG_LOOK_MS = 50;
/** Looks after which an import says that it waits. */
const LOOKS_TO_TELL = 200;
/** A chunk that a server in trouble did not take is tried so often, each time after twice the pause: a quarter of a minute in all. */
const TRIES = 8;
const FIRST_PAUSE_MS = 100;
/** An import of which nothing went on for so long is nobody's: chunks, and what waits for the log, say something more often. */
const STALE_MS = 60_000;

/**
 * Brings files of subscribers and assignments in. First the whole file is read, checked and staged: one fault, and nothing is
 * applied. Then its records go in by chunks, each all or none, in the background. What of it is done is in the store, so a process
 * that ends in between loses nothing: `adopt` goes on, in whichever process.
 *
 * One file is read at a time, and one import goes in at a time, of a kind in all processes, so that of two files the last one holds: what is kept of a file, and how many controls wait for the log,
 * does not grow with the number of those who send one.
 */
export class Importer {
  readonly #parts: ImporterParts;
  readonly #applying = new Set<string>();
  /** ends when all that were begun did */
  #last: Promise<void> = Promise.resolve();
  #isTaking = false;
  #isStopped = false;

  constructor(parts: ImporterParts) {
    this.#parts = parts;
  }

  /**
   * Reads a file to its end. A file with the content of the last one of its kind answers that import.
   *
   * @returns refused, done (dry run, nothing in it), or applying
   * @throws AppError 'conflict' while another is read, or another of its kind goes in; 'invalid-input' beyond the limits, errors of the store
   */
  async take(file: GivenFile): Promise<TakenFile> {
    this.#whileOpen();
    if (this.#isTaking)
      throw new AppError('conflict', 'busy: another file is being read; send this one then');
    this.#isTaking = true;
    const importId = randomUUID();
    try {
      return await this.#taken(importId, file);
    } catch (error) {
      await this.#forget(importId);
      throw error;
    } finally {
      this.#isTaking = false;
    }
  }

  async #taken(
    importId: string,
    { kind, format, dryRun, by, mayGivePlans, bytes }: GivenFile,
  ): Promise<TakenFile> {
    const { imports, chunkRows, limits, nowMs } = this.#parts;
    await imports.begin({ importId, kind, dryRun, chunkRows, by });
    const reading = readFile(kind, format, bytes, chunkRows, { ...limits, mayGivePlans });
    const staging = new Staging(imports, importId, nowMs);
    try {
      let step = await reading.next();
      for (; step.done !== true; step = await reading.next()) await staging.add(step.value);
      const against = await staging.end();
      return await this.#judged(importId, { kind, dryRun, by }, step.value, against);
    } finally {
      // What is on its way would come after the import is forgotten.
      await staging.settled();
    }
  }

  /** What becomes of a file that was read. @param against so many records something in the store stands */
  async #judged(
    importId: string,
    { kind, dryRun, by }: Pick<GivenFile, 'kind' | 'dryRun' | 'by'>,
    { contentHash, records, faults }: FileEnd,
    against: number,
  ): Promise<TakenFile> {
    const { imports } = this.#parts;
    const known = dryRun ? null : await imports.ofContent(kind, contentHash);
    if (known !== null) {
      await imports.discard(importId);
      return { job: known, isKnown: true };
    }
    await imports.read(importId, contentHash, records);
    const isWrong = against + faults > 0;
    const state = isWrong ? 'refused' : dryRun || records === 0 ? 'done' : 'applying';
    const audit = { who: by, act: 'import' } as const;
    if (!(await imports.become(importId, ['checking'], state, state === 'applying' ? { audit } : {}))) {
      const isThere = (await imports.find(importId))?.state === 'checking';
      throw new AppError('conflict', isThere ? ANOTHER_GOES_IN : GONE_MEANWHILE);
    }
    if (state === 'applying') this.#begin(importId, by);
    return { job: await this.#stored(importId), isKnown: false };
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
      const audit = { who: by, act: 'import-resume' } as const;
      if (!(await imports.become(importId, ['stopped', 'applying'], 'applying', { audit }))) {
        const { state } = await this.#stored(importId);
        throw new AppError('conflict', `the import is ${state}: there is nothing to go on with`);
      }
      await imports.absolve(importId);
      this.#begin(importId, by);
    }
    return this.#stored(importId);
  }

  /** Goes on with what processes left under way that ended. Two that do so at once apply each chunk once. */
  async adopt(): Promise<void> {
    const { imports, log } = this.#parts;
    for (const { importId, by } of await imports.stale(STALE_MS)) {
      if (this.#isStopped || this.#applying.has(importId)) continue;
      // So that the next process that looks sees it go on.
      if (!(await imports.become(importId, ['applying'], 'applying'))) continue;
      log.info({ importId }, 'an import that nobody went on with goes on here');
      this.#begin(importId, by);
    }
  }

  /** Until nothing is applied any more; for tests and the end of the process. */
  async idle(): Promise<void> {
    while (this.#applying.size > 0) await this.#last;
  }

  /** Takes nothing more, and ends after the chunk in hand; whoever adopts goes on. Idempotent. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.idle();
  }

  #begin(importId: string, by: string): void {
    if (this.#applying.has(importId)) return;
    this.#applying.add(importId);
    this.#last = this.#last
      .then(() => this.#apply(importId, by))
      .finally(() => this.#applying.delete(importId));
  }

  /** Never rejects: what stops it stands at the import. */
  async #apply(importId: string, by: string): Promise<void> {
    const { imports, log } = this.#parts;
    try {
      const job = await this.#stored(importId);
      const isThrough = await this.#chunks(job, by);
      if (isThrough && (await imports.become(importId, ['applying'], 'done')))
        log.info({ importId }, 'an import is done');
    } catch (error) {
      if (this.#isStopped && error instanceof AppError && error.retriable) {
        log.warn({ importId, err: error }, 'an import ends here, and is adopted');
        return;
      }
      // Resume tries again: a store that was away is no fault of the file.
      log.error({ importId, err: error }, 'an import stopped');
      const reason = error instanceof AppError ? error.message : 'an error of Weir; its log tells more';
      await imports.become(importId, ['applying'], 'stopped', { reason }).catch((failed: unknown) => {
        log.error(
          { importId, err: failed },
          'nor could that be noted: it stands as applying, and is adopted',
        );
      });
    }
  }

  /** False where it ended before the last chunk. */
  async #chunks({ importId, kind, rowsApplied, chunkRows }: ImportJob, by: string): Promise<boolean> {
    const { imports, onApplied } = this.#parts;
    const records = (after: number): Promise<ImportLine[]> => imports.records(importId, after, chunkRows);
    let ahead: Promise<ImportLine[] | null> = Promise.resolve(null);
    let noted = Promise.resolve();
    for (let after = rowsApplied; ;) {
      await Promise.all([this.#tried(importId, () => this.#room(importId)), noted]);
      if (this.#isStopped) return false;
      const lines = (await ahead) ?? (await this.#tried(importId, () => records(after)));
      const last = lines.at(-1);
      if (last === undefined) return true;
      // The next are read while these go in; where that fails they are asked for again when it is their turn.
      ahead = records(last.line).catch(() => null);
      if (!(await this.#tried(importId, () => this.#chunk(importId, after, lines, by)))) return false;
      noted = this.#tried(importId, () => imports.applied(importId, last.line));
      onApplied?.(kind, lines.length);
      after = last.line;
    }
  }

  /** Again, after a while, where a server was away or busy; each step may be repeated. */
  async #tried<T>(importId: string, step: () => Promise<T>): Promise<T> {
    const { log, pause } = this.#parts;
    for (let tried = 1; ; tried += 1)
      try {
        return await step();
      } catch (error) {
        if (!(error instanceof AppError) || !error.retriable || tried === TRIES || this.#isStopped)
          throw error;
        log.warn({ importId, err: error }, 'an import tries again');
        await pause(FIRST_PAUSE_MS * 2 ** (tried - 1));
      }
  }

  /** False where the chunk cannot go in as it is: then the import says so, and the records against which something stands. */
  async #chunk(importId: string, after: number, lines: readonly ImportLine[], by: string): Promise<boolean> {
    const { imports, store, nowMs } = this.#parts;
    const context = { by, atMs: nowMs(), reason: `import ${importId}` };
    try {
      await store.applyImport(importId, lines, context);
      return true;
    } catch (error) {
      if (!(error instanceof AppError) || error.retriable) throw error;
      const last = lines.at(-1)?.line ?? after;
      await imports.check(importId, nowMs(), after, last);
      const reason = `records ${after + 1} to ${last} did not go in: ${error.message}`;
      await imports.become(importId, ['applying'], 'stopped', { reason });
      return false;
    }
  }

  /** Waits while too many controls wait for the log: what people change meanwhile stands in the same line. */
  async #room(importId: string): Promise<void> {
    const { imports, reads, backlog, pause } = this.#parts;
    for (let looks = 1; !this.#isStopped; looks += 1) {
      const waiting = await reads.outboxBacklog();
      if (waiting <= backlog) return;
      // Not without a word where no relay runs; nor is it stale.
      const reason = `${waiting} changes or more wait for the log: it goes on when a relay has brought them there`;
      if (looks % LOOKS_TO_TELL === 0) await imports.become(importId, ['applying'], 'applying', { reason });
      await pause(BACKLOG_LOOK_MS);
    }
  }

  async #stored(importId: string): Promise<ImportJob> {
    const job = await this.#parts.imports.find(importId);
    if (job === null) throw new AppError('not-found', 'there is no such import');
    return job;
  }

  async #forget(importId: string): Promise<void> {
    try {
      await this.#parts.imports.discard(importId);
    } catch (error) {
      // What is wrong is thrown by the caller; job expiry takes what was staged.
      this.#parts.log.error({ importId, err: error }, 'an import that failed could not be removed');
    }
  }

  #whileOpen(): void {
    if (this.#isStopped) throw new AppError('stopped', 'Weir is stopping');
  }
}
