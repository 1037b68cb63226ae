-- What slots tell billing besides actions, each once. Contents are json, not jsonb: kept as given, also texts that jsonb
-- refuses (\u0000, lone surrogates). Names that are compared or paged by are in byte order, as everywhere in the log.
create table usage_adjustment (
  -- order of insertion = order of one subscriber's log
  seq bigint generated always as identity,
  id text collate "C" primary key,
  subscriber_id text not null,
  cycle_start timestamptz not null,
  content json not null,
  created_at timestamptz not null default clock_timestamp()
);
create index usage_adjustment_subscriber on usage_adjustment (subscriber_id, seq desc);

create table closed_cycle (
  subscriber_id text collate "C" not null,
  cycle_start timestamptz not null,
  content json not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (subscriber_id, cycle_start)
);
