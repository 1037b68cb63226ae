import { boundaryDistanceMs, dueUsage, isUsageLine } from '../rules/tariff/close.ts';
import { dueFees, isFeeLine } from '../rules/tariff/fees.ts';
import { settleLines } from '../rules/tariff/settle.ts';
import type { ItemContext, ItemisedLine } from '../rules/tariff/settle.ts';
import { versionAt } from '../rules/tariff/timeline.ts';
import type { PlanLookup, TariffTimeline } from '../rules/tariff/timeline.ts';
import type { ActionIntent } from '../schemas/action.ts';
import type { BillingItem } from '../schemas/billing.ts';
import type { Span } from '../schemas/tariff.ts';
import type { ClosedCycle, UsageAdjustment } from '../schemas/usage-record.ts';
import { blockItems } from './cycle-blocks.ts';

/** Boundaries of plans may lie so far from where they were metered: the log's clock and a late control. */
const TOLERATED_MS = 86_400_000;

/** An item as far as what is due is reckoned against it. */
export type BookedItem = Pick<BillingItem, 'key' | 'type' | 'line' | 'amountMinor' | 'quantity'>;

/** What a store holds of one subscriber and one of its cycles. */
export interface StoredCycle {
  subscriberId: string;
  /** null = it is on no account: nothing is charged */
  bill: { accountId: string; timeline: TariffTimeline } | null;
  /** the subscriber agreed to paid blocks */
  overageConsent: boolean;
  /** of the cycle, in the order in which they were made */
  booked: readonly BookedItem[];
  /** blocks of the cycle that were asked for and are not booked yet */
  waiting: readonly ActionIntent[];
}

/** What a closed cycle gives billing. */
export interface ClosedMoney {
  items: BillingItem[];
  /** who had what and what was metered differ, or something is priced in another currency than the account's */
  termsDiffer: boolean;
}

/** Items that bring the fees of a cycle to what they come to. @param which fees in advance alone, or all */
export function feeItems(
  stored: StoredCycle,
  cycle: Span,
  plans: PlanLookup,
  which: 'advance' | 'all',
): BillingItem[] {
  if (stored.bill === null) return [];
  const due = dueFees(stored.bill.timeline, cycle, plans, which);
  return settleLines(due, itemised(stored.booked, isFeeLine), contextOf(stored, stored.bill, cycle, false));
}

/**
 * Items that bring a closed cycle to what it comes to. Fees of one that was closed before stay as they are: nothing changes
 * who had what in it any more.
 *
 * @param adjustments all that are stored of it
 * @param wasClosed its items were made before; what comes now is an adjustment
 */
export function closeItems(
  stored: StoredCycle,
  closed: ClosedCycle,
  adjustments: readonly UsageAdjustment[],
  plans: PlanLookup,
  wasClosed: boolean,
): ClosedMoney {
  const { bill } = stored;
  if (bill === null) return { items: [], termsDiffer: false };
  const cycle = { startMs: closed.cycleStartMs, endMs: closed.cycleEndMs };
  const context = contextOf(stored, bill, cycle, wasClosed);
  const fees = wasClosed ? [] : dueFees(bill.timeline, cycle, plans, 'all');
  const usage = dueUsage(closed, adjustments, plans, bill.timeline.currency);
  const speaksFor = (line: string): boolean => isUsageLine(line) || (!wasClosed && isFeeLine(line));
  const items = [
    ...settleLines([...fees, ...usage], itemised(stored.booked, speaksFor), context),
    ...blockItems(stored, closed, adjustments, plans, context),
  ];
  const termsDiffer =
    isElsewhere(bill.timeline, closed, cycle) || isForeign(bill.timeline, closed, plans, cycle);
  return { items, termsDiffer };
}

/** Sums by line over the items of lines that are asked for. */
function itemised(booked: readonly BookedItem[], speaksFor: (line: string) => boolean): ItemisedLine[] {
  const lines = new Map<string, ItemisedLine>();
  for (const { line, amountMinor, quantity } of booked) {
    if (!speaksFor(line)) continue;
    const known = lines.get(line) ?? { line, amountMinor: 0, quantity: 0, n: 0 };
    known.amountMinor += amountMinor;
    known.quantity += quantity;
    known.n += 1;
    lines.set(line, known);
  }
  return [...lines.values()];
}

function contextOf(
  { subscriberId }: StoredCycle,
  { accountId, timeline }: NonNullable<StoredCycle['bill']>,
  cycle: Span,
  closed: boolean,
): ItemContext {
  const { currency, taxClass } = timeline;
  return { subscriberId, accountId, currency, taxClass, cycle, closed };
}

/** A slot of a layout before says nothing of parts. */
function isElsewhere({ assignments }: TariffTimeline, { parts }: ClosedCycle, cycle: Span): boolean {
  if (parts === undefined) return false;
  return boundaryDistanceMs(parts, within(assignments, cycle), cycle) > TOLERATED_MS;
}

/** Something that was had or metered costs money of another currency: it is not charged. */
function isForeign(
  { currency, assignments }: TariffTimeline,
  { parts = [] }: ClosedCycle,
  plans: PlanLookup,
  cycle: Span,
): boolean {
  const had = within(assignments, cycle).map(({ planId, fromMs }) =>
    versionAt(plans.plan(planId), fromMs, cycle.startMs),
  );
  const metered = parts.map(
    ({ planId, version }) => plans.plan(planId).find((terms) => terms.version === version) ?? null,
  );
  return [...had, ...metered].some((terms) => terms !== null && terms.currency !== currency);
}

function within(
  assignments: TariffTimeline['assignments'],
  { startMs, endMs }: Span,
): { planId: string; fromMs: number; toMs: number }[] {
  return assignments
    .map(({ planId, fromMs, toMs }) => {
      return { planId, fromMs: Math.max(fromMs, startMs), toMs: Math.min(toMs ?? endMs, endMs) };
    })
    .filter(({ fromMs, toMs }) => fromMs < toMs);
}
