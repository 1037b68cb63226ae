import type pg from 'pg';
import { ownAccount } from '../../schemas/billing.ts';
import type { BillingItem } from '../../schemas/billing.ts';
import type { SubscriberProfile, TopUp } from '../../schemas/profile.ts';
import type { BillingItems } from '../people-ports.ts';
import { changeInOrder } from './control-outbox.ts';
import { bookItems, ITEM_COLUMNS } from './item-rows.ts';
import { inTransaction } from './pool.ts';
import { postgresError } from './postgres-error.ts';
import { storable } from './storable.ts';

/** $1 subscriber. */
const BILLED_TO = `
  select a.account_id as "accountId", a.tax_class as "taxClass" from subscriber s join account a using (account_id)
  where s.subscriber_id = $1`;

/** A top-up is kept in the profile for so long after it ended, ms. */
const KEPT_MS = 100 * 86_400_000;

const OF_SUBSCRIBER = `
  select ${ITEM_COLUMNS} from billing_item i where subscriber_id = $1 order by seq desc limit $2`;

/** Billing items in Postgres; tops up in the transaction that charges for it. Errors are as `postgresError` translates them. */
export class PostgresBillingItems implements BillingItems {
  readonly #pool: pg.Pool;
  readonly #onChange: () => void;

  /** @param onChange called after each top-up, to wake a relay in this process */
  constructor(pool: pg.Pool, onChange: () => void = () => undefined) {
    this.#pool = pool;
    this.#onChange = onChange;
  }

  charge(item: BillingItem): Promise<boolean> {
    return inTransaction(this.#pool, (client) => insertItem(client, item));
  }

  async topUp(item: BillingItem, topUp: TopUp): ReturnType<BillingItems['topUp']> {
    const outcome = await changeInOrder(this.#pool, async (client) => {
      const found = await client.query<{ profile: SubscriberProfile }>(
        'select profile from subscriber where subscriber_id = $1 for update',
        [storable(item.subscriberId)],
      );
      const profile = found.rows[0]?.profile;
      if (profile === undefined) return 'no-subscriber';
      if (!(await insertItem(client, item))) return 'known';
      const raised = { ...profile, topUps: [...liveTopUps(profile, topUp.fromMs), topUp] };
      await client.query(
        'update subscriber set profile = $2, updated_at = clock_timestamp() where subscriber_id = $1',
        [storable(item.subscriberId), JSON.stringify(raised)],
      );
      await client.query('insert into control_outbox (control) values ($1)', [
        JSON.stringify({ kind: 'subscriber-profile', profile: raised }),
      ]);
      return 'added';
    });
    if (outcome === 'added') this.#onChange();
    return outcome;
  }

  async ofSubscriber(subscriberId: string, limit: number): Promise<BillingItem[]> {
    try {
      return (await this.#pool.query<BillingItem>(OF_SUBSCRIBER, [storable(subscriberId), limit])).rows;
    } catch (error) {
      throw postgresError(error);
    }
  }
}

/** Those that may still count for a cycle that is not closed: a profile holds a bounded number. */
function liveTopUps({ topUps }: SubscriberProfile, nowMs: number): TopUp[] {
  return topUps.filter(({ expiresMs }) => expiresMs >= nowMs - KEPT_MS);
}

/** With its delivery. Who made it from an action knows of no account but the subscriber's own. */
async function insertItem(client: pg.PoolClient, item: BillingItem): Promise<boolean> {
  let billed = item;
  if (item.accountId === ownAccount(item.subscriberId)) {
    const found = await client.query<Pick<BillingItem, 'accountId' | 'taxClass'>>(BILLED_TO, [
      storable(item.subscriberId),
    ]);
    billed = { ...item, ...found.rows[0] };
  }
  return (await bookItems(client, [billed])).length === 1;
}
