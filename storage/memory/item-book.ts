import { billingCycleAt } from '../../rules/tariff/timeline.ts';
import type { PlanLookup, TariffTimeline } from '../../rules/tariff/timeline.ts';
import type { ActionIntent } from '../../schemas/action.ts';
import type { BillingItem } from '../../schemas/billing.ts';
import { AppError } from '../../schemas/errors.ts';
import type { Span } from '../../schemas/tariff.ts';
import type { ClosedCycle, UsageAdjustment } from '../../schemas/usage-record.ts';
import type { CycleKeeping, ItemBook } from '../billing-ports.ts';
import { closeItems, feeItems } from '../cycle-money.ts';
import type { StoredCycle } from '../cycle-money.ts';
import type { CycleRow } from '../tariff-ports.ts';
import type { MemoryInvoiceLedger } from './invoice-ledger.ts';
import type { MoneyInMemory } from './ledger.ts';
import type { MemoryUsageRecords } from './usage-records.ts';

/** A subscriber as far as money needs it. */
export interface BilledInMemory {
  subscriberId: string;
  /** null = on no account */
  bill: { accountId: string; timeline: TariffTimeline } | null;
  overageConsent: boolean;
}

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

interface Row extends CycleRow {
  subscriberNo: number;
  hasFailed: boolean;
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
  readonly #now: () => number;
  readonly #onFault: (error: unknown) => void;
  readonly #rows = new Map<string, Row>();
  #records: MemoryUsageRecords | null = null;
  #asked: (subscriberId: string) => ActionIntent[] = () => [];

  constructor(
    source: MemoryTariffSource,
    deliveries: MemoryInvoiceLedger,
    { now = Date.now, onFault = () => undefined }: MemoryBookOptions = {},
  ) {
    this.#source = source;
    this.#deliveries = deliveries;
    this.#now = now;
    this.#onFault = onFault;
  }

  // Async, so that what it throws is a rejection as in Postgres.
  async settleCycle(
    _: null,
    subscriberNo: number,
    cycle: Span,
    which: 'advance' | 'all',
  ): Promise<BillingItem[]> {
    const billed = this.#source.billed(subscriberNo);
    if (billed === null) throw new AppError('not-found', 'no subscriber has this number');
    if ((this.#row(subscriberNo, cycle.startMs)?.closedMs ?? null) !== null)
      throw new AppError('conflict', 'the cycle is closed: what it costs changes by adjustments alone');
    return this.#settleFees(subscriberNo, billed, cycle, which);
  }

  async close(_: null, cycles: readonly ClosedCycle[]): Promise<void> {
    for (const closed of cycles) this.#close(closed);
  }

  async adjust(_: null, adjustments: readonly UsageAdjustment[]): Promise<void> {
    for (const closed of this.#lateCycles(adjustments, [])) this.#close(closed);
  }

  book(_: null, items: readonly BillingItem[]): Promise<string[]> {
    return Promise.resolve(this.#deliveries.add(items));
  }

  settle(
    cycles: readonly ClosedCycle[],
    adjustments: readonly UsageAdjustment[],
    records: MemoryUsageRecords,
    asked: (subscriberId: string) => ActionIntent[],
  ): void {
    this.#records = records;
    this.#asked = asked;
    for (const closed of [...cycles, ...this.#lateCycles(adjustments, cycles)]) this.#closeSafely(closed);
  }

  begun(nowMs: number, limit: number): Promise<number> {
    let did = 0;
    for (const subscriberNo of this.#source.numbers()) {
      if (did === limit) break;
      const billed = this.#source.billed(subscriberNo);
      if (billed === null || billed.bill === null || this.#hasCycleAt(subscriberNo, nowMs)) continue;
      const { timeline } = billed.bill;
      if (
        !timeline.assignments.some(({ fromMs, toMs }) => fromMs <= nowMs && (toMs === null || toMs > nowMs))
      )
        continue;
      try {
        this.#settleFees(subscriberNo, billed, billingCycleAt(timeline, nowMs), 'advance');
        did += 1;
      } catch (error) {
        // One that cannot be reckoned must not hold up the others.
        this.#onFault(error);
      }
    }
    for (const row of this.#rows.values()) {
      if (did === limit) break;
      if (row.status !== 'open' || row.endMs > nowMs) continue;
      row.status = 'closing';
      did += 1;
    }
    return Promise.resolve(did);
  }

  notClosed(beforeMs: number, limit: number): Promise<CycleRow[]> {
    const found = [...this.#rows.values()].filter((row) => row.status !== 'closed' && row.endMs < beforeMs);
    found.sort((a, b) => a.endMs - b.endMs || a.subscriberNo - b.subscriberNo);
    return Promise.resolve(found.slice(0, limit).map((row) => ({ ...toRow(row), closedMs: null })));
  }

  retryFailed(limit: number): Promise<number> {
    const failed = [...this.#rows.values()].filter((row) => row.hasFailed).slice(0, limit);
    const done = failed.filter(({ subscriberId, startMs }) => {
      const { closed } = this.#records?.stored(subscriberId, startMs) ?? { closed: null };
      return closed !== null && this.#closeSafely(closed);
    });
    return Promise.resolve(done.length);
  }

  /** All rows of a subscriber, by start. */
  cyclesOf(subscriberId: string): CycleRow[] {
    const own = [...this.#rows.values()].filter((row) => row.subscriberId === subscriberId);
    return own.sort((a, b) => a.startMs - b.startMs).map(toRow);
  }

  #settleFees(no: number, billed: BilledInMemory, cycle: Span, which: 'advance' | 'all'): BillingItem[] {
    const items = feeItems(this.#stored(billed, cycle), cycle, this.#source.plans, which);
    this.#deliveries.add(items);
    if (billed.bill === null) return items;
    const known = this.#row(no, cycle.startMs);
    if (known === undefined) this.#put(no, billed.subscriberId, cycle, {});
    else known.endMs = cycle.endMs;
    return items;
  }

  #close(closed: ClosedCycle): void {
    const { subscriberId, cycleStartMs: startMs, cycleEndMs: endMs } = closed;
    const no = this.#source.numberOf(subscriberId);
    const billed = no === null ? null : this.#source.billed(no);
    if (no === null || billed === null) return;
    const cycle = { startMs, endMs };
    const closedMs = this.#row(no, startMs)?.closedMs ?? null;
    const adjustments = this.#records?.stored(subscriberId, startMs).adjustments ?? [];
    const stored = this.#stored(billed, cycle);
    const { items, termsDiffer } = closeItems(
      stored,
      closed,
      adjustments,
      this.#source.plans,
      closedMs !== null,
    );
    this.#deliveries.add(items);
    const more = { status: 'closed', closedMs: closedMs ?? this.#now(), termsDiffer } as const;
    this.#put(no, subscriberId, cycle, more);
  }

  #closeSafely(closed: ClosedCycle): boolean {
    try {
      this.#close(closed);
      return true;
    } catch (error) {
      // A defect in money never stops actions: it is told, and a job tries again.
      this.#onFault(error);
      const no = this.#source.numberOf(closed.subscriberId);
      const cycle = { startMs: closed.cycleStartMs, endMs: closed.cycleEndMs };
      if (no !== null) {
        const closedMs = this.#row(no, cycle.startMs)?.closedMs ?? null;
        this.#put(no, closed.subscriberId, cycle, { status: 'closing', closedMs, hasFailed: true });
      }
      return false;
    }
  }

  /** Cycles that were itemised, or could not be, and that something came to since. */
  #lateCycles(adjustments: readonly UsageAdjustment[], except: readonly ClosedCycle[]): ClosedCycle[] {
    const late = new Set<ClosedCycle>();
    for (const { subscriberId, cycleStartMs } of adjustments) {
      if (except.some((one) => one.subscriberId === subscriberId && one.cycleStartMs === cycleStartMs))
        continue;
      const no = this.#source.numberOf(subscriberId);
      const row = no === null ? undefined : this.#row(no, cycleStartMs);
      const { closed } = this.#records?.stored(subscriberId, cycleStartMs) ?? { closed: null };
      if (closed !== null && row !== undefined && (row.closedMs !== null || row.hasFailed)) late.add(closed);
    }
    return [...late];
  }

  #stored({ subscriberId, bill, overageConsent }: BilledInMemory, { startMs, endMs }: Span): StoredCycle {
    const booked = this.#deliveries.ofCycles(subscriberId, startMs, endMs);
    const waiting = this.#asked(subscriberId).filter(({ id, cycleStartMs }) => {
      return !this.#deliveries.has(id) && cycleStartMs >= startMs && cycleStartMs < endMs;
    });
    return { subscriberId, bill, overageConsent, booked, waiting };
  }

  #row(subscriberNo: number, startMs: number): Row | undefined {
    return this.#rows.get(`${subscriberNo} ${startMs}`);
  }

  #hasCycleAt(subscriberNo: number, atMs: number): boolean {
    return [...this.#rows.values()].some((row) => {
      return row.subscriberNo === subscriberNo && row.startMs <= atMs && row.endMs > atMs;
    });
  }

  /** Rows of other bounds that are not closed make room; beside a closed one there is none. */
  #put(subscriberNo: number, subscriberId: string, { startMs, endMs }: Span, more: Partial<Row>): void {
    for (const [key, row] of this.#rows) {
      const isOther = row.subscriberNo === subscriberNo && row.startMs !== startMs;
      if (!isOther || row.startMs >= endMs || row.endMs <= startMs) continue;
      if (row.closedMs !== null) return;
      this.#rows.delete(key);
    }
    const none = { status: 'open', closedMs: null, termsDiffer: false, hasFailed: false } as const;
    this.#rows.set(`${subscriberNo} ${startMs}`, {
      ...none,
      subscriberNo,
      subscriberId,
      startMs,
      endMs,
      ...more,
    });
  }
}

function toRow({ subscriberId, startMs, endMs, status, closedMs, termsDiffer }: Row): CycleRow {
  return { subscriberId, startMs, endMs, status, closedMs, termsDiffer };
}
