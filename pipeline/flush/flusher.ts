import type { Analytics, AnalyticsBatch } from '../../storage/analytics-ports.ts';
import { backoffMs } from './backoff.ts';
import { systemClock } from './flush-clock.ts';
import type { FlushClock } from './flush-clock.ts';
import { WaitingRows } from './waiting-rows.ts';
import type { WaitingRow } from './waiting-rows.ts';

/** What metrics and logs want to know. Called synchronously; must not throw. */
export interface FlushHooks {
  /** An insert was acknowledged: rows in it, how long the successful try took. */
  stored(rows: number, durationMs: number): void;
  /** A try failed; `failures` in a row so far. It is tried again after `retryInMs`. */
  failed(error: unknown, failures: number, retryInMs: number): void;
  /** Back-pressure begins (true) or ends (false): pause or resume the source. */
  pressed(pressed: boolean): void;
}

export interface FlusherOptions {
  analytics: Pick<Analytics, 'insert'>;
  /** All rows of the partition with version <= through are stored. Called in growing order; must not throw. */
  onFlushed: (partition: number, through: number) => void;
  hooks?: Partial<FlushHooks>;
  /** longest wait of a row before its insert begins, ms; default 1,000 */
  intervalMs?: number;
  /** rows that begin an insert before the interval is over; default 50,000 */
  eagerRows?: number;
  /** rows an insert; default 100,000 */
  maxRowsAnInsert?: number;
  /** backlog at which back-pressure begins; default 200,000 (about 120 MB) */
  pressAtRows?: number;
  /** backlog at which it ends; default half of pressAtRows */
  releaseAtRows?: number;
  clock?: FlushClock;
  /** in [0, 1), for the jitter */
  random?: () => number;
}

/** One insert: kept until it is stored, so its rows are never in two inserts at once. */
interface Flight {
  parts: { waiting: WaitingRows; rows: WaitingRow[] }[];
  failures: number;
}

/**
 * The single writer of committed usage to analytics. Rows wait in memory, at most one a key, and go out in large
 * inserts, one at a time, each tried until it is stored: for ever, since they are in the committed state and
 * nowhere else in analytics. Nothing is lost with the process: the next owner of the slot submits again what was
 * not reported by onFlushed, and storing a version twice changes nothing.
 *
 * ```
 * idle --submit--> waiting --interval or eagerRows--> inserting --stored--> waiting or idle
 *                                                        ^  \--failed--> backing off --+
 *                                                        +---------------------------- +
 * ```
 */
export class Flusher {
  readonly #analytics: Pick<Analytics, 'insert'>;
  readonly #onFlushed: (partition: number, through: number) => void;
  readonly #hooks: Partial<FlushHooks>;
  readonly #intervalMs: number;
  readonly #eagerRows: number;
  readonly #maxRowsAnInsert: number;
  readonly #pressAtRows: number;
  readonly #releaseAtRows: number;
  readonly #clock: FlushClock;
  readonly #random: () => number;
  /** By partition; the one that was served longest ago first. */
  readonly #partitions = new Map<number, WaitingRows>();
  #flight: Flight | null = null;
  #inserting = false;
  #timer: { atMs: number; cancel: () => void } | null = null;
  #pressed = false;
  #draining: { done: () => void } | null = null;
  #stopped = false;

  constructor(options: FlusherOptions) {
    this.#analytics = options.analytics;
    this.#onFlushed = options.onFlushed;
    this.#hooks = options.hooks ?? {};
    this.#intervalMs = options.intervalMs ?? 1_000;
    this.#eagerRows = options.eagerRows ?? 50_000;
    this.#maxRowsAnInsert = options.maxRowsAnInsert ?? 100_000;
    this.#pressAtRows = options.pressAtRows ?? 200_000;
    this.#releaseAtRows = options.releaseAtRows ?? this.#pressAtRows / 2;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  /** Rows that are waiting or in the insert in hand. */
  get backlogRows(): number {
    return this.#waitingRows() + rowsOf(this.#flight);
  }

  /** True from pressAtRows until the backlog is down to releaseAtRows: take nothing new from the source meanwhile. */
  get isPressed(): boolean {
    return this.#pressed;
  }

  /** Age of the oldest submission that is not stored, seconds; 0 when all is. */
  get lagSeconds(): number {
    let oldest = Infinity;
    for (const waiting of this.#partitions.values())
      oldest = Math.min(oldest, waiting.waitingSinceMs ?? Infinity);
    return oldest === Infinity ? 0 : Math.max(0, this.#clock.nowMs() - oldest) / 1000;
  }

  /**
   * Rows of a partition's committed state, never of a commit that may still fail. Afterwards all rows of the
   * partition with version <= through must have been submitted. Returns at once and takes ownership of the rows.
   * After drain() it does nothing: whatever is submitted then is flushed by the next owner.
   */
  submit(partition: number, batch: AnalyticsBatch, through: number): void {
    if (this.#stopped) return;
    let waiting = this.#partitions.get(partition);
    if (waiting === undefined) this.#partitions.set(partition, (waiting = new WaitingRows(partition)));
    waiting.add(batch, through, this.#clock.nowMs());
    this.#updatePressure();
    this.#schedule();
  }

  /**
   * The slot was dropped: its waiting rows are discarded and nothing more is reported of it, as its new owner
   * flushes again. An insert in hand ends by itself; if it fails it is tried again without these rows.
   * A later submit of the partition starts anew.
   */
  forget(partition: number): void {
    const waiting = this.#partitions.get(partition);
    if (waiting === undefined) return;
    this.#partitions.delete(partition);
    waiting.abandon();
    this.#updatePressure();
    this.#endDrainIfEmpty();
  }

  /**
   * Stores all that waits without further delay, and stops. Resolves when everything is stored or after graceMs.
   * @returns rows that were not acknowledged; 0 = everything is stored and reported
   */
  async drain(graceMs: number): Promise<number> {
    await new Promise<void>((resolve) => {
      const cancelGrace = this.#clock.after(graceMs, resolve);
      this.#draining = {
        done: () => {
          cancelGrace();
          resolve();
        },
      };
      this.#schedule();
      this.#endDrainIfEmpty();
    });
    this.#stopped = true;
    this.#draining = null;
    this.#clearTimer();
    return this.backlogRows;
  }

  /** Arms the one timer for what comes next; never while an insert runs, whose end calls it again. */
  #schedule(): void {
    if (this.#inserting || this.#stopped) return;
    if (this.#flight !== null && this.#draining === null) return; // backing off: its timer is armed
    if (this.#draining !== null || this.#waitingRows() >= this.#eagerRows) this.#arm(0);
    else if (this.#hasMarks()) this.#arm(this.#intervalMs);
  }

  /** The earlier of two arms counts: submits in quick succession must not put the insert off. */
  #arm(delayMs: number): void {
    const atMs = this.#clock.nowMs() + delayMs;
    if (this.#timer !== null && this.#timer.atMs <= atMs) return;
    this.#clearTimer();
    const cancel = this.#clock.after(delayMs, () => {
      this.#timer = null;
      this.#turn();
    });
    this.#timer = { atMs, cancel };
  }

  #clearTimer(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #turn(): void {
    this.#flight = this.#retryOf(this.#flight) ?? this.#nextFlight();
    this.#updatePressure();
    if (this.#flight === null) {
      this.#report();
      return;
    }
    const flight = this.#flight;
    this.#inserting = true;
    const startedMs = this.#clock.nowMs();
    this.#analytics.insert(batchOf(flight)).then(
      () => {
        this.#stored(flight, this.#clock.nowMs() - startedMs);
      },
      (error: unknown) => {
        this.#failed(flight, error);
      },
    );
  }

  #stored(flight: Flight, durationMs: number): void {
    this.#inserting = false;
    this.#flight = null;
    this.#hooks.stored?.(rowsOf(flight), durationMs);
    this.#report();
    this.#updatePressure();
    this.#schedule();
  }

  #failed(flight: Flight, error: unknown): void {
    this.#inserting = false;
    flight.failures += 1;
    const retryInMs = backoffMs(flight.failures, this.#random());
    this.#hooks.failed?.(error, flight.failures, retryInMs);
    if (!this.#stopped) this.#arm(retryInMs);
  }

  /** The insert to try again, without the rows of forgotten partitions; null if nothing is left of it. */
  #retryOf(flight: Flight | null): Flight | null {
    if (flight === null) return null;
    const parts = flight.parts.filter(({ waiting }) => !waiting.abandoned);
    return parts.length === 0 ? null : { parts, failures: flight.failures };
  }

  /** Takes rows of every partition in turn, the one served longest ago first. */
  #nextFlight(): Flight | null {
    const parts: Flight['parts'] = [];
    let room = this.#maxRowsAnInsert;
    for (const waiting of [...this.#partitions.values()]) {
      if (room === 0) break;
      const rows = waiting.take(room);
      if (rows.length === 0) continue;
      room -= rows.length;
      parts.push({ waiting, rows });
      this.#partitions.delete(waiting.partition);
      this.#partitions.set(waiting.partition, waiting);
    }
    return parts.length === 0 ? null : { parts, failures: 0 };
  }

  /** Says nothing after drain(): whoever listened may be closed, and the next owner finds out by itself. */
  #report(): void {
    if (this.#stopped) return;
    for (const waiting of [...this.#partitions.values()]) {
      const through = waiting.takeStored();
      if (through !== null) this.#onFlushed(waiting.partition, through);
    }
    this.#endDrainIfEmpty();
  }

  #endDrainIfEmpty(): void {
    if (this.#flight === null && !this.#hasMarks()) this.#draining?.done();
  }

  #hasMarks(): boolean {
    for (const waiting of this.#partitions.values()) if (waiting.waitingSinceMs !== null) return true;
    return false;
  }

  #waitingRows(): number {
    let rows = 0;
    for (const waiting of this.#partitions.values()) rows += waiting.size;
    return rows;
  }

  #updatePressure(): void {
    const backlog = this.backlogRows;
    const pressed = this.#pressed ? backlog > this.#releaseAtRows : backlog >= this.#pressAtRows;
    if (pressed === this.#pressed) return;
    this.#pressed = pressed;
    this.#hooks.pressed?.(pressed);
  }
}

function rowsOf(flight: Flight | null): number {
  return flight === null ? 0 : flight.parts.reduce((rows, part) => rows + part.rows.length, 0);
}

function batchOf(flight: Flight): AnalyticsBatch {
  const batch: AnalyticsBatch = { windows: [], late: [], sessions: [], feeds: [] };
  for (const { rows } of flight.parts) {
    for (const waiting of rows) {
      if (waiting.kind === 'window') batch.windows.push(waiting.row);
      else if (waiting.kind === 'late') batch.late.push(waiting.row);
      else if (waiting.kind === 'session') batch.sessions.push(waiting.row);
      else batch.feeds.push(waiting.row);
    }
  }
  return batch;
}
