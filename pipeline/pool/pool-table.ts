import { PolicySet } from '../../rules/compile/policy-set.ts';
import { DueQueue } from '../window/due-queue.ts';
import { newPool } from './pool.ts';
import type { Pool } from './pool.ts';

/** The pools that a slot owns; all in memory. */
export class PoolTable {
  readonly all = new Map<string, Pool>();
  /** policies whose subject is a pool, compiled; derived */
  compiled = new PolicySet([]);
  /** pools up to this id were looked at since policies changed; null = all */
  sweptTo: string | null = null;
  /** when pools have to be looked at; derived */
  readonly due = new DueQueue();
  /** pools that have not told all members; derived */
  readonly telling = new Set<string>();
  #ids: string[] | null = null;

  /** The pool, made if this is the first that is heard of it. */
  of(poolId: string): Pool {
    const known = this.all.get(poolId);
    if (known !== undefined) return known;
    const made = newPool(poolId);
    this.put(made);
    return made;
  }

  /** Takes a pool as it was stored. */
  put(pool: Pool): void {
    this.all.set(pool.poolId, pool);
    this.#ids = null;
    this.note(pool);
  }

  /** Brings what is derived up to a pool that changed. */
  note({ poolId, dueMs, telling }: Pool): void {
    this.due.set(poolId, dueMs);
    if (telling === null) this.telling.delete(poolId);
    else this.telling.add(poolId);
  }

  /** All are to be looked at: policies, plans or settings changed. */
  startSweep(): void {
    if (this.all.size > 0) this.sweptTo = '';
  }

  /** The next pool of the sweep; null = it is over. */
  nextSwept(): Pool | null {
    const { sweptTo } = this;
    if (sweptTo === null) return null;
    this.#ids ??= [...this.all.keys()].sort();
    const id = firstAfter(this.#ids, sweptTo);
    this.sweptTo = id;
    return id === null ? null : (this.all.get(id) ?? null);
  }

  /** True while something is due, a sweep is under way or members wait for word. */
  hasWork(watermarkMs: number): boolean {
    return this.sweptTo !== null || this.telling.size > 0 || this.due.hasDue(watermarkMs);
  }
}

/** The first of sorted texts behind one; null = none. */
export function firstAfter(sorted: readonly string[], after: string): string | null {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? '') > after) high = middle;
    else low = middle + 1;
  }
  return sorted[low] ?? null;
}
