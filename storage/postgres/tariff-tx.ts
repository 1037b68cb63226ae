import type pg from 'pg';
import type { BillingItem } from '../../schemas/billing.ts';
import { AppError } from '../../schemas/errors.ts';
import type { PoolProfile } from '../../schemas/pool.ts';
import type { PlanVersion, SubscriberProfile } from '../../schemas/profile.ts';
import type { Account, AddOnTerms, BoughtTopUp, PlanTerms, SubscriberRows } from '../../schemas/tariff.ts';
import type { ItemBook } from '../billing-ports.ts';
import { newRows } from '../tariff-changes/subscribers.ts';
import type { ChangeContext, ImportLine, StoredPlan } from '../tariff-ports.ts';
import type {
  KeptAnswer,
  PoolAlone,
  RequestKey,
  StoredSubscriber,
  StoredTopUp,
  TariffTx,
} from '../tariff-transaction.ts';
import { ITEM_COLUMNS } from './item-rows.ts';
import { LAYOUT_OF_ALL } from './policy-reports.ts';
import { storable, storableJson } from './storable.ts';
import { forgetIntents, forgetSubscriber } from './tariff-erase.ts';
import { importLines } from './tariff-import.ts';
import { ACCOUNT, lockSubscriber, readRow, ROWS_OF_ACCOUNT } from './tariff-rows.ts';
import type { SubscriberRow } from './tariff-rows.ts';
import * as sql from './tariff-statements.ts';
import { insertSubscriber, putTopUp, writeRows } from './tariff-writes.ts';

/** One transaction on tariffs in Postgres, of a few small statements. */
export class PostgresTariffTx implements TariffTx {
  readonly #client: pg.PoolClient;
  readonly #items: ItemBook<pg.PoolClient>;
  readonly #defaultCurrency: string;
  #layout: number | null | undefined;

  constructor(client: pg.PoolClient, items: ItemBook<pg.PoolClient>, defaultCurrency: string) {
    this.#client = client;
    this.#items = items;
    this.#defaultCurrency = defaultCurrency;
  }

  async layout(): Promise<number | null> {
    if (this.#layout === undefined) {
      const [row] = await this.#rows<{ layout: number | null }>(LAYOUT_OF_ALL, []);
      this.#layout = row?.layout ?? null;
    }
    return this.#layout;
  }

  async answered({ keyId, key }: RequestKey): Promise<KeptAnswer | null> {
    const [row] = await this.#rows<KeptAnswer>(sql.ANSWERED, [keyId, key]);
    return row ?? null;
  }

  async answer({ keyId, key, route, requestHash }: RequestKey, body: unknown): Promise<void> {
    await this.#rows(sql.ANSWER, [keyId, key, route, Buffer.from(requestHash), storableJson(body)]);
  }

  async audit(entry: { who: string; action: string; subject: string; content: unknown }): Promise<void> {
    const { who, action, subject, content } = entry;
    await this.#rows(sql.AUDIT, [storable(who), action, storable(subject), JSON.stringify(content)]);
  }

  async plan(planId: string): Promise<StoredPlan | null> {
    const [row] = await this.#rows<StoredPlan>(`${sql.PLAN} where plan_id = $1`, [storable(planId)]);
    return row ?? null;
  }

  async putPlan({ planId, name, archivedMs, revision }: StoredPlan): Promise<void> {
    await this.#rows(sql.PUT_PLAN, [storable(planId), storable(name), archivedMs, revision]);
  }

  async planVersions(planId: string): Promise<PlanTerms[]> {
    return (await this.#rows<{ terms: PlanTerms }>(sql.PLAN_TERMS, [storable(planId)])).map(
      ({ terms }) => terms,
    );
  }

  knownVersions(planId: string): Promise<{ version: number; effectiveFromMs: number | null }[]> {
    return this.#rows(sql.KNOWN_VERSIONS, [storable(planId)]);
  }

  async addPlanVersion(terms: PlanTerms, content: PlanVersion, author: string): Promise<void> {
    const { planId, version, effectiveFromMs } = terms;
    const texts = [JSON.stringify(content), JSON.stringify(terms)];
    await this.#rows(sql.ADD_PLAN_VERSION, [planId, version, ...texts, effectiveFromMs, storable(author)]);
    await this.#control({ kind: 'plan-version', plan: content });
  }

  async otherCurrency(planId: string, currency: string): Promise<string | null> {
    const [row] = await this.#rows<{ currency: string }>(sql.OTHER_CURRENCY, [storable(planId), currency]);
    return row?.currency ?? null;
  }

  async addOnVersions(addOnId: string): Promise<AddOnTerms[]> {
    const rows = await this.#rows<{ content: AddOnTerms }>(sql.ADD_ON_VERSIONS, [storable(addOnId)]);
    return rows.map(({ content }) => content);
  }

  async addAddOnVersion(terms: AddOnTerms, author: string): Promise<void> {
    const { addOnId, version, effectiveFromMs } = terms;
    await this.#rows(sql.ADD_ADD_ON_VERSION, [
      addOnId,
      version,
      JSON.stringify(terms),
      effectiveFromMs,
      author,
    ]);
  }

  async account(accountId: string): Promise<Account | null> {
    const text = `select ${ACCOUNT} as account from account a where account_id = $1 for no key update`;
    const [row] = await this.#rows<{ account: Account }>(text, [storable(accountId)]);
    return row?.account ?? null;
  }

  async putAccount(account: Account, saysCurrency: boolean): Promise<void> {
    const { accountId, currency, taxClass, cycle, billingStatus, billingRef, revision } = account;
    const rule = sql.ruleColumns(cycle);
    await this.#rows(sql.PUT_ACCOUNT, [
      storable(accountId),
      currency,
      taxClass,
      billingStatus,
      billingRef,
      revision,
      ...rule,
      saysCurrency,
    ]);
    await this.#rows('delete from account_cycle_change where account_id = $1', [accountId]);
    for (const change of account.cycleChanges)
      await this.#rows(sql.ADD_CYCLE_CHANGE, [
        accountId,
        change.fromMs,
        change.source,
        ...sql.ruleColumns(change.cycle),
      ]);
  }

  async hasItems(accountId: string): Promise<boolean> {
    return (
      (await this.#rows('select 1 from billing_item where account_id = $1 limit 1', [accountId])).length > 0
    );
  }

  async subscribersOf(accountId: string): Promise<StoredSubscriber[]> {
    await this.#rows(sql.LOCK_OF_ACCOUNT, [accountId]);
    const rows = await this.#rows<SubscriberRow>(ROWS_OF_ACCOUNT, [accountId]);
    return rows.map((row) => ({ no: row.no, rows: row.rows }));
  }

  subscriber(subscriberId: string): Promise<StoredSubscriber | null> {
    return lockSubscriber(this.#client, storable(subscriberId), this.#defaultCurrency);
  }

  async putRows(before: StoredSubscriber | null, after: SubscriberRows): Promise<StoredSubscriber> {
    const { subscriberId, account } = after;
    const no = before?.no ?? (await insertSubscriber(this.#client, subscriberId));
    await writeRows(this.#client, no, before?.rows ?? newRows(subscriberId, account), after);
    const stored = await readRow(this.#client, subscriberId);
    if (stored === null) throw new AppError('store-corrupt', 'a subscriber that was stored is not there');
    return { no, rows: stored.rows };
  }

  async tell(subscriberIds: readonly string[]): Promise<SubscriberProfile[]> {
    await this.tellMany(subscriberIds);
    const rows = await this.#rows<{ profile: SubscriberProfile }>(sql.PROFILES, [subscriberIds]);
    return rows.map(({ profile }) => profile);
  }

  async tellMany(subscriberIds: readonly string[]): Promise<void> {
    await this.#rows('select weir_refresh_profiles($1::text[])', [subscriberIds]);
  }

  async topUp(topUpId: string): Promise<StoredTopUp | null> {
    const found = await this.#rows<{ topUp: BoughtTopUp; subscriberId: string | null; poolId: string }>(
      sql.TOP_UP_OF,
      [storable(topUpId)],
    );
    const [row] = found;
    if (row === undefined) return null;
    const { topUp, subscriberId, poolId } = row;
    return { topUp, owner: subscriberId === null ? { poolId } : { subscriberId } };
  }

  async pool(poolId: string): Promise<PoolAlone | null> {
    const [row] = await this.#rows<PoolAlone>(sql.POOL_ALONE, [storable(poolId)]);
    return row ?? null;
  }

  async hasMembers(poolId: string, atMs: number): Promise<boolean> {
    const [row] = await this.#rows<{ has: boolean }>(sql.HAS_MEMBERS, [storable(poolId), atMs]);
    return row?.has === true;
  }

  async putPool(profile: Omit<PoolProfile, 'topUps'>, revision: number): Promise<void> {
    await this.#rows('select weir_put_pools(jsonb_build_array($1::jsonb), false)', [JSON.stringify(profile)]);
    await this.#rows('update pool set revision = $2 where pool_id = $1', [
      storable(profile.poolId),
      revision,
    ]);
  }

  async putPoolTopUp(poolId: string, topUp: BoughtTopUp): Promise<PoolProfile> {
    await putTopUp(this.#client, { poolId: storable(poolId) }, topUp);
    await this.#rows(
      'select weir_put_pools(jsonb_build_array(profile), false) from pool where pool_id = $1',
      [storable(poolId)],
    );
    const pool = await this.pool(poolId);
    if (pool === null) throw new AppError('not-found', 'no pool is called so');
    return pool.profile;
  }

  settle({ no, rows }: StoredSubscriber, atMs: number): Promise<BillingItem[]> {
    return this.#items.settle(this.#client, no, atMs, rows.closedThroughMs);
  }

  leave({ no, rows }: StoredSubscriber, atMs: number): Promise<BillingItem[]> {
    return this.#items.leave(this.#client, no, atMs, rows.closedThroughMs);
  }

  book(items: readonly BillingItem[]): Promise<string[]> {
    return this.#items.book(this.#client, items);
  }

  async item(key: string): Promise<BillingItem | null> {
    const [row] = await this.#rows<BillingItem>(`select ${ITEM_COLUMNS} from billing_item i where key = $1`, [
      storable(key),
    ]);
    return row ?? null;
  }

  forgetIntents(subscriberId: string): Promise<number> {
    return forgetIntents(this.#client, storable(subscriberId));
  }

  forget(stored: StoredSubscriber): Promise<Record<string, number>> {
    return forgetSubscriber(this.#client, stored);
  }

  async importLines(
    importId: string,
    lines: readonly ImportLine[],
    context: ChangeContext,
  ): Promise<string[] | null> {
    const layout = await this.layout();
    const asOfMs = layout === null || layout >= 5 ? context.atMs : null;
    return importLines(this.#client, importId, lines, asOfMs, this.#defaultCurrency);
  }

  async #control(control: unknown): Promise<void> {
    await this.#rows('insert into control_outbox (control) values ($1::json)', [JSON.stringify(control)]);
  }

  async #rows<R extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<R[]> {
    return (await this.#client.query<R>(text, values)).rows;
  }
}
