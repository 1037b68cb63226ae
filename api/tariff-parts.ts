import { z } from 'zod';
import { ITEM_TYPES } from '../schemas/billing.ts';
import type { CycleRule } from '../schemas/profile.ts';
import type { Money } from '../schemas/tariff.ts';
import type { ItemView } from '../schemas/tariff-views.ts';
import { time } from './schema-parts.ts';

/** Octets in an answer. */
export const octets = z
  .string()
  .regex(/^[0-9]+$/)
  .describe('octets, decimal');

/** A speed in an answer. */
export const speed = z.object({
  downBps: z.number().describe('bit/s'),
  upBps: z.number().describe('bit/s'),
});

export const money = z.object({
  amountMinor: z.int().describe('minor units of the currency, net of tax; negative = a credit'),
  currency: z.string(),
}) satisfies z.ZodType<Money>;

/** From an instant on up to another. */
export const dated = {
  from: time.nullable().describe('null = ever since'),
  to: time.nullable().describe('null = open'),
};

/** A billing cycle as an answer shows it. */
export const span = z.object({ start: time, end: time });

export const ROW_SOURCES = ['directory', 'api', 'import', 'policy', 'billing'] as const;
export const rowSource = z.enum(ROW_SOURCES);

/** When billing cycles begin, in an answer. */
export const cycleRule = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('month'), anchorDay: z.int() }),
  z.object({ kind: z.literal('week'), weekday: z.int().describe('1 = Monday to 7 = Sunday') }),
  z.object({ kind: z.literal('days'), days: z.int(), from: z.string().describe('YYYY-MM-DD') }),
]) satisfies z.ZodType<CycleRule>;

/** A line of an invoice to be. */
export const item = z.object({
  key: z.string().describe('the same key is the same item'),
  type: z.enum(ITEM_TYPES),
  accountId: z.string(),
  subscriberId: z.string(),
  poolId: z.string().nullable(),
  amount: money,
  quantity: z.number(),
  taxClass: z.string(),
  line: z.string().describe('items of one line of a cycle add up to what it costs'),
  description: z.string(),
  cycleStart: time,
  cycleEnd: time.nullable(),
  periodFrom: time.nullable(),
  periodTo: time.nullable(),
}) satisfies z.ZodType<ItemView>;

/** Items that a change made, and what they come to. */
export const charged = {
  items: z.array(item).describe('that it made'),
  sum: money.nullable().describe('what they come to; null = there are none'),
};

/** A list in parts. */
export function list<T extends z.ZodType>(
  of: T,
): z.ZodObject<{ items: z.ZodArray<T>; next: z.ZodNullable<z.ZodString> }> {
  return z.object({
    items: z.array(of),
    next: z.string().nullable().describe('sent as `after` it gives what follows; null = there is no more'),
  });
}
