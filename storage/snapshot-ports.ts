import type { SlotId } from './ports.ts';

/** What a snapshot is called: the same in every place that keeps snapshots. */
export interface SnapshotName {
  slot: SlotId;
  /** next offset of the slot when it was written */
  position: number;
  /** when it was written by the log's clock, ms since 1970 UTC */
  takenAtMs: number;
}

/** A snapshot that is kept, whole as far as its place can tell; whether its content is, its checksum says. */
export interface StoredSnapshot extends SnapshotName {
  /** as it is stored (compressed) */
  bytes: number;
  /** where a person finds it, e.g. a file's path */
  place: string;
}

/**
 * Where snapshots of slots are kept. Content is opaque. Every call may throw 'snapshot-failed' (retriable: what keeps
 * them is away or full). Adapters: a folder, memory; one contract suite.
 */
export interface SnapshotStore {
  /**
   * Keeps `content` under a name that is not taken yet; never overwrites ('conflict'). Durable when it resolves. It is
   * listed whole or not at all: when `content` throws, that is what put throws, and nothing is kept.
   */
  put(name: SnapshotName, content: AsyncIterable<Uint8Array>): Promise<StoredSnapshot>;
  /** All of a topic and group, newest first (time, then position); of one partition where it is given. */
  list(group: string, topic: string, partition?: number): Promise<StoredSnapshot[]>;
  /** Its bytes in chunks. Throws 'not-found' where it is gone. */
  open(name: SnapshotName): AsyncIterable<Uint8Array>;
  /** Idempotent. */
  delete(name: SnapshotName): Promise<void>;
}
