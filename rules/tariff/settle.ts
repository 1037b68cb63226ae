import type { BillingItem, ItemType } from '../../schemas/billing.ts';
import type { Span } from '../../schemas/tariff.ts';
import { digest } from './blocks.ts';

/** What one line of a cycle costs. */
export interface DueLine {
  /** `plan:<id>`, `add-on:<id>`, `usage:<part from ms>` */
  line: string;
  amountMinor: number;
  /** 1 of a fee; bytes of usage */
  quantity: number;
  periodFromMs: number;
  periodToMs: number;
  /** for people */
  description: string;
  planId: string | null;
  version: number | null;
}

/** What of a line is itemised: sums over its items. */
export interface ItemisedLine {
  line: string;
  amountMinor: number;
  quantity: number;
  /** how many of its items are of the very cycle that is settled: others may have begun in it by a rule of before */
  n: number;
}

/** What all items of one settlement have in common. */
export interface ItemContext {
  subscriberId: string;
  accountId: string;
  currency: string;
  taxClass: string;
  cycle: Span;
  /** the cycle was closed before; at its close itself it was not */
  closed: boolean;
}

/**
 * Items that bring each line from what is itemised to what is due, in the order of the lines; none where that is so. Plan changes,
 * back-dating, holds, stubs, closes and late usage all come down to this, so repeats and another order end in the same sums.
 * What is itemised and due no more is credited: give it only lines of the kinds that `due` speaks for (isFeeLine, isUsageLine).
 */
export function settleLines(
  due: readonly DueLine[],
  itemised: readonly ItemisedLine[],
  context: ItemContext,
): BillingItem[] {
  const known = new Map(itemised.map((line) => [line.line, line]));
  const items: BillingItem[] = [];
  for (const line of due) {
    const item = itemOf(line, known.get(line.line) ?? null, context);
    known.delete(line.line);
    if (item !== null) items.push(item);
  }
  const { startMs: periodFromMs, endMs: periodToMs } = context.cycle;
  for (const before of known.values()) {
    const gone = { line: before.line, amountMinor: 0, quantity: 0, periodFromMs, periodToMs };
    const item = itemOf({ ...gone, description: '', planId: null, version: null }, before, context);
    if (item !== null) items.push(item);
  }
  return items;
}

function itemOf(due: DueLine, known: ItemisedLine | null, context: ItemContext): BillingItem | null {
  const before = known ?? { amountMinor: 0, quantity: 0, n: 0 };
  const amountMinor = due.amountMinor - before.amountMinor;
  if (amountMinor === 0) return null;
  const { subscriberId, accountId, currency, taxClass, cycle, closed } = context;
  const { line, description, periodFromMs, periodToMs, planId, version } = due;
  const n = before.n + 1;
  const difference = line.startsWith('usage:') ? due.quantity - before.quantity : 0;
  return {
    key: itemKey(subscriberId, cycle.startMs, line, n),
    type: closed ? 'adjustment' : known === null ? firstType(line) : laterType(line),
    accountId,
    subscriberId,
    poolId: null,
    amountMinor,
    currency,
    quantity: difference === 0 ? Math.sign(amountMinor) : difference,
    taxClass,
    line,
    description,
    cycleStartMs: cycle.startMs,
    cycleEndMs: cycle.endMs,
    periodFromMs,
    periodToMs,
    source: {
      actionId: '',
      policyId: '',
      policyVersion: '',
      rule: '',
      what: planId === null || version === null ? line : `${planId} version ${version}`,
    },
  };
}

function firstType(line: string): ItemType {
  if (line.startsWith('usage:')) return 'usage';
  return line.startsWith('add-on:') ? 'add-on' : 'recurring';
}

function laterType(line: string): ItemType {
  return line.startsWith('usage:') ? 'usage' : 'proration';
}

/**
 * Key of the n-th item of a line of a cycle, from 1. Whoever makes it holds the subscriber's row, so that two makers cannot have the
 * same n for different items.
 */
export function itemKey(subscriberId: string, cycleStartMs: number, line: string, n: number): string {
  return digest(['item', subscriberId, cycleStartMs, line, n]);
}
