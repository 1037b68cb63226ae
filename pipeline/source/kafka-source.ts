import type { Consumer, ConsumerGroupJoinEvent, EachBatchPayload, Kafka } from 'kafkajs';
import { AppError } from '../../schemas/errors.ts';
import type { PartitionHandler, PartitionMarks, RecordSource } from '../../storage/ports.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { kafkaClient, kafkaError } from './kafka-connection.ts';
import { logEntry } from './kafka-entry.ts';
import { KafkaLane } from './kafka-lane.ts';
import type { LaneControls } from './kafka-lane.ts';
import { KafkaTopic } from './kafka-topic.ts';
import { stickyAssigner } from './sticky-assigner.ts';

/** How an accounting topic is read. */
export interface KafkaSourceOptions extends KafkaConnection {
  topic: string;
  groupId: string;
  /** append times are the producers' (CreateTime); otherwise the topic must have LogAppendTime */
  simulatedTime?: boolean;
  /** batches of different partitions that are handled at the same time; default 8 */
  concurrency?: number;
  /** first pause after a retriable error, doubled up to 2 s; default 200 ms */
  retryMs?: number;
  /** a member that is silent for so long loses its partitions; default 30 s */
  sessionTimeoutMs?: number;
}

const COMMIT_EVERY_MS = 1_000;
const HEARTBEAT_EVERY_MS = 1_000;
const REVIVE_AFTER_MS = 5_000;
const JOIN_TIMEOUT_MS = 60_000;

/**
 * Reads the accounting topic with a consumer group. The position is the handler's: partitions are paused when they
 * come, opened, sought, resumed. Group offsets are written once a second afterwards and never moved back; nothing
 * is read from them but `PartitionMarks.groupOffset`.
 */
export class KafkaSource implements RecordSource {
  readonly topic: string;
  readonly #options: KafkaSourceOptions;
  readonly #kafka: Kafka;
  readonly #admin: KafkaTopic;
  readonly #lanes = new Map<number, KafkaLane>();
  /** highest group offset written or found, by partition */
  readonly #committed = new Map<number, number>();
  /** lanes that are being released, by partition: a new one begins after the old one's end */
  readonly #releasing = new Map<number, Promise<void>>();
  readonly #paused = new Set<number>();
  #consumer: Consumer | null = null;
  #memberId: string | null = null;
  #marks: Promise<Map<number, PartitionMarks>> | null = null;
  #committing = false;
  #commitTimer: NodeJS.Timeout | undefined;
  #reviveTimer: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | null = null;

  constructor(options: KafkaSourceOptions) {
    this.#options = options;
    this.topic = options.topic;
    this.#kafka = kafkaClient(options);
    this.#admin = new KafkaTopic(this.#kafka, options.topic);
  }

  partitionCount(): Promise<number> {
    return this.#admin.partitionCount();
  }

  /** @throws 'not-found' for a topic that is not there, besides what the port says; nothing is left open then */
  async start(handler: PartitionHandler): Promise<void> {
    if (this.#consumer !== null) throw new Error('the source was started before');
    try {
      await this.#admin.requireTopic();
      if (this.#options.simulatedTime !== true) await this.#admin.requireAppendTime();
      await this.#join(handler);
    } catch (error) {
      await this.stop();
      throw kafkaError(error, `reading ${this.topic}`);
    }
  }

  pause(partition: number): void {
    this.#paused.add(partition);
    this.#lanes.get(partition)?.setPaused(true);
  }

  resume(partition: number): void {
    this.#paused.delete(partition);
    this.#lanes.get(partition)?.setPaused(false);
  }

  async highWatermarks(): Promise<Map<number, number>> {
    const offsets = await this.#admin.offsets();
    return new Map(
      [...this.#lanes.keys()].map((partition) => [partition, offsets.get(partition)?.high ?? 0]),
    );
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #join(handler: PartitionHandler): Promise<void> {
    const { groupId, sessionTimeoutMs = 30_000 } = this.#options;
    const consumer = this.#kafka.consumer({
      groupId,
      partitionAssigners: [stickyAssigner(this.topic, () => [...this.#lanes.keys()])],
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: Math.min(1_000, sessionTimeoutMs / 3),
      maxWaitTimeInMs: 50,
      minBytes: 1,
      maxBytesPerPartition: 1024 * 1024,
      allowAutoTopicCreation: false,
      // What stops the consumer is always worth another try while the process lives: the broker may come back.
      retry: { retries: 8, restartOnFailure: () => Promise.resolve(this.#stopping === null) },
    });
    this.#consumer = consumer;
    const joined = new Promise<void>((resolve) => {
      consumer.on(consumer.events.GROUP_JOIN, (event) => {
        this.#onJoin(event, handler);
        resolve();
      });
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      const fields = { err: payload.error, restart: payload.restart };
      this.#options.log('error', 'the Kafka consumer stopped', fields);
      if (!payload.restart)
        this.#reviveTimer = setTimeout(() => void this.#revive(consumer), REVIVE_AFTER_MS);
    });
    await consumer.connect();
    await consumer.subscribe({ topic: this.topic, fromBeginning: true });
    await this.#run(consumer);
    await withTimeout(joined, JOIN_TIMEOUT_MS, `the group ${groupId} could not be joined`);
    this.#commitTimer = setInterval(() => void this.#commit(), COMMIT_EVERY_MS);
  }

  #run(consumer: Consumer): Promise<void> {
    return consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: this.#options.concurrency ?? 8,
      eachBatch: (payload) => this.#onBatch(payload),
    });
  }

  /** kafkajs gives up for good on what it takes for final: a refused login, a topic that was deleted. People mend those. */
  async #revive(consumer: Consumer): Promise<void> {
    if (this.#stopping !== null) return;
    try {
      await consumer.connect();
      await this.#run(consumer);
    } catch (error) {
      this.#options.log('error', 'the Kafka consumer could not be started again', { err: error });
      this.#reviveTimer = setTimeout(() => void this.#revive(consumer), REVIVE_AFTER_MS);
    }
  }

  /**
   * Runs within the join, before anything is fetched. The same member id means that nobody else can have had our
   * partitions in between; with another one everything is opened anew.
   */
  #onJoin({ payload }: ConsumerGroupJoinEvent, handler: PartitionHandler): void {
    if (this.#stopping !== null) return;
    const assigned = new Set(payload.memberAssignment[this.topic] ?? []);
    const sameMember = payload.memberId === this.#memberId;
    this.#memberId = payload.memberId;
    for (const [partition, lane] of this.#lanes) {
      if (sameMember && assigned.has(partition)) lane.rejoin();
      else this.#release(lane);
    }
    for (const partition of assigned) {
      if (this.#lanes.has(partition)) continue;
      const after = this.#releasing.get(partition) ?? Promise.resolve();
      const lane = new KafkaLane(partition, handler, this.#controls, after);
      lane.setPaused(this.#paused.has(partition));
      this.#lanes.set(partition, lane);
    }
    this.#options.log('info', 'partitions were assigned', {
      partitions: [...assigned].sort((a, b) => a - b),
    });
  }

  #release(lane: KafkaLane): void {
    const { partition } = lane;
    this.#lanes.delete(partition);
    this.#committed.delete(partition);
    const before = this.#releasing.get(partition);
    const released = Promise.all([before, lane.release()]).then(() => {
      if (this.#releasing.get(partition) === released) this.#releasing.delete(partition);
    });
    this.#releasing.set(partition, released);
  }

  async #onBatch({ batch, heartbeat, resolveOffset }: EachBatchPayload): Promise<void> {
    const lane = this.#lanes.get(batch.partition);
    const last = batch.messages.at(-1);
    // Unresolved batches are fetched again when the partition is resumed.
    if (lane === undefined || last === undefined || this.#stopping !== null) return;
    const beating = setInterval(() => {
      heartbeat().catch((error: unknown) => {
        // A rebalance or a lost coordinator: the consumer finds out by itself when this batch is done.
        this.#options.log('debug', 'a heartbeat failed', { err: error });
      });
    }, HEARTBEAT_EVERY_MS);
    try {
      const done = await lane.deliver({
        // Not in kafkajs' types: where the fetch that brought this batch began.
        fetchedOffset: Number((batch as { fetchedOffset?: string }).fetchedOffset ?? batch.firstOffset()),
        lastOffset: Number(batch.lastOffset()),
        highWatermark: Number(batch.highWatermark),
        entries: batch.messages.map(logEntry),
      });
      if (done) resolveOffset(last.offset);
    } finally {
      clearInterval(beating);
    }
  }

  get #controls(): LaneControls {
    const within = (doing: string, action: (consumer: Consumer) => void): void => {
      try {
        if (this.#consumer !== null) action(this.#consumer);
      } catch (error) {
        // Between a crash and its restart there is no group; the next join sets everything again.
        this.#options.log('debug', `${doing} outside of a group`, { err: error });
      }
    };
    return {
      log: this.#options.log,
      retryMs: this.#options.retryMs ?? 200,
      seek: (partition, offset) => {
        within('seek', (consumer) => consumer.seek({ topic: this.topic, partition, offset: String(offset) }));
      },
      setPaused: (partition, paused) => {
        const of = [{ topic: this.topic, partitions: [partition] }];
        within('pause', (consumer) => (paused ? consumer.pause(of) : consumer.resume(of)));
      },
      marks: (partition) => this.#marksOf(partition),
    };
  }

  /** Partitions that come together share one pair of requests. */
  async #marksOf(partition: number): Promise<PartitionMarks> {
    this.#marks ??= this.#admin.marks(this.#options.groupId).finally(() => {
      this.#marks = null;
    });
    const marks = (await this.#marks).get(partition);
    if (marks === undefined) {
      throw new AppError('unreachable', `Kafka does not tell the offsets of partition ${partition}`, {
        retriable: true,
      });
    }
    const known = this.#committed.get(partition) ?? -1;
    const told = marks.groupOffset ?? -1;
    this.#committed.set(partition, Math.max(known, told));
    // Resetting an offset, kafkajs overwrites the group's with -2: a trace that a lost tail is found by.
    if (known > told) await this.#write([{ partition, position: known }]);
    return { ...marks, groupOffset: Math.max(known, told) < 0 ? null : Math.max(known, told) };
  }

  async #commit(): Promise<void> {
    const due = [...this.#lanes.values()].flatMap(({ partition, position }) =>
      position !== null && position > (this.#committed.get(partition) ?? -1) ? [{ partition, position }] : [],
    );
    if (due.length === 0 || this.#committing) return;
    this.#committing = true;
    await this.#write(due);
    this.#committing = false;
  }

  /** Group offsets are for lag tools: a failure costs nothing but their accuracy, so it never throws. */
  async #write(positions: readonly { partition: number; position: number }[]): Promise<void> {
    try {
      await this.#consumer?.commitOffsets(
        positions.map(({ partition, position }) => ({
          topic: this.topic,
          partition,
          offset: String(position),
        })),
      );
      for (const { partition, position } of positions) this.#committed.set(partition, position);
    } catch (error) {
      this.#options.log('debug', 'group offsets could not be written', { err: error });
    }
  }

  async #stop(): Promise<void> {
    clearInterval(this.#commitTimer);
    clearTimeout(this.#reviveTimer);
    await Promise.all([...this.#lanes.values()].map((lane) => lane.release()));
    await Promise.all(this.#releasing.values());
    await this.#commit();
    try {
      await this.#consumer?.disconnect();
    } catch (error) {
      this.#options.log('warn', 'leaving the group failed', { err: error });
    }
    await this.#admin.close();
  }
}

async function withTimeout(promise: Promise<void>, ms: number, message: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new AppError('unreachable', `Kafka: ${message}`, { retriable: true })),
      ms,
    );
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
