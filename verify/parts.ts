import type { SubscriberProfile } from '../schemas/profile.ts';
import type { Amount } from './amount.ts';
import { addTo, minus, nothing, plus } from './amount.ts';
import { addToClass, addToOffPeak } from './totals.ts';
import type { BandedTotal, Span } from './totals.ts';
import { largestRemainder } from './spread.ts';

/** As many stretches of one cycle are told apart. */
const MOST_PARTS = 128;

/** Instants at which another plan begins or ends, or a time in which nothing counts; ascending. */
export function cutsOf(profile: SubscriberProfile | null): number[] {
  const spans = [...(profile?.assignments ?? []), ...(profile?.unlimited ?? [])];
  const instants = spans.flatMap(({ fromMs, toMs }) => (toMs === null ? [fromMs] : [fromMs, toMs]));
  return [...new Set(instants)].sort((a, b) => a - b);
}

/** Those inside a cycle, without its ends; the last of them where there are too many. */
function cutsInside({ startMs, endMs }: Span, cuts: readonly number[]): number[] {
  return cuts.filter((ms) => ms > startMs && ms < endMs).slice(1 - MOST_PARTS);
}

/** Empty parts of a cycle that begins; none where nothing cuts it: then the cycle is the part. */
export function freshParts(cycle: Span, cuts: readonly number[]): BandedTotal[] {
  const inside = cutsInside(cycle, cuts);
  if (inside.length === 0) return [];
  const starts = [cycle.startMs, ...inside];
  return starts.map((startMs, i) => emptyPart({ startMs, endMs: starts[i + 1] ?? cycle.endMs }));
}

function emptyPart(span: Span): BandedTotal {
  return { ...span, classes: new Map(), offPeak: new Map() };
}

/** What of a stretch of time lies in which part: what lies before the first or behind the last belongs to it. */
export function sharesByPart(
  parts: readonly BandedTotal[],
  fromMs: number,
  toMs: number,
  amount: Amount,
): { part: BandedTotal; share: Amount }[] {
  const wide = parts.map((part, i) => ({
    part,
    startMs: i === 0 ? Number.NEGATIVE_INFINITY : part.startMs,
    endMs: i === parts.length - 1 ? Number.POSITIVE_INFINITY : part.endMs,
  }));
  const touched = wide.filter(({ startMs, endMs }) =>
    fromMs === toMs ? startMs <= fromMs && fromMs < endMs : startMs < toMs && fromMs < endMs,
  );
  const weights = touched.map(({ startMs, endMs }) =>
    BigInt(Math.min(endMs, toMs) - Math.max(startMs, fromMs)),
  );
  const down = largestRemainder(amount.down, weights);
  const up = largestRemainder(amount.up, weights);
  return touched.map(({ part }, i) => ({ part, share: { down: down[i] ?? 0n, up: up[i] ?? 0n } }));
}

/** The part that an instant lies in. */
export function partAt(parts: readonly BandedTotal[], atMs: number): BandedTotal | null {
  return parts.findLast(({ startMs }) => startMs <= atMs) ?? parts[0] ?? null;
}

/**
 * Brings the parts of a cycle to other boundaries. A part whose beginning is none any more goes into the one before. At a
 * new one everything stays on the left, but for whole days where a day begins there.
 *
 * @param daysFrom days that begin in [from, to), with the octets of all cycles; null = no day begins at `from`
 */
export function cutAnew(
  total: BandedTotal,
  parts: readonly BandedTotal[],
  cuts: readonly number[],
  daysFrom: (fromMs: number, toMs: number) => BandedTotal[] | null,
): BandedTotal[] {
  const { startMs, endMs } = total;
  const wanted = new Set(cutsInside(total, cuts));
  const kept: BandedTotal[] = [];
  for (const part of parts.length === 0 ? [copyOf(total)] : parts) {
    const before = kept.at(-1);
    if (before === undefined || wanted.has(part.startMs)) kept.push(part);
    else addAll(before, part);
  }
  for (const atMs of wanted) {
    const i = kept.findIndex((part) => part.startMs < atMs && atMs < part.endMs);
    const left = kept[i];
    if (left === undefined) continue;
    const right = emptyPart({ startMs: atMs, endMs: left.endMs });
    const days = daysFrom(atMs, left.endMs);
    if (days !== null) moveDays(left, right, days);
    left.endMs = atMs;
    kept.splice(i + 1, 0, right);
  }
  const [only] = kept;
  if (kept.length === 1 && only?.startMs === startMs && only.endMs === endMs) return [];
  return kept;
}

function copyOf({ startMs, endMs, classes, offPeak }: BandedTotal): BandedTotal {
  return { startMs, endMs, classes: new Map(classes), offPeak: new Map(offPeak) };
}

function addAll(to: BandedTotal, from: BandedTotal): void {
  for (const [serviceClass, amount] of from.classes) addToClass(to, serviceClass, amount);
  for (const [serviceClass, amount] of from.offPeak) addToOffPeak(to, serviceClass, amount);
  to.endMs = from.endMs;
}

/** What the days carried goes to the right, as far as the left has it. */
function moveDays(left: BandedTotal, right: BandedTotal, days: readonly BandedTotal[]): void {
  const sum = (of: (day: BandedTotal) => Map<string, Amount>, serviceClass: string): Amount =>
    days.map((day) => of(day).get(serviceClass) ?? nothing()).reduce(plus, nothing());
  for (const [serviceClass, all] of [...left.classes]) {
    const off = left.offPeak.get(serviceClass) ?? nothing();
    const moved = least(
      all,
      sum(({ classes }) => classes, serviceClass),
    );
    const stays = minus(all, moved);
    const offOfDays = least(
      off,
      sum(({ offPeak }) => offPeak, serviceClass),
    );
    const offMoved = most(least(offOfDays, moved), minus(off, stays));
    right.classes.set(serviceClass, moved);
    left.classes.set(serviceClass, stays);
    addTo(right.offPeak, serviceClass, offMoved);
    left.offPeak.set(serviceClass, minus(off, offMoved));
  }
}

function least(a: Amount, b: Amount): Amount {
  return { down: a.down < b.down ? a.down : b.down, up: a.up < b.up ? a.up : b.up };
}

function most(a: Amount, b: Amount): Amount {
  return { down: a.down > b.down ? a.down : b.down, up: a.up > b.up ? a.up : b.up };
}
