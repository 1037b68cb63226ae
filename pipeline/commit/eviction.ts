import type { SlotState, Subscriber, WindowTotal } from '../fold/slot-state.ts';
import { WINDOW_MS } from '../window/spread.ts';

/**
 * One in so many leaves, around and around. Every line reports once an interim, in turn: the one that was not used for the
 * longest is the very next to be asked for, and a cache that lets that one go and is a hundredth too small finds nobody. Any
 * other does, whoever leaves.
 */
const STRIDE = 8;

/** Lets subscribers of one slot leave memory. */
export class IdleEviction {
  readonly #state: SlotState;
  /**
   * Stands where the last look ended. Begun anew each time, it would first pass all places that those before have left:
   * 5 µs instead of 2 for each of 50 that leave 250,000.
   */
  #order: Iterator<Subscriber, undefined>;

  constructor(state: SlotState) {
    this.#state = state;
    this.#order = state.subscribers.values();
  }

  /**
   * Until at most `limit` are left. To be called after a commit was acknowledged and before the next batch: everything in
   * memory is then what is stored. Costs as much as it lets go, whatever the number of those that stay.
   */
  downTo(limit: number): void {
    const { subscribers, absent } = this.#state;
    absent.clear();
    while (subscribers.size > limit) {
      const stride = Math.min(STRIDE, subscribers.size);
      for (let passed = 1; passed < stride; passed += 1) this.#next();
      const leaving = this.#next();
      if (leaving === undefined) return;
      subscribers.delete(leaving.id);
    }
  }

  #next(): Subscriber | undefined {
    const next = this.#order.next();
    if (next.done !== true) return next.value;
    this.#order = this.#state.subscribers.values();
    return this.#order.next().value;
  }
}

/** Window rows of one subscriber that stay in memory: a record looks through them. Names of NAS and classes come from the network. */
const KEPT_ROWS = 64;

/** Keeps of the window rows in memory those that the next record is likely to add to; the others lie in the store. */
export function trimRows(crowded: Iterable<Subscriber>): void {
  for (const subscriber of crowded) {
    const { rows } = subscriber;
    keepNewest(rows);
    if (rows.length > KEPT_ROWS) subscriber.rows = rows.slice(-KEPT_ROWS);
  }
}

function keepNewest(rows: WindowTotal[]): void {
  let newestMs = 0;
  for (const { startMs } of rows) newestMs = Math.max(newestMs, startMs);
  let kept = 0;
  for (const row of rows) {
    if (row.startMs < newestMs - WINDOW_MS) continue;
    rows[kept] = row;
    kept += 1;
  }
  rows.length = kept;
}
