import type { PlanTerms, Span } from '../../schemas/tariff.ts';
import type {
  ClassBytes,
  ClosedCycle,
  ClosedOverage,
  ClosedPart,
  UsageAdjustment,
} from '../../schemas/usage-record.ts';
import { countedBytes } from './counted.ts';
import type { DueLine } from './settle.ts';
import { priceUsage } from './tiers.ts';
import type { PlanLookup } from './timeline.ts';
import { versionAt } from './timeline.ts';

/**
 * What the usage of a closed cycle costs, a line a plan version, named after its first part: the counted bytes of all its parts by
 * its terms, less what is in the fee. Tiers and included bytes are those of a cycle, once, however often it was cut: by unlimited
 * times, or by another plan in between. They are not prorated. Plans that have no price for usage have no line, and none where the
 * terms are of another currency than the account's.
 *
 * @param adjustments all that are stored of this cycle, in any order: which of them the close had in it already is told apart here
 */
export function dueUsage(
  closed: ClosedCycle,
  adjustments: readonly UsageAdjustment[],
  plans: PlanLookup,
  currency: string,
): DueLine[] {
  const uses = new Map<PlanTerms, { counted: number; fromMs: number; toMs: number }>();
  for (const { part, terms, counted } of countedParts(closed, adjustments, plans)) {
    if (terms === null || terms.usage === null || terms.currency !== currency) continue;
    const known = uses.get(terms) ?? { counted: 0, fromMs: part.fromMs, toMs: part.toMs };
    uses.set(terms, { ...known, counted: known.counted + counted, toMs: part.toMs });
  }
  return [...uses].flatMap(([terms, { counted, fromMs, toMs }]) => usageDue(terms, counted, fromMs, toMs));
}

function usageDue(terms: PlanTerms, counted: number, fromMs: number, toMs: number): DueLine[] {
  if (terms.usage === null) return [];
  const { mode, tiers, includedBytes } = terms.usage;
  const bytes = Math.max(0, counted - includedBytes);
  const { name: description, planId, version } = terms;
  const amountMinor = priceUsage(mode, tiers, bytes).totalMinor;
  const period = { periodFromMs: fromMs, periodToMs: toMs };
  return [{ line: usageLine(fromMs), amountMinor, quantity: bytes, ...period, description, planId, version }];
}

/** Line of what was carried by one plan version in a cycle. @param partFromMs where its first part begins */
export function usageLine(partFromMs: number): string {
  return `usage:${partFromMs}`;
}

/** True of the lines that `dueUsage` speaks for. */
export function isUsageLine(line: string): boolean {
  return line.startsWith('usage:');
}

/**
 * Blocks of a closed cycle with what came or went since; null = the slot does not tell. Bytes of parts without known terms count
 * in full, both directions.
 *
 * @param adjustments as for `dueUsage`
 */
export function overageSince(
  closed: ClosedCycle,
  adjustments: readonly UsageAdjustment[],
  plans: PlanLookup,
): ClosedOverage | null {
  const { overage } = closed;
  if (overage === undefined) return null;
  const before = new Map(countedParts(closed, [], plans).map(({ part, counted }) => [part.fromMs, counted]));
  const now = countedParts(closed, adjustments, plans);
  const freshFromMs = freshFrom(now);
  let [overBytes, correctedBytes] = [overage.overBytes, overage.correctedBytes];
  for (const { part, counted } of now) {
    if (part.fromMs < freshFromMs) continue;
    const change = counted - (before.get(part.fromMs) ?? 0);
    overBytes += change;
    if (change < 0) correctedBytes -= change;
  }
  return { ...overage, overBytes, correctedBytes };
}

/** Where the plan at the cycle's end does not count what was used before it: when it began. Else no part is left out. */
function freshFrom(parts: readonly CountedPart[]): number {
  const last = parts.at(-1);
  let fromMs = Number.NEGATIVE_INFINITY;
  if (last?.terms?.metering.usedBefore !== 'fresh') return fromMs;
  for (const { part } of parts.toReversed()) {
    if (part.planId !== last.part.planId) break;
    fromMs = part.fromMs;
  }
  return fromMs;
}

/** Counts in full. */
const IN_FULL = { counted: 'both', classFactors: {} } as const;

interface CountedPart {
  part: ClosedPart;
  terms: PlanTerms | null;
  counted: number;
}

function countedParts(
  closed: ClosedCycle,
  adjustments: readonly UsageAdjustment[],
  plans: PlanLookup,
): CountedPart[] {
  const later = adjustments.filter((adjustment) => isBeyond(adjustment, closed));
  const parts = partsOf(closed, plans);
  return parts.map((part, index) => {
    const isLast = index === parts.length - 1;
    const own = later.filter((adjustment) => partIndex(adjustment, parts) === index);
    const terms = plans.plan(part.planId).find(({ version }) => version === part.version) ?? null;
    // Corrections of the cycle are of no class, and the close does not say which part they are of.
    const adjusted = sumOf([
      ...own.filter(({ reason }) => reason === 'operator'),
      ...(isLast ? [{ downBytes: closed.adjustedDownBytes, upBytes: closed.adjustedUpBytes }] : []),
    ]);
    const measured = own.filter(({ reason }) => reason !== 'operator');
    const counted = part.unlimited
      ? 0
      : countedBytes(
          terms?.metering ?? IN_FULL,
          {
            classes: merged(part.classes, measured),
            offPeak: merged(
              part.offPeak,
              measured.filter(({ offPeak }) => offPeak === true),
            ),
          },
          adjusted,
        );
    return { part, terms, counted };
  });
}

/** Not in the close's totals. An operator's is in them where it was made before; usage that is late or replayed never is. */
function isBeyond({ reason, offset }: UsageAdjustment, closed: ClosedCycle): boolean {
  return reason !== 'operator' || offset >= closed.offset;
}

/** Parts as the slot told them; a slot of a layout before knows one: the cycle with the plan that was in force as it closed. */
function partsOf(closed: ClosedCycle, plans: PlanLookup): readonly ClosedPart[] {
  if (closed.parts !== undefined) return closed.parts;
  const { planId, classes, cycleStartMs: fromMs, cycleEndMs: toMs } = closed;
  if (planId === '') return [];
  const terms = versionAt(plans.plan(planId), fromMs, fromMs);
  const version = terms?.version ?? 0;
  return [{ fromMs, toMs, planId, version, unlimited: false, countedBytes: 0, classes, offPeak: [] }];
}

/**
 * The part that it names or lies in; the last one where the cycle was told in one piece. -1 = a time without a plan: nobody pays
 * for that.
 */
function partIndex({ partFromMs }: UsageAdjustment, parts: readonly ClosedPart[]): number {
  if (partFromMs === undefined) return parts.length - 1;
  return parts.findIndex(({ fromMs, toMs }) => fromMs <= partFromMs && partFromMs < toMs);
}

function sumOf(changes: readonly { downBytes: number; upBytes: number }[]): {
  downBytes: number;
  upBytes: number;
} {
  let [downBytes, upBytes] = [0, 0];
  for (const change of changes) {
    downBytes += change.downBytes;
    upBytes += change.upBytes;
  }
  return { downBytes, upBytes };
}

function merged(classes: readonly ClassBytes[], more: readonly ClassBytes[]): ClassBytes[] {
  const byClass = new Map<string, ClassBytes>();
  for (const { serviceClass, downBytes, upBytes } of [...classes, ...more]) {
    const known = byClass.get(serviceClass) ?? { serviceClass, downBytes: 0, upBytes: 0 };
    byClass.set(serviceClass, {
      serviceClass,
      downBytes: known.downBytes + downBytes,
      upBytes: known.upBytes + upBytes,
    });
  }
  return [...byClass.values()];
}

/** How far the parts that were metered lie from who had what, ms: the greatest distance of a boundary. 0 = they agree. */
export function boundaryDistanceMs(
  parts: readonly Pick<ClosedPart, 'fromMs' | 'toMs' | 'planId'>[],
  assigned: readonly { fromMs: number; toMs: number; planId: string }[],
  cycle: Span,
): number {
  const metered = changesOf(parts);
  const had = changesOf(assigned);
  const planIds = new Set([...metered.keys(), ...had.keys()]);
  let distance = 0;
  for (const planId of planIds) {
    const [a, b] = [metered.get(planId) ?? [], had.get(planId) ?? []];
    if (a.length !== b.length) return cycle.endMs - cycle.startMs;
    for (const [index, ms] of a.entries()) distance = Math.max(distance, Math.abs(ms - (b[index] ?? ms)));
  }
  return distance;
}

/** Where each plan begins and ends, adjacent stretches of one plan being one. */
function changesOf(
  stretches: readonly { fromMs: number; toMs: number; planId: string }[],
): Map<string, number[]> {
  const changes = new Map<string, number[]>();
  for (const { fromMs, toMs, planId } of stretches) {
    const known = changes.get(planId) ?? [];
    if (known.at(-1) === fromMs) known[known.length - 1] = toMs;
    else known.push(fromMs, toMs);
    changes.set(planId, known);
  }
  return changes;
}
