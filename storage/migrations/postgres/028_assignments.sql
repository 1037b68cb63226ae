-- What a service has and when. Rows of one kind that would overlap are refused by the database.
-- source: 'directory' rows belong to putSubscribers and are replaced by it, all others never.
create table assignment (
  assignment_id bigint generated always as identity primary key,
  subscriber_no bigint not null references subscriber (subscriber_no),
  plan_id text collate "C" not null,
  from_at timestamptz not null,
  to_at timestamptz check (to_at > from_at),
  source text not null check (source in ('directory', 'api', 'import')),
  constraint one_plan_at_a_time exclude using gist
    (int8range(subscriber_no, subscriber_no, '[]') with =, tstzrange(from_at, to_at) with &&)
    deferrable initially immediate
);
create index assignment_subscriber on assignment (subscriber_no, from_at);
create index assignment_plan on assignment (plan_id) where to_at is null;

create table add_on_assignment (
  add_on_assignment_id bigint generated always as identity primary key,
  subscriber_no bigint not null references subscriber (subscriber_no),
  add_on_id text collate "C" not null,
  from_at timestamptz not null,
  to_at timestamptz check (to_at > from_at),
  constraint add_on_once_at_a_time exclude using gist (int8range(subscriber_no, subscriber_no, '[]') with =,
    int8range(hashtextextended(add_on_id, 0) >> 1, hashtextextended(add_on_id, 0) >> 1, '[]') with =,
    tstzrange(from_at, to_at) with &&)
);

create table top_up (
  -- of a policy's purchase the action's id
  top_up_id text collate "C" primary key,
  subscriber_no bigint references subscriber (subscriber_no),
  pool_id text collate "C",
  kind text not null check (kind in ('bytes', 'boost', 'unlimited')),
  bytes bigint check (bytes > 0),
  down_bps bigint check (down_bps > 0),
  up_bps bigint check (up_bps > 0),
  from_at timestamptz not null,
  expires_at timestamptz not null check (expires_at > from_at),
  source text not null check (source in ('directory', 'api', 'policy', 'import')),
  product_id text,
  cancelled_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  constraint top_up_has_one_owner check (num_nonnulls(subscriber_no, pool_id) = 1),
  -- pools have an allowance alone: no speed, and nothing to be unlimited
  constraint top_up_is_whole check (case kind
    when 'bytes' then bytes is not null
    when 'boost' then down_bps is not null and up_bps is not null and pool_id is null
    else pool_id is null end)
);
create index top_up_subscriber on top_up (subscriber_no, expires_at);
create index top_up_pool on top_up (pool_id, expires_at) where pool_id is not null;

create table hold (
  hold_id bigint generated always as identity primary key,
  subscriber_no bigint not null references subscriber (subscriber_no),
  kind text not null check (kind in ('non-payment', 'customer', 'fraud', 'legal')),
  from_at timestamptz not null,
  to_at timestamptz check (to_at > from_at),
  source text not null check (source in ('directory', 'api', 'billing')),
  -- first letters: n, c, f, l
  constraint hold_of_a_kind_once exclude using gist (int8range(subscriber_no, subscriber_no, '[]') with =,
    int8range(ascii(kind), ascii(kind), '[]') with =,
    tstzrange(from_at, to_at) with &&)
);

create table pool_member (
  subscriber_no bigint not null references subscriber (subscriber_no),
  -- no foreign key: directory profiles may name one that comes later
  pool_id text collate "C" not null,
  from_at timestamptz not null,
  to_at timestamptz check (to_at > from_at),
  source text not null check (source in ('directory', 'api', 'import')),
  constraint one_pool_at_a_time exclude using gist
    (int8range(subscriber_no, subscriber_no, '[]') with =, tstzrange(from_at, to_at) with &&)
);
create index pool_member_pool on pool_member (pool_id, subscriber_no);

-- account_id: who pays; null = the account of billTo
alter table pool add column account_id text collate "C", add column revision bigint not null default 1;
