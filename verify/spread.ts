import type { Amount } from './amount.ts';

const WINDOW_MS = 300_000;
const LATENESS_MS = 3_600_000;
const LONGEST_MS = 35 * 86_400_000;

/** A piece of a delta; `windowMs` null = too old for a window. */
export interface SpreadPart {
  windowMs: number | null;
  fromMs: number;
  toMs: number;
  down: bigint;
  up: bigint;
}

/**
 * Case 21. Pieces of (fromMs, toMs]: what is older than allowed lateness as late pieces, one a day, the rest by windows,
 * each with its share by time. Walks from edge to edge.
 */
export function spreadOf(
  delta: { down: bigint; up: bigint },
  fromMs: number,
  toMs: number,
  watermarkMs: number,
  dayOf: (ms: number) => { endMs: number },
): SpreadPart[] {
  const isOpen = (windowMs: number): boolean => windowMs + WINDOW_MS > watermarkMs - LATENESS_MS;
  const windowOf = (ms: number): number => ms - (((ms % WINDOW_MS) + WINDOW_MS) % WINDOW_MS);
  const windowOrLate = (ms: number): number | null => (isOpen(windowOf(ms)) ? windowOf(ms) : null);
  const startMs = Math.max(fromMs, toMs - LONGEST_MS);
  if (startMs >= toMs) return [{ ...delta, windowMs: windowOrLate(toMs), fromMs: toMs, toMs }];

  let firstOpenMs = windowOf(watermarkMs - LATENESS_MS);
  while (!isOpen(firstOpenMs)) firstOpenMs += WINDOW_MS;
  const parts: SpreadPart[] = [];
  for (let at = startMs; at < toMs;) {
    const windowMs = windowOrLate(at);
    const next = windowMs === null ? Math.min(dayOf(at).endMs, firstOpenMs) : windowMs + WINDOW_MS;
    const end = Math.min(next, toMs);
    parts.push({ windowMs, fromMs: at, toMs: end, down: 0n, up: 0n });
    at = end;
  }
  for (const direction of ['down', 'up'] as const) {
    const shares = largestRemainder(
      delta[direction],
      parts.map((part) => BigInt(part.toMs - part.fromMs)),
    );
    parts.forEach((part, i) => {
      part[direction] = shares[i] ?? 0n;
    });
  }
  return parts;
}

/** Shares by time of a part in the spans (hours, days) that it lies in, from the one that contains its beginning on. */
export function sharesBySpan<Span extends { startMs: number; endMs: number }>(
  part: SpreadPart,
  spanAt: (ms: number) => Span,
): { span: Span; share: Amount }[] {
  const spans = [spanAt(part.fromMs)];
  for (let last = spans[0]; last !== undefined && last.endMs < part.toMs;) {
    last = spanAt(last.endMs);
    spans.push(last);
  }
  const weights = spans.map(({ startMs, endMs }) =>
    BigInt(Math.min(endMs, part.toMs) - Math.max(startMs, part.fromMs)),
  );
  const down = largestRemainder(part.down, weights);
  const up = largestRemainder(part.up, weights);
  return spans.map((span, i) => ({ span, share: { down: down[i] ?? 0n, up: up[i] ?? 0n } }));
}

/**
 * Whole shares in proportion; what is left goes one by one to the largest remainders, the earlier of equals first. The
 * last one takes all where no weight says anything.
 */
export function largestRemainder(total: bigint, weights: readonly bigint[]): bigint[] {
  const sum = weights.reduce((a, b) => a + b, 0n);
  if (sum === 0n) return weights.map((_, i) => (i === weights.length - 1 ? total : 0n));
  const shares = weights.map((weight) => (total * weight) / sum);
  let left = total - shares.reduce((a, b) => a + b, 0n);
  const rests = weights.map((weight, i) => ({ i, rest: (total * weight) % sum }));
  rests.sort((a, b) => (a.rest === b.rest ? a.i - b.i : a.rest > b.rest ? -1 : 1));
  for (const { i } of rests) {
    if (left === 0n) break;
    shares[i] = (shares[i] ?? 0n) + 1n;
    left -= 1n;
  }
  return shares;
}
