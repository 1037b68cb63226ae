import { createHash } from 'node:crypto';
import { exponentOf } from '../rules/tariff/currencies.ts';
import type { Speed } from '../schemas/action.ts';
import type { Hold } from '../schemas/profile.ts';
import type { TopUpProduct } from '../schemas/provider.ts';
import type { BoughtTopUp, Money, SubscriberRows, TopUpKind } from '../schemas/tariff.ts';
import type { ChangeContext, Changed } from '../storage/tariff-ports.ts';
import type { StoredTopUp } from '../storage/tariff-transaction.ts';
import { REASON } from './change.ts';
import type { AskedOctets } from './money.ts';
import { BPS, OCTETS, octetsOf, PRICE } from './money.ts';
import { NAME } from './names.ts';
import { Problem } from './problem.ts';
import type { TariffSources } from './tariff-sources.ts';
import { cycleOf } from './tariff-view.ts';
import { AT, BACK_DATE, SPAN, spanOf, whenOf } from './when.ts';

/* Changes of one subscriber: the body of each, and what the store is asked for. Routes make them, the preview tries them. */

/** Seconds of 400 days: as far ahead as anything can be dated. */
const MOST_SECONDS = 400 * 86_400;

/** Body of a change of plan. */
export const ASSIGNMENT = {
  type: 'object',
  properties: {
    planId: NAME,
    at: AT,
    backDate: BACK_DATE,
    replaceLater: {
      type: 'boolean',
      description: 'changes that are stored for later go; else they are refused',
    },
    reason: REASON,
  },
  required: ['planId', 'at'],
  additionalProperties: false,
} as const;
export interface AskedAssignment {
  planId: string;
  at: string;
  backDate?: boolean;
  replaceLater?: boolean;
  reason?: string;
}

/** Body of an end of service. */
export const TERMINATION = {
  type: 'object',
  properties: { at: AT, reason: REASON },
  required: ['at'],
  additionalProperties: false,
} as const;
export interface AskedTermination {
  at: string;
  reason?: string;
}

/** Body of a hold. */
export const HOLD = {
  type: 'object',
  properties: {
    kind: { type: 'string', enum: ['non-payment', 'customer', 'fraud', 'legal'] },
    ...SPAN,
    reason: REASON,
  },
  required: ['kind'],
  additionalProperties: false,
} as const;
export interface AskedHold {
  kind: Hold['kind'];
  from?: string;
  to?: string | null;
  reason?: string;
}

/** Body of an add-on that is booked. */
export const ADD_ON = {
  type: 'object',
  properties: { addOnId: NAME, at: AT, reason: REASON },
  required: ['addOnId', 'at'],
  additionalProperties: false,
} as const;
export interface AskedAddOn {
  addOnId: string;
  at: string;
  reason?: string;
}

/** Body of what is bought on top. */
export const TOP_UP = {
  type: 'object',
  description: 'productId of the provider’s settings; or kind, validSeconds, price, and bytes or speed',
  properties: {
    productId: NAME,
    kind: { type: 'string', enum: ['bytes', 'boost', 'unlimited'] },
    bytes: OCTETS,
    speed: {
      type: 'object',
      properties: { downBps: BPS, upBps: BPS },
      required: ['downBps', 'upBps'],
      additionalProperties: false,
      description: 'of a boost',
    },
    validSeconds: { type: 'integer', minimum: 1, maximum: MOST_SECONDS },
    price: PRICE,
    reason: REASON,
  },
  additionalProperties: false,
} as const;
export interface AskedTopUp {
  productId?: string;
  kind?: TopUpKind;
  bytes?: AskedOctets;
  speed?: Speed;
  validSeconds?: number;
  price?: Money;
  reason?: string;
}

/** @returns with the id of the row that it made */
export async function assign(
  { store }: TariffSources,
  subscriberId: string,
  { planId, at, backDate, replaceLater = false }: AskedAssignment,
  context: ChangeContext,
): Promise<{ changed: Changed<SubscriberRows>; id: string | null }> {
  const when = whenOf(at, backDate);
  const changed = await store.assign(subscriberId, planId, when, replaceLater, context);
  return { changed, id: lastOf(changed.value.assignments, (row) => row.planId === planId) };
}

/** @returns with the id of the row that it made */
export async function hold(
  { store }: TariffSources,
  subscriberId: string,
  { kind, from, to }: AskedHold,
  context: ChangeContext,
): Promise<{ changed: Changed<SubscriberRows>; id: string | null }> {
  const time = spanOf({ ...(from === undefined ? {} : { from }), to: to ?? null }, context.atMs);
  const changed = await store.hold(subscriberId, kind, time, context);
  return { changed, id: lastOf(changed.value.holds, (row) => row.kind === kind) };
}

/** @returns with the id of the row that it made */
export async function bookAddOn(
  { store }: TariffSources,
  subscriberId: string,
  { addOnId, at }: AskedAddOn,
  context: ChangeContext,
): Promise<{ changed: Changed<SubscriberRows>; id: string | null }> {
  const changed = await store.addAddOn(subscriberId, addOnId, whenOf(at), context);
  return { changed, id: lastOf(changed.value.addOns, (row) => row.addOnId === addOnId) };
}

export function terminate(
  { store }: TariffSources,
  subscriberId: string,
  { at }: AskedTermination,
  context: ChangeContext,
): Promise<Changed<SubscriberRows>> {
  return store.terminate(subscriberId, whenOf(at), context);
}

/** Of those the one that begins last. */
function lastOf<T extends { id: string; fromMs: number }>(
  rows: readonly T[],
  is: (row: T) => boolean,
): string | null {
  const found = rows
    .filter(is)
    .reduce<T | null>((last, row) => (last && last.fromMs > row.fromMs ? last : row), null);
  return found?.id ?? null;
}

/** What is bought, and for how much. */
export interface Purchase {
  topUp: BoughtTopUp;
  price: Money;
}

/**
 * What a body asks to buy.
 *
 * @param cycleEndMs end of the cycle, for a product that is valid so long
 * @throws Problem 400 for a body that says both or neither, 404 for a product that is not there
 */
export async function purchaseOf(
  { product }: Pick<TariffSources, 'product'>,
  asked: AskedTopUp,
  cycleEndMs: number,
  context: ChangeContext,
): Promise<Purchase> {
  const { productId, reason: _, ...rest } = asked;
  const bought = { id: topUpId(context), fromMs: context.atMs, source: 'api' as const, cancelledMs: null };
  if (productId === undefined) {
    const { validSeconds, price, ...what } = givenPurchase(asked);
    const expiresMs = context.atMs + validSeconds * 1000;
    return { topUp: { ...bought, ...what, productId: null, expiresMs }, price };
  }
  if (Object.keys(rest).length > 0)
    throw new Problem(400, 'invalid-input', 'give either productId, or what is bought and its price');
  const found = await product(productId);
  if (found === null)
    throw new Problem(404, 'not-found', `the provider’s settings have no top-up ${productId}`);
  const { validSeconds, priceMinor, currency } = found;
  const expiresMs = validSeconds === null ? cycleEndMs : context.atMs + validSeconds * 1000;
  return {
    topUp: { ...bought, ...productContent(found), productId, expiresMs },
    price: { amountMinor: priceMinor, currency },
  };
}

function productContent({ kind = 'bytes', bytes, downBps = 0, upBps = 0 }: TopUpProduct) {
  return {
    kind,
    bytes: kind === 'bytes' ? bytes : null,
    speed: kind === 'boost' ? { downBps, upBps } : null,
  };
}

function givenPurchase({ kind, bytes, speed, validSeconds, price }: AskedTopUp) {
  if (kind === undefined || validSeconds === undefined || price === undefined)
    throw new Problem(400, 'invalid-input', 'give productId, or kind, validSeconds and price');
  if ((bytes !== undefined) !== (kind === 'bytes'))
    throw new Problem(400, 'invalid-input', 'bytes are given of kind bytes, and of no other');
  if ((speed !== undefined) !== (kind === 'boost'))
    throw new Problem(400, 'invalid-input', 'a speed is given of kind boost, and of no other');
  if (exponentOf(price.currency) === null)
    throw new Problem(422, 'invalid-input', `${price.currency} is no currency of ISO 4217`);
  return {
    ...{ kind, validSeconds, price, speed: speed ?? null },
    bytes: bytes === undefined ? null : octetsOf(bytes, 'bytes', 1),
  };
}

/** A repeat of the request buys the same thing: its id is the request's. */
function topUpId({ idempotency }: ChangeContext): string {
  if (idempotency === undefined) return 'preview';
  const { keyId, key } = idempotency;
  return `topup-${createHash('sha256').update(`${keyId}\n${key}`).digest('hex').slice(0, 24)}`;
}

/**
 * Buys for a subscriber.
 *
 * @param rows of the subscriber
 * @throws Problem as purchaseOf
 */
export async function buyTopUp(
  sources: TariffSources,
  rows: SubscriberRows,
  asked: AskedTopUp,
  context: ChangeContext,
): Promise<Changed<BoughtTopUp>> {
  const cycle = cycleOf(rows, context.atMs);
  const owner = { subscriberId: rows.subscriberId };
  return buyOnce(sources, owner, () => purchaseOf(sources, asked, cycle.endMs, context), context);
}

/**
 * Buys what is thought out. Where that is refused by now (the product has gone), a purchase that was made with this key before
 * is answered all the same: whoever asks again would buy something else.
 */
export async function buyOnce(
  { store }: Pick<TariffSources, 'store'>,
  owner: StoredTopUp['owner'],
  think: () => Promise<Purchase>,
  context: ChangeContext,
): Promise<Changed<BoughtTopUp>> {
  let purchase: Purchase;
  try {
    purchase = await think();
  } catch (refusal) {
    if (!(refusal instanceof Problem)) throw refusal;
    const before = await store.answered<BoughtTopUp>(context);
    if (before === null) throw refusal;
    return before;
  }
  return store.buyTopUp(owner, purchase.topUp, purchase.price, context);
}
