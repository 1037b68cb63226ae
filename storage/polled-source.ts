import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../schemas/errors.ts';
import { backoffMs } from './backoff.ts';
import type { LogStore } from './log-store.ts';
import type { PartitionHandler, RecordSource } from './ports.ts';
import type { SourceLog } from './source-log.ts';

/** How an embedded log is read. */
export interface PolledSourceOptions {
  store: LogStore;
  groupId: string;
  log: SourceLog;
  /** entries of one batch; default 1,000 */
  batchEntries?: number;
  /** how often appends of other processes are looked for, ms; those of this process wake at once; default 100 */
  pollMs?: number;
  /** first pause after a retriable error, doubled up to 2 s; default 200 ms */
  retryMs?: number;
}

const MOST_RETRY_MS = 2_000;
const SAVE_EVERY_MS = 1_000;

/** One partition as its reader sees it. */
interface Lane {
  partition: number;
  /** null = to be opened */
  position: number | null;
  opened: boolean;
  paused: boolean;
  halted: boolean;
  /** retriable errors in a row */
  failures: number;
  savedAtMs: number;
  saved: number | null;
  wake: () => void;
}

/**
 * The RecordSource of an embedded log: one loop a partition, one query for the ends of all, woken by appends of this
 * process. All partitions are ours: an embedded log has one worker, and a second one would take the slots away from it.
 */
export class PolledSource implements RecordSource {
  readonly topic: string;
  readonly #options: PolledSourceOptions;
  readonly #lanes = new Map<number, Lane>();
  readonly #abort = new AbortController();
  readonly #ends = new Map<number, number>();
  #wakePoll: () => void = () => undefined;
  #running: Promise<unknown> | null = null;
  #stopping: Promise<void> | null = null;

  constructor(options: PolledSourceOptions) {
    this.#options = options;
    this.topic = options.store.topic;
  }

  partitionCount(): Promise<number> {
    return this.#options.store.partitionCount();
  }

  async start(handler: PartitionHandler): Promise<void> {
    if (this.#running !== null) throw new Error('the source was started before');
    const count = await this.#options.store.partitionCount();
    this.#raiseEnds(await this.#options.store.ends());
    for (let partition = 0; partition < count; partition++) {
      this.#lanes.set(partition, {
        partition,
        position: null,
        opened: false,
        paused: false,
        halted: false,
        failures: 0,
        savedAtMs: 0,
        saved: null,
        wake: () => undefined,
      });
    }
    const unsubscribe = this.#options.store.onAppend(() => this.#wakePoll());
    const loops = [...this.#lanes.values()].map((lane) => this.#run(lane, handler));
    this.#running = Promise.all([...loops, this.#poll()]).finally(unsubscribe);
  }

  pause(partition: number): void {
    const lane = this.#lanes.get(partition);
    if (lane !== undefined) lane.paused = true;
  }

  resume(partition: number): void {
    const lane = this.#lanes.get(partition);
    if (lane === undefined) return;
    lane.paused = false;
    lane.wake();
  }

  async highWatermarks(): Promise<Map<number, number>> {
    this.#raiseEnds(await this.#options.store.ends());
    return new Map([...this.#ends].filter(([partition]) => this.#lanes.has(partition)));
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#abort.abort();
    this.#wakePoll();
    for (const lane of this.#lanes.values()) lane.wake();
    await this.#running;
  }

  get #stopped(): boolean {
    return this.#abort.signal.aborted;
  }

  async #run(lane: Lane, handler: PartitionHandler): Promise<void> {
    while (!this.#stopped) {
      try {
        if (lane.halted || !(await this.#step(lane, handler))) await this.#wait(lane);
        lane.failures = 0;
      } catch (error) {
        await this.#failed(lane, error);
      }
    }
    if (!lane.opened) return;
    try {
      await handler.close(lane.partition);
      await this.#save(lane);
    } catch (error) {
      this.#options.log('error', 'closing a partition failed', { partition: lane.partition, err: error });
    }
  }

  /** Opens or delivers once; false where there is nothing to do. */
  async #step(lane: Lane, handler: PartitionHandler): Promise<boolean> {
    if (lane.position === null) {
      lane.position = await this.#open(lane, handler);
      return true;
    }
    if (!this.#hasWork(lane)) return false;
    const { store, batchEntries = 1_000 } = this.#options;
    const entries = await store.read(lane.partition, lane.position, batchEntries);
    if (entries[0]?.offset !== lane.position) {
      // Trimmed under us: the handler decides with the marks of now.
      await handler.close(lane.partition);
      lane.opened = false;
      lane.position = null;
      return true;
    }
    if (this.#stopped) return false;
    this.#raiseEnds(new Map([[lane.partition, lane.position + entries.length]]));
    const highWatermark = this.#endOf(lane.partition);
    lane.position = await handler.batch({ partition: lane.partition, entries, highWatermark });
    if (Date.now() - lane.savedAtMs >= SAVE_EVERY_MS) await this.#save(lane);
    return true;
  }

  async #open(lane: Lane, handler: PartitionHandler): Promise<number> {
    const marks = await this.#options.store.marks(lane.partition, this.#options.groupId);
    const position = await handler.open(lane.partition, marks);
    lane.opened = true;
    if (position < marks.low || position > marks.high) {
      const held = `[${marks.low}, ${marks.high}]`;
      throw new AppError(
        'position-out-of-range',
        `position ${position} of partition ${lane.partition} is outside ${held}`,
      );
    }
    return position;
  }

  async #failed(lane: Lane, error: unknown): Promise<void> {
    const fields = { partition: lane.partition, position: lane.position, err: error };
    if (!(error instanceof AppError && error.retriable)) {
      lane.halted = true;
      this.#options.log('error', 'the partition is halted', fields);
      return;
    }
    lane.failures += 1;
    const pauseMs = backoffMs(lane.failures, this.#options.retryMs ?? 200, MOST_RETRY_MS);
    this.#options.log('warn', 'the partition is delivered again after a pause', { ...fields, pauseMs });
    await this.#pause(pauseMs);
  }

  /** For lag tools and trimming: a failure costs nothing but their accuracy. */
  async #save(lane: Lane): Promise<void> {
    if (lane.position === null || lane.position === lane.saved) return;
    lane.savedAtMs = Date.now();
    try {
      await this.#options.store.savePosition(this.#options.groupId, lane.partition, lane.position);
      lane.saved = lane.position;
    } catch (error) {
      this.#options.log('warn', 'the position could not be saved for lag tools', { err: error });
    }
  }

  /** Until something may have changed for the lane; it looks again then. */
  #wait(lane: Lane): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      lane.wake = resolve;
    });
  }

  async #poll(): Promise<void> {
    let failures = 0;
    while (!this.#stopped) {
      // Taken before the query: an append that comes while it runs must not wait for the next poll.
      const appended = this.#nextAppend();
      try {
        this.#raiseEnds(await this.#options.store.ends());
        failures = 0;
        for (const lane of this.#lanes.values()) if (this.#hasWork(lane)) lane.wake();
      } catch (error) {
        failures += 1;
        this.#options.log(failures === 1 ? 'warn' : 'debug', 'the log does not answer', { err: error });
        await this.#pause(backoffMs(failures, this.#options.retryMs ?? 200, MOST_RETRY_MS));
      }
      if (!this.#stopped) await appended;
    }
  }

  /** Resolves at the next append of this process, at the latest after pollMs. */
  #nextAppend(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#options.pollMs ?? 100);
      this.#wakePoll = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends only grow; a query that was overtaken by a read must not take them back. */
  #raiseEnds(ends: ReadonlyMap<number, number>): void {
    for (const [partition, end] of ends) this.#ends.set(partition, Math.max(end, this.#endOf(partition)));
  }

  #endOf(partition: number): number {
    return this.#ends.get(partition) ?? 0;
  }

  #hasWork(lane: Lane): boolean {
    if (lane.halted) return false;
    return lane.position === null || (!lane.paused && lane.position < this.#endOf(lane.partition));
  }

  async #pause(ms: number): Promise<void> {
    try {
      await delay(ms, undefined, { signal: this.#abort.signal });
    } catch {
      // Aborted: the source stops, nothing to wait for.
    }
  }
}
