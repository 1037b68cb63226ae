import { formatControlId } from '../../schemas/control.ts';
import { AppError } from '../../schemas/errors.ts';
import type { LogStore } from '../log-store.ts';
import { PolledSource } from '../polled-source.ts';
import type { LogAppend, LogEntry, LogWriter, PartitionMarks, RecordSource } from '../ports.ts';
import type { SourceLog } from '../source-log.ts';

/** How a log in memory is made. */
export interface MemoryRecordLogOptions {
  topic: string;
  partitions: number;
  /** append times are the producers' (`LogAppend.timeMs`) where they give one */
  simulatedTime: boolean;
  log: SourceLog;
  /** the log's clock, ms since 1970 UTC; default the machine's */
  now?: () => number;
}

interface Partition {
  low: number;
  entries: LogEntry[];
  lastMs: number;
}

/** An accounting log in this process, for unit tests and simulations. Nothing is durable. */
export class MemoryRecordLog implements LogWriter, LogStore {
  readonly topic: string;
  readonly #options: MemoryRecordLogOptions;
  readonly #partitions: Partition[];
  readonly #positions = new Map<string, number>();
  readonly #listeners = new Set<() => void>();

  constructor(options: MemoryRecordLogOptions) {
    this.topic = options.topic;
    this.#options = options;
    this.#partitions = Array.from({ length: options.partitions }, () => ({ low: 0, entries: [], lastMs: 0 }));
  }

  /** Reads the log as a group; sources of one group do not share partitions. */
  source(
    groupId: string,
    options: { batchEntries?: number; pollMs?: number; retryMs?: number } = {},
  ): RecordSource {
    return new PolledSource({ store: this, groupId, log: this.#options.log, ...options });
  }

  partitionCount(): Promise<number> {
    return Promise.resolve(this.#partitions.length);
  }

  async append(entries: readonly LogAppend[]): Promise<void> {
    await Promise.resolve();
    for (const entry of entries) {
      const partition = this.#partition(entry.partition);
      partition.lastMs = Math.max(partition.lastMs, (this.#options.now ?? Date.now)());
      partition.entries.push({
        offset: partition.low + partition.entries.length,
        key: entry.key === null ? null : Buffer.from(entry.key),
        value: Buffer.from(entry.value),
        control: entry.control === undefined ? null : formatControlId(entry.control),
        appendTimeMs: this.#options.simulatedTime ? (entry.timeMs ?? partition.lastMs) : partition.lastMs,
      });
    }
    for (const listener of this.#listeners) listener();
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Drops entries appended before `beforeMs` that every group has read; returns how many. */
  trim(beforeMs: number): Promise<number> {
    let dropped = 0;
    for (const [index, partition] of this.#partitions.entries()) {
      const positions = [...this.#positions]
        .filter(([key]) => key.endsWith(`/${index}`))
        .map(([, position]) => position);
      const read = positions.length === 0 ? partition.low : Math.min(...positions);
      const young = partition.entries.findIndex((entry) => entry.appendTimeMs >= beforeMs);
      const old = young === -1 ? partition.entries.length : young;
      const count = Math.max(0, Math.min(old, read - partition.low));
      partition.entries.splice(0, count);
      partition.low += count;
      dropped += count;
    }
    return Promise.resolve(dropped);
  }

  marks(partition: number, groupId: string): Promise<PartitionMarks> {
    const { low, entries } = this.#partition(partition);
    const groupOffset = this.#positions.get(`${groupId}/${partition}`) ?? null;
    return Promise.resolve({ low, high: low + entries.length, groupOffset });
  }

  read(partition: number, from: number, limit: number): Promise<LogEntry[]> {
    const { low, entries } = this.#partition(partition);
    return Promise.resolve(from < low ? [] : entries.slice(from - low, from - low + limit));
  }

  ends(): Promise<Map<number, number>> {
    return Promise.resolve(
      new Map(this.#partitions.map(({ low, entries }, index) => [index, low + entries.length])),
    );
  }

  savePosition(groupId: string, partition: number, position: number): Promise<void> {
    this.#positions.set(`${groupId}/${partition}`, position);
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #partition(index: number): Partition {
    const partition = this.#partitions[index];
    if (partition === undefined) throw new AppError('log-append-failed', `the log has no partition ${index}`);
    return partition;
  }
}
