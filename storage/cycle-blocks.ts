import { blocksAtClose, overageItemKey } from '../rules/tariff/blocks.ts';
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

/** Line of paid blocks; items of before name it too. */
export const BLOCK_LINE = 'overage:data';

/**
 * Blocks of a closed cycle that have no item yet, and one credit where corrections took bytes away that blocks had been sold
 * for. A block has the key of the action that asks for it, so whichever of close and action comes second finds it there:
 *
 * 1. those that were asked for, at the price that was said then;
 * 2. those that are due beyond (late bytes reach a cycle that no policy looks at any more), at the terms by which blocks are
 *    sold, and only where the subscriber agreed to them;
 * 3. what all blocks but the due ones cost, as a credit. What is due is reckoned on the blocks alone and set against the
 *    credits that stand, so a repeat gives none.
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
  const onLine = stored.booked.filter(({ line }) => line === BLOCK_LINE);
  const credits = creditsOf(onLine, closed);
  const known = onLine.filter((item) => !credits.includes(item));
  const asked = stored.waiting.flatMap((intent) => askedItem(intent, closed, context));
  const terms = termsOf(stored, closed, overage, plans, [...known, ...asked]);
  // Reckoned on what the slot sold, not on what is booked: so late bytes come to the same in whatever order they come.
  const due = overage.blocks + (terms === null ? 0 : blocksAtClose(terms, overage, overage.blocks));
  const missing = due - known.length - asked.length;
  const more =
    terms === null || terms.currency !== context.currency
      ? []
      : newBlocks(terms, missing, [...known, ...asked], closed, context);
  const blocks = [...known, ...asked, ...more];
  return [...asked, ...more, ...creditItem(blocks, credits, Math.min(due, blocks.length), context)];
}

/** Numbered from 1; whatever else is on the line is a block. */
function creditsOf(onLine: readonly BookedItem[], { subscriberId, cycleStartMs }: ClosedCycle): BookedItem[] {
  const credits: BookedItem[] = [];
  for (;;) {
    const key = itemKey(subscriberId, cycleStartMs, BLOCK_LINE, credits.length + 1);
    const found = onLine.find((item) => item.key === key);
    if (found === undefined) return credits;
    credits.push(found);
  }
}

function askedItem(intent: ActionIntent, closed: ClosedCycle, context: ItemContext): BillingItem[] {
  const { id: actionId, policyId, policyVersion, rule, overage } = intent;
  if (overage === null) return [];
  const what = `block ${overage.block} of ${overage.blockBytes} bytes`;
  const source = { actionId, policyId, policyVersion, rule, what };
  const { priceMinor, currency } = overage;
  const item = blockItem(actionId, priceMinor, closed, context);
  return [{ ...item, type: 'overage', currency, description: what, source }];
}

function newBlocks(
  terms: OverageTerms,
  count: number,
  taken: readonly { key: string }[],
  closed: ClosedCycle,
  context: ItemContext,
): BillingItem[] {
  const keys = new Set(taken.map(({ key }) => key));
  const items: BillingItem[] = [];
  for (let block = 1; items.length < count; block += 1) {
    const key = overageItemKey(closed.subscriberId, closed.cycleStartMs, 'data', block);
    if (keys.has(key)) continue;
    const what = `block ${block} of ${terms.blockBytes} bytes`;
    const item = blockItem(key, terms.blockPriceMinor, closed, context);
    items.push({ ...item, description: what, source: { ...item.source, what } });
  }
  return items;
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
 * neither says anything, blocks that were sold were of the size that they had; null = none were.
 */
function termsOf(
  { overageConsent }: StoredCycle,
  { cycleStartMs, planId, parts }: ClosedCycle,
  { terms, blocks, soldBytes }: ClosedOverage,
  plans: PlanLookup,
  known: readonly { amountMinor: number }[],
): OverageTerms | null {
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
