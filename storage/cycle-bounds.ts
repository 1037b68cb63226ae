import { billingCycleAt, runningCycle } from '../rules/tariff/timeline.ts';
import type { TariffTimeline } from '../rules/tariff/timeline.ts';
import type { Span } from '../schemas/tariff.ts';

/** An account that pays, and how it is taxed now. */
export interface Payer {
  accountId: string;
  taxClass: string;
}

/** What of a cycle one account pays. */
export interface PaidSpan extends Span {
  /** the account that the subscriber left since; null = that of now */
  payer: Payer | null;
}

/** A row of `cycle`, as far as its bounds matter, and who pays it. */
export interface KnownCycle extends PaidSpan {
  /** its items were made when it closed */
  wasClosed: boolean;
  /** its items could not be made: its slot has closed it, so its bounds stay too */
  hasFailed: boolean;
}

/** What the cycles of a subscriber that are not closed should be, and what of its rows differs. */
export interface OpenCycles {
  /** rows of other bounds: they go */
  gone: KnownCycle[];
  /** cycles that have no row, ascending; their fees are to be settled */
  missing: PaidSpan[];
  /** the one that contains the instant */
  running: PaidSpan;
}

/**
 * The cycles that run up to an instant, one after the other, from the first row that is not closed on: by the calendar, and not
 * back over what is closed. So each second is in one cycle, whatever became of zone, rule or account, and each item in the cycle
 * that its own one began in.
 *
 * @param rows of the subscriber, in any order
 * @param closedThroughMs where the last closed cycle ends, also one that has no row; null = none is
 */
export function openCyclesAt(
  t: TariffTimeline,
  rows: readonly KnownCycle[],
  closedThroughMs: number | null,
  atMs: number,
): OpenCycles {
  const throughMs = closedThroughMs ?? Number.NEGATIVE_INFINITY;
  const open = rows.filter((row) => !isFinal(row) && row.endMs > throughMs);
  const untilMs = Math.max(atMs, throughMs, ...open.map(({ startMs }) => startMs));
  const running = runningCycle(t, closedThroughMs, untilMs);
  const tiles: PaidSpan[] = [];
  for (let fromMs = Math.min(running.startMs, firstOpenMs(rows, open, throughMs)); ;) {
    const endMs = billingCycleAt(t, fromMs).endMs;
    const payer = open.find((row) => isSame({ startMs: fromMs, endMs }, row))?.payer ?? null;
    tiles.push({ startMs: fromMs, endMs, payer });
    if (endMs > untilMs) break;
    fromMs = endMs;
  }
  const gone = open.filter((row) => !tiles.some((tile) => isSame(tile, row)));
  const missing = tiles.filter((tile, index) => {
    if (open.some((row) => isSame(tile, row))) return false;
    // Nothing was had in it, and no row says that something may have been charged.
    const isRunning = index === tiles.length - 1 && (rows.length > 0 || hadSomething(t));
    return isRunning || hasSomething(t, tile) || open.some((row) => overlap(row, tile));
  });
  // What a slot has closed and nobody has itemised yet keeps its row.
  const before = gone.filter(({ startMs }) => startMs < throughMs);
  const left = before.map(({ startMs, payer }) => ({ startMs, endMs: throughMs, payer }));
  return { gone, missing: [...left, ...missing], running: tiles.at(-1) ?? { ...running, payer: null } };
}

/** Where the cycles that are not closed begin, as far as rows tell. */
function firstOpenMs(rows: readonly KnownCycle[], open: readonly KnownCycle[], throughMs: number): number {
  const first = Math.min(...open.map(({ startMs }) => startMs));
  if (open.length > 0) return Math.max(first, throughMs);
  // A pause of the jobs, or a time without a plan; what closed before there were rows is none.
  return rows.some(isFinal) ? throughMs : Number.POSITIVE_INFINITY;
}

/** What is closed of the cycles of who leaves an account at an instant, ascending. @param rows of the subscriber */
export function cyclesLeft(
  rows: readonly KnownCycle[],
  closedThroughMs: number | null,
  atMs: number,
): PaidSpan[] {
  const throughMs = closedThroughMs ?? Number.NEGATIVE_INFINITY;
  return rows
    .filter((row) => !isFinal(row) && row.startMs < atMs && row.endMs > throughMs)
    .map(({ startMs, endMs, payer }) => ({ startMs, endMs: Math.min(endMs, atMs), payer }))
    .sort((a, b) => a.startMs - b.startMs);
}

/** How a cycle that its slot has closed lies on the rows of its subscriber. */
export interface ClosingCycle {
  /** it was itemised before */
  isDone: boolean;
  /** what of it no closed row has; who pays that is charged for usage too, which is told for the whole */
  span: PaidSpan;
  /** rows that it lies over: they go */
  gone: KnownCycle[];
  /** what its slot passed over, since nothing was carried: rows before it, and what is left of one that it lies over */
  passed: PaidSpan[];
  /** what is left behind it of rows that it lies over: it is open */
  left: PaidSpan[];
}

/**
 * A part of a cycle may be closed before: what an account paid until the subscriber moved to another one. A slot closes the oldest
 * first, so whatever is open before it will not be closed any more.
 *
 * @param told the cycle as its slot has it
 * @param rows those that overlap it, and those before it that are not closed
 */
export function closingCycle(told: Span, rows: readonly KnownCycle[]): ClosingCycle {
  const overlapping = rows.filter((row) => overlap(row, told));
  const closed = overlapping.filter(({ wasClosed }) => wasClosed);
  const last = closed.find(({ endMs }) => endMs >= told.endMs);
  if (last !== undefined) {
    const { startMs, endMs, payer } = last;
    return { isDone: true, span: { startMs, endMs, payer }, gone: [], passed: [], left: [] };
  }
  const startMs = Math.max(told.startMs, ...closed.map(({ endMs }) => endMs));
  const gone = overlapping.filter(({ wasClosed }) => !wasClosed);
  const before = rows.filter((row) => !isFinal(row) && row.startMs < told.startMs);
  const payer = gone.toSorted((a, b) => a.startMs - b.startMs).at(-1)?.payer ?? null;
  const behind = gone.filter(({ endMs }) => endMs > told.endMs);
  return {
    isDone: false,
    span: { startMs, endMs: told.endMs, payer },
    gone,
    passed: before.map((row) => {
      return { startMs: row.startMs, endMs: Math.min(row.endMs, told.startMs), payer: row.payer };
    }),
    left: behind.map((row) => ({ startMs: told.endMs, endMs: row.endMs, payer: row.payer })),
  };
}

function isFinal({ wasClosed, hasFailed }: KnownCycle): boolean {
  return wasClosed || hasFailed;
}

function isSame(a: Span, b: Span): boolean {
  return a.startMs === b.startMs && a.endMs === b.endMs;
}

function overlap(a: Span, b: Span): boolean {
  return a.startMs < b.endMs && b.startMs < a.endMs;
}

function hadSomething({ assignments, addOns }: TariffTimeline): boolean {
  return assignments.length > 0 || addOns.length > 0;
}

function hasSomething({ assignments, addOns }: TariffTimeline, tile: Span): boolean {
  return [...assignments, ...addOns].some(
    ({ fromMs, toMs }) => fromMs < tile.endMs && (toMs ?? Number.POSITIVE_INFINITY) > tile.startMs,
  );
}
