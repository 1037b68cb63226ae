import type { ClassTotal } from '../fold/slot-state.ts';
import type { Carried } from './class-totals.ts';
import { firstOfTwo, splitExactly } from './split.ts';

/** Length of a tumbling window. */
export const WINDOW_MS = 5 * 60_000;
/** A window takes late bytes until the watermark is this far past its end. */
export const ALLOWED_LATENESS_MS = 60 * 60_000;
/** The watermark stays this far behind the greatest plausible event time. */
export const WATERMARK_DELAY_MS = 60_000;
/** Usage of a longer silence is spread over its last 35 days only: it bounds the work of one record. */
export const MAX_SPREAD_MS = 35 * 24 * 3_600_000;

/**
 * Part of a delta. `windowStartMs` null = older than allowed lateness: no window takes it. Whether it was carried off-peak
 * is the caller's to say.
 */
export interface SpreadPart extends Carried {
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
  delta: ClassTotal,
  fromMs: number,
  toMs: number,
  watermarkMs: number,
  cuts: (fromMs: number, toMs: number) => number[],
): SpreadPart[] {
  const start = Math.max(fromMs, toMs - MAX_SPREAD_MS);
  const oldest = oldestOpenWindow(watermarkMs);
  const { serviceClass } = delta;
  if (start >= toMs) {
    const window = windowStart(toMs);
    return [partOf(serviceClass, window < oldest ? null : window, toMs, toMs, delta.down, delta.up)];
  }
  if (start >= oldest) {
    // One or two windows are nearly all there is.
    const window = windowStart(start);
    const edge = window + WINDOW_MS;
    if (edge >= toMs) return [partOf(serviceClass, window, start, toMs, delta.down, delta.up)];
    if (edge + WINDOW_MS >= toMs) {
      const down = firstOfTwo(delta.down, edge - start, toMs - edge);
      const up = firstOfTwo(delta.up, edge - start, toMs - edge);
      return [
        partOf(serviceClass, window, start, edge, down, up),
        partOf(serviceClass, edge, edge, toMs, delta.down - down, delta.up - up),
      ];
    }
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
    const window = from < oldest ? null : windowStart(from);
    return partOf(serviceClass, window, from, from + length, down[i] ?? 0, up[i] ?? 0);
  });
}

function partOf(
  serviceClass: string,
  windowStartMs: number | null,
  fromMs: number,
  toMs: number,
  down: number,
  up: number,
): SpreadPart {
  return { serviceClass, windowStartMs, fromMs, toMs, down, up, offPeak: false };
}

/** Start of the oldest window that still takes bytes. */
export function oldestOpenWindow(watermarkMs: number): number {
  return windowStart(watermarkMs - ALLOWED_LATENESS_MS);
}
