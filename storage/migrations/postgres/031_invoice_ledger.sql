-- Apart from the file before, whose lock on the items is gone by now.
update billing_item set account_id = 'acct-' || subscriber_id, tax_class = 'standard',
  line = case type when 'overage' then 'overage:data' else 'top-up:' || key end
where line is null;

-- Delivery of items to billing, with the states of the action ledger. A table of its own: a billing system that hangs must
-- not hold back a throttle of the same subscriber.
create table invoice_delivery (
  seq bigint generated always as identity unique,
  key text collate "C" primary key references billing_item (key),
  state text not null default 'pending' check (state in
    ('pending', 'sending', 'delivered', 'rejected', 'unknown', 'held', 'superseded', 'dead')),
  detail text not null default '',
  attempts integer not null default 0,
  -- the last send had no answer: ask by the key before the next
  ask_first boolean not null default false,
  due_at timestamptz default clock_timestamp(),
  owner text,
  remote_id text,
  updated_at timestamptz not null default clock_timestamp(),
  constraint open_is_due check (case
    when state = 'sending' then due_at is not null and owner is not null
    when state = 'pending' then due_at is not null and owner is null
    when state = 'unknown' then owner is null
    else due_at is null and owner is null end)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000);
create index invoice_delivery_due on invoice_delivery (due_at, seq) where due_at is not null;
create index invoice_delivery_state on invoice_delivery (state) where state <> 'delivered';

-- What differed between here and billing.
create table reconciliation (
  id bigint generated always as identity primary key,
  kind text not null check (kind in ('billing-items', 'billing-cycles', 'usage')),
  from_at timestamptz not null,
  to_at timestamptz not null,
  started_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  summary json
);
create table reconciliation_difference (
  id bigint not null references reconciliation on delete cascade,
  n integer not null,
  -- missing-there, missing-here, amount, currency, twice, anchor, status, currency-of-account
  class text not null,
  subject text not null,
  ours json,
  theirs json,
  primary key (id, n)
);
