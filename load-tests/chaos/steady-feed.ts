import { setTimeout as pause } from 'node:timers/promises';
import type { LogAppend } from '../../storage/ports.ts';
import { BulkWriter } from '../../tests/flow/bulk-writer.ts';

/** What is fed, and how fast. */
export interface FeedOptions {
  broker: string;
  topic: string;
  partitions: number;
  entries: Iterator<LogAppend>;
  perSecond: number;
}

const TURN_MS = 50;
/** Most entries between two looks at the clock: after an outage it hurries, within bounds. */
const LARGEST_TURN = 5_000;
/** Of one batch: many small ones, as feeders send them. */
const BATCH_BYTES = 64 * 1024;

/**
 * Appends entries at an even rate, whatever the broker does: what was not acknowledged is sent again, so a restart of
 * the broker leaves duplicates in the log, as any feeder would.
 */
export class SteadyFeed {
  /** entries that the broker has acknowledged */
  sent = 0;
  /** the latest stamp of what was taken, ms since 1970 UTC; the log's clock is about there */
  atMs = 0;
  /** entries that were sent once more, since nobody knows whether they were stored */
  resent = 0;
  readonly #options: FeedOptions;
  #stopping = false;
  #done: Promise<void> | null = null;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** Begins; rejects nothing: `stop` does. */
  start(): void {
    this.#done ??= this.#run();
    this.#done.catch(() => undefined);
  }

  /** No more entries are taken; resolves when all that were taken are acknowledged. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#done;
  }

  /** Resolves when the entries have come to an end. */
  async ended(): Promise<void> {
    await this.#done;
  }

  async #run(): Promise<void> {
    const startedMs = performance.now();
    let writer = await this.#open();
    try {
      for (;;) {
        const due =
          Math.floor(((performance.now() - startedMs) / 1000) * this.#options.perSecond) - this.sent;
        const { turn, last } = this.#next(Math.min(due, LARGEST_TURN));
        for (;;) {
          try {
            await send(writer, turn);
            break;
          } catch {
            // The broker is away, or was: whether it has stored them, nobody can tell.
            this.resent += turn.length;
            writer.close();
            writer = await this.#open();
          }
        }
        this.sent += turn.length;
        if (last || this.#stopping) return;
        await pause(TURN_MS);
      }
    } finally {
      writer.close();
    }
  }

  #next(count: number): { turn: LogAppend[]; last: boolean } {
    const turn: LogAppend[] = [];
    while (turn.length < count) {
      const next = this.#options.entries.next();
      if (next.done === true) return { turn, last: true };
      turn.push(next.value);
      this.atMs = Math.max(this.atMs, next.value.timeMs ?? 0);
    }
    return { turn, last: false };
  }

  async #open(): Promise<BulkWriter> {
    for (;;) {
      const { broker, topic, partitions } = this.#options;
      const writer = new BulkWriter({ broker, topic, partitions, batchBytes: BATCH_BYTES });
      try {
        await writer.open();
        return writer;
      } catch {
        // Not there (again) yet.
        writer.close();
        await pause(4 * TURN_MS);
      }
    }
  }
}

async function send(writer: BulkWriter, entries: readonly LogAppend[]): Promise<void> {
  for (const entry of entries) {
    if (writer.add(entry)) await writer.drain();
  }
  await writer.flush();
}
