import { BLOCK_LINE, blockLine, blocksAtClose, overageItemKey } from '../rules/tariff/blocks.ts';
import { overageSince } from '../rules/tariff/close.ts';
import type { ItemContext } from '../rules/tariff/settle.ts';
import { itemKey } from '../rules/tariff/settle.ts';
import { versionAt } from '../rules/tariff/timeline.ts';
import type { PlanLookup } from '../rules/tariff/timeline.ts';
import type { ActionIntent } from '../schemas/action.ts';
import type { BillingItem } from '../schemas/billing.ts';
import type { OverageTerms } from '../schemas/profile.ts';
import type { ClosedCycle, ClosedOverage, UsageAdjustment } from '../schemas/usage-record.ts';
import type { BookedItem, StoredCycle } from './cycle-money.ts';

/**
 * Blocks of a closed cycle that have no item yet, and one credit where corrections took bytes away that blocks had been sold
 * for. A block has the key of the action that asks for it, so whichever of close and action comes second finds it there:
 *
 * 1. those that were asked for, at the price that was said then;
 * 2. those that are due beyond (late bytes reach a cycle that no policy looks at any more), at the terms by which blocks are
 *    sold, and only where the subscriber agreed to them. They are numbered after those that the slot sold: it sells no more;
 * 3. what all blocks but the due ones cost, as a credit. What is due is reckoned on what the slot sold, not on what is
 *    booked, and set against the credits that stand: late bytes come to the same in whatever order, and a repeat makes nothing.
 */
export function blockItems(
  stored: StoredCycle,
  closed: ClosedCycle,
  adjustments: readonly UsageAdjustment[],
  plans: PlanLookup,
  context: ItemContext,
): BillingItem[] {
  const overage = overageSince(closed, adjustments, plans);
  if (overage === null) return [];
  // What is of another currency was refused, or is of before accounts had one: it is no part of these sums.
  const onLine = stored.booked.filter(
    ({ line, currency }) => line === BLOCK_LINE && currency === context.currency,
  );
  const credits = numbered(onLine, (n) => itemKey(closed.subscriberId, closed.cycleStartMs, BLOCK_LINE, n));
  const added = numbered(onLine, (n) => keyOf(closed, overage.blocks + n));
  const told = onLine.filter((item) => !credits.includes(item) && !added.includes(item));
  const asked = stored.waiting.flatMap((intent) => askedItem(intent, closed, context));
  const sold = Math.max(overage.blocks, told.length + asked.length);
  const terms = termsOf(stored, closed, overage, plans, [...told, ...asked]);
  const due = sold + (terms === null ? 0 : blocksAtClose(terms, overage, overage.blocks));
  const more =
    terms === null || terms.currency !== context.currency
      ? []
      : newBlocks(terms, overage.blocks + added.length + 1, due - sold - added.length, closed, context);
  const blocks = [...told, ...asked, ...added, ...more];
  // An anchor that was corrected leaves items of sold blocks in the cycle before: they stay there.
  const elsewhere = sold - told.length - asked.length;
  const dueHere = Math.min(Math.max(0, due - elsewhere), blocks.length);
  return [...asked, ...more, ...creditItem(blocks, credits, dueHere, context)];
}

function keyOf({ subscriberId, cycleStartMs }: ClosedCycle, block: number): string {
  return overageItemKey(subscriberId, cycleStartMs, 'data', block);
}

/** Those whose keys are numbered from 1 without a gap. */
function numbered(items: readonly BookedItem[], keyOfNumber: (n: number) => string): BookedItem[] {
  const found: BookedItem[] = [];
  for (;;) {
    const key = items.length === found.length ? null : keyOfNumber(found.length + 1);
    const next = items.find((item) => item.key === key);
    if (next === undefined) return found;
    found.push(next);
  }
}

function askedItem(intent: ActionIntent, closed: ClosedCycle, context: ItemContext): BillingItem[] {
  const { id: actionId, policyId, policyVersion, rule, overage } = intent;
  if (overage === null || overage.currency !== context.currency || blockLine(intent) !== BLOCK_LINE)
    return [];
  const what = `block ${overage.block} of ${overage.blockBytes} bytes`;
  const source = { actionId, policyId, policyVersion, rule, what };
  const item = blockItem(actionId, overage.priceMinor, closed, context);
  return [{ ...item, type: 'overage', description: what, source }];
}

/** @param first number of the first one */
function newBlocks(
  terms: OverageTerms,
  first: number,
  count: number,
  closed: ClosedCycle,
  context: ItemContext,
): BillingItem[] {
  return Array.from({ length: Math.max(0, count) }, (_, n) => {
    const what = `block ${first + n} of ${terms.blockBytes} bytes`;
    const item = blockItem(keyOf(closed, first + n), terms.blockPriceMinor, closed, context);
    return { ...item, description: what, source: { ...item.source, what } };
  });
}

function blockItem(
  key: string,
  amountMinor: number,
  { subscriberId, cycleStartMs, cycleEndMs }: ClosedCycle,
  { accountId, currency, taxClass, closed }: ItemContext,
): BillingItem {
  return {
    key,
    type: closed ? 'adjustment' : 'overage',
    accountId,
    subscriberId,
    poolId: null,
    amountMinor,
    currency,
    quantity: 1,
    taxClass,
    line: BLOCK_LINE,
    description: '',
    cycleStartMs,
    cycleEndMs,
    periodFromMs: cycleStartMs,
    periodToMs: cycleEndMs,
    source: { actionId: '', policyId: '', policyVersion: '', rule: '', what: '' },
  };
}

/** One item that brings the line from all blocks to the first `due` of them, with the credits that stand. */
function creditItem(
  blocks: readonly { amountMinor: number }[],
  credits: readonly BookedItem[],
  due: number,
  context: ItemContext,
): BillingItem[] {
  const notDue = blocks.slice(due).reduce((sum, { amountMinor }) => sum + amountMinor, 0);
  const standing = credits.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
  const amountMinor = -notDue - standing;
  if (amountMinor === 0) return [];
  const quantity = due - blocks.length - credits.reduce((sum, item) => sum + item.quantity, 0);
  const { subscriberId, accountId, currency, taxClass, cycle } = context;
  return [
    {
      key: itemKey(subscriberId, cycle.startMs, BLOCK_LINE, credits.length + 1),
      type: 'adjustment',
      accountId,
      subscriberId,
      poolId: null,
      amountMinor,
      currency,
      quantity: quantity === 0 ? Math.sign(amountMinor) : quantity,
      taxClass,
      line: BLOCK_LINE,
      description: 'blocks that corrections made needless',
      cycleStartMs: cycle.startMs,
      cycleEndMs: cycle.endMs,
      periodFromMs: cycle.startMs,
      periodToMs: cycle.endMs,
      source: { actionId: '', policyId: '', policyVersion: '', rule: '', what: BLOCK_LINE },
    },
  ];
}

/**
 * Terms by which blocks are sold: what the slot says, else the plan's. Nobody who did not agree gets more than were sold. Where
 * neither says anything, blocks that were sold were of the size that they had; null = none are.
 */
function termsOf(
  { overageConsent }: StoredCycle,
  { cycleStartMs, planId, parts, allowance }: ClosedCycle,
  { terms, blocks, soldBytes }: ClosedOverage,
  plans: PlanLookup,
  known: readonly { amountMinor: number }[],
): OverageTerms | null {
  // Nothing is beyond what has no limit.
  if (allowance?.baseBytes === null) return null;
  const last = parts?.at(-1);
  const versions = plans.plan(last?.planId ?? planId);
  const plan =
    last === undefined
      ? versionAt(versions, cycleStartMs, cycleStartMs)
      : (versions.find(({ version }) => version === last.version) ?? null);
  const said = terms === undefined ? (plan?.metering.overage ?? null) : terms;
  if (said !== null) return overageConsent ? said : { ...said, maxBlocks: blocks };
  if (blocks === 0) return null;
  return {
    blockBytes: Math.max(1, Math.ceil(soldBytes / blocks)),
    blockPriceMinor: known.at(-1)?.amountMinor ?? 0,
    // Of no currency: none is added.
    currency: '',
    maxBlocks: blocks,
  };
}
