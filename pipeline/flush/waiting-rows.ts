import type {
  AnalyticsBatch,
  FeedQualityRow,
  SessionRow,
  UsageLateRow,
  UsageWindowRow,
} from '../../storage/analytics-ports.ts';

/** A row that waits to be stored. `order` is the submission since which its key has been waiting without a break. */
export type WaitingRow = { order: number } & (
  | { kind: 'window'; row: UsageWindowRow }
  | { kind: 'late'; row: UsageLateRow }
  | { kind: 'session'; row: SessionRow }
  | { kind: 'feed'; row: FeedQualityRow }
);

type WaitingWindow = Extract<WaitingRow, { kind: 'window' }>;

interface Mark {
  order: number;
  through: number;
  submittedAtMs: number;
}

/**
 * The rows of one partition that are not stored yet, one a key: a newer version takes the place of the older one
 * still waiting, and its turn too, so a row that changes all the time is stored as early as any other.
 */
export class WaitingRows {
  readonly partition: number;
  /** True after forget(): its rows are no longer stored nor reported. */
  abandoned = false;
  /** By subscriber, mostly one or two: nearly all rows are windows, and a text as key of each was a tenth of the fold. */
  readonly #windows = new Map<string, WaitingWindow[]>();
  readonly #others = new Map<string, WaitingRow>();
  /** Rows that wait by their order, ascending. */
  readonly #waiting = new Map<number, number>();
  readonly #marks: Mark[] = [];
  #size = 0;
  #order = 0;
  #through = 0;

  constructor(partition: number) {
    this.partition = partition;
  }

  get size(): number {
    return this.#size;
  }

  /** When the oldest submission that is not stored came in; null if all are. */
  get waitingSinceMs(): number | null {
    return this.#marks[0]?.submittedAtMs ?? null;
  }

  /** Adds the rows of one submission. */
  add(batch: AnalyticsBatch, through: number, nowMs: number): void {
    const order = ++this.#order;
    const before = this.#size;
    for (const row of batch.windows) this.#putWindow({ order, kind: 'window', row });
    for (const row of batch.late) {
      const key = `l${String(row.offset)} ${String(row.fromMs)} ${joined(row.serviceClass, row.nasId)}`;
      this.#put(key, { order, kind: 'late', row });
    }
    for (const row of batch.sessions) {
      const key = `s${String(row.startMs)} ${joined(row.subscriberId, row.nasId, row.sessionId)}`;
      this.#put(key, { order, kind: 'session', row });
    }
    for (const row of batch.feeds) {
      this.#put(`f${String(row.hourMs)} ${row.nasId}`, { order, kind: 'feed', row });
    }
    if (this.#size > before) this.#waiting.set(order, this.#size - before);
    this.#through = Math.max(this.#through, through);
    this.#marks.push({ order, through: this.#through, submittedAtMs: nowMs });
  }

  /** Removes and returns about `limit` rows, subscribers that have been waiting longest first. */
  take(limit: number): WaitingRow[] {
    const taken: WaitingRow[] = [];
    for (const [key, waiting] of this.#others) {
      if (taken.length >= limit) break;
      taken.push(waiting);
      this.#others.delete(key);
    }
    for (const [subscriberId, windows] of this.#windows) {
      if (taken.length >= limit) break;
      for (const waiting of windows) taken.push(waiting);
      this.#windows.delete(subscriberId);
    }
    this.#size -= taken.length;
    this.#leave(taken);
    return taken;
  }

  /**
   * Everything of this partition up to the returned version is stored; null if that is no more than last time.
   * Ask only while no insert is in hand: what was taken counts as stored.
   */
  takeStored(): number | null {
    const [oldest = Infinity] = this.#waiting.keys();
    let through: number | null = null;
    for (let mark = this.#marks[0]; mark !== undefined && mark.order < oldest; mark = this.#marks[0]) {
      through = mark.through;
      this.#marks.shift();
    }
    return through;
  }

  /** Drops what waits. @returns how many rows that was */
  abandon(): number {
    const dropped = this.#size;
    this.abandoned = true;
    this.#windows.clear();
    this.#others.clear();
    this.#waiting.clear();
    this.#size = 0;
    return dropped;
  }

  #leave(taken: readonly WaitingRow[]): void {
    for (const { order } of taken) this.#waiting.set(order, (this.#waiting.get(order) ?? 0) - 1);
    for (const [order, left] of this.#waiting) if (left === 0) this.#waiting.delete(order);
  }

  #putWindow(fresh: WaitingWindow): void {
    const { row } = fresh;
    const windows = this.#windows.get(row.subscriberId);
    this.#size += 1;
    if (windows === undefined) {
      this.#windows.set(row.subscriberId, [fresh]);
      return;
    }
    // The newest is nearly always the one.
    for (let i = windows.length - 1; i >= 0; i -= 1) {
      const held = windows[i];
      if (held === undefined || !isSameWindow(held.row, row)) continue;
      if (row.version >= held.row.version) held.row = row;
      this.#size -= 1;
      return;
    }
    windows.push(fresh);
  }

  #put(key: string, fresh: WaitingRow): void {
    const held = this.#others.get(key);
    if (held === undefined) {
      this.#others.set(key, fresh);
      this.#size += 1;
    } else if (versionOf(fresh) >= versionOf(held)) this.#others.set(key, { ...fresh, order: held.order });
  }
}

function isSameWindow(a: UsageWindowRow, b: UsageWindowRow): boolean {
  return a.windowStartMs === b.windowStartMs && a.nasId === b.nasId && a.serviceClass === b.serviceClass;
}

/** Late rows have no version: the same key is the same content. */
function versionOf(waiting: WaitingRow): number {
  return waiting.kind === 'late' ? 0 : waiting.row.version;
}

/** Length before text: no two lists of texts give the same key. */
function joined(...texts: string[]): string {
  let key = '';
  for (const text of texts) key += `${String(text.length)}:${text}`;
  return key;
}
