import type { Logger } from 'pino';
import { AppError, isAppError } from '../schemas/errors.ts';
import { FolderSnapshotStore, readSnapshotFile } from '../storage/folder/snapshot-store.ts';
import type { PartitionMarks, StateStore } from '../storage/ports.ts';
import { PostgresRecordLog } from '../storage/postgres/record-log.ts';
import { becomeSingleReader } from '../storage/postgres/single-reader.ts';
import type { StoredSnapshot } from '../storage/snapshot-ports.ts';
import type { SourceLog } from '../storage/source-log.ts';
import type pg from 'pg';
import { openMigrated } from './compose-admin.ts';
import { kafkaConnection } from './compose-log.ts';
import { openState } from './compose-stores.ts';
import type { Config, KafkaConfig } from './config.ts';
import { inspectSlot } from './snapshot/inspect-slot.ts';
import type { SlotReport } from './snapshot/inspect-slot.ts';
import { checkSnapshot } from './snapshot/read-snapshot.ts';
import { rebuildPartition } from './snapshot/rebuild.ts';
import type { RebuildReport, RebuildSource } from './snapshot/rebuild.ts';
import { readSlotCore, readsVersion } from './snapshot/slot-core.ts';
import { kafkaClient } from './source/kafka-connection.ts';
import { KafkaTopic } from './source/kafka-topic.ts';

type LogRange = Pick<PartitionMarks, 'low' | 'high'>;

/** The accounting log as far as a rebuild needs it. */
interface LogFacts {
  /** what each partition holds */
  ranges(): Promise<Map<number, LogRange>>;
  /** Throws 'conflict' while somebody reads the log; what holds others off lasts until close. */
  requireUnread(): Promise<void>;
  close(): Promise<void>;
}

/** What the commands do to the state of slots while no worker is needed. */
export interface StateAdmin {
  /** What the accounting log holds, by partition. */
  ranges(): Promise<Map<number, LogRange>>;
  /** Throws 'invalid-input' where no snapshots are kept. */
  snapshots(): Promise<StoredSnapshot[]>;
  show(partition: number): Promise<SlotReport>;
  /** Throws 'conflict' while workers run: they would take the slots back. */
  requireStopped(): Promise<void>;
  /** See rebuildPartition. */
  rebuild(partition: number, source: RebuildSource, options: { force: boolean }): Promise<RebuildReport>;
  /** A snapshot file as a source, and the partition that it is of. Throws 'not-found', 'store-corrupt'. */
  file(path: string): Promise<{ source: RebuildSource; partition: number }>;
  /** Closes all of it; the data folder last. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens the state store and the log that the configuration names.
 *
 * @throws AppError 'data-folder-in-use' while a process holds the embedded database, 'migration-failed', 'unreachable',
 *   'store-unsafe'
 */
export async function openStateAdmin(config: Config, logger: Logger): Promise<StateAdmin> {
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (let next = closers.pop(); next !== undefined; next = closers.pop()) await next();
  };
  try {
    const pool = await openMigrated(config, logger, config.databaseUrl === null, closers);
    const store = openState(config, pool, logger);
    closers.push(() => store.close());
    await store.verify();
    const facts =
      config.kafka === null ? embeddedFacts(config, pool, logger) : kafkaFacts(config, config.kafka, logger);
    closers.push(() => facts.close());
    return stateAdmin(config, store, facts, close);
  } catch (error) {
    await close();
    throw error;
  }
}

function stateAdmin(
  config: Config,
  store: StateStore,
  facts: LogFacts,
  close: () => Promise<void>,
): StateAdmin {
  const { group, topic } = config;
  const snapshots = config.snapshots === null ? null : new FolderSnapshotStore(config.snapshots.folder);
  return {
    ranges: () => facts.ranges(),
    snapshots: async () => {
      if (snapshots === null) {
        throw new AppError('invalid-input', 'no snapshots are kept: set SNAPSHOT_URL as the workers have it');
      }
      return snapshots.list(group, topic);
    },
    show: (partition) => inspectSlot(store, { group, topic, partition }, readSlotCore),
    requireStopped: () => facts.requireUnread(),
    rebuild: async (partition, source, options) => {
      const log = (await facts.ranges()).get(partition);
      if (log === undefined) {
        throw new AppError('invalid-input', `topic ${topic} has no partition ${String(partition)}`);
      }
      return rebuildPartition(
        { store, snapshots, readsVersion },
        { group, topic, partition },
        log,
        source,
        options,
      );
    },
    file: async (path) => {
      const open = (): AsyncIterable<Uint8Array> => readSnapshotFile(path);
      const { header } = await checkSnapshot(open);
      return { source: { kind: 'given', place: path, open }, partition: header.slot.partition };
    },
    close,
  };
}

function embeddedFacts(config: Config, pool: pg.Pool, logger: Logger): LogFacts {
  const { topic, partitions, simulatedTime } = config;
  const records = new PostgresRecordLog(pool, { topic, partitions, simulatedTime, log: logTo(logger) });
  let release = (): void => undefined;
  return {
    ranges: async () => {
      const count = await records.partitionCount();
      const all = Array.from({ length: count }, (_, partition) => partition);
      return new Map(
        await Promise.all(
          all.map(async (partition) => [partition, await records.marks(partition, config.group)] as const),
        ),
      );
    },
    requireUnread: async () => {
      release = await becomeSingleReader(pool).catch((cause: unknown) => {
        throw isAppError(cause, 'conflict') ? running('a worker reads the embedded log', cause) : cause;
      });
    },
    close: async () => {
      release();
      await records.close();
    },
  };
}

function kafkaFacts(config: Config, kafka: KafkaConfig, logger: Logger): LogFacts {
  const topic = new KafkaTopic(kafkaClient(kafkaConnection(kafka, logTo(logger))), config.topic);
  return {
    ranges: async () => {
      await topic.requireTopic();
      return topic.offsets();
    },
    requireUnread: async () => {
      const members = await topic.groupMembers(config.group);
      if (members === 0) return;
      throw running(
        `the consumer group ${config.group} has ${String(members)} member(s), and a killed one counts for 10 s more`,
      );
    },
    close: () => topic.close(),
  };
}

function running(why: string, cause?: unknown): AppError {
  const advice =
    'stop the workers first; --force does it all the same, and fails where a worker takes the slot back';
  return new AppError('conflict', `${why}: ${advice}`, { cause });
}

function logTo(logger: Logger): SourceLog {
  return (level, message, fields) => logger[level](fields ?? {}, message);
}
