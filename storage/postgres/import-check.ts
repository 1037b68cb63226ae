import { STAYS_WORDS } from '../import-ports.ts';

/*
 * What stands against a record of an import: null = nothing. `c` is its content as jsonb, `s` the subscriber that it names, `b` the
 * account, `j` the import. Nearly all of a first file names nothing that is stored, so what takes long is behind what says that.
 */

/**
 * True of a subscriber that a file does not take to another account. What it had may have been taken back, and be charged all the
 * same: cycles that no account was left for yet are that of now, with whatever comes to them. `now` the log's clock.
 */
export const stays = (no: string, now: string): string => `(
  exists (select from assignment x where x.subscriber_no = ${no})
  or exists (select from add_on_assignment x where x.subscriber_no = ${no})
  or exists (select from cycle x where x.subscriber_no = ${no} and x.account_id is null)
  or exists (select from pool_member x where x.subscriber_no = ${no} and (x.to_at is null or x.to_at > ${now})))`;

const NOW = 'to_timestamp($4::float8 / 1000)';

/**
 * A plan (`g`, json) is given by the rules of a change of plan: it is to be had, in the account's currency, the service is not
 * terminated, no cycle that was closed becomes another. What is there already as it is given is no fault.
 */
const ofPlan = (g: string): string => `
  select case
      when a.same then null
      when p is null then 'no plan is called ' || (${g} ->> 'planId')
      when (p -> 'isArchived')::boolean then 'archived: the plan ' || (${g} ->> 'planId') || ' is not given out any more'
      when o.terminated_at is not null then 'the subscriber is terminated'
      when p ->> 'currency' <> o.currency then 'currency: the account is charged in ' || o.currency || ', the plan in ' || (p ->> 'currency')
      when lower(span) > now_at + interval '400 days' then 'a plan can be given 400 days ahead'
      when a.plan_id is not null then 'overlaps with the plan ' || a.plan_id || ' that the subscriber has from '
        || to_char(a.from_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || ' on'
      when exists (select from cycle y where y.subscriber_no = o.subscriber_no and y.status <> 'open' and y.end_at > lower(span))
        then 'beyond-cycle: a cycle that is closed would become another'
    end
  from (select s.subscriber_no, s.terminated_at, b.currency, (select plans from known) -> (${g} ->> 'planId') as p,
      tstzrange(weir_time(${g} -> 'fromMs'), weir_time(${g} -> 'toMs')) as span, ${NOW} as now_at offset 0) o
  left join lateral (
    select a.plan_id, a.from_at, a.plan_id = ${g} ->> 'planId' and tstzrange(a.from_at, a.to_at) = span as same
    from assignment a where a.subscriber_no = o.subscriber_no and tstzrange(a.from_at, a.to_at) && span
    order by a.from_at limit 1) a on true`;

const ASSIGNMENT = `
  case when s.subscriber_no is null then 'no subscriber is called ' || (c ->> 'subscriberId') else (${ofPlan('c')}) end`;

/**
 * True where the holder's record gives up what this one takes: in an earlier chunk, or the same, which takes away first. Counted:
 * as a join, all of an import would be read.
 */
const givenUp = (holder: string, field: string): string => `(
  select count(*) > 0 from import_line h where h.import_id = l.import_id and h.content ->> 'subscriberId' = ${holder}
    and h.content::jsonb ? '${field}' and (h.line - 1) / j.chunk_rows <= (l.line - 1) / j.chunk_rows)`;

/** Names belong to one service at a time; a service stays with accounts of its currency, and with its own once it is charged. */
const SUBSCRIBER = `
  case
    when b.currency <> s.currency then
      'currency: the account ' || b.account_id || ' is charged in ' || b.currency || ', the one before in ' || s.currency
    when s.subscriber_no is not null and b.account_id <> s.account_id and (
      ${stays('s.subscriber_no', NOW)} or s.whole ->> 'poolId' is not null or jsonb_array_length(s.whole -> 'assignments') > 0)
      then '${STAYS_WORDS}'
    else coalesce((
      select 'the external id is that of ' || o.subscriber_id from subscriber o
      where o.external_id = (c ->> 'externalId') collate "C" and o.subscriber_id <> c ->> 'subscriberId'
        and not ${givenUp('o.subscriber_id', 'externalId')}), (
      select 'the user name ' || o.user_name || ' is that of ' || z.subscriber_id from jsonb_array_elements(c -> 'credentials') n
        join lateral (select * from credential o where o.user_name = (n ->> 'userName') collate "C" offset 0) o on true
        join subscriber z using (subscriber_no)
      where o.exclusive and o.subscriber_no is distinct from s.subscriber_no
        and tstzrange(o.from_at, o.to_at) && tstzrange(weir_time(n -> 'fromMs'), weir_time(n -> 'toMs'))
        and not ${givenUp('z.subscriber_id', 'credentials')} limit 1),
      case when c ? 'plan' then (${ofPlan("(c -> 'plan')")}) end) end`;

/**
 * For the transaction of `CHECK`: every row is asked for by its key, whatever the planner believes of a file that was staged just
 * now, and nothing is kept for a next time, as hardly a name comes twice.
 */
export const CHECK_BY_KEY = `
  select set_config('enable_seqscan', 'off', true), set_config('enable_mergejoin', 'off', true),
    set_config('enable_hashjoin', 'off', true), set_config('enable_memoize', 'off', true), set_config('jit', 'off', true)`;

/**
 * $1 import, $2 and $3 the records after and up to, $4 the log's clock (ms), $5 currency of accounts that are not there. Notes at each record with a content what stands against
 * it, or that nothing does any more. One row: against how many something stands.
 */
export const CHECK = `
  with known as materialized (
    select coalesce(jsonb_object_agg(p.plan_id, jsonb_build_object('isArchived', p.archived_at is not null, 'currency', (
      select v.terms ->> 'currency' from plan_version v where v.plan_id = p.plan_id and v.terms is not null limit 1))), '{}') as plans
    from plan p where exists (select from plan_version v where v.plan_id = p.plan_id)
  ), looked as materialized (
    select l.line, l.fault as noted, d.fault from import_line l cross join lateral (select l.content::jsonb as c offset 0) k
    cross join (select chunk_rows from import_job where import_id = $1) j
    left join lateral (
      select s.subscriber_no, s.terminated_at, a.currency, coalesce(s.account_id, 'acct-' || s.subscriber_id) as account_id,
        case when s.account_id is null then s.profile end as whole
      from subscriber s left join account a using (account_id) where s.subscriber_id = c ->> 'subscriberId' offset 0) s on true
    cross join lateral (
      select coalesce(c ->> 'accountId', s.account_id, 'acct-' || (c ->> 'subscriberId')) as account_id offset 0) t
    cross join lateral (select t.account_id, coalesce((select a.currency from account a where a.account_id = t.account_id),
        case when s.whole is not null then weir_currency(s.whole -> 'assignments') end, $5) as currency offset 0) b
    cross join lateral (select case when c ? 'planId' then ${ASSIGNMENT} else ${SUBSCRIBER} end as fault offset 0) d
    where l.import_id = $1 and l.line > $2 and l.line <= $3 and l.content is not null
  ), noted as (
    update import_line l set fault = looked.fault from looked
    where l.import_id = $1 and l.line = looked.line and looked.noted is distinct from looked.fault)
  select count(*)::float8 as against from looked where fault is not null`;
