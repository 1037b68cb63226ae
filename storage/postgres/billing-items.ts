import type pg from 'pg';
import { ownAccount } from '../../schemas/billing.ts';
import type { BillingItem } from '../../schemas/billing.ts';
import { AppError } from '../../schemas/errors.ts';
import type { BillingItems, CycleSum } from '../people-ports.ts';
import { bookItems, ITEM_COLUMNS } from './item-rows.ts';
import { inTransaction } from './pool.ts';
import { postgresError } from './postgres-error.ts';
import { storable } from './storable.ts';

/** $1 subscriber. */
const BILLED_TO = `
  select a.account_id as "accountId", a.tax_class as "taxClass", a.currency from subscriber s join account a using (account_id)
  where s.subscriber_id = $1`;

const OF_SUBSCRIBER = `
  select ${ITEM_COLUMNS} from billing_item i where subscriber_id = $1 order by seq desc limit $2`;

/** $1 subscriber, $2 starts of cycles in ms. */
export const CYCLE_SUMS = `
  select (extract(epoch from cycle_start) * 1000)::float8 as "cycleStartMs", count(*)::float8 as items,
    sum(amount_minor)::float8 as "amountMinor", currency
  from billing_item
  where subscriber_id = $1 and cycle_start = any (array(select to_timestamp(ms / 1000) from unnest($2::float8[]) ms))
  group by cycle_start, currency order by cycle_start, currency`;

/** Billing items in Postgres. Errors are as `postgresError` translates them. */
export class PostgresBillingItems implements BillingItems {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  charge(item: BillingItem): Promise<boolean> {
    return inTransaction(this.#pool, (client) => insertItem(client, item));
  }

  async ofSubscriber(subscriberId: string, limit: number): Promise<BillingItem[]> {
    try {
      return (await this.#pool.query<BillingItem>(OF_SUBSCRIBER, [storable(subscriberId), limit])).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }

  async cycleSums(subscriberId: string, cycleStartsMs: readonly number[]): Promise<CycleSum[]> {
    try {
      return (await this.#pool.query<CycleSum>(CYCLE_SUMS, [storable(subscriberId), cycleStartsMs])).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }
}

/** With its delivery. Who made it from an action knows of no account but the subscriber's own. */
async function insertItem(client: pg.PoolClient, item: BillingItem): Promise<boolean> {
  let billed = item;
  if (item.accountId === ownAccount(item.subscriberId)) {
    const found = await client.query<Pick<BillingItem, 'accountId' | 'taxClass' | 'currency'>>(BILLED_TO, [
      storable(item.subscriberId),
    ]);
    const [account] = found.rows;
    if (account !== undefined && account.currency !== item.currency)
      throw new AppError(
        'conflict',
        `currency: the account is charged in ${account.currency}, this in ${item.currency}`,
      );
    billed = { ...item, ...account };
  }
  return (await bookItems(client, [billed])).length === 1;
}
