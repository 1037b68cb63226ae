import type { ImportLine } from './tariff-ports.ts';

export const IMPORT_KINDS = ['subscribers', 'assignments'] as const;
export type ImportKind = (typeof IMPORT_KINDS)[number];

/**
 * - checking: records are read and staged
 * - refused: records are wrong, and nothing was applied
 * - applying: chunks go in, one after the other
 * - done: all did, or all would (dry run)
 * - stopped: a chunk could not; those before it stand, and it goes on from there
 * - expired: it stood still until its records were dropped; what went in before stands
 */
export const IMPORT_STATES = ['checking', 'refused', 'applying', 'done', 'stopped', 'expired'] as const;
export type ImportState = (typeof IMPORT_STATES)[number];

/** One file that is brought in. Instants are ms since 1970 UTC. */
export interface ImportJob {
  importId: string;
  kind: ImportKind;
  /** sha256 of the file, hex; '' = it was not read to its end */
  contentHash: string;
  dryRun: boolean;
  state: ImportState;
  /** null = it was not read to its end */
  rowsTotal: number | null;
  rowsApplied: number;
  /** records that go in together, all or none */
  chunkRows: number;
  by: string;
  /** why it stopped, or what it waits for; one line for people */
  reason: string | null;
  createdMs: number;
  /** when something of it went on last */
  movedMs: number;
  endedMs: number | null;
}

/** Why a file does not take somebody to another account; ends a sentence. */
export const STAYS_WORDS =
  'account: who has or had a plan or an add-on, or is in a pool, is moved by PUT, which settles with the account that it leaves';

/** What the log is told of whoever has an import done something. */
export type ImportAct = 'import' | 'import-resume' | 'import-forget';

/** One record as it was read: a fault or a content, and where the store stands against the content both. */
export interface StagedRecord {
  /** from 1, in the order of the file */
  record: number;
  content: ImportLine['content'] | null;
  /** one line for people */
  fault: string | null;
}

export interface ImportFault {
  record: number;
  fault: string;
}

/** Imports and their staged records. Throws 'unreachable', 'timeout' (retriable). */
export interface Imports {
  /** A new one, checking. */
  begin(job: Pick<ImportJob, 'importId' | 'kind' | 'dryRun' | 'chunkRows' | 'by'>): Promise<void>;
  /** Records after those before; all or none. */
  stage(importId: string, records: readonly StagedRecord[]): Promise<void>;
  /**
   * Compares staged records with what is stored: notes what stands against each, takes back what no longer does. Piece by piece.
   *
   * @param nowMs the log's clock
   * @param after and `last`: the records between, the last one too
   * @returns against how many something stands
   */
  check(importId: string, nowMs: number, after: number, last: number): Promise<number>;
  /** The file was read to its end. */
  read(importId: string, contentHash: string, rowsTotal: number): Promise<void>;
  /**
   * From one of these states to another (or the same: it goes on); false where it is in none of them, or another of its kind is
   * applying where it is to. Ends it where the state is an end. From checking to applying, all others of its kind are overtaken:
   * what stopped is expired, and no content of theirs is known any more (`ofContent`).
   *
   * @throws AppError 'conflict' for another that begins to apply at the same instant
   */
  become(
    importId: string,
    from: readonly ImportState[],
    state: ImportState,
    more?: {
      reason?: string;
      /** for the audit log, in the same transaction */
      audit?: { who: string; act: ImportAct };
    },
  ): Promise<boolean>;
  find(importId: string): Promise<ImportJob | null>;
  /**
   * The last one of the kind that was applied, or is on its way, where its content is this one; null where it is another, or was:
   * what came in between is undone by applying it again.
   */
  ofContent(kind: ImportKind, contentHash: string): Promise<ImportJob | null>;
  /** Those that apply, and of which nothing went on for so long. */
  stale(forMs: number): Promise<ImportJob[]>;
  /** The last first. @param after the id of an import, to go on behind it; null = from the last one on */
  list(limit: number, after: string | null): Promise<ImportJob[]>;
  /** Staged records after one, in order. */
  records(importId: string, after: number, limit: number): Promise<ImportLine[]>;
  /** All up to this record went in. Never goes back. */
  applied(importId: string, record: number): Promise<void>;
  faults(importId: string, after: number, limit: number): Promise<ImportFault[]>;
  /** True where records that did not go in yet are of subscribers with a plan. */
  givesPlans(importId: string): Promise<boolean>;
  /** Takes back what `check` noted. */
  absolve(importId: string): Promise<void>;
  /** Forgets one that is still checked, with its records: its file is not to be had. */
  discard(importId: string): Promise<void>;
  /**
   * Forgets it and its records; what was applied stays. False where there is none, or it is under way: one that is checked is so
   * for an hour after something of it was staged last.
   */
  remove(importId: string, who: string): Promise<boolean>;
}
