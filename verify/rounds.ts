import { murmur2 } from '../schemas/partitioning.ts';
import { DueList } from './due-list.ts';

/** Subscribers that one entry looks at besides its own, at most. */
const MOST_AN_ENTRY = 2000;
/**
 * Controls that those who are looked at leave for pools before the entry stops, in the order in which they are looked at: its numbers
 * are 4,096, 128 of them for what else it leaves, and one subscriber may leave three.
 */
const MOST_LEFT = 4096 - 128 - 3;
/** Buckets that a sweep takes an entry, at most. */
const MOST_BUCKETS = 4;

/** How subscribers are spread over buckets; pinned in the slot. */
export interface Buckets {
  partitionCount: number;
  bucketCount: number;
}

/**
 * Who is looked at without an entry of its own, in which order: those that are due, by time and id, then those that a sweep
 * has come to, bucket by bucket and by id. A change of policies, plans or NAS sets everybody to be swept.
 */
export class Rounds {
  readonly #due = new DueList();
  readonly #members = new Map<number, string[]>();
  readonly #buckets: Buckets;
  #sweep: { bucket: number; after: string; left: number } | null = null;

  constructor(buckets: Buckets) {
    this.#buckets = buckets;
  }

  /** Takes a subscriber that was not known. */
  join(id: string): void {
    const { partitionCount, bucketCount } = this.#buckets;
    const hash = murmur2(Buffer.from(id, 'utf8')) & 0x7fffffff;
    const bucket = Math.floor(hash / partitionCount) % bucketCount;
    this.#members.set(bucket, [...(this.#members.get(bucket) ?? []), id]);
  }

  setDue(id: string, atMs: number | null): void {
    this.#due.set(id, atMs);
  }

  /** Everybody is to be looked at once more, from where a sweep stands. */
  startSweep(): void {
    this.#sweep = { bucket: this.#sweep?.bucket ?? 0, after: '', left: this.#buckets.bucketCount };
  }

  /** A sweep as it was when the log that is read begins. */
  resume(sweep: { bucket: number; after: string; left: number } | null): void {
    this.#sweep = sweep;
  }

  /**
   * Looks at those whose turn it is: `timed` = its time has come.
   *
   * @param told to which looking at somebody adds what its pools are told
   */
  next(watermarkMs: number, told: readonly unknown[], look: (id: string, timed: boolean) => void): void {
    const most = told.length + MOST_LEFT;
    const lookOnce = (id: string, timed: boolean): boolean => {
      if (told.length > most) return false;
      look(id, timed);
      return true;
    };
    const due: { name: string; atMs: number }[] = [];
    while (due.length < MOST_AN_ENTRY) {
      const first = this.#due.take(watermarkMs);
      if (first === null) break;
      due.push(first);
    }
    for (const { name, atMs } of due) if (!lookOnce(name, true)) this.#due.set(name, atMs);
    if (due.length < MOST_AN_ENTRY) this.#sweepOn(MOST_AN_ENTRY - due.length, lookOnce);
  }

  /** `look` is false where nobody more is looked at. */
  #sweepOn(room: number, look: (id: string, timed: boolean) => boolean): void {
    let left = room;
    for (let taken = 0; taken < MOST_BUCKETS; taken += 1) {
      const sweep = this.#sweep;
      if (sweep === null) return;
      const waiting = [...(this.#members.get(sweep.bucket) ?? [])]
        .sort((a, b) => (a < b ? -1 : 1))
        .filter((id) => id > sweep.after);
      for (const id of waiting) {
        if (left === 0 || !look(id, false)) return;
        this.#sweep = { ...sweep, after: id };
        left -= 1;
      }
      const bucket = (sweep.bucket + 1) % this.#buckets.bucketCount;
      this.#sweep = sweep.left === 1 ? null : { bucket, after: '', left: sweep.left - 1 };
    }
  }
}
