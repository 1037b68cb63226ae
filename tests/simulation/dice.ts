/** Repeatable random numbers (sfc32): the same seed gives the same run, on any machine. */
export class Dice {
  #a: number;
  #b: number;
  #c: number;
  #d = 1;

  /** @param seed any number; `label` gives an independent sequence of the same seed */
  constructor(seed: number, label = '') {
    let hash = 0x811c9dc5;
    for (const text of [String(seed), label]) {
      for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    }
    this.#a = hash | 0;
    this.#b = seed | 0;
    this.#c = Math.imul(hash, 0x9e3779b1) | 0;
    for (let i = 0; i < 12; i += 1) this.#next();
  }

  /** In [0, 1). */
  fraction(): number {
    return this.#next() / 0x1_0000_0000;
  }

  /** Whole number in [0, n). */
  below(n: number): number {
    return Math.floor(this.fraction() * n);
  }

  /** Whole number in [from, to]. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  /** True with the given probability; of 0 it takes nothing from the sequence. */
  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }

  /** One of a list that is not empty. */
  pick<T>(from: readonly T[]): T {
    const picked = from[this.below(from.length)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  }

  /** One of [weight, value]; weights are above 0. */
  weighted<T>(choices: readonly (readonly [number, T])[]): T {
    let left = this.fraction() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, value] of choices) {
      left -= weight;
      if (left < 0) return value;
    }
    const last = choices.at(-1);
    if (last === undefined) throw new Error('nothing to choose from');
    return last[1];
  }

  /** 128 bits, hex. */
  token(): string {
    let text = '';
    for (let i = 0; i < 4; i += 1) text += this.#next().toString(16).padStart(8, '0');
    return text;
  }

  #next(): number {
    const t = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + t) | 0;
    return t >>> 0;
  }
}
