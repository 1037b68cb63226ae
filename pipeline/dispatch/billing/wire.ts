import { z } from 'zod';
import { MOST_CYCLE_DAYS } from '../../../rules/cycle.ts';
import { exponentOf } from '../../../rules/tariff/currencies.ts';
import type { InvoiceDelivery } from '../../../schemas/billing.ts';
import type { Span } from '../../../schemas/tariff.ts';
import type { PeerAccount, PeerItem } from '../../../storage/billing-ports.ts';

/** Longest description that is sent, characters. */
const MAX_DESCRIPTION = 1_000;
/** What a header can carry, and the contract allows. */
const KEY = /^[!-~]{1,200}$/;

const id = z.string().min(1).max(200);
const whole = z.int();
const currency = z.string().regex(/^[A-Z]{3}$/);
const instantMs = z
  .string()
  .max(40)
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$/)
  .transform((text) => Date.parse(text))
  .pipe(z.int());

const storedItem = z.object({
  id,
  key: z.string().regex(KEY),
  account: id,
  subscriber: id,
  type: z.string().min(1).max(50),
  amount: z.object({ amountMinor: whole, currency, exponent: z.int().min(0).max(4) }),
  quantity: whole,
  line: z.string().min(1).max(300),
  createdAt: instantMs,
});
const storedPage = z.object({
  items: z.array(storedItem).max(1_000),
  next: z.string().min(1).max(500).nullable(),
});
const receipt = z.object({ id });
const account = z.object({
  ref: id,
  currency,
  cycle: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('month'), anchorDay: z.int().min(1).max(31) }),
    z.object({ kind: z.literal('week'), weekday: z.int().min(1).max(7) }),
    z.object({
      kind: z.literal('days'),
      days: z.int().min(1).max(MOST_CYCLE_DAYS),
      from: z.string().regex(/^\d{4}-\d{2}-\d{2}$/),
    }),
  ]),
  status: z.enum(['current', 'overdue', 'suspended']),
  cycleStart: instantMs.nullable(),
});
const problem = z.object({ title: z.string(), detail: z.string(), code: z.string() }).partial();

type StoredItem = z.output<typeof storedItem>;

/** What an answer says of itself when it is a problem document; null = it is none. */
export type Told = z.output<typeof problem>;

/** Readers of answers; null = it breaks the contract. Fields that are not described are ignored. */
export const ANSWERS = {
  receipt: (body: string) => read(receipt, body),
  item: (body: string) => read(storedItem, body),
  page: (body: string) => read(storedPage, body),
  account: (body: string): PeerAccount | null => {
    const view = read(account, body);
    return view === null
      ? null
      : {
          ref: view.ref,
          currency: view.currency,
          cycle: view.cycle,
          status: view.status,
          cycleStartMs: view.cycleStart,
        };
  },
  problem: (body: string): Told | null => read(problem, body),
};

/** An item as it is sent, by `InvoiceItem` of the contract; or why it cannot be. */
export function itemBody({
  item,
  accountRef,
  createdAtMs,
}: InvoiceDelivery): { body: unknown } | { fault: string } {
  const exponent = exponentOf(item.currency);
  if (exponent === null) return { fault: `${item.currency} is no currency that Weir knows` };
  if (!KEY.test(item.key)) return { fault: 'its key holds what a header cannot carry' };
  const { periodFromMs, periodToMs, cycleEndMs } = item;
  return {
    body: {
      key: item.key,
      account: accountRef ?? item.accountId,
      subscriber: item.subscriberId,
      pool: item.poolId,
      type: item.type,
      amount: { amountMinor: item.amountMinor, currency: item.currency, exponent },
      quantity: item.quantity,
      taxClass: item.taxClass,
      line: item.line,
      description: item.description.slice(0, MAX_DESCRIPTION),
      cycle: { start: instant(item.cycleStartMs), end: cycleEndMs === null ? null : instant(cycleEndMs) },
      period:
        periodFromMs === null || periodToMs === null
          ? null
          : { from: instant(periodFromMs), to: instant(periodToMs) },
      source: item.source,
      createdAt: instant(createdAtMs),
    },
  };
}

/** A cycle as it is sent, by `CycleSpan`. */
export function cycleBody({ startMs, endMs }: Span): unknown {
  return { start: instant(startMs), end: instant(endMs) };
}

/** ISO 8601 in UTC. */
export function instant(ms: number): string {
  return new Date(ms).toISOString();
}

/** Names of the fields in which what is there differs from what was sent. */
export function differing(stored: StoredItem, { item, accountRef }: InvoiceDelivery): string[] {
  const pairs: [string, unknown, unknown][] = [
    ['key', stored.key, item.key],
    ['account', stored.account, accountRef ?? item.accountId],
    ['subscriber', stored.subscriber, item.subscriberId],
    ['type', stored.type, item.type],
    ['amount', stored.amount.amountMinor, item.amountMinor],
    ['currency', stored.amount.currency, item.currency],
    ['quantity', stored.quantity, item.quantity],
    ['line', stored.line, item.line],
  ];
  return pairs.filter(([, there, here]) => there !== here).map(([name]) => name);
}

/** An item of a list as reconciliations see it. */
export function peerItem({ key, id: remoteId, amount, createdAt }: StoredItem): PeerItem {
  return {
    key,
    remoteId,
    amountMinor: amount.amountMinor,
    currency: amount.currency,
    createdAtMs: createdAt,
  };
}

function read<T>(form: z.ZodType<T>, body: string): T | null {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return null; // SyntaxError: JSON.parse has no other way to say that it is none
  }
  const result = form.safeParse(value);
  return result.success ? result.data : null;
}
