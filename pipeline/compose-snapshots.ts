import type { Logger } from 'pino';
import { FolderSnapshotStore } from '../storage/folder/snapshot-store.ts';
import type { SnapshotStore, StoredSnapshot } from '../storage/snapshot-ports.ts';
import { kafkaConnection } from './compose-log.ts';
import type { Config } from './config.ts';
import type { LifecyclePart } from './lifecycle.ts';
import { NO_SNAPSHOTS, retentionWarnings } from './snapshot/retention.ts';
import type { LogRetention } from './snapshot/retention.ts';
import { SnapshotRounds } from './snapshot/snapshot-rounds.ts';
import { kafkaClient } from './source/kafka-connection.ts';
import { KafkaTopic } from './source/kafka-topic.ts';

/** What the snapshots of this process's partitions are made with. */
export interface SnapshotSurroundings {
  config: Config;
  log: Logger;
  /** partitions whose slot is in memory */
  owned: () => readonly number[];
  /** has the worker write one between two commits; null = the slot is empty */
  snapshot: (partition: number, snapshots: SnapshotStore) => Promise<StoredSnapshot | null>;
  /** since when somebody wants one of each partition, by the log's clock; null = nobody does */
  asked: () => Promise<number | null>;
  /** the log's clock, ms since 1970 UTC */
  nowMs: () => number;
}

/**
 * Snapshots in turn, in every process that has the role worker: starts after the worker, stops before it. At start it warns
 * where none are written, or the log does not keep enough for them to be of use.
 */
export function snapshotsPart({
  config,
  log,
  owned,
  snapshot,
  asked,
  nowMs,
}: SnapshotSurroundings): LifecyclePart {
  let end = (): Promise<void> => Promise.resolve();
  return {
    name: 'snapshots',
    start: async () => {
      for (const warning of await warnings(config, log)) log.warn(warning);
      if (config.snapshots === null) return;
      const { folder, intervalMs } = config.snapshots;
      const snapshots = new FolderSnapshotStore(folder);
      const { group, topic } = config;
      const write = (partition: number): Promise<StoredSnapshot | null> => snapshot(partition, snapshots);
      const rounds = new SnapshotRounds({
        snapshots,
        group,
        topic,
        owned,
        snapshot: write,
        intervalMs,
        asked,
        nowMs,
        log,
      });
      end = rounds.start();
    },
    stop: () => end(),
  };
}

async function warnings(config: Config, log: Logger): Promise<string[]> {
  const found = config.snapshots === null ? [NO_SNAPSHOTS] : [];
  const intervalMs = config.snapshots?.intervalMs ?? null;
  try {
    return [...found, ...retentionWarnings(config.topic, await retentionOf(config, log), intervalMs)];
  } catch (error) {
    // Not a reason to stop: who may read the topic need not be allowed to read its configuration.
    log.warn(
      { err: error },
      'how long the log keeps its records cannot be read; it must be three snapshot intervals',
    );
    return found;
  }
}

async function retentionOf(config: Config, log: Logger): Promise<LogRetention> {
  if (config.kafka === null) return { ms: config.logRetentionMs, bytes: null, compacted: false };
  const client = kafkaClient(
    kafkaConnection(config.kafka, (level, message, fields) => log[level](fields ?? {}, message)),
  );
  const topic = new KafkaTopic(client, config.topic);
  try {
    return await topic.retention();
  } finally {
    await topic.close();
  }
}
