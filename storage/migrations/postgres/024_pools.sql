-- Allowances that several subscribers share; who is in which stands in the subscriber's profile.
create table pool (
  pool_id text primary key,
  profile jsonb not null,
  updated_at timestamptz not null default clock_timestamp()
);
