import type pg from 'pg';
import { formatControlId } from '../../schemas/control.ts';
import { AppError } from '../../schemas/errors.ts';
import { groupBy } from '../group-by.ts';
import type { LogStore } from '../log-store.ts';
import { PolledSource } from '../polled-source.ts';
import type { LogAppend, LogEntry, LogWriter, PartitionMarks, RecordSource } from '../ports.ts';
import type { SourceLog } from '../source-log.ts';
import { bytesArray, int4Array, int8Array } from './binary-array.ts';
import { inTransaction } from './pool.ts';
import { postgresError } from './postgres-error.ts';
import {
  APPEND,
  COUNT_PARTITIONS,
  DELETE_BELOW,
  ENDS,
  ENSURE_PARTITIONS,
  MARKS,
  RAISE_LOW,
  READ,
  SAVE_POSITION,
} from './record-log-statements.ts';

/** How the embedded log is opened. */
export interface PostgresRecordLogOptions {
  /** name that dead letters and slots carry */
  topic: string;
  /** made at the first start, pinned from then on */
  partitions: number;
  /** append times are the producers' (`LogAppend.timeMs`) where they give one */
  simulatedTime: boolean;
  log: SourceLog;
}

/** Entries and bytes of one transaction of an append. */
const MAX_APPEND_ENTRIES = 5_000;
const MAX_APPEND_BYTES = 8 * 1024 * 1024;
/** Bytes of values of one batch read. */
const MAX_READ_BYTES = 4 * 1024 * 1024;

/**
 * The embedded accounting log: a Postgres table (migration 002), behind the same ports as Kafka.
 * Offsets are dense and visible in order whatever transactions do; append times never step back within a partition.
 * One worker reads it: partitions are not shared out between processes. Any number of processes may append.
 */
export class PostgresRecordLog implements LogWriter, LogStore {
  readonly topic: string;
  readonly #pool: pg.Pool;
  readonly #options: PostgresRecordLogOptions;
  readonly #listeners = new Set<() => void>();
  #appending: Promise<unknown> = Promise.resolve();

  constructor(pool: pg.Pool, options: PostgresRecordLogOptions) {
    this.#pool = pool;
    this.#options = options;
    this.topic = options.topic;
  }

  /** Makes the partitions. Idempotent. @throws 'partition-count-changed' where the log has another number of them */
  async prepare(): Promise<void> {
    const { partitions } = this.#options;
    const before = await this.partitionCount();
    if (before === 0) await this.#query(ENSURE_PARTITIONS, [partitions]);
    const count = before === 0 ? await this.partitionCount() : before;
    if (count === partitions) return;
    throw new AppError(
      'partition-count-changed',
      `the log has ${count} partitions, configured are ${partitions}`,
    );
  }

  /** Reads the log as a group; sources of one group do not share partitions. */
  source(
    groupId: string,
    options: { batchEntries?: number; pollMs?: number; retryMs?: number } = {},
  ): RecordSource {
    return new PolledSource({ store: this, groupId, log: this.#options.log, ...options });
  }

  async partitionCount(): Promise<number> {
    const [row] = await this.#query<{ count: number }>(COUNT_PARTITIONS, []);
    return row?.count ?? 0;
  }

  /** Each chunk of 5,000 entries is one transaction: entries of one partition in a small append are in together. */
  append(entries: readonly LogAppend[]): Promise<void> {
    const appending = this.#appending.then(() => this.#append(entries));
    // The next append waits for this one, whatever became of it; its failure is the caller's.
    this.#appending = appending.catch(() => undefined);
    return appending;
  }

  /** Wakes the sources of this process: somebody else appended, in this process or another. */
  notifyAppend(): void {
    for (const listener of this.#listeners) listener();
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Drops entries appended before `beforeMs` (ms since 1970 UTC) that every group has read, and moves the low marks.
   * Returns how many went. A group that no longer exists holds entries back until its row of log_position is deleted.
   */
  async trim(beforeMs: number): Promise<number> {
    let dropped = 0;
    for (const partition of (await this.ends()).keys()) {
      dropped += await inTransaction(this.#pool, async (client) => {
        const { rows } = await client.query<{ low: number | string }>(RAISE_LOW, [
          partition,
          Math.floor(beforeMs),
        ]);
        const result = await client.query(DELETE_BELOW, [partition, Number(rows[0]?.low ?? 0)]);
        return result.rowCount ?? 0;
      });
    }
    return dropped;
  }

  async marks(partition: number, groupId: string): Promise<PartitionMarks> {
    type Row = { low: number | string; next: number | string; position: number | string | null };
    const [row] = await this.#query<Row>(MARKS, [partition, groupId]);
    if (row === undefined) throw new AppError('not-found', `the log has no partition ${partition}`);
    const groupOffset = row.position === null ? null : Number(row.position);
    return { low: Number(row.low), high: Number(row.next), groupOffset };
  }

  async read(partition: number, from: number, limit: number): Promise<LogEntry[]> {
    type Row = {
      offset: number | string;
      key: Buffer | null;
      value: Buffer;
      control: string | null;
      time_ms: number;
    };
    const rows = await this.#query<Row>(READ, [partition, from, limit, MAX_READ_BYTES]);
    return rows.map((row) => ({
      offset: Number(row.offset),
      key: row.key,
      value: row.value,
      control: row.control,
      appendTimeMs: row.time_ms,
    }));
  }

  async ends(): Promise<Map<number, number>> {
    const rows = await this.#query<{ partition: number; next: number | string }>(ENDS, []);
    return new Map(rows.map((row) => [row.partition, Number(row.next)]));
  }

  async savePosition(groupId: string, partition: number, position: number): Promise<void> {
    await this.#query(SAVE_POSITION, [groupId, partition, position]);
  }

  /** Waits for appends in flight. The pool is its owner's to end. */
  async close(): Promise<void> {
    await this.#appending;
  }

  async #append(entries: readonly LogAppend[]): Promise<void> {
    try {
      for (const chunk of chunks(entries)) {
        await inTransaction(this.#pool, async (client) => {
          // Ascending, so that writers that wait for each other's partitions cannot do so in a circle.
          const byPartition = groupBy(chunk, (entry) => entry.partition);
          for (const partition of [...byPartition.keys()].sort((a, b) => a - b)) {
            await this.#insert(client, partition, byPartition.get(partition) ?? []);
          }
        });
      }
    } catch (error) {
      throw appendError(error);
    } finally {
      this.notifyAppend();
    }
  }

  async #insert(client: pg.PoolClient, partition: number, entries: readonly LogAppend[]): Promise<void> {
    const { simulatedTime } = this.#options;
    const result = await client.query(APPEND, [
      partition,
      entries.length,
      bytesArray(entries.map((entry) => entry.key ?? NO_BYTES)),
      int4Array(entries.map((entry) => (entry.key === null ? 0 : 1))),
      bytesArray(entries.map((entry) => entry.value)),
      entries.map((entry) => (entry.control === undefined ? null : formatControlId(entry.control))),
      int8Array(entries.map((entry) => (simulatedTime ? Math.floor(entry.timeMs ?? -1) : -1))),
    ]);
    if (result.rowCount !== entries.length) {
      throw new AppError('log-append-failed', `the log has no partition ${partition}`);
    }
  }

  async #query<Row extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<Row[]> {
    try {
      return (await this.#pool.query<Row>(text, values)).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }
}

const NO_BYTES = new Uint8Array(0);

/** Pieces of an append, in order, each at most MAX_APPEND_ENTRIES and (but for a single entry) MAX_APPEND_BYTES. */
function chunks(entries: readonly LogAppend[]): LogAppend[][] {
  const result: LogAppend[][] = [];
  let chunk: LogAppend[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = entry.value.length + (entry.key?.length ?? 0);
    if (chunk.length > 0 && (chunk.length >= MAX_APPEND_ENTRIES || bytes + size > MAX_APPEND_BYTES)) {
      result.push(chunk);
      chunk = [];
      bytes = 0;
    }
    chunk.push(entry);
    bytes += size;
  }
  if (chunk.length > 0) result.push(chunk);
  return result;
}

function appendError(error: unknown): unknown {
  if (!(error instanceof AppError) || error.code === 'unreachable' || error.code === 'log-append-failed')
    return error;
  return new AppError('log-append-failed', error.message, { retriable: error.retriable, cause: error });
}
