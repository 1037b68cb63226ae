import { createClient } from '@clickhouse/client';
import { loadSlot } from '../pipeline/commit/load-slot.ts';
import { StoredValues } from '../pipeline/commit/stored-values.ts';
import { UNREAD_SETTINGS } from '../pipeline/fold/slot-state.ts';
import { RedisStateStore } from '../storage/redis/state-store.ts';
import type { SessionLoad } from './session-load.ts';

/** Buckets of a slot, of some 500 subscribers, and subscribers in ClickHouse that are read at a time. */
const BUCKETS = 16;
const IDS = 50_000;

/** Where a run's slots lie. */
export interface StoredSlots {
  redisUrl: string;
  /** of the group and the topic */
  name: string;
  partitions: number;
}

/** Totals by subscriber, held against the load's as they are read. */
class Comparison {
  readonly #load: SessionLoad;
  readonly #places: ReadonlyMap<string, number>;
  readonly #seen: Uint8Array;
  #wrong = 0;
  #first = '';

  constructor(load: SessionLoad, places: ReadonlyMap<string, number>) {
    this.#load = load;
    this.#places = places;
    this.#seen = new Uint8Array(load.ids.length);
  }

  /** Octets as text or number; exact below 2^53, which the load stays far under. */
  add(id: string, down: number, up: number): void {
    const place = this.#places.get(id);
    const expected = place === undefined ? null : [this.#load.down[place] ?? 0, this.#load.up[place] ?? 0];
    const repeated = place !== undefined && this.#seen[place] === 1;
    if (place !== undefined) this.#seen[place] = 1;
    if (expected === null || repeated || down !== expected[0] || up !== expected[1])
      this.#note(id, `${String(down)}/${String(up)}`, expected);
  }

  /** One line, or none; whoever was not read must have used nothing. */
  faults(where: string): string[] {
    this.#seen.forEach((seen, place) => {
      const [down, up] = [this.#load.down[place] ?? 0, this.#load.up[place] ?? 0];
      if (seen === 0 && down + up > 0) this.#note(this.#load.ids[place] ?? '', 'nothing', [down, up]);
    });
    if (this.#wrong === 0) return [];
    return [`${String(this.#wrong)} subscribers have a wrong total in ${where}, the first ${this.#first}`];
  }

  #note(id: string, found: string, expected: readonly number[] | null): void {
    this.#wrong += 1;
    if (this.#first === '') this.#first = `${id}: ${found} instead of ${expected?.join('/') ?? 'nothing'}`;
  }
}

/**
 * The same checks as totalFaults, without ever holding more than a part of the state: records by outcome, octets by
 * subscriber in the slots and in ClickHouse. Takes ownership of the slots: only when no program runs. Empty = the run counts.
 */
export async function streamedFaults(
  load: SessionLoad,
  records: number,
  slots: StoredSlots,
  clickhouseUrl: string,
): Promise<string[]> {
  const places = new Map(load.ids.map((id, index) => [id, index]));
  const inSlots = new Comparison(load, places);
  const faults = await readSlots(slots, records, inSlots);
  const inAnalytics = new Comparison(load, places);
  await readAnalytics(load, clickhouseUrl, inAnalytics);
  return [...faults, ...inSlots.faults('the slots'), ...inAnalytics.faults('ClickHouse')];
}

async function readSlots(
  { redisUrl, name, partitions }: StoredSlots,
  records: number,
  into: Comparison,
): Promise<string[]> {
  const store = new RedisStateStore({ url: redisUrl, log: { warn: () => undefined } });
  await store.verify();
  let outcomes = 0;
  let dead = 0;
  try {
    for (let partition = 0; partition < partitions; partition += 1) {
      const slot = { group: name, topic: name, partition };
      const head = await store.acquire(slot);
      const settings = { ...UNREAD_SETTINGS, partitionCount: partitions };
      const marks = { low: 0, high: head.position ?? 0, groupOffset: null };
      const { state } = await loadSlot(store, slot, head, settings, marks);
      outcomes += Object.values(state.counts).reduce((sum, n) => sum + n, 0);
      dead += state.counts['dead-lettered'];
      const stored = new StoredValues(store, slot, state);
      const { bucketCount } = state.settings;
      for (let from = 0; from < bucketCount; from += BUCKETS) {
        await stored.buckets([...Array(Math.min(BUCKETS, bucketCount - from)).keys()].map((i) => from + i));
        for (const { id, cycles, pastCycles } of state.subscribers.values()) {
          let [down, up] = [0, 0];
          for (const cycle of [...cycles, ...pastCycles]) {
            down += cycle.down;
            up += cycle.up;
          }
          into.add(id, down, up);
        }
        state.subscribers.clear();
      }
    }
  } finally {
    await store.close();
  }
  const faults: string[] = [];
  if (outcomes !== records) faults.push(`${String(outcomes)} outcomes of ${String(records)} records`);
  if (dead > 0) faults.push(`${String(dead)} dead letters`);
  return faults;
}

/** By ranges of ids, so that neither side holds all; the first and the last range are open, so that nobody is overlooked. */
async function readAnalytics(load: SessionLoad, url: string, into: Comparison): Promise<void> {
  const ids = [...load.ids].sort((a, b) => (a < b ? -1 : 1));
  const client = createClient({ url });
  try {
    for (let from = 0; from < ids.length; from += IDS) {
      const ranges = [
        ...(from === 0 ? [] : ['subscriber_id >= {first:String}']),
        ...(from + IDS >= ids.length ? [] : ['subscriber_id < {next:String}']),
      ];
      const result = await client.query({
        query: `SELECT subscriber_id, toString(sum(down_bytes)), toString(sum(up_bytes)) FROM usage
          ${ranges.length === 0 ? '' : `WHERE ${ranges.join(' AND ')}`} GROUP BY subscriber_id`,
        query_params: { first: ids[from] ?? '', next: ids[from + IDS] ?? '' },
        format: 'JSONCompactEachRow',
      });
      for (const [id, down, up] of await result.json<[string, string, string]>())
        into.add(id, Number(down), Number(up));
    }
  } finally {
    await client.close();
  }
}
