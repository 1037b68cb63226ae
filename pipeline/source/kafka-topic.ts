import type { Admin, Kafka } from 'kafkajs';
import kafkajs from 'kafkajs';
import { AppError } from '../../schemas/errors.ts';
import type { PartitionMarks } from '../../storage/ports.ts';
import type { LogRetention } from '../snapshot/retention.ts';
import { kafkaError } from './kafka-connection.ts';

// Not a named export for Node's reading of CommonJS.
const TOPIC_RESOURCE = kafkajs.ConfigResourceTypes.TOPIC;
const APPEND_TIME = 'message.timestamp.type=LogAppendTime';

/** Questions about one topic. Connects at the first one; every call may throw 'unreachable'. */
export class KafkaTopic {
  readonly #kafka: Kafka;
  readonly #topic: string;
  #connecting: Promise<Admin> | null = null;

  constructor(kafka: Kafka, topic: string) {
    this.#kafka = kafka;
    this.#topic = topic;
  }

  /** @throws 'not-found' where there is no such topic */
  async requireTopic(): Promise<void> {
    const topics = await this.#ask('listing topics', (admin) => admin.listTopics());
    if (!topics.includes(this.#topic))
      throw new AppError(
        'not-found',
        `Kafka has no topic ${this.#topic}: create it, with as many partitions as it shall ever have, by kafka-topics.sh ` +
          `--bootstrap-server <broker> --create --topic ${this.#topic} --partitions 8 --config ${APPEND_TIME}`,
      );
  }

  /** @throws 'append-time-missing' where records carry the producers' times */
  async requireAppendTime(): Promise<void> {
    const name = 'message.timestamp.type';
    const value = (await this.#settings([name])).get(name);
    if (value === 'LogAppendTime') return;
    throw new AppError(
      'append-time-missing',
      `topic ${this.#topic} must have ${APPEND_TIME}, it has ${value ?? 'none'}: set it by kafka-configs.sh ` +
        `--bootstrap-server <broker> --alter --entity-type topics --entity-name ${this.#topic} --add-config ${APPEND_TIME}`,
    );
  }

  /** How long the topic keeps its records. */
  async retention(): Promise<LogRetention> {
    const names = ['retention.ms', 'retention.bytes', 'cleanup.policy'] as const;
    const settings = await this.#settings(names);
    // Kafka writes -1 for no bound.
    const bound = (name: (typeof names)[number]): number | null => {
      const value = Number(settings.get(name) ?? -1);
      return value < 0 ? null : value;
    };
    const policies = (settings.get('cleanup.policy') ?? 'delete').split(',').map((text) => text.trim());
    const deletes = policies.includes('delete');
    return {
      ms: deletes ? bound('retention.ms') : null,
      bytes: deletes ? bound('retention.bytes') : null,
      compacted: policies.includes('compact'),
    };
  }

  /** How many members a consumer group has now; one that was killed counts until its session ends. */
  async groupMembers(groupId: string): Promise<number> {
    const { groups } = await this.#ask('describing the group', (admin) => admin.describeGroups([groupId]));
    return groups[0]?.members.length ?? 0;
  }

  async partitionCount(): Promise<number> {
    await this.requireTopic();
    const { topics } = await this.#ask('reading the topic', (admin) =>
      admin.fetchTopicMetadata({ topics: [this.#topic] }),
    );
    return topics[0]?.partitions.length ?? 0;
  }

  /** What each partition holds. */
  async offsets(): Promise<Map<number, { low: number; high: number }>> {
    const offsets = await this.#ask('reading offsets', (admin) => admin.fetchTopicOffsets(this.#topic));
    return new Map(
      offsets.map(({ partition, low, high }) => [partition, { low: Number(low), high: Number(high) }]),
    );
  }

  /** The same with a group's offsets. */
  async marks(groupId: string): Promise<Map<number, PartitionMarks>> {
    const [offsets, groups] = await Promise.all([
      this.offsets(),
      this.#ask('reading group offsets', (admin) => admin.fetchOffsets({ groupId, topics: [this.#topic] })),
    ]);
    const ofGroup = new Map(
      groups[0]?.partitions.map(({ partition, offset }) => [partition, Number(offset)]),
    );
    return new Map(
      [...offsets].map(([partition, { low, high }]) => {
        // kafkajs writes -1 or -2 when it resets an offset by itself.
        const groupOffset = ofGroup.get(partition) ?? -1;
        return [partition, { low, high, groupOffset: groupOffset < 0 ? null : groupOffset }];
      }),
    );
  }

  async close(): Promise<void> {
    const connecting = this.#connecting;
    this.#connecting = null;
    if (connecting === null) return;
    try {
      await (await connecting).disconnect();
    } catch {
      // It never connected or the broker is gone: there is nothing to close.
    }
  }

  async #settings(names: readonly string[]): Promise<Map<string, string>> {
    const { resources } = await this.#ask('reading the topic configuration', (admin) =>
      admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: TOPIC_RESOURCE, name: this.#topic, configNames: [...names] }],
      }),
    );
    const entries = resources[0]?.configEntries ?? [];
    return new Map(entries.map(({ configName, configValue }) => [configName, configValue]));
  }

  async #ask<T>(doing: string, question: (admin: Admin) => Promise<T>): Promise<T> {
    try {
      this.#connecting ??= this.#connect();
      return await question(await this.#connecting);
    } catch (error) {
      throw kafkaError(error, doing);
    }
  }

  async #connect(): Promise<Admin> {
    const admin = this.#kafka.admin();
    try {
      await admin.connect();
      return admin;
    } catch (error) {
      this.#connecting = null;
      throw error;
    }
  }
}
