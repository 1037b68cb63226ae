import type { ReplayControl } from '../../schemas/control.ts';
import type { DeadLetter, DeadLetterReason } from '../../schemas/outcome.ts';
import type { DeadLetterFilter, DeadLetters, StoredDeadLetter } from '../people-ports.ts';

interface Kept {
  letter: StoredDeadLetter;
  putAtMs: number;
}

/** Dead letters in memory, for simulation and unit tests; a memory ledger fills it. */
export class MemoryDeadLetters implements DeadLetters {
  /** controls that replays made, in order, for the log */
  readonly controls: ReplayControl[] = [];
  readonly #now: () => number;
  readonly #letters = new Map<string, Kept>();

  /** @param now ms since 1970 UTC; default the system's clock */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** A letter that is there stays as it is. */
  put(letters: readonly DeadLetter[]): void {
    for (const letter of letters) {
      const id = `${letter.partition}:${letter.offset}`;
      if (this.#letters.has(id)) continue;
      const kept = structuredClone({ ...letter, id, replayedAtMs: null });
      this.#letters.set(id, { letter: kept, putAtMs: this.#now() });
    }
  }

  list(filter: DeadLetterFilter, limit: number, before: string | null): Promise<StoredDeadLetter[]> {
    const all = [...this.#letters.values()].map(({ letter }) => letter).sort(newestFirst);
    const from = before === null ? 0 : all.findIndex(({ id }) => id === before) + 1;
    // A letter that is no longer there was the oldest: nothing is behind it.
    if (before !== null && from === 0) return Promise.resolve([]);
    const page = all.slice(from).filter((letter) => matches(letter, filter));
    return Promise.resolve(structuredClone(page.slice(0, limit)));
  }

  get(id: string): Promise<StoredDeadLetter | null> {
    return Promise.resolve(structuredClone(this.#letters.get(id)?.letter ?? null));
  }

  /** Reasons that occur, most frequent first. */
  counts(): Promise<{ reason: DeadLetterReason; letters: number }[]> {
    const counts = new Map<DeadLetterReason, number>();
    for (const { letter } of this.#letters.values()) {
      counts.set(letter.reason, (counts.get(letter.reason) ?? 0) + 1);
    }
    const found = [...counts].map(([reason, letters]) => ({ reason, letters }));
    return Promise.resolve(found.sort((a, b) => b.letters - a.letters || (a.reason < b.reason ? -1 : 1)));
  }

  replay(controls: readonly ReplayControl[]): Promise<string[]> {
    const replayed: string[] = [];
    for (const control of controls) {
      const id = `${control.letter.partition}:${control.letter.offset}`;
      const kept = this.#letters.get(id);
      if (kept === undefined || kept.letter.replayedAtMs !== null) continue;
      kept.letter.replayedAtMs = this.#now();
      this.controls.push(structuredClone(control));
      replayed.push(id);
    }
    return Promise.resolve(replayed);
  }

  trim(olderThanMs: number, maxRows: number): Promise<number> {
    const before = this.#letters.size;
    const lastFirst = [...this.#letters.values()].sort((a, b) => b.putAtMs - a.putAtMs);
    lastFirst.forEach(({ letter, putAtMs }, index) => {
      if (index >= maxRows || putAtMs < this.#now() - olderThanMs) this.#letters.delete(letter.id);
    });
    return Promise.resolve(before - this.#letters.size);
  }
}

function newestFirst(a: DeadLetter, b: DeadLetter): number {
  return b.appendTimeMs - a.appendTimeMs || b.partition - a.partition || b.offset - a.offset;
}

function matches(letter: StoredDeadLetter, filter: DeadLetterFilter): boolean {
  const { reason, partition, nasId, fromMs, toMs, replayed } = filter;
  return (
    (reason === null || letter.reason === reason) &&
    (partition === null || letter.partition === partition) &&
    (nasId === null || letter.nasId === nasId) &&
    (fromMs === null || letter.appendTimeMs >= fromMs) &&
    (toMs === null || letter.appendTimeMs < toMs) &&
    (replayed === null || (letter.replayedAtMs !== null) === replayed)
  );
}
