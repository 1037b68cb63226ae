import type { Kafka, Message, Producer } from 'kafkajs';
import type { DeadLetter } from '../../schemas/outcome.ts';
import type { DeadLetterSink } from '../../storage/ports.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { kafkaClient, kafkaError } from './kafka-connection.ts';

/** Days that the broker keeps letters, if the topic is made here. */
const RETENTION_MS = 30 * 86_400_000;
/** Of one request, bytes. */
const MAX_REQUEST_BYTES = 512 * 1024;

/**
 * Dead letters as records of a topic of their own: the original value, position and reason as headers,
 * `<topic>/<partition>/<offset>` as key. The topic is compacted, so a letter that is put twice ends up once;
 * readers that look before compaction take the key for its identity. Makes the topic where it is missing.
 */
export class KafkaDeadLetters implements DeadLetterSink {
  readonly #connection: KafkaConnection;
  readonly #topic: string;
  readonly #kafka: Kafka;
  #connecting: Promise<Producer> | null = null;
  #putting: Promise<void> = Promise.resolve();

  /** @param options.topic of the dead letters, not of the accounting log */
  constructor(options: KafkaConnection & { topic: string }) {
    this.#connection = options;
    this.#topic = options.topic;
    this.#kafka = kafkaClient(options);
  }

  /** One put after the other: a failed one ends the connection, which the next must not be using. */
  put(letters: readonly DeadLetter[]): Promise<void> {
    if (letters.length === 0) return Promise.resolve();
    const putting = this.#putting.then(() => this.#put(letters));
    // Its caller gets the failure; the next put begins anew.
    this.#putting = putting.catch(() => undefined);
    return putting;
  }

  async #put(letters: readonly DeadLetter[]): Promise<void> {
    try {
      this.#connecting ??= this.#connect();
      const producer = await this.#connecting;
      for (const messages of requests(letters))
        await producer.send({ topic: this.#topic, messages, acks: -1 });
    } catch (error) {
      await this.close();
      throw kafkaError(error, `writing to ${this.#topic}`);
    }
  }

  /** Ends the connection; the next put opens another. */
  async close(): Promise<void> {
    const connecting = this.#connecting;
    this.#connecting = null;
    try {
      await (await connecting)?.disconnect();
    } catch (error) {
      this.#connection.log('debug', 'closing a producer failed', { err: error });
    }
  }

  async #connect(): Promise<Producer> {
    const admin = this.#kafka.admin();
    await admin.connect();
    try {
      const topics = await admin.listTopics();
      // Answers false where somebody else made it meanwhile.
      if (!topics.includes(this.#topic))
        await admin.createTopics({ waitForLeaders: true, topics: [this.#config()] });
    } finally {
      await admin.disconnect();
    }
    const producer = this.#kafka.producer({ maxInFlightRequests: 1, allowAutoTopicCreation: false });
    await producer.connect();
    return producer;
  }

  #config(): { topic: string; configEntries: { name: string; value: string }[] } {
    return {
      topic: this.#topic,
      configEntries: [
        { name: 'cleanup.policy', value: 'compact,delete' },
        { name: 'retention.ms', value: String(RETENTION_MS) },
        { name: 'max.message.bytes', value: String(2 * 1024 * 1024) },
      ],
    };
  }
}

function* requests(letters: readonly DeadLetter[]): Generator<Message[]> {
  let messages: Message[] = [];
  let bytes = 0;
  for (const letter of letters) {
    const size = (letter.value?.length ?? 0) + (letter.key?.length ?? 0) + 512;
    if (messages.length > 0 && bytes + size > MAX_REQUEST_BYTES) {
      yield messages;
      messages = [];
      bytes = 0;
    }
    messages.push(message(letter));
    bytes += size;
  }
  if (messages.length > 0) yield messages;
}

function message(letter: DeadLetter): Message {
  return {
    key: `${letter.topic}/${letter.partition}/${letter.offset}`,
    // A record without value would be a tombstone: compaction would drop the letter.
    value: letter.value === null ? Buffer.alloc(0) : Buffer.from(letter.value),
    headers: {
      'weir-reason': letter.reason,
      'weir-detail': letter.detail,
      'weir-topic': letter.topic,
      'weir-partition': String(letter.partition),
      'weir-offset': String(letter.offset),
      'weir-append-time-ms': String(letter.appendTimeMs),
      'weir-null-value': String(letter.value === null),
      ...(letter.key === null ? {} : { 'weir-key': Buffer.from(letter.key) }),
    },
  };
}
