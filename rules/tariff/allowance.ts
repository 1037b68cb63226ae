import type { AddOn, PlanVersion, TopUp } from '../../schemas/profile.ts';
import type { Span } from '../../schemas/tariff.ts';
import { prorateBytes } from './proration.ts';

/** What of one top-up is used. */
export interface TopUpUse {
  id: string;
  /** in earlier cycles */
  beforeBytes: number;
  /** in this one */
  usedBytes: number;
}

export interface AllowanceInput {
  /** of this cycle */
  countedBytes: number;
  /** `baseCap` of this cycle; whoever has no cap uses no top-up */
  baseBytes: number;
  /** brought along from the cycle before */
  carryBytes: number;
  /** paid blocks of this cycle: what they cover, no top-up has to */
  soldBytes: number;
  topUps: readonly TopUp[];
  /** as they were left the last time; what is new is not in it */
  uses: readonly TopUpUse[];
  nowMs: number;
}

export interface Allowance {
  /** of each top-up of which something is used, in the order of `topUps`, then those that are in it no longer */
  uses: TopUpUse[];
  /** what this cycle may use for nothing */
  allowanceBytes: number;
  /** of the top-ups that are live */
  topUpRemainingBytes: number;
}

/** Top-ups that are there no longer whose use is kept until the cycle ends; those of the first ids. */
const MAX_GONE = 1000;

/**
 * What covers the bytes of a cycle: cap and carry-over first, then the live top-ups, the one that expires first before the others
 * (of equal ones that which began first, then by id). What an expired one had covered stays covered in its cycle; its rest is gone.
 *
 * The live ones are filled anew each time: it depends on the total at hand alone, not on how often it was asked. A correction that
 * takes bytes away gives them back. So bring it up before a top-up expires: with whatever record or change comes before.
 */
export function consume(input: AllowanceInput): Allowance {
  const { nowMs, topUps } = input;
  const known = new Map(input.uses.map((use) => [use.id, use]));
  const isLive = ({ fromMs, expiresMs }: TopUp): boolean => fromMs <= nowMs && nowMs < expiresMs;
  const used = new Map<string, TopUpUse>();
  const live = new Map<string, TopUp>();
  // Of two with one id, which no store gives, the first counts: what is used of the other could not be told apart.
  for (const topUp of topUps.filter(isLive).sort(byExpiry))
    if (!live.has(topUp.id)) live.set(topUp.id, topUp);
  let coveredBytes = 0;
  for (const use of input.uses) {
    if (live.has(use.id)) continue;
    used.set(use.id, use);
    coveredBytes += use.usedBytes;
  }
  const { countedBytes, baseBytes, carryBytes, soldBytes } = input;
  let needed = Math.max(0, countedBytes - baseBytes - carryBytes - soldBytes - coveredBytes);
  let allowanceBytes = baseBytes + carryBytes + coveredBytes;
  let topUpRemainingBytes = 0;
  for (const { id, bytes } of live.values()) {
    const beforeBytes = known.get(id)?.beforeBytes ?? 0;
    const supply = Math.max(0, bytes - beforeBytes);
    const usedBytes = Math.min(supply, needed);
    needed -= usedBytes;
    allowanceBytes += supply;
    topUpRemainingBytes += supply - usedBytes;
    if (beforeBytes + usedBytes > 0) used.set(id, { id, beforeBytes, usedBytes });
  }
  const most = Number.MAX_SAFE_INTEGER;
  return {
    uses: inOrder(topUps, used),
    allowanceBytes: Math.min(allowanceBytes, most),
    topUpRemainingBytes: Math.min(topUpRemainingBytes, most),
  };
}

function byExpiry(a: TopUp, b: TopUp): number {
  return a.expiresMs - b.expiresMs || a.fromMs - b.fromMs || (a.id < b.id ? -1 : a.id === b.id ? 0 : 1);
}

function inOrder(topUps: readonly TopUp[], used: Map<string, TopUpUse>): TopUpUse[] {
  const uses: TopUpUse[] = [];
  for (const { id } of topUps) {
    const use = used.get(id);
    if (use !== undefined) uses.push(use);
    used.delete(id);
  }
  const gone = [...used.values()];
  if (gone.length > MAX_GONE) gone.sort((a, b) => (a.id < b.id ? -1 : 1)).length = MAX_GONE;
  return [...uses, ...gone];
}

/** Uses as the next cycle begins: what was used in this one was used before. */
export function rolledUses(uses: readonly TopUpUse[]): TopUpUse[] {
  return uses.map(({ id, beforeBytes, usedBytes }) => ({
    id,
    beforeBytes: beforeBytes + usedBytes,
    usedBytes: 0,
  }));
}

/** Of the cap what is left for the next cycle. What was carried over, bought or sold is not: only `baseBytes`. */
export function carryOver(limitBytes: number, baseBytes: number, countedBytes: number): number {
  return Math.max(0, Math.min(limitBytes, baseBytes - countedBytes));
}

/** A stretch of a cycle with one plan version; null = none. */
export interface CapPart {
  fromMs: number;
  toMs: number;
  plan: Pick<PlanVersion, 'capBytes' | 'capProration'> | null;
}

/**
 * Cap of a cycle: the sum of the parts whose plan prorates it, each by its seconds, and of those that give it whole the last one's.
 * The plan of the last part says whether there is a cap at all; null = none. A part before it without a cap adds nothing.
 * Add-ons that touch the cycle come on top.
 *
 * Give it the parts and add-ons that have begun, each with the end that is known: what is to come moves no cap before it comes.
 *
 * @param parts in order
 * @param whole the cycle by its rule, where `cycle` is a stub of it
 */
export function baseCap(
  cycle: Span,
  parts: readonly CapPart[],
  addOns: readonly AddOn[],
  whole: Span = cycle,
): number | null {
  const planned = parts.filter(({ plan }) => plan !== null);
  if ((planned.at(-1)?.plan?.capBytes ?? null) === null) return null;
  let prorated = 0;
  let last = 0;
  for (const { fromMs, toMs, plan } of planned) {
    if (plan === null || plan.capBytes === null) continue;
    if (plan.capProration === 'prorated') prorated += prorateBytes(plan.capBytes, cycle, fromMs, toMs, whole);
    else last = plan.capBytes;
  }
  let added = 0;
  for (const { fromMs, toMs, capBytes, prorated: isProrated } of addOns) {
    const untilMs = toMs ?? cycle.endMs;
    if (fromMs >= cycle.endMs || untilMs <= cycle.startMs) continue;
    added += isProrated ? prorateBytes(capBytes, cycle, fromMs, untilMs, whole) : capBytes;
  }
  return Math.min(prorated + last + added, Number.MAX_SAFE_INTEGER);
}
