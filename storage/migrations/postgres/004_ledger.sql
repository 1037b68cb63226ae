-- Every action once. Rows stay for longer than snapshot + log retention: their ids are what makes a replay harmless.
create table action (
  -- order of insertion = order of decisions of one subscriber (one slot owner inserts them)
  seq bigint generated always as identity primary key,
  id text not null unique,
  subscriber_id text not null,
  kind text not null check (kind in ('throttle', 'restore', 'notify')),
  state text not null check (
    state in ('pending', 'sending', 'delivered', 'rejected', 'unknown', 'held', 'superseded', 'dead')
  ),
  detail text not null default '',
  attempts integer not null default 0,
  -- json, not jsonb: never searched, kept as given, and jsonb refuses texts that records may hold (\u0000, lone surrogates)
  intent json not null,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  -- updated_at of what analytics holds; null = it never took this action
  exported_at timestamptz,
  -- when it may be claimed: at once, at the retry, or when the lease of a claim ends; null = closed to dispatchers
  due_at timestamptz,
  -- the claim that is being sent
  owner text,
  -- a newer desired state of the same subscriber: this one is not sent again
  superseded_by text,
  -- nothing can wait for ever: what is to be sent is always due at some time, what is closed never
  constraint open_is_due check (
    case
      when state = 'sending' then due_at is not null and owner is not null
      when state = 'pending' then due_at is not null and owner is null
      when state = 'unknown' then owner is null
      else due_at is null and owner is null
    end
  )
)
-- the default of a fifth of the table would leave 200,000 dead index entries in front of every claim at 1 M rows
with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000);

-- Both partial indexes hold unfinished actions only, so claims do not slow down with the history.
create index action_due on action (due_at, seq) where due_at is not null;
create index action_unfinished on action (subscriber_id, seq)
  where state not in ('delivered', 'rejected', 'superseded', 'dead');
create index action_subscriber on action (subscriber_id, seq desc);
-- counts by state as an index-only scan
create index action_state on action (state);
-- what analytics does not hold as it is: few rows, whatever the history
create index action_unexported on action (updated_at) where exported_at is distinct from updated_at;
