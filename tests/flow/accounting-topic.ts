import type { Admin, Kafka } from 'kafkajs';
import { CONTROL_HEADER, parseControlId } from '../../schemas/control.ts';
import type { Control } from '../../schemas/control.ts';
import { kafkaClient } from '../../pipeline/source/kafka-connection.ts';
import type { VerifyEntry } from '../../verify/entry.ts';
import { plainUsageEvent } from './plain-decode.ts';

/** Keys of entries that no reader can meter begin with this. */
export const BAD_KEY = 'bad-';

/** One topic as the flow tests use it: made, measured, read back. */
export class AccountingTopic {
  readonly name: string;
  readonly partitions: number;
  readonly #kafka: Kafka;
  readonly #admin: Admin;
  /** what was deleted from the log, by partition */
  readonly #deleted: VerifyEntry[][];

  private constructor(kafka: Kafka, admin: Admin, name: string, partitions: number) {
    this.#kafka = kafka;
    this.#admin = admin;
    this.name = name;
    this.partitions = partitions;
    this.#deleted = Array.from({ length: partitions }, () => []);
  }

  /** Makes the topic. @param stamps by default the producer's, as simulated time needs */
  static async make(
    brokers: string,
    name: string,
    partitions: number,
    stamps: 'CreateTime' | 'LogAppendTime' = 'CreateTime',
  ): Promise<AccountingTopic> {
    const kafka = kafkaClient({ brokers: [brokers], clientId: 'weir-flow-test', log: () => undefined });
    const admin = kafka.admin();
    await admin.connect();
    const configEntries = [{ name: 'message.timestamp.type', value: stamps }];
    await admin.createTopics({
      waitForLeaders: true,
      topics: [{ topic: name, numPartitions: partitions, replicationFactor: 1, configEntries }],
    });
    return new AccountingTopic(kafka, admin, name, partitions);
  }

  /** End of each partition, in their order. */
  async ends(): Promise<number[]> {
    const offsets = await this.#admin.fetchTopicOffsets(this.name);
    return offsets.sort((a, b) => a.partition - b.partition).map(({ high }) => Number(high));
  }

  /** Messages in a topic of one partition or more; 0 where there is no such topic. */
  async entriesOf(topic: string): Promise<number> {
    if (!(await this.#admin.listTopics()).includes(topic)) return 0;
    const offsets = await this.#admin.fetchTopicOffsets(topic);
    return offsets.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
  }

  /** Deletes what each partition holds before an offset, as retention does. readBack still knows it. */
  async deleteBefore(offsets: readonly number[]): Promise<void> {
    const logs = await this.readBack();
    const partitions = offsets.map((offset, partition) => ({ partition, offset: String(offset) }));
    await this.#admin.deleteTopicRecords({ topic: this.name, partitions });
    offsets.forEach((before, partition) => {
      this.#deleted[partition] = logs[partition]?.filter(({ offset }) => offset < before) ?? [];
    });
  }

  /** Gives the topic more partitions, which must never be done. */
  async widen(partitions: number): Promise<void> {
    await this.#admin.createPartitions({ topicPartitions: [{ topic: this.name, count: partitions }] });
  }

  /** All entries ever written to each partition in offset order, by a plain consumer and a plain decoder. */
  async readBack(): Promise<VerifyEntry[][]> {
    const ends = await this.ends();
    const logs: VerifyEntry[][] = ends.map((_, partition) => [...(this.#deleted[partition] ?? [])]);
    const offsets = await this.#admin.fetchTopicOffsets(this.name);
    const open = new Set(
      offsets.flatMap(({ partition, low, high }) => (Number(low) < Number(high) ? [partition] : [])),
    );
    const consumer = this.#kafka.consumer({ groupId: `${this.name}-reader`, maxWaitTimeInMs: 100 });
    await consumer.connect();
    try {
      await consumer.subscribe({ topic: this.name, fromBeginning: true });
      await new Promise<void>((resolve, reject) => {
        if (open.size === 0) resolve();
        consumer.on('consumer.crash', ({ payload }) => reject(payload.error));
        const eachBatch = async ({
          batch: { partition, messages },
        }: {
          batch: KafkaBatch;
        }): Promise<void> => {
          const log = logs[partition];
          const known = log?.at(-1)?.offset ?? -1;
          for (const message of messages) if (Number(message.offset) > known) log?.push(entryOf(message));
          if (Number(messages.at(-1)?.offset ?? -1) + 1 >= (ends[partition] ?? 0)) open.delete(partition);
          if (open.size === 0) resolve();
          return Promise.resolve();
        };
        consumer.run({ autoCommit: false, partitionsConsumedConcurrently: 4, eachBatch }).catch(reject);
      });
    } finally {
      await consumer.disconnect();
    }
    return logs;
  }

  /** Deletes the topic and ends the connection. */
  async drop(): Promise<void> {
    await this.#admin.deleteTopics({ topics: [this.name] });
    await this.#admin.disconnect();
  }
}

interface KafkaBatch {
  partition: number;
  messages: KafkaMessage[];
}

interface KafkaMessage {
  offset: string;
  timestamp: string;
  key: Buffer | null;
  value: Buffer | null;
  headers?: Record<string, Buffer | string | (Buffer | string)[] | undefined>;
}

function entryOf(message: KafkaMessage): VerifyEntry {
  const offset = Number(message.offset);
  const appendTimeMs = Number(message.timestamp);
  const header = message.headers?.[CONTROL_HEADER];
  const value = message.value ?? Buffer.alloc(0);
  if (header !== undefined) {
    const id = parseControlId(String(header));
    if (id === null) throw new Error(`control without a readable id at offset ${message.offset}`);
    const control = JSON.parse(value.toString('utf8')) as Control;
    return { kind: 'control', offset, appendTimeMs, id, control };
  }
  if (message.key?.toString('utf8').startsWith(BAD_KEY) === true)
    return { kind: 'dead', offset, appendTimeMs, reason: 'unreadable' };
  return { kind: 'usage', offset, appendTimeMs, event: plainUsageEvent(value) };
}
