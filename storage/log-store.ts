import type { LogEntry, PartitionMarks } from './ports.ts';

/**
 * What an embedded log offers to its readers. Offsets are dense: [low, next) without gaps, and an entry is visible
 * only when all before it are. Every call may throw 'unreachable' or 'timeout' (retriable).
 */
export interface LogStore {
  readonly topic: string;
  partitionCount(): Promise<number>;
  marks(partition: number, groupId: string): Promise<PartitionMarks>;
  /** Entries from an offset on, at most `limit`; empty at the end, or where `from` is no longer held. */
  read(partition: number, from: number, limit: number): Promise<LogEntry[]>;
  /** Offset after the newest entry of each partition. */
  ends(): Promise<Map<number, number>>;
  /** Tells how far a group is, for lag tools and trimming; never read as a position to start from. */
  savePosition(groupId: string, partition: number, position: number): Promise<void>;
  /** Calls back after appends in this process; returns how to stop that. */
  onAppend(listener: () => void): () => void;
}
