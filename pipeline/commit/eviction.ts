import type { SlotState, Subscriber } from '../fold/slot-state.ts';
import { WINDOW_MS } from '../window/spread.ts';

/**
 * Lets idle subscribers leave memory until at most `limit` are left. To be called after a commit was acknowledged and before the
 * next batch: everything in memory is then what is stored. Second chance: who was touched since the last look stays for
 * another round, so the order is about that of the last use and costs nothing per record.
 */
export function evictIdle(state: SlotState, limit: number): void {
  const { subscribers } = state;
  state.absent.clear();
  let toLook = 2 * subscribers.size;
  for (const subscriber of subscribers.values()) {
    if (subscribers.size <= limit || toLook === 0) return;
    toLook -= 1;
    subscribers.delete(subscriber.id);
    if (!subscriber.recent) continue;
    subscriber.recent = false;
    // At the end of the order; the iteration comes to it again.
    subscribers.set(subscriber.id, subscriber);
  }
}

/** Window rows of one subscriber that stay in memory: a record looks through them. Names of NAS and classes come from the network. */
const KEPT_ROWS = 64;

/** Keeps of the window rows in memory those that the next record is likely to add to; the others lie in the store. */
export function trimRows(touched: Iterable<Subscriber>): void {
  for (const subscriber of touched) {
    if (subscriber.rows.length <= 2) continue;
    const newestMs = subscriber.rows.reduce((newest, { startMs }) => Math.max(newest, startMs), 0);
    const newest = subscriber.rows.filter((row) => row.startMs >= newestMs - WINDOW_MS);
    subscriber.rows = newest.slice(-KEPT_ROWS);
  }
}
