/** One piece of event-time work. */
export interface DueEntry {
  key: string;
  dueMs: number;
}

/**
 * Event-time work by (due, key in UTF-16 order), at most one entry a key. A binary heap with lazy deletion:
 * set costs O(log n), and an entry that was replaced is dropped when it comes up.
 */
export class DueQueue {
  private heap: DueEntry[] = [];
  private readonly current = new Map<string, number>();

  get size(): number {
    return this.current.size;
  }

  get(key: string): number | null {
    return this.current.get(key) ?? null;
  }

  set(key: string, dueMs: number | null): void {
    if (dueMs === null) {
      this.current.delete(key);
      return;
    }
    if (this.current.get(key) === dueMs) return;
    this.current.set(key, dueMs);
    if (this.heap.length > 64 && this.heap.length > 4 * this.current.size) this.rebuild();
    else this.push({ key, dueMs });
  }

  /** Takes the first entry that is due at `nowMs`, or null. */
  take(nowMs: number): DueEntry | null {
    for (;;) {
      const first = this.heap[0];
      if (first === undefined || first.dueMs > nowMs) return null;
      this.pop();
      if (this.current.get(first.key) !== first.dueMs) continue;
      this.current.delete(first.key);
      return first;
    }
  }

  /** True while something is due at `nowMs`. */
  hasDue(nowMs: number): boolean {
    for (;;) {
      const first = this.heap[0];
      if (first === undefined || first.dueMs > nowMs) return false;
      if (this.current.get(first.key) === first.dueMs) return true;
      this.pop();
    }
  }

  private rebuild(): void {
    this.heap = [];
    for (const [key, dueMs] of this.current) this.push({ key, dueMs });
  }

  private push(entry: DueEntry): void {
    const { heap } = this;
    heap.push(entry);
    let at = heap.length - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || !before(entry, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = entry;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      let least = left;
      if (right !== undefined && before(right, left)) {
        child += 1;
        least = right;
      }
      if (!before(least, last)) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: DueEntry, b: DueEntry): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.key < b.key);
}
