import type { ClosedCycle, UsageAdjustment } from '../../schemas/usage-record.ts';
import type { UsageRecords } from '../people-ports.ts';

const PAGE = 1_000;

/** Adjustments and closed cycles in memory, for simulation and unit tests; a memory ledger fills it. */
export class MemoryUsageRecords implements UsageRecords {
  readonly #adjustments = new Map<string, UsageAdjustment>();
  readonly #closed = new Map<string, ClosedCycle>();

  /** What is there already stays as it is. Returns what was not. */
  add(
    adjustments: readonly UsageAdjustment[],
    closedCycles: readonly ClosedCycle[],
  ): { adjustments: UsageAdjustment[]; closedCycles: ClosedCycle[] } {
    const newAdjustments = adjustments.filter((each) => {
      if (this.#adjustments.has(each.id)) return false;
      this.#adjustments.set(each.id, structuredClone(each));
      return true;
    });
    const newCycles = closedCycles.filter((each) => {
      const key = nameOf(each.subscriberId, each.cycleStartMs);
      if (this.#closed.has(key)) return false;
      this.#closed.set(key, structuredClone(each));
      return true;
    });
    return { adjustments: newAdjustments, closedCycles: newCycles };
  }

  /** All closed cycles of a subscriber, as they were given. */
  closedOf(subscriberId: string): ClosedCycle[] {
    return [...this.#closed.values()].filter((closed) => closed.subscriberId === subscriberId);
  }

  /** One cycle and all adjustments of it, as they were given. */
  stored(
    subscriberId: string,
    cycleStartMs: number,
  ): { closed: ClosedCycle | null; adjustments: UsageAdjustment[] } {
    const adjustments = [...this.#adjustments.values()].filter(
      (each) => each.subscriberId === subscriberId && each.cycleStartMs === cycleStartMs,
    );
    return { closed: this.#closed.get(nameOf(subscriberId, cycleStartMs)) ?? null, adjustments };
  }

  adjustments(subscriberId: string, limit: number): Promise<UsageAdjustment[]> {
    const own = [...this.#adjustments.values()].filter((each) => each.subscriberId === subscriberId);
    return Promise.resolve(structuredClone(own.reverse().slice(0, limit)));
  }

  closedCycles(subscriberId: string, limit: number): Promise<ClosedCycle[]> {
    const own = [...this.#closed.values()].filter((each) => each.subscriberId === subscriberId);
    own.sort((a, b) => b.cycleStartMs - a.cycleStartMs);
    return Promise.resolve(structuredClone(own.slice(0, limit)));
  }

  allAdjustments(): AsyncIterable<UsageAdjustment[]> {
    return pages([...this.#adjustments.values()].sort((a, b) => byBytes(a.id, b.id)));
  }

  allClosedCycles(): AsyncIterable<ClosedCycle[]> {
    const all = [...this.#closed.values()];
    all.sort((a, b) => byBytes(a.subscriberId, b.subscriberId) || a.cycleStartMs - b.cycleStartMs);
    return pages(all);
  }
}

function nameOf(subscriberId: string, cycleStartMs: number): string {
  return JSON.stringify([subscriberId, cycleStartMs]);
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

async function* pages<T>(all: readonly T[]): AsyncGenerator<T[]> {
  for (let at = 0; at < all.length; at += PAGE) {
    yield await Promise.resolve(structuredClone(all.slice(at, at + PAGE)));
  }
}
