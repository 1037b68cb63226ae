import type { IHeaders, Kafka, Message, Producer } from 'kafkajs';
import { CompressionTypes } from 'kafkajs';
import { CONTROL_HEADER, formatControlId } from '../../schemas/control.ts';
import type { LogAppend, LogWriter } from '../../storage/ports.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { kafkaClient, kafkaError } from './kafka-connection.ts';
import { KafkaTopic } from './kafka-topic.ts';

/** How an accounting topic is written. */
export interface KafkaWriterOptions extends KafkaConnection {
  topic: string;
  /** records carry `LogAppend.timeMs`; without it they carry the time of sending, which LogAppendTime replaces */
  simulatedTime?: boolean;
}

/** Of one request: below the broker's default of 1 MB a batch, with room for keys and headers. Bytes. */
const MAX_REQUEST_BYTES = 512 * 1024;
const MAX_REQUEST_ENTRIES = 5_000;

/**
 * Appends to the accounting topic: all replicas, idempotent producer, one request in flight, so order is kept
 * and the producer's own retries do not double entries. After a failed append a new producer takes over, because
 * kafkajs would go on with sequence numbers that the broker may not have seen.
 */
export class KafkaWriter implements LogWriter {
  readonly #options: KafkaWriterOptions;
  readonly #kafka: Kafka;
  readonly #admin: KafkaTopic;
  #producer: Producer | null = null;
  #appending: Promise<unknown> = Promise.resolve();

  constructor(options: KafkaWriterOptions) {
    this.#options = options;
    this.#kafka = kafkaClient(options);
    this.#admin = new KafkaTopic(this.#kafka, options.topic);
  }

  partitionCount(): Promise<number> {
    return this.#admin.partitionCount();
  }

  append(entries: readonly LogAppend[]): Promise<void> {
    const appending = this.#appending.then(() => this.#append(entries));
    // The next append waits for this one, whatever became of it; its failure is the caller's.
    this.#appending = appending.catch(() => undefined);
    return appending;
  }

  async close(): Promise<void> {
    await this.#appending;
    await this.#drop();
    await this.#admin.close();
  }

  async #append(entries: readonly LogAppend[]): Promise<void> {
    try {
      for (const messages of requests(entries, this.#options.simulatedTime === true)) {
        const producer = this.#producer ?? (await this.#connect());
        await producer.send({
          topic: this.#options.topic,
          messages,
          acks: -1,
          compression: CompressionTypes.None,
        });
      }
    } catch (error) {
      await this.#drop();
      throw kafkaError(error, `appending to ${this.#options.topic}`, 'log-append-failed');
    }
  }

  async #connect(): Promise<Producer> {
    const producer = this.#kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 8 },
    });
    this.#producer = producer;
    await producer.connect();
    return producer;
  }

  async #drop(): Promise<void> {
    const producer = this.#producer;
    this.#producer = null;
    try {
      await producer?.disconnect();
    } catch (error) {
      this.#options.log('debug', 'closing a producer failed', { err: error });
    }
  }
}

/** Requests in order, each within the limits; a single larger entry is a request of its own. */
function* requests(entries: readonly LogAppend[], simulatedTime: boolean): Generator<Message[]> {
  let messages: Message[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = entry.value.length + (entry.key?.length ?? 0) + 64;
    if (messages.length > 0 && (messages.length >= MAX_REQUEST_ENTRIES || bytes + size > MAX_REQUEST_BYTES)) {
      yield messages;
      messages = [];
      bytes = 0;
    }
    messages.push(message(entry, simulatedTime));
    bytes += size;
  }
  if (messages.length > 0) yield messages;
}

function message(entry: LogAppend, simulatedTime: boolean): Message {
  const headers: IHeaders =
    entry.control === undefined ? {} : { [CONTROL_HEADER]: formatControlId(entry.control) };
  return {
    partition: entry.partition,
    key: entry.key === null ? null : asBuffer(entry.key),
    value: asBuffer(entry.value),
    headers,
    ...(simulatedTime && entry.timeMs !== undefined ? { timestamp: String(Math.floor(entry.timeMs)) } : {}),
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
