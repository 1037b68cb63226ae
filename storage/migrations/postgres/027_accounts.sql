-- account (who is billed) -> subscriber (a service: one plan at a time) -> credentials. Rows hold over [from_at, to_at), null =
-- open. subscriber.profile stays what the fold is told; it is derived from these rows.

create table account (
  account_id text collate "C" primary key,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  tax_class text not null default 'standard',
  -- 'month': anchor_day; 'week': weekday (1 = Monday); 'days': every n days from a date
  cycle_kind text not null default 'month' check (cycle_kind in ('month', 'week', 'days')),
  anchor_day smallint check (anchor_day between 1 and 31),
  anchor_weekday smallint check (anchor_weekday between 1 and 7),
  cycle_days smallint check (cycle_days between 1 and 366),
  cycle_from date,
  billing_status text not null default 'current' check (billing_status in ('current', 'overdue', 'suspended')),
  -- id of the account in the billing system; null = ours
  billing_ref text,
  revision bigint not null default 1,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint cycle_is_whole check (case cycle_kind
    when 'month' then anchor_day is not null
    when 'week' then anchor_weekday is not null
    else cycle_days is not null and cycle_from is not null end)
);
-- A change of the billing cycle takes effect at the end of a cycle by the rule before (which makes a stub).
create table account_cycle_change (
  account_id text collate "C" not null references account,
  from_at timestamptz not null,
  cycle_kind text not null check (cycle_kind in ('month', 'week', 'days')),
  anchor_day smallint check (anchor_day between 1 and 31),
  anchor_weekday smallint check (anchor_weekday between 1 and 7),
  cycle_days smallint check (cycle_days between 1 and 366),
  cycle_from date,
  source text not null check (source in ('api', 'billing', 'directory')),
  primary key (account_id, from_at),
  constraint changed_cycle_is_whole check (case cycle_kind
    when 'month' then anchor_day is not null
    when 'week' then anchor_weekday is not null
    else cycle_days is not null and cycle_from is not null end)
);

-- The number makes the table be written anew: with room on its pages for heap-only updates.
alter table subscriber set (fillfactor = 80);
alter table subscriber
  add column subscriber_no bigint generated always as identity,
  add column account_id text collate "C",
  add column segment text not null default '',
  add column tags text[] not null default '{}',
  add column zone text not null default 'UTC',
  add column overage_consent boolean not null default false,
  -- carry-over brought along from another system; null end = counts in every cycle, as before issue 6
  add column opening_carry_bytes bigint not null default 0 check (opening_carry_bytes >= 0),
  add column opening_carry_until timestamptz,
  -- the external id of the provider's CRM
  add column external_id text,
  -- log's clock of the last change; becomes profile.asOfMs
  add column as_of timestamptz,
  add column terminated_at timestamptz,
  add column erased_at timestamptz,
  add column revision bigint not null default 1;
create unique index subscriber_number on subscriber (subscriber_no);
create index subscriber_account on subscriber (account_id);
create unique index subscriber_external on subscriber (external_id) where external_id is not null;

-- User names by which RADIUS servers know a service.
create table credential (
  subscriber_no bigint not null references subscriber (subscriber_no),
  user_name text not null,
  from_at timestamptz not null,
  to_at timestamptz check (to_at > from_at),
  -- false: from a directory that may have one name twice; lookups then answer nobody, as today
  exclusive boolean not null default false,
  user_key bigint generated always as (hashtextextended(user_name, 0) >> 1) stored,
  primary key (subscriber_no, user_name, from_at),
  -- int8range of a number: no extension is needed, as btree_gist would be for the text itself
  constraint one_service_a_name exclude using gist (int8range(user_key, user_key, '[]') with =, tstzrange(from_at, to_at) with &&) where (exclusive)
);
create index credential_name on credential (user_name);
