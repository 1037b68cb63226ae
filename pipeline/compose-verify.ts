import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type pg from 'pg';
import { checkPolicyFile } from '../rules/policy-file.ts';
import type { PolicyVersion } from '../schemas/policy.ts';
import type { Analytics } from '../storage/analytics-ports.ts';
import { connectClickHouse } from '../storage/clickhouse/connection.ts';
import { openEmbeddedClickHouse } from '../storage/clickhouse/embedded.ts';
import { FolderSnapshotStore } from '../storage/folder/snapshot-store.ts';
import { allLedgerActions } from '../storage/postgres/action-reader.ts';
import { PostgresDeadLetters } from '../storage/postgres/dead-letters.ts';
import { PostgresRecordLog } from '../storage/postgres/record-log.ts';
import { PostgresUsageRecords } from '../storage/postgres/usage-records.ts';
import type { SourceLog } from '../storage/source-log.ts';
import type { Origin, Readers } from '../verify/readers.ts';
import { verifyLog } from '../verify/verify-log.ts';
import type { Progress, Verification } from '../verify/verify-log.ts';
import { openMigrated } from './compose-admin.ts';
import { kafkaConnection } from './compose-log.ts';
import { openState } from './compose-stores.ts';
import type { Config } from './config.ts';
import { decodeBatch } from './decode/decode.ts';
import { ACCOUNTING_SCHEMA_TEXT } from './source/accounting-schema.ts';
import { WriterSchemaResolver } from './source/schema-registry.ts';
import { KafkaLogReader } from './verify/kafka-log-reader.ts';
import { logStoreReader } from './verify/log-store-reader.ts';
import { snapshotOrigin } from './verify/snapshot-origin.ts';
import { StoredSlots } from './verify/stored-slots.ts';

/** What a verification is asked for. */
export interface VerifyRequest {
  /** ms since 1970 UTC; null = everything that the log holds */
  sinceMs: number | null;
  subscriberId: string | null;
  waitMs: number;
  onProgress: (progress: Progress) => void;
}

type Closers = (() => Promise<void>)[];

/**
 * Opens everything that the configuration names, for reading, and holds it against the log. Beside running processes where
 * all of it is servers; what lies in a data folder is opened when no process holds that.
 *
 * @throws AppError 'data-folder-in-use', 'migration-failed', 'unreachable', 'registry-unavailable', 'not-found'
 */
export async function verify(config: Config, logger: Logger, request: VerifyRequest): Promise<Verification> {
  const closers: Closers = [];
  try {
    const readers = await openReaders(config, logger, closers);
    return await verifyLog({
      readers,
      scope: { onlySubscriber: request.subscriberId, sinceMs: request.sinceMs ?? 0 },
      policyFault,
      waitMs: request.waitMs,
      now: Date.now,
      pause: async (ms) => void (await pause(ms)),
      lettersKeptMs: config.deadLetterRetentionMs,
      onProgress: request.onProgress,
    });
  } finally {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
  }
}

async function openReaders(config: Config, logger: Logger, closers: Closers): Promise<Readers> {
  const { group, topic } = config;
  const needsFolder = config.databaseUrl === null || config.clickhouseUrl === null;
  const pool = await openMigrated(config, logger, needsFolder, closers);
  const store = openState(config, pool, logger);
  closers.push(() => store.close());
  await store.verify();
  const analytics = await openAnalytics(config, closers);
  const log = openLogReader(config, pool, logger, closers);
  const snapshots = config.snapshots === null ? null : new FolderSnapshotStore(config.snapshots.folder);
  return {
    log,
    decode: decoderOf(config, (await log.marks()).size),
    slots: new StoredSlots(store, { group, topic }),
    analytics,
    records: new PostgresUsageRecords(pool),
    letters: new PostgresDeadLetters(pool, topic),
    actions: (subscriberId) => allLedgerActions(pool, subscriberId),
    origin: (partition, beforeMs) => originOf(snapshots, { group, topic }, partition, beforeMs),
  };
}

async function openAnalytics(config: Config, closers: Closers): Promise<Analytics> {
  const analytics =
    config.clickhouseUrl === null
      ? await openEmbeddedClickHouse(join(config.dataDir, 'clickhouse'))
      : await connectClickHouse(config.clickhouseUrl.reveal());
  closers.push(() => analytics.close());
  return analytics;
}

function openLogReader(config: Config, pool: pg.Pool, logger: Logger, closers: Closers): Readers['log'] {
  const sourceLog: SourceLog = (level, message, fields) => logger[level](fields ?? {}, message);
  const { topic, group, partitions, simulatedTime } = config;
  if (config.kafka === null) {
    const records = new PostgresRecordLog(pool, { topic, partitions, simulatedTime, log: sourceLog });
    return logStoreReader(records, group);
  }
  const reader = new KafkaLogReader(kafkaConnection(config.kafka, sourceLog), topic);
  closers.push(() => reader.close());
  return reader;
}

function decoderOf(config: Config, partitionCount: number): Readers['decode'] {
  const { maxRecordBytes } = config;
  const resolver = new WriterSchemaResolver({
    accountingText: ACCOUNTING_SCHEMA_TEXT,
    registryUrl: config.schemaRegistryUrl?.reveal() ?? null,
    maxRecordBytes,
  });
  return async (partition, entries) => {
    const batch = { partition, entries: [...entries], highWatermark: 0 };
    const schemas = await resolver.resolve(batch);
    return decodeBatch(batch, { partitionCount, schemas, maxRecordBytes });
  };
}

async function originOf(
  snapshots: FolderSnapshotStore | null,
  names: { group: string; topic: string },
  partition: number,
  beforeMs: number | null,
): Promise<Origin | null> {
  return snapshots === null ? null : snapshotOrigin(snapshots, names, partition, beforeMs);
}

function policyFault({ policyId, file }: PolicyVersion): string | null {
  if (policyId !== file.id) return `the file's id is ${file.id}`;
  const checked = checkPolicyFile(file);
  return 'file' in checked ? null : (checked.faults[0]?.message ?? 'is not valid');
}
