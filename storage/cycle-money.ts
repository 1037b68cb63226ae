import { boundaryDistanceMs, dueUsage, isUsageLine } from '../rules/tariff/close.ts';
import { dueFees, isFeeLine } from '../rules/tariff/fees.ts';
import { settleLines } from '../rules/tariff/settle.ts';
import type { ItemContext, ItemisedLine } from '../rules/tariff/settle.ts';
import { versionAt } from '../rules/tariff/timeline.ts';
import type { PlanLookup, PricedSpan, TariffTimeline } from '../rules/tariff/timeline.ts';
import type { ActionIntent } from '../schemas/action.ts';
import type { BillingItem } from '../schemas/billing.ts';
import type { Span } from '../schemas/tariff.ts';
import type { ClosedCycle, UsageAdjustment } from '../schemas/usage-record.ts';
import { blockItems } from './cycle-blocks.ts';
import type { ClosingCycle, PaidSpan, Payer } from './cycle-bounds.ts';

/** Boundaries of plans may lie so far from where they were metered: the log's clock and a late control. */
const TOLERATED_MS = 86_400_000;

/** An item as far as what is due is reckoned against it. */
export type BookedItem = Pick<
  BillingItem,
  'key' | 'line' | 'amountMinor' | 'quantity' | 'currency' | 'cycleStartMs' | 'accountId' | 'taxClass'
>;

/** What a store holds of one subscriber and one of its cycles. */
export interface StoredCycle {
  subscriberId: string;
  /** null = it is on no account: nothing is charged */
  bill: { accountId: string; timeline: TariffTimeline } | null;
  /** the subscriber agreed to paid blocks */
  overageConsent: boolean;
  /** those whose own cycle began in it, in the order in which they were made */
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
  cycle: PaidSpan & PricedSpan,
  plans: PlanLookup,
  which: 'advance' | 'all',
): BillingItem[] {
  const { bill } = stored;
  if (bill === null) return [];
  const due = dueFees(bill.timeline, cycle, plans, which);
  const booked = begunIn(stored.booked, cycle);
  const context = contextOf(stored.subscriberId, bill, cycle.payer, cycle, false);
  return settleLines(due, itemised(booked, isFeeLine, cycle), context);
}

/**
 * Items that bring a closed cycle to what it comes to. Fees of one that was closed before stay as they are: nothing changes
 * who had what in it any more.
 *
 * @param adjustments all that are stored of it
 * @param closing what of it no closed row has: the fees of that, and who pays
 * @param isLate it was closed by its slot before. Where its items were made then, what comes now is an adjustment; an account that
 *   was left may have closed it without its usage
 */
export function closeItems(
  stored: StoredCycle,
  closed: ClosedCycle,
  adjustments: readonly UsageAdjustment[],
  plans: PlanLookup,
  { span, isDone }: Pick<ClosingCycle, 'span' | 'isDone'>,
  isLate: boolean,
): ClosedMoney {
  const { bill } = stored;
  if (bill === null) return { items: [], termsDiffer: false };
  const cycle = { startMs: closed.cycleStartMs, endMs: closed.cycleEndMs };
  const fees = isDone ? [] : feeItems(stored, { ...span, pricedFromMs: cycle.startMs }, plans, 'all');
  const context = contextOf(stored.subscriberId, bill, span.payer, cycle, isDone && isLate);
  const usage = dueUsage(closed, adjustments, plans, bill.timeline.currency);
  const items = [
    ...fees,
    ...settleLines(usage, itemised(stored.booked, isUsageLine, cycle), context),
    ...blockItems(stored, closed, adjustments, plans, context),
  ];
  const termsDiffer =
    isElsewhere(bill.timeline, closed, cycle) || isForeign(bill.timeline, closed, plans, cycle);
  return { items, termsDiffer };
}

function begunIn(booked: readonly BookedItem[], { startMs, endMs }: Span): BookedItem[] {
  return booked.filter(({ cycleStartMs }) => cycleStartMs >= startMs && cycleStartMs < endMs);
}

/** Sums by line over the items of lines that are asked for. */
function itemised(
  booked: readonly BookedItem[],
  speaksFor: (line: string) => boolean,
  { startMs }: Span,
): ItemisedLine[] {
  const lines = new Map<string, ItemisedLine>();
  for (const { line, amountMinor, quantity, cycleStartMs } of booked) {
    if (!speaksFor(line)) continue;
    const known = lines.get(line) ?? { line, amountMinor: 0, quantity: 0, n: 0 };
    known.amountMinor += amountMinor;
    known.quantity += quantity;
    // Keys are numbered by the cycle that is in them.
    if (cycleStartMs === startMs) known.n += 1;
    lines.set(line, known);
  }
  return [...lines.values()];
}

/** Who is charged: the account that its row says was left since, else that of now. */
function contextOf(
  subscriberId: string,
  { accountId, timeline: { currency, taxClass } }: NonNullable<StoredCycle['bill']>,
  left: Payer | null,
  cycle: Span,
  closed: boolean,
): ItemContext {
  const isOther = left !== null && left.accountId !== accountId;
  const payer = isOther ? left : { accountId, taxClass };
  return { subscriberId, ...payer, currency, cycle, closed };
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
