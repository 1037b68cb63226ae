import type { AddOn, PlanVersion, TopUp } from '../schemas/profile.ts';
import { notBelow0 } from './counted.ts';
import type { Span } from './totals.ts';

/** What of a top-up was used in earlier cycles, and in this one. */
export interface Use {
  before: bigint;
  used: bigint;
}

/** A stretch of a cycle with a plan; null = nobody knows the plan. */
export interface Stretch {
  fromMs: number;
  toMs: number;
  plan: PlanVersion | null;
}

/** What a cycle has besides top-ups. */
export interface Supply {
  counted: bigint;
  base: bigint;
  carried: bigint;
  sold: bigint;
}

/** What covers a cycle's octets, and what top-ups have left. */
export interface Coverage {
  uses: Map<string, Use>;
  allowance: bigint;
  left: bigint;
}

/** Uses of top-ups that a profile has no longer. */
const MOST_GONE = 1000;

/** What numbers can not say is their last one. */
export function asNumber(octets: bigint): bigint {
  const most = BigInt(Number.MAX_SAFE_INTEGER);
  return octets > most ? most : octets < -most ? -most : octets;
}

/**
 * Cap, carry-over and paid blocks first, then the live top-ups, the one that expires first before the others. What one that is no
 * longer live has covered in this cycle stays covered.
 */
export function cover(
  { counted, base, carried, sold }: Supply,
  topUps: readonly TopUp[],
  known: ReadonlyMap<string, Use>,
  nowMs: number,
): Coverage {
  const live = topUps
    .filter(({ fromMs, expiresMs }) => fromMs <= nowMs && nowMs < expiresMs)
    .sort(
      (a, b) => a.expiresMs - b.expiresMs || a.fromMs - b.fromMs || Number(a.id > b.id) - Number(a.id < b.id),
    )
    .filter(({ id }, i, all) => all.findIndex((one) => one.id === id) === i);
  const uses = new Map<string, Use>();
  let past = 0n;
  for (const [id, use] of known) {
    if (live.some((topUp) => topUp.id === id)) continue;
    uses.set(id, use);
    past += use.used;
  }
  let uncovered = notBelow0(counted - base - carried - sold - past);
  let allowance = base + carried + past;
  let left = 0n;
  for (const { id, bytes } of live) {
    const before = known.get(id)?.before ?? 0n;
    const supply = notBelow0(BigInt(bytes) - before);
    const used = uncovered < supply ? uncovered : supply;
    uncovered -= used;
    allowance += supply;
    left += supply - used;
    if (before + used > 0n) uses.set(id, { before, used });
  }
  const gone = [...uses.keys()].filter((id) => topUps.every((topUp) => topUp.id !== id)).sort();
  for (const id of gone.slice(MOST_GONE)) uses.delete(id);
  return { uses, allowance: asNumber(allowance), left: asNumber(left) };
}

/**
 * Cap of a cycle: of stretches whose plan prorates it each its share of time, of the others the last one's cap; none where the
 * last plan that is known has none. Add-ons that touch the cycle come on top. A cycle that is cut short has its share of a whole one.
 */
export function baseOf(
  cycle: Span,
  whole: Span,
  stretches: readonly Stretch[],
  addOns: readonly AddOn[],
): bigint | null {
  const planned = stretches.flatMap(({ fromMs, toMs, plan }) =>
    plan === null ? [] : [{ fromMs, toMs, plan }],
  );
  const capped = planned.filter(({ plan }) => plan.capBytes !== null);
  if (planned.length === 0 || planned.at(-1)?.plan.capBytes === null) return null;
  const wholes = capped.filter(({ plan }) => plan.capProration !== 'prorated');
  const shares = capped.filter(({ plan }) => plan.capProration === 'prorated');
  const shareOf = (bytes: number, fromMs: number, toMs: number): bigint =>
    shareOfTime(bytes, cycle, whole, fromMs, toMs);
  let base = BigInt(wholes.at(-1)?.plan.capBytes ?? 0);
  for (const { fromMs, toMs, plan } of shares) base += shareOf(plan.capBytes ?? 0, fromMs, toMs);
  for (const { fromMs, toMs, capBytes, prorated } of addOns) {
    const untilMs = toMs ?? cycle.endMs;
    if (fromMs >= cycle.endMs || untilMs <= cycle.startMs) continue;
    base += prorated ? shareOf(capBytes, fromMs, untilMs) : BigInt(capBytes);
  }
  return asNumber(base);
}

/** By whole seconds since the cycle began, rounded down at both ends, so that adjacent shares sum to that of both. */
function shareOfTime(bytes: number, cycle: Span, whole: Span, fromMs: number, toMs: number): bigint {
  const second = (ms: number): bigint => BigInt(Math.floor(ms / 1000));
  const all = second(whole.endMs) - second(whole.startMs);
  const upTo = (ms: number): bigint => {
    const inside = Math.min(Math.max(ms, cycle.startMs), cycle.endMs);
    // A cycle of less than a second is worth nothing.
    return all === 0n ? 0n : (BigInt(bytes) * (second(inside) - second(cycle.startMs))) / all;
  };
  return upTo(Math.max(fromMs, toMs)) - upTo(fromMs);
}
