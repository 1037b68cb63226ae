import type { SlotState, Subscriber, WindowTotal } from '../fold/slot-state.ts';
import { WINDOW_MS } from '../window/spread.ts';

/** Of those that leave, so many times may others be passed over: bounds what one commit costs. */
const CHANCES = 2;

/**
 * Lets idle subscribers of one slot leave memory. Second chance: who was touched since the last look stays for another round,
 * so the order is about that of the last use and costs nothing per record.
 */
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
    let chances = CHANCES * (subscribers.size - limit);
    while (subscribers.size > limit) {
      const subscriber = this.#next();
      if (subscriber === undefined) return;
      subscribers.delete(subscriber.id);
      if (!subscriber.recent || chances <= 0) continue;
      chances -= 1;
      subscriber.recent = false;
      // At the end of the order.
      subscribers.set(subscriber.id, subscriber);
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
export function trimRows(touched: Iterable<Subscriber>): void {
  for (const subscriber of touched) {
    const { rows } = subscriber;
    if (rows.length <= 2) continue;
    keepNewest(rows);
    if (rows.length > KEPT_ROWS) subscriber.rows = rows.slice(-KEPT_ROWS);
  }
}

/** In place: nearly every record adds a row, and makes one go. */
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
