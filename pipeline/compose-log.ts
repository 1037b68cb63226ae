import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { LogWriter, RecordSource } from '../storage/ports.ts';
import { PostgresRecordLog } from '../storage/postgres/record-log.ts';
import { becomeSingleReader } from '../storage/postgres/single-reader.ts';
import type { SourceLog } from '../storage/source-log.ts';
import type { Config, KafkaConfig } from './config.ts';
import type { KafkaConnection } from './source/kafka-connection.ts';
import { KafkaSource } from './source/kafka-source.ts';
import { KafkaWriter } from './source/kafka-writer.ts';

/** The accounting log: Kafka, or the embedded one. */
export interface AccountingLog {
  source: RecordSource;
  writer: LogWriter;
  /** drops entries appended before a time that have been read; null where the broker does that by itself */
  trim: ((beforeMs: number) => Promise<number>) | null;
  close(): Promise<void>;
}

/** A member that is silent for so long loses its partitions: the time to detect a killed worker. */
const SESSION_TIMEOUT_MS = 10_000;

/** Opens the log that the configuration names. */
export async function openLog(config: Config, pool: pg.Pool, log: Logger): Promise<AccountingLog> {
  const sourceLog: SourceLog = (level, message, fields) => log[level](fields ?? {}, message);
  return config.kafka === null
    ? embeddedLog(config, pool, sourceLog)
    : kafkaLog(config, config.kafka, sourceLog);
}

async function embeddedLog(config: Config, pool: pg.Pool, log: SourceLog): Promise<AccountingLog> {
  const records = new PostgresRecordLog(pool, {
    topic: config.topic,
    partitions: config.partitions,
    simulatedTime: config.simulatedTime,
    log,
  });
  await records.prepare();
  const release = config.roles.includes('worker') ? await becomeSingleReader(pool) : () => undefined;
  return {
    source: records.source(config.group),
    writer: records,
    trim: (beforeMs) => records.trim(beforeMs),
    close: async () => {
      await records.close();
      release();
    },
  };
}

async function kafkaLog(config: Config, kafka: KafkaConfig, log: SourceLog): Promise<AccountingLog> {
  const { topic, group: groupId, simulatedTime } = config;
  const connection = kafkaConnection(kafka, log);
  const writer = new KafkaWriter({ ...connection, topic, simulatedTime });
  await writer.partitionCount();
  return {
    source: new KafkaSource({
      ...connection,
      topic,
      groupId,
      simulatedTime,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
    }),
    writer,
    trim: null,
    close: () => writer.close(),
  };
}

/** How this process reaches Kafka, under a client id of its own. */
export function kafkaConnection(kafka: KafkaConfig, log: SourceLog): KafkaConnection {
  return {
    brokers: kafka.brokers,
    clientId: `weir-${randomUUID().slice(0, 8)}`,
    log,
    ...(kafka.ssl ? { ssl: true } : {}),
    ...(kafka.sasl === null ? {} : { sasl: saslOf(kafka.sasl) }),
  };
}

function saslOf(sasl: NonNullable<KafkaConfig['sasl']>): NonNullable<KafkaConnection['sasl']> {
  return { mechanism: sasl.mechanism, username: sasl.username, password: sasl.password.reveal() };
}
