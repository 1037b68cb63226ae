import { isZone } from '../../rules/cycle.ts';
import { versionAt } from '../../rules/tariff/timeline.ts';
import { ownAccount, STANDARD_TAX_CLASS } from '../../schemas/billing.ts';
import type { BillingItem } from '../../schemas/billing.ts';
import { AppError } from '../../schemas/errors.ts';
import type { Account, SubscriberRows } from '../../schemas/tariff.ts';
import { addOnTermsAt } from '../derive-profile.ts';
import type { ChangeContext, SubscriberGiven, When } from '../tariff-ports.ts';
import type { StoredSubscriber, TariffTx } from '../tariff-transaction.ts';
import { instantOf } from './instants.ts';
import { checkRevision, knowsTariffs, tell } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import { checkPoolCycles, isMember } from './pool-cycle.ts';
import { asGiven, withAddOn, withPlan } from './rows.ts';

/** Changes the rows of one subscriber, brings its fees and its profile to what they come to. */
export async function changeSubscriber(
  tx: TariffTx,
  subscriberId: string,
  context: ChangeContext,
  content: Record<string, unknown>,
  change: (rows: SubscriberRows) => SubscriberRows | Promise<SubscriberRows>,
): Promise<Outcome<SubscriberRows>> {
  const before = await theSubscriber(tx, subscriberId);
  checkRevision(context, before.rows.revision);
  return storeRows(tx, before, await change(before.rows), context, content);
}

export async function theSubscriber(tx: TariffTx, subscriberId: string): Promise<StoredSubscriber> {
  const stored = await tx.subscriber(subscriberId);
  if (stored === null) throw new AppError('not-found', 'no subscriber is called so');
  return stored;
}

/** Stores rows that were changed: fees in advance of the running cycle, and the profile, follow them. */
export async function storeRows(
  tx: TariffTx,
  before: StoredSubscriber | null,
  changed: SubscriberRows,
  context: ChangeContext,
  content: Record<string, unknown>,
): Promise<Outcome<SubscriberRows>> {
  const seenMs = Math.max(changed.asOfMs ?? Number.NEGATIVE_INFINITY, context.atMs);
  const asOfMs = (await knowsTariffs(tx)) ? seenMs : changed.asOfMs;
  const stored = await tx.putRows(before, { ...changed, asOfMs, revision: (before?.rows.revision ?? 0) + 1 });
  const { rows } = stored;
  // What was to come may be all that there was, and be charged already.
  const hasFees = hasSomething(rows) || (before !== null && hasSomething(before.rows));
  const items = hasFees ? await tx.settle(stored, context.atMs) : [];
  await tell(tx, [rows.subscriberId]);
  return { value: rows, revision: rows.revision, items, subject: rows.subscriberId, content };
}

function hasSomething({ assignments, addOns }: SubscriberRows): boolean {
  return assignments.length > 0 || addOns.length > 0;
}

/** Another plan. @throws AppError 'not-found' without a version of it, 'conflict' for an archived one or another currency */
export function assign(
  tx: TariffTx,
  subscriberId: string,
  [planId, when, replaceLater]: [planId: string, when: When, replaceLater: boolean],
  context: ChangeContext,
): Promise<Outcome<SubscriberRows>> {
  const content = { planId, when, replaceLater };
  return changeSubscriber(tx, subscriberId, context, content, async (rows) => {
    const plan = await tx.plan(planId);
    if (plan === null || (await tx.knownVersions(planId)).length === 0)
      throw new AppError('not-found', 'no plan is called so');
    if (plan.archivedMs !== null)
      throw new AppError('conflict', 'archived: the plan is not given out any more');
    const fromMs = instantOf(rows, when, context.atMs);
    if (versionAt(await tx.knownVersions(planId), fromMs, fromMs) === null)
      throw new AppError('conflict', 'not-yet: no version of the plan is in effect by then');
    const [terms] = await tx.planVersions(planId);
    checkCurrency(rows.account, terms?.currency);
    return withPlan(rows, planId, when, replaceLater, context.atMs);
  });
}

/** @throws AppError 'not-found' where no version of it is in effect by then */
export function addAddOn(
  tx: TariffTx,
  subscriberId: string,
  addOnId: string,
  when: When,
  context: ChangeContext,
): Promise<Outcome<SubscriberRows>> {
  return changeSubscriber(tx, subscriberId, context, { addOnId, when }, async (rows) => {
    const terms = addOnTermsAt(await tx.addOnVersions(addOnId), instantOf(rows, when, context.atMs));
    if (terms === null) throw new AppError('not-found', 'no add-on is called so, or none is sold by then');
    checkCurrency(rows.account, terms.currency);
    return withAddOn(rows, addOnId, when, context.atMs);
  });
}

export function checkCurrency(account: Account, currency: string | undefined): void {
  if (currency === undefined || currency === account.currency) return;
  throw new AppError(
    'conflict',
    `currency: the account is charged in ${account.currency}, this in ${currency}`,
  );
}

/** Adds one or says anew what it is. An account of its own is made where it is not there. */
export async function putSubscriber(
  tx: TariffTx,
  given: SubscriberGiven,
  defaultCurrency: string,
  context: ChangeContext,
): Promise<Outcome<SubscriberRows>> {
  if (!isZone(given.zone)) throw new AppError('invalid-input', `${given.zone} is not a known time zone`);
  const before = await tx.subscriber(given.subscriberId);
  checkRevision(context, before?.rows.revision ?? 0);
  const account = await accountFor(tx, given, defaultCurrency);
  const left = before === null ? [] : await leaveFor(tx, before, account, context.atMs);
  const rows = asGiven(before?.rows ?? newRows(given.subscriberId, account), given);
  const content = {
    accountId: given.accountId,
    segment: given.segment,
    credentials: given.credentials.length,
  };
  const outcome = await storeRows(tx, before, { ...rows, account }, context, content);
  return { ...outcome, items: [...left, ...outcome.items] };
}

/** What was had until now is for the account that the subscriber leaves. */
async function leaveFor(
  tx: TariffTx,
  stored: StoredSubscriber,
  to: Account,
  atMs: number,
): Promise<BillingItem[]> {
  const { rows } = stored;
  if (rows.account.accountId === to.accountId) return [];
  checkMove(rows, to, atMs);
  // One cycle begins at an instant: of two accounts that would have it from this one on, the first would pay for both.
  if (rows.closedThroughMs !== null && atMs <= rows.closedThroughMs)
    throw new AppError('conflict', 'a cycle of the subscriber ended at this instant: send it again', {
      retriable: true,
    });
  // Also where nothing is left: what was had may have been taken back, and cycles of before may be told of later.
  return tx.leave(stored, atMs);
}

function checkMove({ account: from, pools }: SubscriberRows, to: Account, atMs: number): void {
  if (isMember(pools, atMs)) checkPoolCycles(from, to, atMs);
  if (from.currency !== to.currency)
    throw new AppError(
      'conflict',
      `currency: the accounts are charged in ${from.currency} and ${to.currency}`,
    );
}

async function accountFor(
  tx: TariffTx,
  { subscriberId, accountId }: SubscriberGiven,
  defaultCurrency: string,
): Promise<Account> {
  const known = await tx.account(accountId);
  if (known !== null) return known;
  if (accountId !== ownAccount(subscriberId)) throw new AppError('not-found', 'no account is called so');
  const account = newAccount(accountId, defaultCurrency);
  await tx.putAccount(account, false);
  return account;
}

/** An account that nobody described: monthly on the first. */
export function newAccount(accountId: string, currency: string): Account {
  return {
    accountId,
    currency,
    taxClass: STANDARD_TAX_CLASS,
    cycle: { kind: 'month', anchorDay: 1 },
    cycleChanges: [],
    billingStatus: 'current',
    billingRef: null,
    revision: 1,
  };
}

/** A subscriber without anything. */
export function newRows(subscriberId: string, account: Account): SubscriberRows {
  return {
    subscriberId,
    account,
    externalId: null,
    segment: '',
    tags: [],
    zone: 'UTC',
    overageConsent: false,
    openingCarry: { bytes: 0, untilMs: null },
    asOfMs: null,
    terminatedMs: null,
    closedThroughMs: null,
    revision: 0,
    credentials: [],
    assignments: [],
    addOns: [],
    topUps: [],
    holds: [],
    pools: [],
  };
}

/** @throws AppError 'conflict' where it is not terminated */
export async function erase(
  tx: TariffTx,
  subscriberId: string,
  context: ChangeContext,
): Promise<Outcome<Record<string, number>>> {
  const actions = await tx.forgetIntents(subscriberId);
  const stored = await theSubscriber(tx, subscriberId);
  checkRevision(context, stored.rows.revision);
  if (stored.rows.terminatedMs === null || stored.rows.terminatedMs > context.atMs)
    throw new AppError('conflict', 'only a terminated subscriber is forgotten');
  const gone = { actions, ...(await tx.forget(stored)) };
  await tell(tx, [subscriberId]);
  return { value: gone, revision: stored.rows.revision + 1, items: [], subject: subscriberId, content: gone };
}
