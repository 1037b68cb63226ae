/** Values with their shares; at least one. */
export type Shares<T> = readonly [readonly [T, number], ...(readonly [T, number])[]];

/**
 * Seeded pseudo-random numbers (sfc32 by Chris Doty-Humphrey, 128 bits of state): the same seed gives the same
 * sequence on every machine. Not for secrets.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d = 1;

  /** `seed` any integer; `label` separates independent sequences of one seed. */
  constructor(seed: number, label = '') {
    this.#a = seed | 0;
    this.#b = hash(label);
    this.#c = (seed / 2 ** 32) | 0;
    // The state is mixed before first use, or neighbouring seeds would begin alike.
    for (let i = 0; i < 12; i += 1) this.next();
  }

  /** Uniform in [0, 1). */
  next(): number {
    const t = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t;
    this.#c |= 0;
    return (t >>> 0) / 4_294_967_296;
  }

  /** Uniform integer in [from, to], both included. */
  between(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  /** True with this probability; draws even at 0 and 1, so that rates do not shift the sequence. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** Exponentially distributed with this mean. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next());
  }

  /** The first entry whose running share covers the draw; the shares' sum need not be 1. */
  weighted<T>(list: Shares<T>): T {
    const total = list.reduce((sum, [, share]) => sum + share, 0);
    let rest = this.next() * total;
    for (const [value, share] of list) {
      rest -= share;
      if (rest < 0) return value;
    }
    return list[0][0];
  }
}

/** FNV-1a over UTF-16 units. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h | 0;
}
