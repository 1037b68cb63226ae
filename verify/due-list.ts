/** Names with the time at which each is to be looked at; a binary heap, in which outdated entries are passed over. */
export class DueList {
  readonly #dueMs = new Map<string, number>();
  readonly #heap: { name: string; atMs: number }[] = [];

  set(name: string, atMs: number | null): void {
    if (atMs === null) {
      this.#dueMs.delete(name);
      return;
    }
    if (this.#dueMs.get(name) === atMs) return;
    this.#dueMs.set(name, atMs);
    this.#heap.push({ name, atMs });
    this.#up(this.#heap.length - 1);
  }

  /** Takes the name that is due first, or null where none is due at `nowMs`. Of equals the smaller name. */
  take(nowMs: number): { name: string; atMs: number } | null {
    for (;;) {
      const [first] = this.#heap;
      if (first === undefined || first.atMs > nowMs) return null;
      this.#removeFirst();
      if (this.#dueMs.get(first.name) !== first.atMs) continue;
      this.#dueMs.delete(first.name);
      return first;
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    for (let at = 0; ;) {
      const least = [at, 2 * at + 1, 2 * at + 2].reduce((a, b) => (this.#isBefore(b, a) ? b : a));
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #up(at: number): void {
    const parent = (at - 1) >> 1;
    if (at === 0 || !this.#isBefore(at, parent)) return;
    this.#swap(at, parent);
    this.#up(parent);
  }

  #isBefore(i: number, j: number): boolean {
    const [a, b] = [this.#heap[i], this.#heap[j]];
    if (a === undefined || b === undefined) return false;
    return a.atMs < b.atMs || (a.atMs === b.atMs && a.name < b.name);
  }

  #swap(i: number, j: number): void {
    const [a, b] = [this.#heap[i], this.#heap[j]];
    if (a === undefined || b === undefined) return;
    this.#heap[i] = b;
    this.#heap[j] = a;
  }
}

/** A due time is left where it is while it is not too late, and at least a quarter of the time until the next work is left. */
export function staysDue(dueMs: number, nextMs: number, nowMs: number): boolean {
  return dueMs > nowMs && dueMs <= nextMs && 4 * (dueMs - nowMs) >= nextMs - nowMs;
}
