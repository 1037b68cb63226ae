import type pg from 'pg';
import type { BillingItem } from '../../schemas/billing.ts';
import type { SubscriberProfile, TopUp } from '../../schemas/profile.ts';
import type { BillingItems } from '../people-ports.ts';
import { changeInOrder } from './control-outbox.ts';
import { inTransaction } from './pool.ts';
import { postgresError } from './postgres-error.ts';
import { storable } from './storable.ts';

const INSERT = `
  insert into billing_item
    (key, subscriber_id, type, amount_minor, currency, quantity, cycle_start, source, account_id, pool_id, tax_class, line,
     description, cycle_end, period_from, period_to)
  values ($1, $2, $3, $4, $5, $6, to_timestamp($7::float8 / 1000), $8, $9, $10, $11, $12, $13,
    to_timestamp($14::float8 / 1000), to_timestamp($15::float8 / 1000), to_timestamp($16::float8 / 1000))
  on conflict (key) do nothing`;

/** A top-up is kept in the profile for so long after it ended, ms. */
const KEPT_MS = 100 * 86_400_000;

const OF_SUBSCRIBER = `
  select key, type, account_id as "accountId", subscriber_id as "subscriberId", pool_id as "poolId",
    amount_minor::float8 as "amountMinor", currency, quantity::float8 as quantity, tax_class as "taxClass", line, description,
    (extract(epoch from cycle_start) * 1000)::float8 as "cycleStartMs",
    (extract(epoch from cycle_end) * 1000)::float8 as "cycleEndMs",
    (extract(epoch from period_from) * 1000)::float8 as "periodFromMs",
    (extract(epoch from period_to) * 1000)::float8 as "periodToMs", source
  from billing_item where subscriber_id = $1 order by seq desc limit $2`;

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

async function insertItem(client: pg.PoolClient, item: BillingItem): Promise<boolean> {
  const inserted = await client.query(INSERT, [
    storable(item.key),
    storable(item.subscriberId),
    item.type,
    item.amountMinor,
    item.currency,
    item.quantity,
    item.cycleStartMs,
    JSON.stringify(item.source),
    storable(item.accountId),
    item.poolId === null ? null : storable(item.poolId),
    storable(item.taxClass),
    storable(item.line),
    storable(item.description),
    item.cycleEndMs,
    item.periodFromMs,
    item.periodToMs,
  ]);
  return inserted.rowCount === 1;
}
