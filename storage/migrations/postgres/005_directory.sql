-- What people change: every change is also a row of control_outbox, written in the same transaction.

create table plan_version (
  plan_id text not null,
  version integer not null check (version > 0),
  content jsonb not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (plan_id, version)
);

create table subscriber (
  subscriber_id text primary key,
  profile jsonb not null,
  updated_at timestamptz not null default clock_timestamp()
);

-- Kept for ever: actions name the version that decided them.
create table policy_version (
  policy_id text not null,
  version text not null,
  content jsonb not null,
  published_at timestamptz not null default clock_timestamp(),
  primary key (policy_id, version)
);

-- The version in force; null = withdrawn.
create table policy (
  policy_id text primary key,
  version text,
  updated_at timestamptz not null default clock_timestamp(),
  foreign key (policy_id, version) references policy_version (policy_id, version)
);

create table nas (
  nas_id text primary key,
  profile jsonb not null,
  address text,
  coa_port integer check (coa_port between 1 and 65535),
  vendor text,
  -- AES-256-GCM: key id, nonce, tag, ciphertext
  secret_sealed bytea,
  updated_at timestamptz not null default clock_timestamp(),
  check (num_nulls(address, coa_port, vendor, secret_sealed) in (0, 4))
);
