import { pricedFrom } from '../../rules/tariff/timeline.ts';
import type { PlanLookup, TariffTimeline } from '../../rules/tariff/timeline.ts';
import type { ActionIntent } from '../../schemas/action.ts';
import { BLOCK_LINE } from '../../rules/tariff/blocks.ts';
import type { BillingItem } from '../../schemas/billing.ts';
import { AppError } from '../../schemas/errors.ts';
import type { Span } from '../../schemas/tariff.ts';
import type { ClosedCycle, UsageAdjustment } from '../../schemas/usage-record.ts';
import { closingCycle, cyclesLeft, openCyclesAt } from '../cycle-bounds.ts';
import type { KnownCycle, PaidSpan, Payer } from '../cycle-bounds.ts';
import { closeItems, feeItems } from '../cycle-money.ts';
import type { BookedItem, StoredCycle } from '../cycle-money.ts';
import type { CycleRow } from '../tariff-ports.ts';

/** A subscriber as far as money needs it. */
export interface BilledInMemory {
  subscriberId: string;
  /** null = on no account */
  bill: { accountId: string; timeline: TariffTimeline } | null;
  overageConsent: boolean;
}

/** A row of a cycle; never changed, only replaced. */
export interface MemoryCycle extends CycleRow {
  subscriberNo: number;
  hasFailed: boolean;
  /** who pays it, where the subscriber has left that account since */
  payer: Payer | null;
  /** the cycle that its slot closed it with; null = it did not */
  told: Span | null;
}

/** Who has what, and the rows and items that stand. */
export interface CycleStore {
  plans: PlanLookup;
  /** by number and start, as `cycleKey` says */
  cycles: Map<string, MemoryCycle>;
  /** by number; null = nobody has it */
  billed(subscriberNo: number): BilledInMemory | null;
  /** whose own cycle begins in [fromMs, toMs), in the order in which they were made */
  booked(subscriberId: string, fromMs: number, toMs: number): readonly BookedItem[];
  /** Returns the keys that were not there before. */
  add(items: readonly BillingItem[]): string[];
  /** blocks that were asked for and have no item */
  waiting(subscriberId: string): readonly ActionIntent[];
}

function cycleKey(subscriberNo: number, startMs: number): string {
  return `${subscriberNo} ${startMs}`;
}

/** Rows of one subscriber, by start. */
export function cyclesOfNumber(cycles: ReadonlyMap<string, MemoryCycle>, no: number): MemoryCycle[] {
  const own = [...cycles.values()].filter(({ subscriberNo }) => subscriberNo === no);
  return own.sort((a, b) => a.startMs - b.startMs);
}

/** Where the last closed cycle of a subscriber ends; null = none is closed. */
export function closedThrough(cycles: ReadonlyMap<string, MemoryCycle>, no: number): number | null {
  const ends = cyclesOfNumber(cycles, no)
    .filter(({ closedMs, hasFailed }) => closedMs !== null || hasFailed)
    .map(({ endMs }) => endMs);
  return ends.length === 0 ? null : Math.max(...ends);
}

/** Whether a cycle of a subscriber runs that has no row, though it has a plan or add-on or had one since its last cycle. */
export function hasBegun(
  no: number,
  source: Pick<CycleStore, 'billed'>,
  cycles: ReadonlyMap<string, MemoryCycle>,
  nowMs: number,
): boolean {
  const { bill = null } = source.billed(no) ?? {};
  const last = cyclesOfNumber(cycles, no).findLast(({ startMs }) => startMs <= nowMs);
  if (bill === null || (last !== undefined && last.endMs > nowMs)) return false;
  const sinceMs = last?.endMs ?? nowMs;
  const { assignments, addOns } = bill.timeline;
  return [...assignments, ...addOns].some(
    ({ fromMs, toMs }) => fromMs <= nowMs && (toMs ?? Number.POSITIVE_INFINITY) > sinceMs,
  );
}

/** What storage/postgres/cycle-fees.ts and cycle-close.ts do, one subscriber at a time. */
export class CycleBook {
  readonly #store: CycleStore;
  readonly #now: () => number;

  constructor(store: CycleStore, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /** As ItemBook.settle. */
  settle(no: number, atMs: number): BillingItem[] {
    const billed = this.#billed(no);
    if (billed.bill === null) return [];
    const closedMs = closedThrough(this.#store.cycles, no);
    if (closedMs !== null && atMs < closedMs)
      throw new AppError('conflict', 'the cycle is closed: what it costs changes by adjustments alone');
    const { gone, missing, running } = openCyclesAt(billed.bill.timeline, this.#rows(no), closedMs, atMs);
    const others = missing.filter(({ startMs }) => startMs !== running.startMs);
    const items = [...others, running].flatMap((cycle) => this.#itemise(billed, cycle, 'advance'));
    this.#drop(no, gone);
    this.#open(no, billed, missing);
    return items;
  }

  /** As ItemBook.leave. */
  leave(no: number, atMs: number): BillingItem[] {
    const billed = this.#billed(no);
    if (billed.bill === null) return [];
    const items = this.#closeLeft(no, billed, billed.bill, atMs);
    const { accountId, timeline } = billed.bill;
    for (const row of cyclesOfNumber(this.#store.cycles, no)) {
      const isItsOwn = row.startMs < atMs || row.closedMs !== null || row.hasFailed;
      const payer = row.payer ?? (isItsOwn ? { accountId, taxClass: timeline.taxClass } : null);
      this.#store.cycles.set(cycleKey(no, row.startMs), { ...row, payer });
    }
    return items;
  }

  #closeLeft(
    no: number,
    billed: BilledInMemory,
    { timeline }: NonNullable<BilledInMemory['bill']>,
    atMs: number,
  ): BillingItem[] {
    const closedMs = closedThrough(this.#store.cycles, no);
    if (closedMs !== null && atMs < closedMs) return [];
    const { gone, missing } = openCyclesAt(timeline, this.#rows(no), closedMs, atMs);
    this.#drop(no, gone);
    this.#open(no, billed, missing);
    return cyclesLeft(this.#rows(no), closedMs, atMs).flatMap((left) => {
      const items = this.#itemise(billed, left, 'all');
      this.#put(no, billed, left, { status: 'closed', closedMs: this.#now() });
      return items;
    });
  }

  /** The items of a closed cycle. @param isLate it was closed before: nothing is done where it was not itemised then */
  close(no: number, closed: ClosedCycle, adjustments: readonly UsageAdjustment[], isLate: boolean): void {
    const billed = this.#billed(no);
    const told = { startMs: closed.cycleStartMs, endMs: closed.cycleEndMs };
    const rows = this.#rows(no);
    const closing = closingCycle(told, rows);
    const hasFailed = rows.some(
      (row) => row.hasFailed && row.startMs < told.endMs && row.endMs > told.startMs,
    );
    if (billed.bill === null || (isLate && !closing.isDone && !hasFailed)) return;
    const stored = this.#stored(billed, told);
    const { plans, cycles } = this.#store;
    const { items, termsDiffer } = closeItems(stored, closed, adjustments, plans, closing, isLate);
    this.#add(items);
    this.#drop(no, closing.gone);
    const before = cycles.get(cycleKey(no, closing.span.startMs));
    const closedMs = before?.closedMs ?? this.#now();
    this.#put(no, billed, closing.span, { status: 'closed', closedMs, termsDiffer, told });
    this.#open(no, billed, closing.left);
    for (const cycle of closing.left) this.#itemise(billed, cycle, 'advance');
    for (const cycle of closing.passed) {
      this.#itemise(billed, cycle, 'all');
      this.#put(no, billed, cycle, { status: 'closed', closedMs });
    }
  }

  /** Its items could not be made. */
  fail(no: number, { subscriberId, cycleStartMs, cycleEndMs }: ClosedCycle): void {
    const told = { startMs: cycleStartMs, endMs: cycleEndMs };
    const { span, gone, passed, left } = closingCycle(told, this.#rows(no));
    this.#drop(no, gone);
    const closedMs = this.#store.cycles.get(cycleKey(no, span.startMs))?.closedMs ?? null;
    this.#put(no, { subscriberId }, span, { status: 'closing', closedMs, hasFailed: true });
    this.#open(no, { subscriberId }, [...passed, ...left]);
  }

  /** Closes a cycle that no slot has closed. */
  closeUntold({ subscriberNo, startMs, endMs, payer }: MemoryCycle): void {
    const billed = this.#billed(subscriberNo);
    const cycle = { startMs, endMs, payer };
    this.#itemise(billed, cycle, 'all');
    this.#put(subscriberNo, billed, cycle, { status: 'closed', closedMs: this.#now() });
  }

  /** It has ended. */
  end(row: MemoryCycle): void {
    this.#store.cycles.set(cycleKey(row.subscriberNo, row.startMs), { ...row, status: 'closing' });
  }

  #billed(no: number): BilledInMemory {
    const billed = this.#store.billed(no);
    if (billed === null) throw new AppError('not-found', 'no subscriber has this number');
    return billed;
  }

  #rows(no: number): KnownCycle[] {
    return cyclesOfNumber(this.#store.cycles, no).map(({ startMs, endMs, closedMs, hasFailed, payer }) => {
      return { startMs, endMs, wasClosed: closedMs !== null, hasFailed, payer };
    });
  }

  #stored({ subscriberId, bill, overageConsent }: BilledInMemory, { startMs, endMs }: Span): StoredCycle {
    const booked = this.#store.booked(subscriberId, startMs, endMs);
    const waiting = this.#store
      .waiting(subscriberId)
      .filter(({ cycleStartMs }) => cycleStartMs >= startMs && cycleStartMs < endMs);
    return { subscriberId, bill, overageConsent, booked, waiting };
  }

  #itemise(billed: BilledInMemory, cycle: PaidSpan, which: 'advance' | 'all'): BillingItem[] {
    if (billed.bill === null) return [];
    const told = this.#toldBefore(billed.subscriberId, cycle.startMs);
    const pricedFromMs = pricedFrom(billed.bill.timeline, cycle.startMs, told);
    const stored = this.#stored(billed, cycle);
    return this.#add(feeItems(stored, { ...cycle, pricedFromMs }, this.#store.plans, which));
  }

  #toldBefore(subscriberId: string, startMs: number): Span | null {
    let last: Span | null = null;
    for (const { subscriberId: id, told } of this.#store.cycles.values())
      if (id === subscriberId && told !== null && told.startMs < startMs)
        if (last === null || told.startMs > last.startMs) last = told;
    return last;
  }

  #add(items: BillingItem[]): BillingItem[] {
    const booked = new Set(this.#store.add(items));
    const lost = items.find(({ key, line }) => line !== BLOCK_LINE && !booked.has(key));
    if (lost !== undefined)
      throw new AppError('store-corrupt', `an item of ${lost.line} has the key of another: ${lost.key}`);
    return items;
  }

  #drop(no: number, rows: readonly Span[]): void {
    for (const { startMs } of rows) this.#store.cycles.delete(cycleKey(no, startMs));
  }

  #open(no: number, billed: Pick<BilledInMemory, 'subscriberId'>, spans: readonly PaidSpan[]): void {
    for (const span of spans) this.#put(no, billed, span, { status: 'open' });
  }

  #put(
    subscriberNo: number,
    { subscriberId }: Pick<BilledInMemory, 'subscriberId'>,
    { startMs, endMs, payer }: PaidSpan,
    more: Partial<MemoryCycle>,
  ): void {
    const none = { status: 'open', closedMs: null, termsDiffer: false, hasFailed: false } as const;
    const told = this.#store.cycles.get(cycleKey(subscriberNo, startMs))?.told ?? null;
    const row = { ...none, told, subscriberNo, subscriberId, startMs, endMs, payer, ...more };
    this.#store.cycles.set(cycleKey(subscriberNo, startMs), row);
  }
}
