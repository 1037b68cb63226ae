create table api_key (
  id text primary key,
  name text not null,
  -- SHA-256 of the key; the key itself is nowhere
  key_hash bytea not null unique check (length(key_hash) = 32),
  roles text[] not null check (cardinality(roles) > 0),
  created_at timestamptz not null default clock_timestamp(),
  revoked_at timestamptz
);
