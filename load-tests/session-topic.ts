import { encodeControl } from '../pipeline/decode/control-codec.ts';
import { ACCOUNTING_SCHEMA_TEXT } from '../pipeline/source/accounting-schema.ts';
import type { Control } from '../schemas/control.ts';
import { partitionOfText } from '../schemas/partitioning.ts';
import { fastRecordEncoder } from '../simulator/fast-encoder.ts';
import { BulkWriter } from '../tests/flow/bulk-writer.ts';
import type { SessionLoad, Statement } from './session-load.ts';

/** Where to write. */
export interface SessionTopicOptions {
  broker: string;
  topic: string;
  partitions: number;
  /** append time of controls, ms since 1970 UTC */
  startMs: number;
}

/** Writes a SessionLoad to a topic, part by part; resolves when the broker has it. */
export class SessionTopic {
  readonly #load: SessionLoad;
  readonly #options: SessionTopicOptions;
  readonly #writer: BulkWriter;
  readonly #encode = fastRecordEncoder(ACCOUNTING_SCHEMA_TEXT, 'single-object');
  readonly #partitionOf: Uint8Array;
  #controls = 0;

  /** @param options at most 256 partitions */
  constructor(load: SessionLoad, options: SessionTopicOptions) {
    this.#load = load;
    this.#options = options;
    this.#writer = new BulkWriter(options);
    this.#partitionOf = Uint8Array.from(load.ids, (id) => partitionOfText(id, options.partitions));
  }

  open(): Promise<void> {
    return this.#writer.open();
  }

  close(): void {
    this.#writer.close();
  }

  /** What concerns everybody, to every partition. */
  async catalogue(controls: readonly Control[]): Promise<void> {
    for (const control of controls) {
      this.#controls += 1;
      const value = encodeControl(control);
      for (let partition = 0; partition < this.#options.partitions; partition += 1)
        await this.#addControl(partition, null, value);
    }
    await this.#writer.flush();
  }

  /** Profiles of the first `count` subscribers. */
  async profiles(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      this.#controls += 1;
      const value = encodeControl({ kind: 'subscriber-profile', profile: this.#load.profile(index) });
      await this.#addControl(this.#partitionOf[index] ?? 0, this.#key(index), value);
    }
    await this.#writer.flush();
  }

  async records(statements: Iterable<Statement>): Promise<void> {
    for (const { index, record, arrivalMs } of statements) {
      const partition = this.#partitionOf[index] ?? 0;
      const entry = { partition, key: this.#key(index), value: this.#encode(record), timeMs: arrivalMs };
      if (this.#writer.add(entry)) await this.#writer.drain();
    }
    await this.#writer.flush();
  }

  #key(index: number): Buffer {
    return Buffer.from(this.#load.ids[index] ?? '', 'utf8');
  }

  async #addControl(partition: number, key: Buffer | null, value: Uint8Array): Promise<void> {
    const control = { source: 'load', n: this.#controls };
    const full = this.#writer.add({ partition, key, value, control, timeMs: this.#options.startMs });
    if (full) await this.#writer.drain();
  }
}
