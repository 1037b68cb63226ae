import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { LogAppend } from '../../storage/ports.ts';
import { RecordBatch } from './record-batch.ts';

/** Of one batch; the broker takes 1 MB by default, and a consumer's fetch is made of whole batches. */
const DEFAULT_BATCH_BYTES = 256 * 1024;
const IN_FLIGHT = 4;

/** Where to write. */
export interface BulkWriterOptions {
  /** host:port of a broker that leads all partitions of the topic */
  broker: string;
  topic: string;
  partitions: number;
  /** bytes at which a batch is sent; default 256 KiB */
  batchBytes?: number;
}

/**
 * Appends to one topic of a single broker as fast as that takes it, with the Produce request of Kafka's protocol
 * (version 7, acks 1). No retries: any error is thrown, and the topic is then of no use.
 */
export class BulkWriter {
  readonly #options: BulkWriterOptions;
  readonly #batches: RecordBatch[];
  #socket: Socket | null = null;
  #received = Buffer.alloc(0);
  #sent = 0;
  #answered = 0;
  #failure: Error | null = null;
  #rouse: (() => void) | null = null;

  constructor(options: BulkWriterOptions) {
    this.#options = options;
    this.#batches = Array.from({ length: options.partitions }, () => new RecordBatch());
  }

  async open(): Promise<void> {
    const [host = '', port = ''] = this.#options.broker.split(':');
    const socket = connect(Number(port), host);
    await once(socket, 'connect');
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the broker closed the connection')));
    this.#socket = socket;
  }

  /** Takes an entry; true = await drain() before the next one. */
  add(entry: LogAppend): boolean {
    const batch = this.#batches[entry.partition];
    if (batch === undefined) throw new RangeError(`no partition ${String(entry.partition)}`);
    batch.add(entry);
    if (batch.bytes < (this.#options.batchBytes ?? DEFAULT_BATCH_BYTES)) return false;
    this.#send(entry.partition, batch);
    return this.#sent - this.#answered >= IN_FLIGHT;
  }

  /** Resolves when there is room for another request. @throws what the broker answered */
  drain(): Promise<void> {
    return this.#until(IN_FLIGHT - 1);
  }

  /** Sends what is left and waits for all answers. */
  async flush(): Promise<void> {
    this.#batches.forEach((batch, partition) => {
      if (batch.count > 0) this.#send(partition, batch);
    });
    await this.#until(0);
  }

  close(): void {
    this.#socket?.removeAllListeners('close');
    this.#socket?.destroy();
    this.#socket = null;
  }

  async #until(waiting: number): Promise<void> {
    while (this.#failure === null && this.#sent - this.#answered > waiting) {
      await new Promise<void>((resolve) => (this.#rouse = resolve));
    }
    if (this.#failure !== null) throw this.#failure;
  }

  #send(partition: number, batch: RecordBatch): void {
    const records = batch.take();
    const topic = Buffer.from(this.#options.topic, 'utf8');
    const head = Buffer.alloc(4 + 8 + 2 + 2 + 2 + 4 + 4 + 2 + topic.length + 4 + 4 + 4);
    let at = head.writeInt32BE(head.length - 4 + records.length, 0);
    at = head.writeInt16BE(0, at); // Produce
    at = head.writeInt16BE(7, at);
    at = head.writeInt32BE(this.#sent, at);
    at = head.writeInt16BE(-1, at); // no client id
    at = head.writeInt16BE(-1, at); // no transaction
    at = head.writeInt16BE(1, at); // acks
    at = head.writeInt32BE(30_000, at);
    at = head.writeInt32BE(1, at);
    at = head.writeInt16BE(topic.length, at);
    at += topic.copy(head, at);
    at = head.writeInt32BE(1, at);
    at = head.writeInt32BE(partition, at);
    head.writeInt32BE(records.length, at);
    this.#sent += 1;
    this.#socket?.write(head);
    this.#socket?.write(records);
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 4) {
      const length = this.#received.readInt32BE(0);
      if (this.#received.length < 4 + length) break;
      // correlation id, one topic, one partition, its number, then the error code
      const code = this.#received.readInt16BE(4 + 4 + 4 + 2 + Buffer.byteLength(this.#options.topic) + 4 + 4);
      if (code !== 0) this.#fail(new Error(`the broker refused a batch: error code ${String(code)}`));
      this.#received = this.#received.subarray(4 + length);
      this.#answered += 1;
    }
    this.#wake();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  #wake(): void {
    const rouse = this.#rouse;
    this.#rouse = null;
    rouse?.();
  }
}
