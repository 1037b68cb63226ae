/*
 * Each takes one JSON array, writes the rows that changed, and a control for each of those. Written in one statement so
 * that the row and its control cannot part, or by one function. Rows are visited in array order, which makes it the controls' order.
 */

/** $1 array of SubscriberProfile, $2 currency of accounts that nothing says another one of. Rows, profiles, controls (migration 034). */
export const PUT_SUBSCRIBERS = `select weir_put_profiles($1::jsonb, $2)`;

/** Array of PlanVersion. */
export const PUT_PLANS = `
with added as (
  insert into plan_version (plan_id, version, content)
  select item ->> 'planId', (item ->> 'version')::integer, item from jsonb_array_elements($1::jsonb) as item
  on conflict (plan_id, version) do nothing
  returning content
)
insert into control_outbox (control)
select jsonb_build_object('kind', 'plan-version', 'plan', content) from added`;

/** Array of PlanVersion -> name of those stored with other content. */
export const IMMUTABLE_PLANS = `
select format('version %s of plan %s', version, plan_id) as name
from jsonb_array_elements($1::jsonb) as item
join plan_version on plan_id = item ->> 'planId' and version = (item ->> 'version')::integer
where content <> item`;

/**
 * Array of {profile, address, coaPort, vendor, secretSealed (hex)}; all but the profile null without access. A secret is
 * sealed anew each time, so whoever gives the stored one again gives its sealed bytes.
 */
export const PUT_NAS = `
with item as (
  select profile ->> 'nasId' as nas_id, profile, address, "coaPort" as coa_port, vendor,
         decode("secretSealed", 'hex') as secret_sealed
  from jsonb_to_recordset($1::jsonb)
    as r (profile jsonb, address text, "coaPort" integer, vendor text, "secretSealed" text)
), before as (
  select nas_id, profile, address, coa_port, vendor, secret_sealed from nas
  where nas_id in (select nas_id from item)
), stored as (
  insert into nas (nas_id, profile, address, coa_port, vendor, secret_sealed)
  select nas_id, profile, address, coa_port, vendor, secret_sealed from item
  on conflict (nas_id) do update set profile = excluded.profile, address = excluded.address,
    coa_port = excluded.coa_port, vendor = excluded.vendor, secret_sealed = excluded.secret_sealed,
    updated_at = clock_timestamp()
  where (nas.profile, nas.address, nas.coa_port, nas.vendor, nas.secret_sealed)
    is distinct from (excluded.profile, excluded.address, excluded.coa_port, excluded.vendor, excluded.secret_sealed)
), audited as (
  insert into audit (action, subject, content)
  select 'nas-profile', nas_id, item.profile from item left join before using (nas_id)
  where before.profile is distinct from item.profile
  union all
  select 'nas-access', nas_id, jsonb_build_object('address', item.address, 'coaPort', item.coa_port,
    'vendor', item.vendor, 'secretChanged', before.secret_sealed is distinct from item.secret_sealed)
  from item left join before using (nas_id)
  where (before.address, before.coa_port, before.vendor, before.secret_sealed)
    is distinct from (item.address, item.coa_port, item.vendor, item.secret_sealed)
)
insert into control_outbox (control)
select jsonb_build_object('kind', 'nas-profile', 'nas', item.profile)
from item left join before using (nas_id)
where before.profile is distinct from item.profile`;

/** Array of NAS ids -> their sealed secrets. */
export const SEALED_SECRETS = `
select nas_id, secret_sealed from nas
where secret_sealed is not null and nas_id in (select jsonb_array_elements_text($1::jsonb))`;

/** Array of NasProfile; access stays. */
export const PUT_NAS_PROFILES = `
with changed as (
  insert into nas (nas_id, profile)
  select item ->> 'nasId', item from jsonb_array_elements($1::jsonb) as item
  on conflict (nas_id) do update set profile = excluded.profile, updated_at = clock_timestamp()
  where nas.profile <> excluded.profile
  returning nas_id, profile
), audited as (
  insert into audit (action, subject, content) select 'nas-profile', nas_id, profile from changed
)
insert into control_outbox (control)
select jsonb_build_object('kind', 'nas-profile', 'nas', profile) from changed`;

/** Array of FeedProfile. */
export const PUT_FEEDS = `
with changed as (
  insert into feed (feed_id, profile)
  select item ->> 'feedId', item from jsonb_array_elements($1::jsonb) as item
  on conflict (feed_id) do update set profile = excluded.profile, updated_at = clock_timestamp()
  where feed.profile <> excluded.profile
  returning feed_id, profile
), audited as (
  insert into audit (action, subject, content) select 'feed-profile', feed_id, profile from changed
)
insert into control_outbox (control)
select jsonb_build_object('kind', 'feed-profile', 'feed', profile) from changed`;

/** Array of PoolProfile. Profiles and controls (migration 034), noted in the audit. */
export const PUT_POOLS = `
insert into audit (action, subject, content)
select 'pool-profile', profile ->> 'poolId', profile from weir_put_pools($1::jsonb, true) as profile`;

/** $1 control, $2 who, $3 action, $4 subject, $5 content. */
export const COMMAND = `
with audited as (
  insert into audit (who, action, subject, content) values ($2, $3, $4, $5::json)
)
insert into control_outbox (control) values ($1::json)`;

/** $1 version. A lower one or the same: nothing happens. */
export const RAISE_FOLD_VERSION = `
with raised as (
  insert into fold_version (version) values ($1)
  on conflict (single) do update set version = excluded.version, updated_at = clock_timestamp()
  where fold_version.version < excluded.version
  returning version
), audited as (
  insert into audit (action, subject, content)
  select 'fold-version', version::text, json_build_object('version', version) from raised
)
insert into control_outbox (control)
select json_build_object('kind', 'fold-version', 'version', version) from raised`;
