import { digest } from '../../rules/tariff/blocks.ts';
import type { ActionIntent } from '../../schemas/action.ts';
import type { BillingItem } from '../../schemas/billing.ts';
import { AppError } from '../../schemas/errors.ts';
import type { Account, BoughtTopUp, Money, SubscriberRows } from '../../schemas/tariff.ts';
import { endOfTopUp } from '../derive-profile.ts';
import type { BookedTopUp, ChangeContext } from '../tariff-ports.ts';
import type { StoredTopUp, TariffTx } from '../tariff-transaction.ts';
import { cycleOf } from './instants.ts';
import { checkRevision, needLayout } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import { withTopUp } from './rows.ts';
import { checkCurrency, storeRows, theSubscriber } from './subscribers.ts';

/** Items that nothing but people asked for. */
const BY_HAND = { actionId: '', policyId: '', policyVersion: '', rule: '' };

/** Who is charged: a subscriber, or a pool by the one it bills to. */
interface Payer {
  account: Account;
  rows: SubscriberRows;
  poolId: string | null;
}

/** @throws AppError 'conflict' for an id that is taken, or one that is over already */
export async function buyTopUp(
  tx: TariffTx,
  subject: StoredTopUp['owner'],
  topUp: BoughtTopUp,
  price: Money,
  context: ChangeContext,
): Promise<Outcome<BoughtTopUp>> {
  checkTopUp(topUp, context.atMs);
  if ((await tx.topUp(topUp.id)) !== null)
    throw new AppError('conflict', 'a top-up of this id is there already');
  const content = { topUpId: topUp.id, kind: topUp.kind, productId: topUp.productId, price };
  if ('poolId' in subject) return buyForPool(tx, subject.poolId, topUp, price, context, content);
  const before = await theSubscriber(tx, subject.subscriberId);
  checkRevision(context, before.rows.revision);
  const payer = { account: before.rows.account, rows: before.rows, poolId: null };
  const item = itemOf(payer, topUp, price, context.atMs, { ...BY_HAND, what: topUp.productId ?? topUp.kind });
  const items = await bookNew(tx, payer.account, item);
  const stored = await storeRows(tx, before, withTopUp(before.rows, topUp), context, content);
  return { ...stored, value: topUp, items: [...items, ...stored.items] };
}

function checkTopUp({ kind, bytes, speed, fromMs, expiresMs }: BoughtTopUp, atMs: number): void {
  if (expiresMs <= fromMs) throw new AppError('invalid-input', 'the top-up ends before it begins');
  if (expiresMs <= atMs) throw new AppError('conflict', 'expired: the top-up is over already');
  const isWhole = kind === 'bytes' ? bytes !== null && bytes > 0 : kind !== 'boost' || speed !== null;
  if (!isWhole) throw new AppError('invalid-input', `a top-up of kind ${kind} says how much`);
}

async function buyForPool(
  tx: TariffTx,
  poolId: string,
  topUp: BoughtTopUp,
  price: Money,
  context: ChangeContext,
  content: Record<string, unknown>,
): Promise<Outcome<BoughtTopUp>> {
  const pool = await tx.pool(poolId);
  if (pool === null) throw new AppError('not-found', 'no pool is called so');
  checkRevision(context, pool.revision);
  if (topUp.kind !== 'bytes')
    throw new AppError('invalid-input', 'a pool has an allowance alone: it buys bytes');
  await needLayout(tx, 'topUps of a pool');
  const billed = await theSubscriber(tx, pool.profile.billTo);
  const own = pool.accountId === null ? null : await tx.account(pool.accountId);
  const payer = { account: own ?? billed.rows.account, rows: billed.rows, poolId };
  const item = itemOf(payer, topUp, price, context.atMs, { ...BY_HAND, what: topUp.productId ?? topUp.kind });
  const items = await bookNew(tx, payer.account, item);
  await tx.putPoolTopUp(poolId, topUp);
  return { value: topUp, revision: pool.revision, items, subject: poolId, content };
}

/** The item, where it costs something. @throws AppError 'conflict' where its key is taken, or for another currency */
async function bookNew(tx: TariffTx, account: Account, item: BillingItem): Promise<BillingItem[]> {
  checkCurrency(account, item.currency);
  if (item.amountMinor === 0) return [];
  if ((await tx.book([item])).length === 0)
    throw new AppError('conflict', 'an item of this key is there already');
  return [item];
}

function itemOf(
  { account, rows, poolId }: Payer,
  topUp: BoughtTopUp,
  price: Money,
  atMs: number,
  source: BillingItem['source'],
): BillingItem {
  const cycle = cycleOf(rows, atMs);
  return {
    key: topUp.id,
    type: 'topup',
    accountId: account.accountId,
    subscriberId: rows.subscriberId,
    poolId,
    amountMinor: price.amountMinor,
    currency: price.currency,
    quantity: 1,
    taxClass: account.taxClass,
    line: `top-up:${topUp.id}`,
    description: topUp.productId ?? topUp.kind,
    cycleStartMs: cycle.startMs,
    cycleEndMs: cycle.endMs,
    periodFromMs: topUp.fromMs,
    periodToMs: topUp.expiresMs,
    source,
  };
}

/** What a policy bought, as TariffStore.bookPolicyTopUp says. */
export async function bookPolicyTopUp(
  tx: TariffTx,
  intent: ActionIntent,
  nowMs: number,
): Promise<BookedTopUp> {
  const { topUp: bought, id: actionId, policyId, policyVersion, rule } = intent;
  if (bought === null) throw new AppError('invalid-input', 'the intent holds no top-up');
  if ((await tx.topUp(actionId)) !== null) return 'known';
  const before = await tx.subscriber(intent.subscriberId);
  if (before === null) return 'no-subscriber';
  if (bought.expiresMs <= nowMs) return 'expired';
  const { rows } = before;
  if (bought.currency !== rows.account.currency) return 'currency';
  const topUp = policyTopUp(actionId, bought);
  const price = { amountMinor: bought.priceMinor, currency: bought.currency };
  const source = { actionId, policyId, policyVersion, rule, what: bought.productId };
  const payer = { account: rows.account, rows, poolId: null };
  // Charged for by the program before, which kept the bytes in the profile alone: it was added then.
  const item = {
    ...itemOf(payer, topUp, price, nowMs, source),
    cycleStartMs: intent.cycleStartMs,
    cycleEndMs: null,
  };
  if ((await tx.book([item])).length === 0) return 'known';
  const context = { by: 'policy', atMs: nowMs, reason: '' };
  await storeRows(tx, before, withTopUp(rows, topUp), context, {});
  return 'added';
}

function policyTopUp(id: string, bought: NonNullable<ActionIntent['topUp']>): BoughtTopUp {
  const { kind = 'bytes', bytes, downBps, upBps, fromMs, expiresMs, productId } = bought;
  const speed = downBps === undefined || upBps === undefined ? null : { downBps, upBps };
  const size = kind === 'bytes' ? bytes : null;
  return { id, kind, bytes: size, speed, fromMs, expiresMs, source: 'policy', productId, cancelledMs: null };
}

/** Ends a top-up, and credits it where it is known that nothing of it was used. */
export async function cancelTopUp(
  tx: TariffTx,
  topUpId: string,
  isUnused: boolean,
  context: ChangeContext,
): Promise<Outcome<BoughtTopUp>> {
  const stored = await tx.topUp(topUpId);
  if (stored === null) throw new AppError('not-found', 'no top-up is called so');
  const { topUp, owner } = stored;
  if (topUp.source === 'directory')
    throw new AppError('conflict', 'the directory gives and takes this top-up');
  if (endOfTopUp(topUp) <= context.atMs)
    throw new AppError('conflict', 'expired: the top-up is over already');
  const cancelled = { ...topUp, cancelledMs: Math.max(context.atMs, topUp.fromMs) };
  const isCredited = isUnused || topUp.fromMs > context.atMs;
  const credits = isCredited ? await credit(tx, topUpId) : [];
  const content = { topUpId, isCredited };
  if ('poolId' in owner) {
    const revision = (await tx.pool(owner.poolId))?.revision ?? 0;
    checkRevision(context, revision);
    await tx.putPoolTopUp(owner.poolId, cancelled);
    return { value: cancelled, revision, items: credits, subject: owner.poolId, content };
  }
  const before = await theSubscriber(tx, owner.subscriberId);
  checkRevision(context, before.rows.revision);
  const topUps = before.rows.topUps.map((one) => (one.id === topUpId ? cancelled : one));
  const outcome = await storeRows(tx, before, { ...before.rows, topUps }, context, content);
  return { ...outcome, value: cancelled, items: [...credits, ...outcome.items] };
}

async function credit(tx: TariffTx, topUpId: string): Promise<BillingItem[]> {
  const charged = await tx.item(topUpId);
  if (charged === null) return [];
  const key = digest(['credit', topUpId]);
  const item = {
    ...charged,
    key,
    type: 'adjustment',
    amountMinor: -charged.amountMinor,
    quantity: -1,
  } as const;
  return (await tx.book([item])).length === 0 ? [] : [item];
}

/** An item that is asked for by hand. */
export async function bookOneOff(
  tx: TariffTx,
  subscriberId: string,
  amount: Money,
  description: string,
  key: string,
  context: ChangeContext,
): Promise<Outcome<BillingItem>> {
  const { rows } = await theSubscriber(tx, subscriberId);
  checkRevision(context, rows.revision);
  if (amount.amountMinor === 0) throw new AppError('invalid-input', 'an item of nothing is no item');
  const cycle = cycleOf(rows, context.atMs);
  const item: BillingItem = {
    key,
    type: 'one-off',
    accountId: rows.account.accountId,
    subscriberId,
    poolId: null,
    ...amount,
    quantity: amount.amountMinor < 0 ? -1 : 1,
    taxClass: rows.account.taxClass,
    line: `one-off:${key}`,
    description,
    cycleStartMs: cycle.startMs,
    cycleEndMs: cycle.endMs,
    periodFromMs: null,
    periodToMs: null,
    source: { ...BY_HAND, what: description },
  };
  const items = await bookNew(tx, rows.account, item);
  const content = { key, amount, description };
  return { value: item, revision: rows.revision, items, subject: subscriberId, content };
}
