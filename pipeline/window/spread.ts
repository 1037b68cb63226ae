import type { Bytes } from '../fold/slot-state.ts';
import { splitExactly } from './split.ts';

/** Length of a tumbling window. */
export const WINDOW_MS = 5 * 60_000;
/** A window takes late bytes until the watermark is this far past its end. */
export const ALLOWED_LATENESS_MS = 60 * 60_000;
/** The watermark stays this far behind the greatest plausible event time. */
export const WATERMARK_DELAY_MS = 60_000;
/** Usage of a longer silence is spread over its last 35 days only: it bounds the work of one record. */
export const MAX_SPREAD_MS = 35 * 24 * 3_600_000;

/** Part of a delta. `windowStartMs` null = older than allowed lateness: no window takes it. */
export interface SpreadPart extends Bytes {
  windowStartMs: number | null;
  fromMs: number;
  toMs: number;
}

/** Start of the window that contains an instant. */
export function windowStart(atMs: number): number {
  return Math.floor(atMs / WINDOW_MS) * WINDOW_MS;
}

/**
 * Spreads a delta over the time in which it was carried, (fromMs, toMs], in proportion to time: a part a window, and
 * one part for each piece between `cuts` (cycle boundaries, ascending) of what is older than allowed lateness.
 * A delta without duration belongs to the window that contains its instant, a boundary to the later one.
 */
export function spread(
  delta: Bytes,
  fromMs: number,
  toMs: number,
  watermarkMs: number,
  cuts: (fromMs: number, toMs: number) => number[],
): SpreadPart[] {
  const start = Math.max(fromMs, toMs - MAX_SPREAD_MS);
  const oldest = oldestOpenWindow(watermarkMs);
  if (start >= toMs) {
    const windowStartMs = windowStart(toMs);
    return [{ ...delta, windowStartMs: windowStartMs < oldest ? null : windowStartMs, fromMs: toMs, toMs }];
  }
  const edges: number[] = [start];
  if (start < oldest) {
    const lateEnd = Math.min(oldest, toMs);
    for (const cut of cuts(start, lateEnd)) if (cut > start && cut < lateEnd) edges.push(cut);
    if (lateEnd < toMs) edges.push(lateEnd);
  }
  for (let edge = windowStart(Math.max(start, oldest)) + WINDOW_MS; edge < toMs; edge += WINDOW_MS) {
    if (edge > (edges.at(-1) ?? start)) edges.push(edge);
  }
  edges.push(toMs);
  const lengths = edges.slice(1).map((edge, i) => edge - (edges[i] ?? edge));
  const down = splitExactly(delta.down, lengths);
  const up = splitExactly(delta.up, lengths);
  return lengths.map((length, i) => {
    const from = edges[i] ?? start;
    const windowStartMs = from < oldest ? null : windowStart(from);
    return { windowStartMs, fromMs: from, toMs: from + length, down: down[i] ?? 0, up: up[i] ?? 0 };
  });
}

/** Start of the oldest window that still takes bytes. */
export function oldestOpenWindow(watermarkMs: number): number {
  return windowStart(watermarkMs - ALLOWED_LATENESS_MS);
}
