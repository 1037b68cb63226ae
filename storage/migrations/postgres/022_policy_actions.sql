-- More kinds of actions, and what policies in shadow would have done.
alter table action drop constraint action_kind_check;
alter table action add constraint action_kind_check
  check (kind in ('throttle', 'restore', 'block', 'redirect', 'notify', 'overage', 'topup'));

-- Contents are json, not jsonb: kept as given, also texts that jsonb refuses (\u0000, lone surrogates).
create table shadow_decision (
  -- order of insertion = order of one subscriber's log
  seq bigint generated always as identity,
  id text collate "C" primary key,
  subscriber_id text not null,
  policy_id text not null,
  version text not null,
  rule text not null,
  began boolean not null,
  -- type of the event; null where the rule was gone when it ended
  event text,
  -- event time
  decided_at timestamptz not null,
  content json not null,
  created_at timestamptz not null default clock_timestamp()
);
create index shadow_decision_policy on shadow_decision (policy_id, seq desc);
create index shadow_decision_subscriber on shadow_decision (subscriber_id, seq desc);
create index shadow_decision_created on shadow_decision (created_at);

-- What is to stand on an invoice, each once: the key is the action's id or, of overage, that of the block.
create table billing_item (
  seq bigint generated always as identity,
  key text collate "C" primary key,
  subscriber_id text not null,
  type text not null check (type in ('overage', 'topup')),
  -- minor units of the currency, net of tax
  amount_minor bigint not null,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  quantity bigint not null check (quantity > 0),
  cycle_start timestamptz not null,
  -- the action, its rule and what was bought
  source json not null,
  created_at timestamptz not null default clock_timestamp()
);
create index billing_item_subscriber on billing_item (subscriber_id, seq desc);
