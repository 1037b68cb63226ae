import type { PlanLookup } from '../../rules/tariff/timeline.ts';
import type { ActionIntent } from '../../schemas/action.ts';
import type { BillingItem } from '../../schemas/billing.ts';
import type { ClosedCycle, UsageAdjustment } from '../../schemas/usage-record.ts';
import type { CycleKeeping, ItemBook } from '../billing-ports.ts';
import type { CycleRow } from '../tariff-ports.ts';
import { CycleBook, cyclesOfNumber, hasBegun } from './cycle-book.ts';
import type { BilledInMemory, CycleStore, MemoryCycle } from './cycle-book.ts';
import type { MemoryInvoiceLedger } from './invoice-ledger.ts';
import type { MoneyInMemory } from './ledger.ts';
import type { MemoryUsageRecords } from './usage-records.ts';

/** Who has what, as the tariffs in memory know it. */
export interface MemoryTariffSource {
  plans: PlanLookup;
  /** by number; null = nobody has it */
  billed(subscriberNo: number): BilledInMemory | null;
  /** null = unknown */
  numberOf(subscriberId: string): number | null;
  /** all, ascending */
  numbers(): number[];
}

/** What the memory book needs besides; all optional. */
export interface MemoryBookOptions {
  /** ms since 1970 UTC; default the system's clock */
  now?: () => number;
  /** what could not be opened or itemised */
  onFault?: (error: unknown) => void;
}

/**
 * Items and cycles in memory, for simulation and unit tests. Same contract as in Postgres; nothing survives, and there are no
 * transactions: what is made is made.
 */
export class MemoryItemBook implements ItemBook<null>, MoneyInMemory, CycleKeeping {
  readonly #source: MemoryTariffSource;
  readonly #deliveries: MemoryInvoiceLedger;
  readonly #onFault: (error: unknown) => void;
  readonly #cycles = new Map<string, MemoryCycle>();
  readonly #book: CycleBook;
  #records: MemoryUsageRecords | null = null;
  #asked: (subscriberId: string) => ActionIntent[] = () => [];

  constructor(
    source: MemoryTariffSource,
    deliveries: MemoryInvoiceLedger,
    { now = Date.now, onFault = () => undefined }: MemoryBookOptions = {},
  ) {
    this.#source = source;
    this.#deliveries = deliveries;
    this.#onFault = onFault;
    const store: CycleStore = {
      cycles: this.#cycles,
      get plans() {
        return source.plans;
      },
      billed: (no) => source.billed(no),
      booked: (subscriberId, fromMs, toMs) => deliveries.ofCycles(subscriberId, fromMs, toMs),
      add: (items) => deliveries.add(items),
      waiting: (subscriberId) => this.#asked(subscriberId).filter(({ id }) => !deliveries.has(id)),
    };
    this.#book = new CycleBook(store, now);
  }

  // Async, so that what it throws is a rejection as in Postgres.
  async settle(_: null, subscriberNo: number, atMs: number): Promise<BillingItem[]> {
    return this.#book.settle(subscriberNo, atMs);
  }

  async leave(_: null, subscriberNo: number, atMs: number): Promise<BillingItem[]> {
    return this.#book.leave(subscriberNo, atMs);
  }

  async close(_: null, cycles: readonly ClosedCycle[]): Promise<void> {
    for (const closed of cycles) this.#close(closed, false);
  }

  async adjust(_: null, adjustments: readonly UsageAdjustment[]): Promise<void> {
    for (const closed of this.#lateCycles(adjustments, [])) this.#close(closed, true);
  }

  book(_: null, items: readonly BillingItem[]): Promise<string[]> {
    return Promise.resolve(this.#deliveries.add(items));
  }

  settleClosed(
    cycles: readonly ClosedCycle[],
    adjustments: readonly UsageAdjustment[],
    records: MemoryUsageRecords,
    asked: (subscriberId: string) => ActionIntent[],
  ): void {
    this.#records = records;
    this.#asked = asked;
    for (const closed of cycles) this.#closeSafely(closed, false);
    for (const closed of this.#lateCycles(adjustments, cycles)) this.#closeSafely(closed, true);
  }

  begun(nowMs: number, limit: number): Promise<number> {
    let did = 0;
    for (const subscriberNo of this.#source.numbers()) {
      if (did >= limit) break;
      if (!hasBegun(subscriberNo, this.#source, this.#cycles, nowMs)) continue;
      const before = this.#cycles.size;
      try {
        this.#book.settle(subscriberNo, nowMs);
        did += this.#cycles.size - before;
      } catch (error) {
        // One that cannot be reckoned must not hold up the others.
        this.#onFault(error);
      }
    }
    for (const row of [...this.#cycles.values()]) {
      if (did >= limit) break;
      if (row.status !== 'open' || row.endMs > nowMs) continue;
      this.#book.end(row);
      did += 1;
    }
    return Promise.resolve(did);
  }

  notClosed(beforeMs: number, limit: number): Promise<CycleRow[]> {
    return Promise.resolve(this.#ended(beforeMs).slice(0, limit).map(toRow));
  }

  retryFailed(limit: number): Promise<number> {
    const failed = [...this.#cycles.values()].filter((row) => row.hasFailed).slice(0, limit);
    return this.#closeFound(failed);
  }

  closeTold(beforeMs: number, limit: number): Promise<number> {
    const told = this.#ended(beforeMs).filter((row) => !row.hasFailed && this.#told(row) !== null);
    return this.#closeFound(told.slice(0, limit));
  }

  closeUntold(beforeMs: number, limit: number): Promise<number> {
    const untold = this.#ended(beforeMs).filter((row) => !row.hasFailed && this.#told(row) === null);
    for (const row of untold.slice(0, limit)) this.#book.closeUntold(row);
    return Promise.resolve(Math.min(untold.length, limit));
  }

  /** All rows of a subscriber, by start. */
  cyclesOf(subscriberId: string): CycleRow[] {
    const no = this.#source.numberOf(subscriberId);
    return no === null ? [] : cyclesOfNumber(this.#cycles, no).map(toRow);
  }

  #ended(beforeMs: number): MemoryCycle[] {
    const found = [...this.#cycles.values()].filter((row) => row.status !== 'closed' && row.endMs < beforeMs);
    return found.sort((a, b) => a.endMs - b.endMs || a.subscriberNo - b.subscriberNo);
  }

  #closeFound(rows: readonly MemoryCycle[]): Promise<number> {
    const done = rows.filter((row) => {
      const closed = this.#told(row);
      return closed !== null && this.#closeSafely(closed, row.closedMs !== null);
    });
    return Promise.resolve(done.length);
  }

  /** The closed cycle of a slot that a row is, or is a part of. */
  #told({ subscriberId, endMs }: MemoryCycle): ClosedCycle | null {
    const all = this.#records?.closedOf(subscriberId) ?? [];
    return all.find((closed) => closed.cycleStartMs < endMs && closed.cycleEndMs >= endMs) ?? null;
  }

  #close(closed: ClosedCycle, isLate: boolean): void {
    const { subscriberId, cycleStartMs } = closed;
    const no = this.#source.numberOf(subscriberId);
    if (no === null) return;
    const adjustments = this.#records?.stored(subscriberId, cycleStartMs).adjustments ?? [];
    this.#book.close(no, closed, adjustments, isLate);
  }

  #closeSafely(closed: ClosedCycle, isLate: boolean): boolean {
    try {
      this.#close(closed, isLate);
      return true;
    } catch (error) {
      // A defect in money never stops actions: it is told, and a job tries again.
      this.#onFault(error);
      const no = this.#source.numberOf(closed.subscriberId);
      if (no !== null) this.#book.fail(no, closed);
      return false;
    }
  }

  /** Cycles that something came to since they closed. */
  #lateCycles(adjustments: readonly UsageAdjustment[], except: readonly ClosedCycle[]): ClosedCycle[] {
    const late = new Set<ClosedCycle>();
    for (const { subscriberId, cycleStartMs } of adjustments) {
      if (except.some((one) => one.subscriberId === subscriberId && one.cycleStartMs === cycleStartMs))
        continue;
      const { closed } = this.#records?.stored(subscriberId, cycleStartMs) ?? { closed: null };
      if (closed !== null) late.add(closed);
    }
    return [...late];
  }
}

function toRow({ subscriberId, startMs, endMs, status, closedMs, termsDiffer }: MemoryCycle): CycleRow {
  return { subscriberId, startMs, endMs, status, closedMs, termsDiffer };
}
