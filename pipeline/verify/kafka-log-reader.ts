import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import { AppError } from '../../schemas/errors.ts';
import type { LogEntry } from '../../storage/ports.ts';
import type { LogReader } from '../../verify/readers.ts';
import type { KafkaConnection } from '../source/kafka-connection.ts';
import { kafkaClient, kafkaError } from '../source/kafka-connection.ts';
import { logEntry } from '../source/kafka-entry.ts';
import { KafkaTopic } from '../source/kafka-topic.ts';
import { Handover } from './handover.ts';

/** Nothing new for so long although entries are missing: they were deleted, or the broker is away. */
const SILENCE_MS = 60_000;

interface Batch {
  partition: number;
  entries: LogEntry[];
}

/**
 * Reads ranges of an accounting topic in a consumer group of its own, which commits nothing and is deleted at the end; the
 * workers' group never notices. It joins once, since brokers let a new group wait for seconds. One read at a time.
 */
export class KafkaLogReader implements LogReader {
  readonly #topic: string;
  readonly #kafka: Kafka;
  readonly #admin: KafkaTopic;
  readonly #groupId = `weir-verify-${randomUUID()}`;
  /** what is being read: partition -> next offset */
  readonly #next = new Map<number, number>();
  #joining: Promise<Consumer> | null = null;
  #hand: Handover<Batch> | null = null;

  constructor(connection: KafkaConnection, topic: string) {
    this.#topic = topic;
    this.#kafka = kafkaClient(connection);
    this.#admin = new KafkaTopic(this.#kafka, topic);
  }

  /** @throws AppError 'not-found', 'unreachable' */
  async marks(): Promise<Map<number, { low: number; high: number }>> {
    await this.#admin.requireTopic();
    return this.#admin.offsets();
  }

  /** @throws AppError 'unreachable' where the broker stops answering, 'position-out-of-range' where entries are gone */
  async *read(ranges: ReadonlyMap<number, { from: number; to: number }>): AsyncGenerator<Batch> {
    const left = new Map([...ranges].filter(([, { from, to }]) => from < to));
    if (left.size === 0) return;
    await this.#requireHeld(left);
    const hand = new Handover<Batch>();
    try {
      const consumer = await this.#joined();
      this.#hand = hand;
      for (const [partition, { from }] of left) this.#next.set(partition, from);
      this.#direct(consumer, [...left.keys()]);
      while (left.size > 0) {
        const { partition, entries } = await hand.take(SILENCE_MS);
        const range = left.get(partition);
        const from = this.#next.get(partition);
        const last = entries.at(-1);
        if (range === undefined || from === undefined || last === undefined || last.offset < from) continue;
        const wanted = entries.filter(({ offset }) => offset >= from && offset < range.to);
        this.#next.set(partition, last.offset + 1);
        if (last.offset + 1 >= range.to) {
          left.delete(partition);
          this.#next.delete(partition);
          consumer.pause([{ topic: this.#topic, partitions: [partition] }]);
        }
        if (wanted.length > 0) yield { partition, entries: wanted };
      }
    } catch (error) {
      throw kafkaError(error, `reading ${this.#topic}`);
    } finally {
      this.#hand = null;
      hand.end();
      const consumer = await this.#joining;
      const unread = [...this.#next.keys()];
      this.#next.clear();
      if (unread.length > 0) consumer?.pause([{ topic: this.#topic, partitions: unread }]);
    }
  }

  /** Leaves the group and deletes it. Idempotent. */
  async close(): Promise<void> {
    const joining = this.#joining;
    this.#joining = null;
    if (joining !== null) {
      await (await joining).disconnect();
      await this.#forget();
    }
    await this.#admin.close();
  }

  async #requireHeld(ranges: ReadonlyMap<number, { from: number }>): Promise<void> {
    const marks = await this.marks();
    for (const [partition, { from }] of ranges) {
      const low = marks.get(partition)?.low ?? 0;
      if (from >= low) continue;
      throw new AppError(
        'position-out-of-range',
        `partition ${partition} of ${this.#topic} begins at offset ${low} by now: run the command again`,
      );
    }
  }

  #joined(): Promise<Consumer> {
    this.#joining ??= this.#join();
    return this.#joining;
  }

  async #join(): Promise<Consumer> {
    const consumer = this.#kafka.consumer({
      groupId: this.#groupId,
      maxWaitTimeInMs: 50,
      sessionTimeout: 60_000,
      allowAutoTopicCreation: false,
      retry: { retries: 8 },
    });
    const joined = new AbortController();
    consumer.on(consumer.events.CRASH, ({ payload }) => this.#hand?.fail(payload.error));
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.#direct(consumer, payload.memberAssignment[this.#topic] ?? []);
      joined.abort();
    });
    await consumer.connect();
    await consumer.subscribe({ topic: this.#topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: 4,
      eachBatch: (payload) => this.#onBatch(payload),
    });
    if (!joined.signal.aborted) await once(joined.signal, 'abort');
    return consumer;
  }

  /** Sets partitions to where they are to be read from; those that nobody reads are paused. */
  #direct(consumer: Consumer, partitions: readonly number[]): void {
    const topic = this.#topic;
    for (const partition of partitions) {
      const offset = this.#next.get(partition);
      if (offset === undefined) consumer.pause([{ topic, partitions: [partition] }]);
      else {
        consumer.seek({ topic, partition, offset: String(offset) });
        consumer.resume([{ topic, partitions: [partition] }]);
      }
    }
  }

  async #onBatch({ batch, heartbeat }: EachBatchPayload): Promise<void> {
    // Whoever reads next begins with a seek: nothing is lost by leaving a batch that nobody asked for.
    await this.#hand?.give({ partition: batch.partition, entries: batch.messages.map(logEntry) }, heartbeat);
  }

  async #forget(): Promise<void> {
    const admin = this.#kafka.admin();
    try {
      await admin.connect();
      await admin.deleteGroups([this.#groupId]);
    } catch {
      // An empty group without offsets is forgotten by the broker itself.
    } finally {
      await admin.disconnect();
    }
  }
}
