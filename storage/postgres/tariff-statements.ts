import type { CycleRule } from '../../schemas/profile.ts';
import { ms, TOP_UP } from './tariff-rows.ts';

/** $1 key, $2 key of the request. */
export const ANSWERED = `
  select route, request_hash as "requestHash", body from idempotency where key_id = $1 and idempotency_key = $2`;

/** $1 key, $2 key of the request, $3 route, $4 hash, $5 body. */
export const ANSWER = `
  insert into idempotency (key_id, idempotency_key, route, request_hash, status, body) values ($1, $2, $3, $4, 200, $5::json)`;

/** $1 who, $2 action, $3 subject, $4 content. */
export const AUDIT = `insert into audit (who, action, subject, content) values ($1, $2, $3, $4::json)`;

/** As `StoredPlan`. */
export const PLAN = `
  select plan_id as "planId", name, ${ms('archived_at')} as "archivedMs", revision::float8 as revision from plan`;

/** $1 id, $2 name, $3 archived (ms), $4 revision. */
export const PUT_PLAN = `
  insert into plan (plan_id, name, archived_at, revision) values ($1, $2, to_timestamp($3::float8 / 1000), $4)
  on conflict (plan_id) do update set name = excluded.name, archived_at = excluded.archived_at, revision = excluded.revision`;

/** $1 plan. */
export const PLAN_TERMS = `
  select terms from plan_version where plan_id = $1 and terms is not null order by version`;
export const KNOWN_VERSIONS = `
  select version, ${ms('effective_from')} as "effectiveFromMs" from plan_version where plan_id = $1 order by version`;

/** $1 plan, $2 version, $3 content, $4 terms, $5 from when on (ms), $6 author. */
export const ADD_PLAN_VERSION = `
  insert into plan_version (plan_id, version, content, terms, effective_from, author)
  values ($1, $2, $3::jsonb, $4::jsonb, to_timestamp($5::float8 / 1000), $6)`;

/** $1 plan, $2 currency. From accounts of another one on, which are few or none, not from who has the plan; so by range. */
export const OTHER_CURRENCY = `
  select a.currency from account a
  where (a.currency < $2 or a.currency > $2) and (
    select true from subscriber s join assignment x using (subscriber_no)
    where s.account_id = a.account_id and x.plan_id = $1 and x.to_at is null limit 1)
  limit 1`;

/** $1 add-on. */
export const ADD_ON_VERSIONS = `select content from add_on_version where add_on_id = $1 order by version`;

/** $1 add-on, $2 version, $3 content, $4 from when on (ms), $5 author. */
export const ADD_ADD_ON_VERSION = `
  insert into add_on_version (add_on_id, version, content, effective_from, author)
  values ($1, $2, $3::jsonb, to_timestamp($4::float8 / 1000), $5)`;

/** Columns of a rule of billing cycles: kind, anchor day, weekday, days, first date. */
export function ruleColumns(
  rule: CycleRule,
): [string, number | null, number | null, number | null, string | null] {
  switch (rule.kind) {
    case 'month':
      return [rule.kind, rule.anchorDay, null, null, null];
    case 'week':
      return [rule.kind, null, rule.weekday, null, null];
    case 'days':
      return [rule.kind, null, null, rule.days, rule.from];
  }
}

/** $1 id, $2 currency, $3 tax class, $4 status, $5 id in billing, $6 revision, $7 to $11 ruleColumns, $12 whether somebody says the currency. */
export const PUT_ACCOUNT = `
  insert into account (account_id, currency, tax_class, billing_status, billing_ref, revision, cycle_kind, anchor_day,
    anchor_weekday, cycle_days, cycle_from, currency_assumed)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::date, not $12::boolean)
  on conflict (account_id) do update set currency = excluded.currency,
    currency_assumed = account.currency_assumed and excluded.currency_assumed, tax_class = excluded.tax_class,
    billing_status = excluded.billing_status, billing_ref = excluded.billing_ref, revision = excluded.revision,
    cycle_kind = excluded.cycle_kind, anchor_day = excluded.anchor_day, anchor_weekday = excluded.anchor_weekday,
    cycle_days = excluded.cycle_days, cycle_from = excluded.cycle_from, updated_at = clock_timestamp()`;

/** $1 account, $2 from when on (ms), $3 source, $4 to $8 ruleColumns. */
export const ADD_CYCLE_CHANGE = `
  insert into account_cycle_change (account_id, from_at, source, cycle_kind, anchor_day, anchor_weekday, cycle_days, cycle_from)
  values ($1, to_timestamp($2::float8 / 1000), $3, $4, $5, $6, $7, $8::date)`;

/** $1 account. In the order in which everybody locks. */
export const LOCK_OF_ACCOUNT = `
  select 1 from subscriber where account_id = $1 order by subscriber_no for no key update`;

/** $1 subscribers; in this order. */
export const PROFILES = `
  select profile from unnest($1::text[]) with ordinality as g (subscriber_id, place) join subscriber using (subscriber_id)
  order by place`;

/** $1 top-up. */
export const TOP_UP_OF = `
  select ${TOP_UP} as "topUp", (select subscriber_id from subscriber s where s.subscriber_no = t.subscriber_no) as "subscriberId",
    pool_id as "poolId"
  from top_up t where top_up_id = $1`;

/** $1 pool; locked. Without its members, who may be many. */
export const POOL_ALONE = `
  select profile, account_id as "accountId", revision::float8 as revision from pool where pool_id = $1 for no key update`;

/** $1 pool, $2 ms. */
export const HAS_MEMBERS = `
  select exists (select from pool_member
    where pool_id = $1 and coalesce(to_at, 'infinity') > to_timestamp($2::float8 / 1000)) as has`;

/** $1 pool. As `StoredPool`. */
export const POOL = `
  select p.profile, p.revision::float8 as revision, coalesce((
    select json_agg(json_build_object('subscriberId', s.subscriber_id, 'fromMs', ${ms('m.from_at')}, 'toMs', ${ms('m.to_at')})
      order by s.subscriber_id collate "C", m.from_at)
    from pool_member m join subscriber s using (subscriber_no) where m.pool_id = p.pool_id), '[]') as members
  from pool p where p.pool_id = $1`;
