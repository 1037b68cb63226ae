import type pg from 'pg';
import type { BillingItem } from '../../schemas/billing.ts';
import { storable } from './storable.ts';

/** Channel of the wake-up that new deliveries send; the payload is empty. */
export const INVOICE_CHANNEL = 'weir_invoice';

/** Delivered at commit, once a transaction however often it is asked for. */
export const WAKE_INVOICES = `select pg_notify('${INVOICE_CHANNEL}', '')`;

/** Columns of `billing_item i`, named as those of `BillingItem`. */
export const ITEM_COLUMNS = `i.key, i.type, i.account_id as "accountId", i.subscriber_id as "subscriberId",
  i.pool_id as "poolId", i.amount_minor::float8 as "amountMinor", i.currency, i.quantity::float8 as quantity,
  i.tax_class as "taxClass", i.line, i.description,
  (extract(epoch from i.cycle_start) * 1000)::float8 as "cycleStartMs",
  (extract(epoch from i.cycle_end) * 1000)::float8 as "cycleEndMs",
  (extract(epoch from i.period_from) * 1000)::float8 as "periodFromMs",
  (extract(epoch from i.period_to) * 1000)::float8 as "periodToMs", i.source`;

/**
 * $1 to $16: key, subscriber, type, amount, currency, quantity, cycle start and end, period start and end (ms), source,
 * account, pool, tax class, line, description, in order. Known keys are left as they are; those that were not known get a
 * delivery. The deliveries' reference to the items is checked at the end of the statement.
 */
const BOOK = `
  with made as (
    insert into billing_item
      (key, subscriber_id, type, amount_minor, currency, quantity, cycle_start, cycle_end, period_from, period_to, source,
       account_id, pool_id, tax_class, line, description)
    select key, subscriber_id, type, amount_minor, currency, quantity, to_timestamp(cycle_start / 1000),
      to_timestamp(cycle_end / 1000), to_timestamp(period_from / 1000), to_timestamp(period_to / 1000), source::json,
      account_id, pool_id, tax_class, line, description
    from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::float8[], $8::float8[],
      $9::float8[], $10::float8[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[])
      with ordinality as t(key, subscriber_id, type, amount_minor, currency, quantity, cycle_start, cycle_end, period_from,
        period_to, source, account_id, pool_id, tax_class, line, description, place)
    order by place
    on conflict (key) do nothing
    returning key, seq
  ), delivery as (
    insert into invoice_delivery (key) select key from made order by seq
  )
  select key from made order by seq`;

/** Items within a transaction, with their delivery. Returns the keys that were not there before, in order. */
export async function bookItems(client: pg.ClientBase, items: readonly BillingItem[]): Promise<string[]> {
  if (items.length === 0) return [];
  const booked = await client.query<{ key: string }>(BOOK, [
    items.map(({ key }) => storable(key)),
    items.map(({ subscriberId }) => storable(subscriberId)),
    items.map(({ type }) => type),
    items.map(({ amountMinor }) => amountMinor),
    items.map(({ currency }) => currency),
    items.map(({ quantity }) => quantity),
    items.map(({ cycleStartMs }) => cycleStartMs),
    items.map(({ cycleEndMs }) => cycleEndMs),
    items.map(({ periodFromMs }) => periodFromMs),
    items.map(({ periodToMs }) => periodToMs),
    items.map(({ source }) => JSON.stringify(source)),
    items.map(({ accountId }) => storable(accountId)),
    items.map(({ poolId }) => (poolId === null ? null : storable(poolId))),
    items.map(({ taxClass }) => storable(taxClass)),
    items.map(({ line }) => storable(line)),
    items.map(({ description }) => storable(description)),
  ]);
  if (booked.rows.length > 0) await client.query(WAKE_INVOICES);
  return booked.rows.map(({ key }) => key);
}
