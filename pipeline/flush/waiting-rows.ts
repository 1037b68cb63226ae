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

interface Mark {
  order: number;
  through: number;
  submittedAtMs: number;
}

/**
 * The rows of one partition that are not stored yet, one a key: a newer version takes the place of the older one
 * still waiting, and its turn too, so a row that changes all the time is stored as early as any other. That also
 * keeps the rows in the order of submission, which is all that `takeStored` needs.
 */
export class WaitingRows {
  readonly partition: number;
  /** True after forget(): its rows are no longer stored nor reported. */
  abandoned = false;
  readonly #rows = new Map<string, WaitingRow>();
  readonly #marks: Mark[] = [];
  #order = 0;
  #through = 0;

  constructor(partition: number) {
    this.partition = partition;
  }

  get size(): number {
    return this.#rows.size;
  }

  /** When the oldest submission that is not stored came in; null if all are. */
  get waitingSinceMs(): number | null {
    return this.#marks[0]?.submittedAtMs ?? null;
  }

  /** Adds the rows of one submission. */
  add(batch: AnalyticsBatch, through: number, nowMs: number): void {
    const order = ++this.#order;
    for (const row of batch.windows) {
      const key = `w${String(row.windowStartMs)} ${joined(row.subscriberId, row.serviceClass, row.nasId)}`;
      this.#put(key, { order, kind: 'window', row });
    }
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
    this.#through = Math.max(this.#through, through);
    this.#marks.push({ order, through: this.#through, submittedAtMs: nowMs });
  }

  /** Removes and returns up to `limit` rows, longest waiting first. */
  take(limit: number): WaitingRow[] {
    const taken: WaitingRow[] = [];
    for (const [key, waiting] of this.#rows) {
      if (taken.length >= limit) break;
      taken.push(waiting);
      this.#rows.delete(key);
    }
    return taken;
  }

  /**
   * Everything of this partition up to the returned version is stored; null if that is no more than last time.
   * Ask only while no insert is in hand: what was taken counts as stored.
   */
  takeStored(): number | null {
    const oldest = this.#oldestWaiting();
    let through: number | null = null;
    for (let mark = this.#marks[0]; mark !== undefined && mark.order < oldest; mark = this.#marks[0]) {
      through = mark.through;
      this.#marks.shift();
    }
    return through;
  }

  /** Drops what waits. @returns how many rows that was */
  abandon(): number {
    const dropped = this.#rows.size;
    this.abandoned = true;
    this.#rows.clear();
    return dropped;
  }

  #oldestWaiting(): number {
    for (const waiting of this.#rows.values()) return waiting.order;
    return Infinity;
  }

  #put(key: string, fresh: WaitingRow): void {
    const held = this.#rows.get(key);
    if (held === undefined) this.#rows.set(key, fresh);
    else if (versionOf(fresh) >= versionOf(held)) this.#rows.set(key, { ...fresh, order: held.order });
  }
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
