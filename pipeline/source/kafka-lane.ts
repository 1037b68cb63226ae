import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../schemas/errors.ts';
import { backoffMs } from '../../storage/backoff.ts';
import type { LogEntry, PartitionHandler, PartitionMarks } from '../../storage/ports.ts';
import type { SourceLog } from '../../storage/source-log.ts';

/** What a lane asks of the consumer. Calls for a partition that is not ours do nothing. */
export interface LaneControls {
  seek(partition: number, offset: number): void;
  setPaused(partition: number, paused: boolean): void;
  marks(partition: number): Promise<PartitionMarks>;
  log: SourceLog;
  /** first pause after a retriable error, doubled up to 2 s, ms */
  retryMs: number;
}

/** One fetch of the partition. */
export interface LaneFetch {
  /** offset that the consumer asked for */
  fetchedOffset: number;
  /** newest offset that came, filtered records too */
  lastOffset: number;
  highWatermark: number;
  entries: LogEntry[];
}

/**
 * opening: the handler is asked for the position; idle: fetches are welcome; busy: a batch is with the handler;
 * waiting: a pause after a retriable error; halted: for good; released: no longer ours.
 */
type LaneState = 'opening' | 'idle' | 'busy' | 'waiting' | 'halted' | 'released';

const MOST_RETRY_MS = 2_000;

/**
 * One partition that the consumer group gave us: position, pauses, redelivery, halting.
 * kafkajs resets an offset that is out of range by itself, tells nobody and goes on; so each fetch is checked to
 * begin where the last one ended, and if it does not, the position is compared with what the topic holds.
 */
export class KafkaLane {
  readonly partition: number;
  readonly #handler: PartitionHandler;
  readonly #controls: LaneControls;
  readonly #abort = new AbortController();
  #state: LaneState = 'opening';
  #opened = false;
  #paused = false;
  #position: number | null = null;
  /** where the next fetch must begin; ahead of the position after records that the consumer filters */
  #expected = 0;
  /** a fetch did not begin here although the topic holds this offset: records in between may have been filtered */
  #askedAgainAt: number | null = null;
  #failures = 0;
  /** what is under way: opening, a batch, a pause; never rejects */
  #work: Promise<unknown>;
  #rejoined = false;
  #releasing: Promise<void> | null = null;
  /** as the consumer knows it; null = to be told */
  #appliedPause: boolean | null = null;

  constructor(partition: number, handler: PartitionHandler, controls: LaneControls, after: Promise<unknown>) {
    this.partition = partition;
    this.#handler = handler;
    this.#controls = controls;
    this.#enter('opening');
    this.#work = after.then(() => this.#open());
  }

  /** Next offset as the handler said it last; null until opened. */
  get position(): number | null {
    return this.#position;
  }

  /** Back-pressure. */
  setPaused(paused: boolean): void {
    this.#paused = paused;
    this.#applyPause();
  }

  /** The group was joined anew and the partition is still ours: the consumer has forgotten the position. */
  rejoin(): void {
    this.#rejoined = this.#state === 'busy';
    this.#appliedPause = null;
    this.#applyPause();
    if (this.#state === 'idle') this.#seek();
  }

  /**
   * Takes one fetch to the handler. True: everything in it is done, the consumer may go on after it.
   * False: the consumer was told to seek, or the partition is not to be read now. Never throws.
   */
  deliver(fetch: LaneFetch): Promise<boolean> {
    if (this.#state !== 'idle' || this.#paused) return Promise.resolve(false);
    this.#enter('busy');
    const delivered = this.#deliver(fetch);
    this.#work = delivered;
    return delivered;
  }

  /** Ends the lane: what is in flight ends first, then the handler closes. Idempotent; never throws. */
  release(): Promise<void> {
    this.#releasing ??= this.#release();
    return this.#releasing;
  }

  async #release(): Promise<void> {
    this.#abort.abort();
    for (let work: unknown = null; work !== this.#work;) {
      work = this.#work;
      await work;
    }
    this.#state = 'released';
    await this.#close();
  }

  async #deliver(fetch: LaneFetch): Promise<boolean> {
    try {
      if (!(await this.#begins(fetch))) return false;
      const position = this.#position ?? 0;
      const entries = fetch.entries.filter((entry) => entry.offset >= position);
      const last = entries.at(-1);
      if (last !== undefined) {
        const { partition } = this;
        this.#position = await this.#handler.batch({
          partition,
          entries,
          highWatermark: fetch.highWatermark,
        });
      }
      this.#failures = 0;
      return this.#goOn(last === undefined || this.#position === last.offset + 1, fetch);
    } catch (error) {
      // The pause is not awaited: the consumer fetches for the others once this fetch is done.
      void this.#fail(error, () => Promise.resolve(this.#goOn(false, fetch)));
      return false;
    }
  }

  /** True where nothing lies between the last fetch and this one. */
  async #begins(fetch: LaneFetch): Promise<boolean> {
    if (fetch.fetchedOffset === this.#expected) return true;
    const marks = await this.#controls.marks(this.partition);
    const position = this.#position ?? 0;
    if (position < marks.low || position > marks.high) {
      this.#controls.log('error', 'the position is outside of what the topic holds', {
        partition: this.partition,
        position,
        ...marks,
      });
      await this.#handler.close(this.partition);
      this.#opened = false;
      this.#enter('opening');
      // Not awaited: the consumer waits for this fetch's end before it fetches for the others.
      this.#work = this.#open();
      return false;
    }
    if (fetch.fetchedOffset < this.#expected || this.#askedAgainAt === this.#expected) return true;
    // Either the consumer went through records that it filters, or it lost its place: only asking again tells.
    this.#askedAgainAt = this.#expected;
    this.#goOn(false, fetch);
    return false;
  }

  #goOn(complete: boolean, fetch: LaneFetch): boolean {
    this.#enter('idle');
    if (complete && !this.#rejoined) {
      this.#expected = Math.max(fetch.lastOffset + 1, this.#position ?? 0);
      return true;
    }
    this.#rejoined = false;
    this.#seek();
    return false;
  }

  async #open(): Promise<void> {
    if (this.#abort.signal.aborted) return;
    try {
      const marks = await this.#controls.marks(this.partition);
      // Even if it fails: the handler knows of the partition from now on, and has to hear that it goes away.
      this.#opened = true;
      const position = await this.#handler.open(this.partition, marks);
      if (position < marks.low || position > marks.high) {
        const held = `[${marks.low}, ${marks.high}]`;
        throw new AppError(
          'position-out-of-range',
          `position ${position} of partition ${this.partition} is outside ${held}`,
        );
      }
      this.#position = position;
      this.#failures = 0;
      this.#seek();
      this.#enter('idle');
    } catch (error) {
      await this.#fail(error, () => this.#open());
    }
  }

  /** After a retriable error `again` runs after a pause, else the lane halts. The promise is the pause's end. */
  #fail(error: unknown, again: () => Promise<unknown>): Promise<unknown> {
    const fields = { partition: this.partition, position: this.#position, err: error };
    if (!(error instanceof AppError && error.retriable)) {
      this.#enter('halted');
      this.#controls.log('error', 'the partition is halted', fields);
      return Promise.resolve();
    }
    this.#enter('waiting');
    this.#failures += 1;
    const pauseMs = backoffMs(this.#failures, this.#controls.retryMs, MOST_RETRY_MS);
    this.#controls.log('warn', 'the partition is delivered again after a pause', { ...fields, pauseMs });
    const waiting = this.#pause(pauseMs).then((over) => (over ? again() : undefined));
    this.#work = waiting;
    return waiting;
  }

  async #close(): Promise<void> {
    if (!this.#opened) return;
    try {
      await this.#handler.close(this.partition);
    } catch (error) {
      this.#controls.log('error', 'closing a partition failed', { partition: this.partition, err: error });
    }
  }

  /** False where the lane was released meanwhile. */
  async #pause(ms: number): Promise<boolean> {
    try {
      await delay(ms, undefined, { signal: this.#abort.signal });
      return true;
    } catch {
      // Aborted: the lane is being released.
      return false;
    }
  }

  #seek(): void {
    if (this.#position === null || this.#abort.signal.aborted) return;
    this.#expected = this.#position;
    this.#controls.seek(this.partition, this.#position);
  }

  #enter(state: LaneState): void {
    this.#state = state;
    this.#applyPause();
  }

  /** Rejoined while busy: what is fetched before the batch ends would begin anywhere. */
  #applyPause(): void {
    const welcome = this.#state === 'idle' || (this.#state === 'busy' && !this.#rejoined);
    const paused = this.#paused || !welcome;
    // Released meanwhile: the partition may be another lane's by now.
    if (paused === this.#appliedPause || this.#abort.signal.aborted) return;
    this.#appliedPause = paused;
    this.#controls.setPaused(this.partition, paused);
  }
}
