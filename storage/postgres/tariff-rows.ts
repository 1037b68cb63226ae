import type pg from 'pg';
import type { SubscriberRows } from '../../schemas/tariff.ts';
import { CLOSED_THROUGH } from './cycle-rows.ts';
import type { StoredSubscriber } from '../tariff-transaction.ts';

/** ms since 1970 of a column, null where it has no end. */
export const ms = (column: string): string =>
  `case when isfinite(${column}) then (extract(epoch from ${column}) * 1000)::float8 end`;

/** An account of table alias `a`, as `Account`. */
export const ACCOUNT = `json_build_object('accountId', a.account_id, 'currency', a.currency, 'taxClass', a.tax_class,
  'cycle', weir_cycle(a.cycle_kind, a.anchor_day, a.anchor_weekday, a.cycle_days, a.cycle_from),
  'cycleChanges', coalesce((select json_agg(json_build_object('fromMs', ${ms('c.from_at')}, 'cycle',
      weir_cycle(c.cycle_kind, c.anchor_day, c.anchor_weekday, c.cycle_days, c.cycle_from), 'source', c.source) order by c.from_at)
    from account_cycle_change c where c.account_id = a.account_id), '[]'),
  'billingStatus', a.billing_status, 'billingRef', a.billing_ref, 'revision', a.revision)`;

const dated = (more: string): string =>
  `json_build_object(${more}, 'fromMs', ${ms('from_at')}, 'toMs', ${ms('to_at')})`;

const listOf = (table: string, row: string, order: string): string =>
  `coalesce((select json_agg(${row} order by ${order}) from ${table} x where x.subscriber_no = s.subscriber_no), '[]')`;

/** A top-up as `BoughtTopUp`. */
export const TOP_UP = `json_build_object('id', top_up_id, 'kind', kind, 'bytes', bytes,
  'speed', case when down_bps is not null then json_build_object('downBps', down_bps, 'upBps', up_bps) end,
  'fromMs', ${ms('from_at')}, 'expiresMs', ${ms('expires_at')}, 'source', source, 'productId', product_id,
  'cancelledMs', ${ms('cancelled_at')})`;

/** A subscriber of table alias `s` on account `a`, as `SubscriberRows`. */
const ROWS = `json_build_object('subscriberId', s.subscriber_id, 'account', ${ACCOUNT}, 'externalId', s.external_id,
  'segment', s.segment, 'tags', s.tags, 'zone', s.zone, 'overageConsent', s.overage_consent,
  'openingCarry', json_build_object('bytes', s.opening_carry_bytes, 'untilMs', ${ms('s.opening_carry_until')}),
  'asOfMs', ${ms('s.as_of')}, 'terminatedMs', ${ms('s.terminated_at')},
  'closedThroughMs', ${CLOSED_THROUGH}, 'revision', s.revision,
  'credentials', ${listOf('credential', dated(`'userName', user_name, 'exclusive', exclusive`), 'from_at, user_name collate "C"')},
  'assignments', ${listOf('assignment', dated(`'id', assignment_id::text, 'planId', plan_id, 'source', source`), 'from_at')},
  'addOns', ${listOf('add_on_assignment', dated(`'id', add_on_assignment_id::text, 'addOnId', add_on_id`), 'from_at, add_on_assignment_id')},
  'topUps', ${listOf('top_up', TOP_UP, 'from_at, top_up_id')},
  'holds', ${listOf('hold', dated(`'id', hold_id::text, 'kind', kind, 'source', source`), 'from_at, hold_id')},
  'pools', ${listOf('pool_member', dated(`'poolId', pool_id, 'source', source`), 'from_at')})`;

/** $1 id. Of a subscriber that the program before wrote and nobody took apart, the account is null. */
export const SUBSCRIBER_ROWS = `
  select s.subscriber_no as "no", s.account_id as "accountId", ${ROWS} as rows
  from subscriber s left join account a on a.account_id = s.account_id where s.subscriber_id = $1`;

/** $1 account. */
export const ROWS_OF_ACCOUNT = `
  select s.subscriber_no as "no", s.account_id as "accountId", ${ROWS} as rows
  from subscriber s join account a on a.account_id = s.account_id where s.account_id = $1 order by s.subscriber_no`;

/** A subscriber as it is read. */
export interface SubscriberRow {
  no: number;
  accountId: string | null;
  rows: SubscriberRows;
}

const LOCK = `select 1 from subscriber where subscriber_id = $1 for no key update`;

const ABSORB = `select weir_absorb_profiles(json_agg(profile || jsonb_build_object('subscriberId', subscriber_id))::jsonb, $2)
  from subscriber where subscriber_id = $1`;

/** One subscriber, locked; what the program before wrote of it is taken apart first. Null = nobody is called so. */
export async function lockSubscriber(
  client: pg.ClientBase,
  subscriberId: string,
  defaultCurrency: string,
): Promise<StoredSubscriber | null> {
  if ((await client.query(LOCK, [subscriberId])).rowCount === 0) return null;
  let row = await readRow(client, subscriberId);
  if (row !== null && row.accountId === null) {
    await client.query(ABSORB, [subscriberId, defaultCurrency]);
    row = await readRow(client, subscriberId);
  }
  return row === null ? null : { no: row.no, rows: row.rows };
}

/** One subscriber as it stands in this transaction. */
export async function readRow(
  client: pg.ClientBase | pg.Pool,
  subscriberId: string,
): Promise<SubscriberRow | null> {
  const found = await client.query<SubscriberRow>(SUBSCRIBER_ROWS, [subscriberId]);
  return found.rows[0] ?? null;
}
