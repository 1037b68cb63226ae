import type { ImportLine } from './tariff-ports.ts';

export const IMPORT_KINDS = ['subscribers', 'assignments'] as const;
export type ImportKind = (typeof IMPORT_KINDS)[number];

/**
 * - checking: records are read and staged
 * - refused: records are wrong, and nothing was applied
 * - applying: chunks go in, one after the other
 * - done: all did, or all would (dry run)
 * - stopped: a chunk could not; those before it stand, and it goes on from there
 */
export const IMPORT_STATES = ['checking', 'refused', 'applying', 'done', 'stopped'] as const;
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
  createdMs: number;
  endedMs: number | null;
}

/** One record as it was read: a fault or a content, and of a chunk that did not go in both. */
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
  /** Notes a fault at each staged record that names a subscriber or plan which is not there. Returns how many do. */
  markUnknown(importId: string): Promise<number>;
  /** The file was read to its end. */
  read(importId: string, contentHash: string, rowsTotal: number): Promise<void>;
  /** From one of these states to another; false where it is in none of them. Ends it where the state is an end. */
  become(importId: string, from: readonly ImportState[], state: ImportState): Promise<boolean>;
  find(importId: string): Promise<ImportJob | null>;
  /** The last one of this content that is applied, or on its way; null = none. */
  ofContent(kind: ImportKind, contentHash: string): Promise<ImportJob | null>;
  /** The last first. */
  list(limit: number): Promise<ImportJob[]>;
  /** Staged records after one, in order. */
  records(importId: string, after: number, limit: number): Promise<ImportLine[]>;
  /** All up to this record went in. Never goes back. */
  applied(importId: string, record: number): Promise<void>;
  /** Says at a record why its chunk did not go in; null = nothing is wrong any more. */
  blame(importId: string, record: number, fault: string | null): Promise<void>;
  faults(importId: string, after: number, limit: number): Promise<ImportFault[]>;
  /** Forgets it and its records; what was applied stays. False where there is none, or it is under way. */
  remove(importId: string): Promise<boolean>;
}
