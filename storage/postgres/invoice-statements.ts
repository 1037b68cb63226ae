import { ITEM_COLUMNS } from './item-rows.ts';

/** What an item shows that was made before there were deliveries: nothing is sent unless somebody asks for it. */
const BEFORE_DELIVERIES = `'made by a release that delivered nothing'`;

/** Of `billing_item i`, `invoice_delivery d` (may be missing) and `account a` (may be missing). */
const COLUMNS = `i.seq, ${ITEM_COLUMNS}, coalesce(d.state, 'held') as state,
  case when d.key is null then ${BEFORE_DELIVERIES} else d.detail end as detail,
  coalesce(d.attempts, 0) as attempts, coalesce(d.ask_first, false) as "askFirst", d.remote_id as "remoteId",
  a.billing_ref as "accountRef", floor(extract(epoch from i.created_at) * 1000)::float8 as "createdAtMs",
  floor(extract(epoch from coalesce(d.updated_at, i.created_at)) * 1000)::float8 as "updatedAtMs"`;

/** $1 owner, $2 limit, $3 lease in ms. Whose lease ran out may have been sent: it is asked for first. */
export const CLAIM = `
  with claimable as (
    select seq from invoice_delivery
    where due_at <= statement_timestamp()
    order by due_at, seq
    limit $2
    for update skip locked
  ), d as (
    update invoice_delivery each set
      state = 'sending', owner = $1, due_at = statement_timestamp() + $3 * interval '1 millisecond',
      attempts = each.attempts + 1, ask_first = each.ask_first or each.state = 'sending', updated_at = clock_timestamp()
    from claimable where each.seq = claimable.seq
    returning each.*
  )
  select ${COLUMNS} from d join billing_item i using (key) left join account a using (account_id) order by d.seq`;

/**
 * $1 owners, $2 keys, $3 states, $4 details, $5 delays in ms (null = none), $6 ask first (null = as it is), $7 remote ids
 * (null = as it is), $8 attempts taken back; one place a claim. Returns the places whose claim was still the owner's.
 */
export const SETTLE = `
  with ended as (
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::boolean[], $7::text[], $8::int[])
      with ordinality as t(owner, key, state, detail, delay_ms, ask, remote, uncounted, place)
  ), claimed as (
    select d.seq, ended.* from ended join invoice_delivery d on d.key = ended.key
    where d.state = 'sending' and d.owner = ended.owner
    order by d.seq
    for update of d
  )
  update invoice_delivery d set
    state = claimed.state, detail = claimed.detail, owner = null,
    due_at = case when claimed.state in ('pending', 'unknown')
      then clock_timestamp() + claimed.delay_ms * interval '1 millisecond' end,
    ask_first = coalesce(claimed.ask, d.ask_first), remote_id = coalesce(claimed.remote, d.remote_id),
    attempts = d.attempts - claimed.uncounted, updated_at = clock_timestamp()
  from claimed
  where d.seq = claimed.seq and d.state = 'sending' and d.owner = claimed.owner
  returning claimed.place::int as place`;

/**
 * By the index of what is not delivered: what is grows by a million rows a month. The oldest of unknown outcome is found in
 * two steps, or the planner would look for it from the first delivery of all on.
 */
export const COUNTS = `
  with unknown as materialized (select min(seq) as seq from invoice_delivery where state = 'unknown')
  select coalesce(json_object_agg(state, count), '{}') as states, (
      select floor(extract(epoch from i.created_at) * 1000)::float8
      from unknown join invoice_delivery d using (seq) join billing_item i using (key)
    ) as "oldestUnknownMs"
  from (select state, count(*) from invoice_delivery where state <> 'delivered' group by state) s`;

const FROM = `from billing_item i left join invoice_delivery d using (key) left join account a using (account_id)`;

/** $2 to $7 as ItemFilter has them; null does not restrict. */
const FITS = `($2::text is null or i.account_id = $2) and ($3::text is null or i.subscriber_id = $3)
    and ($4::text is null or i.type = $4) and ($5::text is null or coalesce(d.state, 'held') = $5)
    and ($6::float8 is null or i.created_at >= to_timestamp($6 / 1000))
    and ($7::float8 is null or i.created_at < to_timestamp($7 / 1000))`;

/** $1 limit, $2 to $7 as FITS has them, $8 the seq to go on below, null = from the last on. */
export const LIST = `
  select ${COLUMNS} ${FROM}
  where ${FITS} and ($8::bigint is null or i.seq < $8)
  order by i.seq desc limit $1`;

/** As LIST, of the $9 items last made below $8: what no index says which are meant. */
export const LIST_PART = `
  select ${COLUMNS}
  from (select * from billing_item where $8::bigint is null or seq < $8 order by seq desc limit $9) i
    left join invoice_delivery d using (key) left join account a using (account_id)
  where ${FITS} order by i.seq desc limit $1`;

/** $1 the seq below which a part began, $2 its items. The last of them; no row where there are fewer. */
export const LAST_OF_PART = `
  select seq from billing_item where $1::bigint is null or seq < $1 order by seq desc offset $2 - 1 limit 1`;

/**
 * As LIST, for a state that few are in and all of them have a delivery: from the index of what is not delivered. LIST would
 * walk through all that is, and end in the time limit.
 */
export const LIST_FEW = `
  with d as materialized (select * from invoice_delivery where state = $5 and state <> 'delivered')
  select ${COLUMNS} from d join billing_item i using (key) left join account a using (account_id)
  where ${FITS} and ($8::bigint is null or i.seq < $8)
  order by i.seq desc limit $1`;

/** $1 from and $2 to in ms, $3 the key to go on after, $4 limit. */
export const PAGE = `
  select ${COLUMNS} ${FROM}
  where i.created_at >= to_timestamp($1::float8 / 1000) and i.created_at < to_timestamp($2::float8 / 1000) and i.key > $3
  order by i.key limit $4`;

/**
 * An item without a delivery gets one. All are asked for first: what somebody refused may be there from another try, and
 * one request more costs less than an item that is charged twice.
 */
const AGAIN = `
  on conflict (key) do update set
    state = 'pending', due_at = clock_timestamp(), owner = null, attempts = 0, ask_first = true,
    updated_at = clock_timestamp()
  where d.state in ('dead', 'rejected', 'held', 'unknown')`;

/** $1 key. */
export const RESEND = `
  insert into invoice_delivery as d (key, ask_first) select key, true from billing_item where key = $1 ${AGAIN}
  returning key`;

/**
 * $1 limit of items looked at, $2 to $8 as LIST has them. One row: how many are sent again, the seq to go on below, how
 * many were looked at. By pieces of all items, not of those that fit: a statement must end in time where few do.
 */
export const RESEND_ALL = `
  with looked as materialized (
    select * from billing_item where $8::bigint is null or seq < $8 order by seq desc limit $1
  ), resent as (
    insert into invoice_delivery as d (key, ask_first)
    select i.key, true from looked i left join invoice_delivery d using (key) where ${FITS} order by i.key ${AGAIN}
    returning 1
  )
  select (select count(*) from resent)::float8 as resent, count(*)::float8 as looked, min(seq) as last from looked`;

/** $1 who, $2 key. */
export const AUDIT_RESEND = `
  insert into audit (who, action, subject, content) values ($1, 'billing-item-resent', $2, '{}')`;

/** $1 who, $2 how many and which. */
export const AUDIT_RESEND_ALL = `
  insert into audit (who, action, subject, content) values ($1, 'billing-items-resent', 'billing items', $2)`;
