import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import type { BoughtTopUp, SubscriberRows } from '../../schemas/tariff.ts';
import { storable } from './storable.ts';

const time = (place: string): string => `to_timestamp(${place}::float8 / 1000)`;

const INSERT_SUBSCRIBER = `insert into subscriber (subscriber_id, profile) values ($1, '{}') returning subscriber_no as "no"`;
const UPDATE_SUBSCRIBER = `
  update subscriber set account_id = $2, external_id = $3, segment = $4, tags = $5, zone = $6, overage_consent = $7,
    opening_carry_bytes = $8, opening_carry_until = ${time('$9')}, as_of = ${time('$10')}, terminated_at = ${time('$11')},
    revision = $12
  where subscriber_no = $1`;

/** Tables of rows that a subscriber has, each with what removes, ends and adds one. `$1` is the subscriber's number. */
const CREDENTIAL = {
  remove: `delete from credential where subscriber_no = $1 and user_name = $2 and from_at = ${time('$3')}`,
  add: `insert into credential (subscriber_no, user_name, from_at, to_at, exclusive)
    values ($1, $2, ${time('$3')}, ${time('$4')}, $5)`,
};
const ASSIGNMENT = {
  remove: 'delete from assignment where subscriber_no = $1 and assignment_id = $2::bigint',
  end: `update assignment set to_at = ${time('$3')} where subscriber_no = $1 and assignment_id = $2::bigint`,
  add: `insert into assignment (subscriber_no, plan_id, from_at, to_at, source)
    values ($1, $2, ${time('$3')}, ${time('$4')}, $5)`,
};
const ADD_ON = {
  remove: 'delete from add_on_assignment where subscriber_no = $1 and add_on_assignment_id = $2::bigint',
  end: `update add_on_assignment set to_at = ${time('$3')} where subscriber_no = $1 and add_on_assignment_id = $2::bigint`,
  add: `insert into add_on_assignment (subscriber_no, add_on_id, from_at, to_at)
    values ($1, $2, ${time('$3')}, ${time('$4')})`,
};
const HOLD = {
  remove: 'delete from hold where subscriber_no = $1 and hold_id = $2::bigint',
  end: `update hold set to_at = ${time('$3')} where subscriber_no = $1 and hold_id = $2::bigint`,
  add: `insert into hold (subscriber_no, kind, from_at, to_at, source) values ($1, $2, ${time('$3')}, ${time('$4')}, $5)`,
};
const POOL = {
  remove: `delete from pool_member where subscriber_no = $1 and pool_id = $2 and from_at = ${time('$3')}`,
  add: `insert into pool_member (subscriber_no, pool_id, from_at, to_at, source)
    values ($1, $2, ${time('$3')}, ${time('$4')}, $5)`,
};
const PUT_TOP_UP = `
  insert into top_up (subscriber_no, pool_id, top_up_id, kind, bytes, down_bps, up_bps, from_at, expires_at, source, product_id,
    cancelled_at)
  values ($1, $2, $3, $4, $5, $6, $7, ${time('$8')}, ${time('$9')}, $10, $11, ${time('$12')})
  on conflict (top_up_id) do update set cancelled_at = excluded.cancelled_at`;

type Rows<K extends 'assignments' | 'addOns' | 'holds'> = SubscriberRows[K][number];

/** Adds a subscriber without anything. Returns its number. */
export async function insertSubscriber(client: pg.ClientBase, subscriberId: string): Promise<number> {
  await client.query(`select set_config('weir.derived', 'on', true)`);
  const added = await client.query<{ no: number }>(INSERT_SUBSCRIBER, [storable(subscriberId)]);
  return added.rows[0]?.no ?? 0;
}

/** Writes what differs; rows that go or end are written before those that come, as constraints look at every statement. */
export async function writeRows(
  client: pg.ClientBase,
  no: number,
  before: SubscriberRows,
  after: SubscriberRows,
): Promise<void> {
  await client.query(UPDATE_SUBSCRIBER, [
    no,
    after.account.accountId,
    after.externalId === null ? null : storable(after.externalId),
    storable(after.segment),
    after.tags.map(storable),
    after.zone,
    after.overageConsent,
    after.openingCarry.bytes,
    after.openingCarry.untilMs,
    after.asOfMs,
    after.terminatedMs,
    after.revision,
  ]);
  await writeNamed(client, no, ASSIGNMENT, before.assignments, after.assignments, (row) => [
    row.planId,
    row.source,
  ]);
  await writeNamed(client, no, ADD_ON, before.addOns, after.addOns, (row) => [row.addOnId]);
  await writeNamed(client, no, HOLD, before.holds, after.holds, (row) => [row.kind, row.source]);
  await writeUnnamed(client, no, CREDENTIAL, before.credentials, after.credentials, (row) => [
    storable(row.userName),
    row.exclusive,
  ]);
  await writeUnnamed(client, no, POOL, before.pools, after.pools, (row) => [
    storable(row.poolId),
    row.source,
  ]);
  for (const topUp of after.topUps)
    if (!before.topUps.some((one) => isDeepStrictEqual(one, topUp))) await putTopUp(client, { no }, topUp);
}

/** Adds a top-up, or notes that it was cancelled. */
export async function putTopUp(
  client: pg.ClientBase,
  owner: { no: number } | { poolId: string },
  topUp: BoughtTopUp,
): Promise<void> {
  await client.query(PUT_TOP_UP, [
    'no' in owner ? owner.no : null,
    'poolId' in owner ? owner.poolId : null,
    storable(topUp.id),
    topUp.kind,
    topUp.bytes,
    topUp.speed?.downBps ?? null,
    topUp.speed?.upBps ?? null,
    topUp.fromMs,
    topUp.expiresMs,
    topUp.source,
    topUp.productId === null ? null : storable(topUp.productId),
    topUp.cancelledMs,
  ]);
}

/** Rows with an id: only their end changes. @param valuesOf what it is, and what the table has besides */
async function writeNamed<R extends Rows<'assignments'> | Rows<'addOns'> | Rows<'holds'>>(
  client: pg.ClientBase,
  no: number,
  table: { remove: string; end: string; add: string },
  before: readonly R[],
  after: readonly R[],
  valuesOf: (row: R) => [what: string, ...more: unknown[]],
): Promise<void> {
  const next = new Map(after.map((row) => [row.id, row]));
  for (const row of before) {
    const now = next.get(row.id);
    if (now === undefined) await client.query(table.remove, [no, row.id]);
    else if (now.toMs !== row.toMs) await client.query(table.end, [no, row.id, now.toMs]);
  }
  for (const row of after) {
    if (row.id !== '') continue;
    const [what, ...more] = valuesOf(row);
    await client.query(table.add, [no, storable(what), row.fromMs, row.toMs, ...more]);
  }
}

/** Rows without an id: one that differs goes and comes again. */
async function writeUnnamed<
  R extends SubscriberRows['credentials'][number] | SubscriberRows['pools'][number],
>(
  client: pg.ClientBase,
  no: number,
  table: { remove: string; add: string },
  before: readonly R[],
  after: readonly R[],
  valuesOf: (row: R) => [what: string, more: unknown],
): Promise<void> {
  const gone = before.filter((row) => !after.some((one) => isDeepStrictEqual(one, row)));
  const come = after.filter((row) => !before.some((one) => isDeepStrictEqual(one, row)));
  for (const row of gone) await client.query(table.remove, [no, valuesOf(row)[0], row.fromMs]);
  for (const row of come) {
    const [what, more] = valuesOf(row);
    await client.query(table.add, [no, what, row.fromMs, row.toMs, more]);
  }
}
