import { emptyFeed } from './nas-feed.ts';
import type { NasFeed } from './nas-feed.ts';

/** Names of NAS come from the network: whoever invents them must not fill the memory of a worker (300 bytes each). */
export const MAX_FEEDS = 20_000;
/** A NAS that was silent for so long of event time gives its place to another. */
export const FORGET_AFTER_MS = 7 * 86_400_000;

/** The feeds of one slot, by NAS; at most MAX_FEEDS and one, '', for all that find no place. */
export class FeedTable {
  readonly #feeds = new Map<string, NasFeed>();
  readonly #forgotten: NasFeed[] = [];
  readonly #max: number;
  /** No feed was heard least recently before this; a floor, since being heard raises a time only. Spares vain looks. */
  #oldestMs = 0;

  constructor(max = MAX_FEEDS) {
    this.#max = max;
  }

  /** Without '' unless that was needed. */
  get size(): number {
    return this.#feeds.size;
  }

  /** All, in no certain order. */
  all(): IterableIterator<NasFeed> {
    return this.#feeds.values();
  }

  /** The NAS's feed; undefined where it has none of its own. */
  known(nasId: string): NasFeed | undefined {
    return this.#feeds.get(nasId);
  }

  /** Takes a stored feed in. */
  put(feed: NasFeed): void {
    this.#feeds.set(feed.nasId, feed);
    this.#oldestMs = 0;
  }

  /**
   * The NAS's feed, made if this is the first that is heard of it. A full table forgets the NAS that was heard least
   * recently if that is a week ago (see takeForgotten), else the answer is the feed ''.
   */
  of(nasId: string, watermarkMs: number): NasFeed {
    const known = this.#feeds.get(nasId);
    if (known !== undefined) return known;
    if (nasId !== '' && this.#places() >= this.#max) {
      const oldest = this.#oldest(watermarkMs - FORGET_AFTER_MS);
      if (oldest === null) return this.of('', watermarkMs);
      this.#feeds.delete(oldest.nasId);
      this.#forgotten.push(oldest);
    }
    const made = emptyFeed(nasId);
    this.#feeds.set(nasId, made);
    // It may have been heard at any time.
    this.#oldestMs = 0;
    return made;
  }

  /** Those forgotten since the last call: they must leave the store, and their last hours may not be flushed yet. */
  takeForgotten(): NasFeed[] {
    return this.#forgotten.splice(0);
  }

  #places(): number {
    return this.#feeds.has('') ? this.#feeds.size - 1 : this.#feeds.size;
  }

  /** Heard least recently, of two equals the smaller id; null where that is after `untilMs`. */
  #oldest(untilMs: number): NasFeed | null {
    if (this.#oldestMs > untilMs) return null;
    let oldest: NasFeed | null = null;
    for (const feed of this.#feeds.values()) {
      if (feed.nasId === '') continue;
      const { heardMs, nasId } = feed;
      const older = oldest === null || heardMs < oldest.heardMs;
      if (older || (heardMs === oldest?.heardMs && nasId < oldest.nasId)) oldest = feed;
    }
    if (oldest !== null) this.#oldestMs = oldest.heardMs;
    return oldest !== null && oldest.heardMs <= untilMs ? oldest : null;
  }
}
