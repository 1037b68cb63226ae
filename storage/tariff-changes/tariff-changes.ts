import { randomUUID } from 'node:crypto';
import { digest } from '../../rules/tariff/blocks.ts';
import type { ActionIntent } from '../../schemas/action.ts';
import type { BillingItem } from '../../schemas/billing.ts';
import { AppError } from '../../schemas/errors.ts';
import type { PoolProfile } from '../../schemas/pool.ts';
import type { CycleRule, Hold } from '../../schemas/profile.ts';
import type {
  Account,
  AddOnTerms,
  BoughtTopUp,
  Dated,
  Money,
  PlanTerms,
  SubscriberRows,
  TopUpKind,
} from '../../schemas/tariff.ts';
import type {
  BookedTopUp,
  ChangeContext,
  Changed,
  ImportLine,
  StoredPlan,
  TariffStore,
} from '../tariff-ports.ts';
import type { PoolGiven, SubscriberGiven, When } from '../tariff-ports.ts';
import type { KeptAnswer, RequestKey, TariffDatabase, TariffTx } from '../tariff-transaction.ts';
import { changeCycle, putAccount } from './accounts.ts';
import type { Outcome } from './outcome.ts';
import { changePlan, putAddOnVersion, putPlanVersion } from './plans.ts';
import { joinPool, putPool } from './pools.ts';
import { bookOneOff, bookPolicyTopUp, buyTopUp, cancelTopUp } from './purchases.ts';
import { outOfPool, terminated, withHold, withoutAddOn, withoutHold } from './rows.ts';
import { addAddOn, assign, changeSubscriber, erase, putSubscriber } from './subscribers.ts';

/** What it needs to know besides. */
export interface TariffSettings {
  /** of accounts that nobody described, ISO 4217 */
  defaultCurrency: string;
  /** called after each change that was kept, to wake a relay in this process */
  onChange?: () => void;
  /** called after each purchase that was kept, to count them */
  onBought?: (kind: TopUpKind, source: 'api' | 'policy') => void;
}

/** Changes of tariffs, the same for every store: each opens a transaction, does its rows there, and notes who asked for it. */
export class TariffChanges implements TariffStore {
  readonly #database: TariffDatabase;
  readonly #settings: TariffSettings;

  constructor(database: TariffDatabase, settings: TariffSettings) {
    this.#database = database;
    this.#settings = settings;
  }

  async answered<T>({ idempotency: asked }: ChangeContext): Promise<Changed<T> | null> {
    if (asked === undefined) return null;
    const kept = await this.#database.transaction((tx) => tx.answered(asked), false);
    return kept === null ? null : replay<T>(kept, asked);
  }

  putPlanVersion(terms: PlanTerms, context: ChangeContext): Promise<Changed<PlanTerms>> {
    return this.#change('plan-version', context, (tx) => putPlanVersion(tx, terms, context));
  }

  putAddOnVersion(terms: AddOnTerms, context: ChangeContext): Promise<Changed<AddOnTerms>> {
    return this.#change('add-on-version', context, (tx) => putAddOnVersion(tx, terms, context));
  }

  changePlan(
    planId: string,
    change: { name?: string; archived?: boolean },
    context: ChangeContext,
  ): Promise<Changed<StoredPlan>> {
    return this.#change('plan', context, (tx) => changePlan(tx, planId, change, context));
  }

  planVersions(planId: string): Promise<PlanTerms[]> {
    return this.#database.transaction((tx) => tx.planVersions(planId), false);
  }

  putAccount(
    account: Omit<Account, 'revision' | 'cycleChanges'>,
    context: ChangeContext,
    saysCurrency = true,
  ): Promise<Changed<Account>> {
    return this.#change('account', context, (tx) => putAccount(tx, account, context, saysCurrency));
  }

  changeCycle(accountId: string, cycle: CycleRule, context: ChangeContext): Promise<Changed<Account>> {
    return this.#change('account-cycle', context, (tx) => changeCycle(tx, accountId, cycle, context));
  }

  putSubscriber(given: SubscriberGiven, context: ChangeContext): Promise<Changed<SubscriberRows>> {
    const { defaultCurrency } = this.#settings;
    return this.#change('subscriber', context, (tx) => putSubscriber(tx, given, defaultCurrency, context));
  }

  assign(
    subscriberId: string,
    planId: string,
    when: When,
    replaceLater: boolean,
    context: ChangeContext,
  ): Promise<Changed<SubscriberRows>> {
    return this.#change('assignment', context, (tx) =>
      assign(tx, subscriberId, [planId, when, replaceLater], context),
    );
  }

  terminate(subscriberId: string, when: When, context: ChangeContext): Promise<Changed<SubscriberRows>> {
    return this.#rows('termination', subscriberId, context, { when }, (rows) =>
      terminated(rows, when, context.atMs),
    );
  }

  hold(
    subscriberId: string,
    kind: Hold['kind'],
    span: Dated,
    context: ChangeContext,
  ): Promise<Changed<SubscriberRows>> {
    return this.#rows('hold', subscriberId, context, { kind, ...span }, (rows) =>
      withHold(rows, kind, { fromMs: span.fromMs, toMs: span.toMs }, context.atMs, context.source),
    );
  }

  endHold(subscriberId: string, holdId: string, context: ChangeContext): Promise<Changed<SubscriberRows>> {
    return this.#rows('hold-end', subscriberId, context, { holdId }, (rows) =>
      withoutHold(rows, holdId, context.atMs),
    );
  }

  async buyTopUp(
    subject: { subscriberId: string } | { poolId: string },
    topUp: BoughtTopUp,
    price: Money,
    context: ChangeContext,
  ): Promise<Changed<BoughtTopUp>> {
    const bought = await this.#change('top-up', context, (tx) =>
      buyTopUp(tx, subject, topUp, price, context),
    );
    if (context.dryRun !== true && !bought.replayed) this.#settings.onBought?.(topUp.kind, 'api');
    return bought;
  }

  async bookPolicyTopUp(intent: ActionIntent, nowMs: number): Promise<BookedTopUp> {
    const outcome = await this.#database.transaction((tx) => bookPolicyTopUp(tx, intent, nowMs), true);
    if (outcome === 'added') {
      this.#settings.onChange?.();
      this.#settings.onBought?.(intent.topUp?.kind ?? 'bytes', 'policy');
    }
    return outcome;
  }

  cancelTopUp(topUpId: string, context: ChangeContext, isUnused = false): Promise<Changed<BoughtTopUp>> {
    return this.#change('top-up-cancelled', context, (tx) => cancelTopUp(tx, topUpId, isUnused, context));
  }

  addAddOn(
    subscriberId: string,
    addOnId: string,
    when: When,
    context: ChangeContext,
  ): Promise<Changed<SubscriberRows>> {
    return this.#change('add-on', context, (tx) => addAddOn(tx, subscriberId, addOnId, when, context));
  }

  endAddOn(
    subscriberId: string,
    addOnAssignmentId: string,
    when: When,
    context: ChangeContext,
  ): Promise<Changed<SubscriberRows>> {
    return this.#rows('add-on-end', subscriberId, context, { addOnAssignmentId, when }, (rows) =>
      withoutAddOn(rows, addOnAssignmentId, when, context.atMs),
    );
  }

  putPool(pool: PoolGiven, context: ChangeContext): Promise<Changed<PoolProfile>> {
    return this.#change('pool-profile', context, (tx) => putPool(tx, pool, context));
  }

  joinPool(
    poolId: string,
    subscriberId: string,
    span: Dated,
    context: ChangeContext,
  ): Promise<Changed<SubscriberRows>> {
    const { fromMs, toMs } = span;
    return this.#change('pool-join', context, (tx) =>
      joinPool(tx, poolId, subscriberId, { fromMs, toMs }, context),
    );
  }

  leavePool(
    poolId: string,
    subscriberId: string,
    when: When,
    context: ChangeContext,
  ): Promise<Changed<SubscriberRows>> {
    return this.#rows('pool-leave', subscriberId, context, { poolId, when }, (rows) =>
      outOfPool(rows, poolId, when, context.atMs),
    );
  }

  bookOneOff(
    subscriberId: string,
    amount: Money,
    description: string,
    context: ChangeContext,
  ): Promise<Changed<BillingItem>> {
    const { idempotency: asked } = context;
    // The key of the request makes the item's: also where the answer is forgotten it is made once.
    const key = digest(['one-off', asked === undefined ? randomUUID() : `${asked.keyId} ${asked.key}`]);
    return this.#change('one-off', context, (tx) =>
      bookOneOff(tx, subscriberId, amount, description, key, context),
    );
  }

  async erase(subscriberId: string, context: ChangeContext): Promise<Record<string, number>> {
    return (await this.#change('erasure', context, (tx) => erase(tx, subscriberId, context))).value;
  }

  async applyImport(importId: string, lines: readonly ImportLine[], context: ChangeContext): Promise<void> {
    await this.#database.transaction(async (tx) => {
      const untold = await tx.importLines(importId, lines, context);
      if (untold === null) return;
      // Nothing of an import is new to readers of an older layout, nor too long: the profiles need not come back.
      if (untold.length > 0) await tx.tellMany(untold);
      const content = {
        fromRecord: lines[0]?.line,
        toRecord: lines.at(-1)?.line,
        subscribers: new Set(lines.map((line) => line.content.subscriberId)).size,
      };
      await tx.audit({ who: context.by, action: 'import-chunk', subject: importId, content });
    }, true);
    this.#settings.onChange?.();
  }

  #rows(
    action: string,
    subscriberId: string,
    context: ChangeContext,
    content: Record<string, unknown>,
    change: (rows: SubscriberRows) => SubscriberRows,
  ): Promise<Changed<SubscriberRows>> {
    return this.#change(action, context, (tx) =>
      changeSubscriber(tx, subscriberId, context, content, change),
    );
  }

  async #change<T>(
    action: string,
    context: ChangeContext,
    fn: (tx: TariffTx) => Promise<Outcome<T>>,
  ): Promise<Changed<T>> {
    const isKept = context.dryRun !== true;
    const changed = await this.#database.transaction((tx) => once(tx, action, context, fn), isKept);
    if (isKept && !changed.replayed) this.#settings.onChange?.();
    return changed;
  }
}

/** Does it unless a request with this key did, and notes what was done. */
async function once<T>(
  tx: TariffTx,
  action: string,
  context: ChangeContext,
  fn: (tx: TariffTx) => Promise<Outcome<T>>,
): Promise<Changed<T>> {
  const { idempotency: asked, by, keyId, atMs, reason, dryRun } = context;
  const answered = asked === undefined || dryRun === true ? null : await tx.answered(asked);
  if (asked !== undefined && answered !== null) return replay<T>(answered, asked);
  const { value, revision, items, subject, content } = await fn(tx);
  await tx.audit({ who: by, action, subject, content: { ...content, atMs, reason, keyId } });
  if (asked !== undefined) await tx.answer(asked, { value, revision, items });
  return { value, revision, items, replayed: false };
}

function replay<T>({ route, requestHash, body }: KeptAnswer, asked: RequestKey): Changed<T> {
  if (route !== asked.route || Buffer.compare(requestHash, asked.requestHash) !== 0)
    throw new AppError('idempotency-mismatch', 'the key was used for another request');
  return { ...(body as Omit<Changed<T>, 'replayed'>), replayed: true };
}
