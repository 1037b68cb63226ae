import { setTimeout as delay } from 'node:timers/promises';
import type { AccountingRecord } from '../schemas/accounting-record.ts';
import { isAppError } from '../schemas/errors.ts';
import { partitionOf } from '../schemas/partitioning.ts';
import type { LogAppend, LogWriter } from '../storage/ports.ts';
import type { SimRecord } from './delivery.ts';
import type { FeedState } from './feed-state.ts';
import type { Provider } from './provider.ts';

/** How a provider is fed into a log; all but the first three have defaults. */
export interface FeederOptions {
  readonly provider: Provider;
  /** the accounting log; the Feeder does not close it */
  readonly writer: LogWriter;
  /** record -> entry, with framing */
  readonly encode: (record: AccountingRecord) => Uint8Array;
  /** simulated seconds a real second; 60 = an hour a minute. Default 60 */
  readonly speed?: number;
  /** makes the state durable before the log holds anything later than it says; absent = not kept */
  readonly save?: (state: FeedState) => Promise<void>;
  /** simulated ms between two ticks of every partition. Default 30,000 */
  readonly tickEveryMs?: number;
  /** entries of one append, and thereby in flight. Default 2,000 */
  readonly maxEntries?: number;
  /** real ms, any origin, never falling. Default performance.now */
  readonly clock?: () => number;
  /** resolves after so many real ms, or rejects when the signal aborts */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<unknown>;
  /** an append failed and will be tried again */
  readonly onRetry?: (error: unknown) => void;
  /** the feed has ended by an error that no retry heals */
  readonly onFailure?: (error: unknown) => void;
}

/** Totals since start. */
export interface FeederStats {
  records: number;
  ticks: number;
  retries: number;
}

/** Real ms between two looks at the clock. */
const STEP_MS = 100;
/** Real time that one look may bring at most: where the log is slower, simulated time is slower too. */
const MAX_STEP_MS = 1_000;
/** Real seconds of simulated time that one save covers; what a crash skips at most. */
const RESERVED_SECONDS = 10;
/** Partition watermarks run this far behind the newest event (as with records). */
const WATERMARK_LAG_MS = 60_000;
const MIN_RETRY_MS = 200;
const MAX_RETRY_MS = 5_000;
/** Source of the ticks' control ids; n = t. */
const TICK_SOURCE = 'sim-tick';

/**
 * Drives a provider along (accelerated) real time and appends what arrives to the log, in order of arrival, stamped
 * with simulated time. Ticks every partition, so that the log's clock runs where nobody uses anything.
 *
 * Delivery: at least once; an append whose outcome is unknown is repeated as it was (exact duplicates; ticks are
 * skipped by their n). Back-pressure: one append in flight, at most maxEntries entries, and time waits for it.
 */
export class Feeder {
  /** Totals since start; read only. */
  readonly stats: FeederStats = { records: 0, ticks: 0, retries: 0 };
  readonly #options: FeederOptions;
  readonly #keys = new Map<string, { bytes: Uint8Array; partition: number }>();
  readonly #abort = new AbortController();
  #speed: number;
  #partitions = 0;
  #tickedMs: number;
  #reservedMs: number;
  #loop: Promise<void> | undefined;

  constructor(options: FeederOptions) {
    this.#options = options;
    this.#speed = options.speed ?? 60;
    this.#tickedMs = options.provider.nowMs;
    this.#reservedMs = options.provider.nowMs;
  }

  /** Simulated time, ms since 1970 UTC. */
  get nowMs(): number {
    return this.#options.provider.nowMs;
  }

  /** Changes the speed of time from now on; simulated seconds a real second, more than 0. */
  accelerate(speed: number): void {
    this.#speed = speed;
  }

  /** Begins to feed. Call once. Throws what the writer throws when asked for its partitions. */
  async start(): Promise<void> {
    this.#partitions = await this.#options.writer.partitionCount();
    this.#loop = this.#run().catch((error: unknown) => {
      // A stop ends a wait by rejecting it; that is no failure.
      if (!this.#abort.signal.aborted) this.#options.onFailure?.(error);
    });
  }

  /** Ends after the append in flight and saves the state. Idempotent. */
  async stop(): Promise<void> {
    this.#abort.abort();
    if (this.#loop === undefined) return;
    await this.#loop;
    this.#loop = undefined;
    await this.#save(this.nowMs);
  }

  async #run(): Promise<void> {
    const { clock = (): number => performance.now(), wait = sleep } = this.#options;
    const { signal } = this.#abort;
    let lastMs = clock();
    while (!signal.aborted) {
      const realMs = clock();
      const passedMs = Math.min(realMs - lastMs, MAX_STEP_MS);
      lastMs = realMs;
      await this.feedUntil(this.nowMs + Math.round(passedMs * this.#speed));
      if (!signal.aborted) await wait(STEP_MS, signal);
    }
  }

  /**
   * Appends everything up to a simulated time as fast as the log takes it, without a clock (tests, load runs).
   * Not while start() is in force. Throws the writer's error where no retry heals it.
   */
  async feedUntil(toMs: number): Promise<void> {
    const { provider, writer, tickEveryMs = 30_000 } = this.#options;
    if (this.#partitions === 0) this.#partitions = await writer.partitionCount();
    while (provider.nowMs < toMs && !this.#abort.signal.aborted) {
      const nextMs = Math.min(toMs, this.#tickedMs + tickEveryMs);
      if (nextMs > this.#reservedMs) await this.#reserve(nextMs);
      const arrived = provider.advance(nextMs);
      const due = nextMs >= this.#tickedMs + tickEveryMs;
      if (due) this.#tickedMs = nextMs;
      await this.#append(arrived, due ? this.#ticks(nextMs) : []);
    }
  }

  async #append(arrived: SimRecord[], ticks: LogAppend[]): Promise<void> {
    const { maxEntries = 2_000 } = this.#options;
    for (let from = 0; from < arrived.length; from += maxEntries) {
      const chunk = arrived.slice(from, from + maxEntries);
      const entries = chunk.map((each) => this.#entry(each));
      await this.#appendDurably(entries);
      this.stats.records += chunk.length;
    }
    if (ticks.length > 0) await this.#appendDurably(ticks);
    this.stats.ticks += ticks.length;
  }

  async #appendDurably(entries: readonly LogAppend[]): Promise<void> {
    const { writer, wait = sleep, onRetry } = this.#options;
    for (let pauseMs = MIN_RETRY_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_RETRY_MS)) {
      try {
        await writer.append(entries);
        return;
      } catch (error) {
        if (!isAppError(error) || !error.retriable) throw error;
        this.stats.retries += 1;
        onRetry?.(error);
        await wait(pauseMs, this.#abort.signal);
      }
    }
  }

  #entry({ record, key, arrivalMs }: SimRecord): LogAppend {
    const { bytes, partition } = this.#keyOf(key);
    return { partition, key: bytes, value: this.#options.encode(record), timeMs: arrivalMs };
  }

  /** Encoded keys by text; as many as there are subscribers and NAS. */
  #keyOf(key: string): { bytes: Uint8Array; partition: number } {
    const known = this.#keys.get(key);
    if (known !== undefined) return known;
    const bytes = Buffer.from(key, 'utf8');
    const made = { bytes, partition: partitionOf(bytes, this.#partitions) };
    this.#keys.set(key, made);
    return made;
  }

  #ticks(nowMs: number): LogAppend[] {
    const t = nowMs - WATERMARK_LAG_MS;
    const value = Buffer.from(JSON.stringify({ kind: 'tick', t }), 'utf8');
    return Array.from({ length: this.#partitions }, (_, partition) => ({
      partition,
      key: null,
      value,
      control: { source: TICK_SOURCE, n: t },
      timeMs: nowMs,
    }));
  }

  /** Saved before the log gets anything later, so a restart after a crash begins later than all that the log holds. */
  async #reserve(nextMs: number): Promise<void> {
    const untilMs = nextMs + Math.ceil(RESERVED_SECONDS * 1_000 * this.#speed);
    await this.#save(untilMs);
    this.#reservedMs = untilMs;
  }

  async #save(reservedUntilMs: number): Promise<void> {
    const { provider, save } = this.#options;
    const { seed, originMs, generation } = provider.options;
    await save?.({ version: 1, seed, originMs, generation, reservedUntilMs, limits: provider.aaa.entries() });
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal });
}
