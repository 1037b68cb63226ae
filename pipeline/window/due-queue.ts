/** One piece of event-time work. */
export interface DueEntry {
  key: string;
  dueMs: number;
}

const FIRST_CAPACITY = 64;

/**
 * Event-time work by (due, key in UTF-16 order), at most one entry a key. Every subscriber with an open session has one, also
 * those that lie in the store, so an entry has to be small: a binary heap of numbers in typed arrays, some 100 bytes an
 * entry with its key; objects in the heap, the replaced ones left in it until they come up, took 160 to 210.
 * set and take cost O(log n).
 */
export class DueQueue {
  /** key -> its slot: where its due time and its place are */
  private readonly slots = new Map<string, number>();
  private readonly free: number[] = [];
  /** by slot */
  private readonly keys: string[] = [];
  private dueMs = new Float64Array(FIRST_CAPACITY);
  private places = new Uint32Array(FIRST_CAPACITY);
  /** by place: slots, those of its children are at 2 * place + 1 and + 2 */
  private heap = new Uint32Array(FIRST_CAPACITY);

  get size(): number {
    return this.slots.size;
  }

  get(key: string): number | null {
    const slot = this.slots.get(key);
    return slot === undefined ? null : this.due(slot);
  }

  set(key: string, dueMs: number | null): void {
    const known = this.slots.get(key);
    if (dueMs === null) {
      if (known !== undefined) this.remove(known);
      return;
    }
    const slot = known ?? this.add(key);
    this.dueMs[slot] = dueMs;
    const place = this.placeOf(slot);
    if (this.up(slot, place) === place) this.down(slot, place);
  }

  /** Takes the first entry that is due at `nowMs`, or null. */
  take(nowMs: number): DueEntry | null {
    if (!this.hasDue(nowMs)) return null;
    const slot = this.at(0);
    const entry = { key: this.keyOf(slot), dueMs: this.due(slot) };
    this.remove(slot);
    return entry;
  }

  /** True while something is due at `nowMs`. */
  hasDue(nowMs: number): boolean {
    return this.size > 0 && this.due(this.at(0)) <= nowMs;
  }

  /** A slot for a new key, at the heap's end. */
  private add(key: string): number {
    const place = this.size;
    const slot = this.free.pop() ?? place;
    if (place === this.heap.length) this.grow();
    this.slots.set(key, slot);
    this.keys[slot] = key;
    this.put(slot, place);
    return slot;
  }

  private remove(slot: number): void {
    const place = this.placeOf(slot);
    const last = this.at(this.size - 1);
    this.slots.delete(this.keyOf(slot));
    this.keys[slot] = '';
    this.free.push(slot);
    if (last === slot) return;
    this.put(last, place);
    if (this.up(last, place) === place) this.down(last, place);
  }

  /** Moves a slot from `place` towards the first as far as its due time asks; returns where it came to. */
  private up(slot: number, place: number): number {
    let at = place;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = this.at(above);
      if (!this.before(slot, parent)) break;
      this.put(parent, at);
      at = above;
    }
    if (at !== place) this.put(slot, at);
    return at;
  }

  private down(slot: number, place: number): void {
    const { size } = this;
    let at = place;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.before(this.at(child + 1), this.at(child))) child += 1;
      const least = this.at(child);
      if (!this.before(least, slot)) break;
      this.put(least, at);
      at = child;
    }
    if (at !== place) this.put(slot, at);
  }

  private before(a: number, b: number): boolean {
    const [dueA, dueB] = [this.due(a), this.due(b)];
    return dueA < dueB || (dueA === dueB && this.keyOf(a) < this.keyOf(b));
  }

  private put(slot: number, place: number): void {
    this.heap[place] = slot;
    this.places[slot] = place;
  }

  private grow(): void {
    const capacity = 2 * this.heap.length;
    const { dueMs, places, heap } = this;
    this.dueMs = new Float64Array(capacity);
    this.dueMs.set(dueMs);
    this.places = new Uint32Array(capacity);
    this.places.set(places);
    this.heap = new Uint32Array(capacity);
    this.heap.set(heap);
  }

  // Within bounds wherever they are asked: the defaults are for the compiler.
  private at(place: number): number {
    return this.heap[place] ?? 0;
  }
  private due(slot: number): number {
    return this.dueMs[slot] ?? 0;
  }
  private placeOf(slot: number): number {
    return this.places[slot] ?? 0;
  }
  private keyOf(slot: number): string {
    return this.keys[slot] ?? '';
  }
}
