-- Items of every kind, and the cycles that they belong to.

alter table billing_item drop constraint billing_item_type_check;
alter table billing_item add constraint billing_item_type_check check (type in
  ('recurring', 'proration', 'usage', 'overage', 'topup', 'add-on', 'adjustment', 'one-off')) not valid;
alter table billing_item validate constraint billing_item_type_check;
-- quantity: added bytes may be many, credits are negative
alter table billing_item drop constraint billing_item_quantity_check;
alter table billing_item add constraint billing_item_quantity_check check (quantity <> 0) not valid;
alter table billing_item validate constraint billing_item_quantity_check;
alter table billing_item
  add column account_id text collate "C",
  add column pool_id text collate "C",
  add column tax_class text,
  add column cycle_end timestamptz,
  add column period_from timestamptz,
  add column period_to timestamptz,
  -- what it is part of: 'plan:<id>', 'add-on:<id>', 'usage:<part from ms>', 'overage:data', 'top-up:<id>'
  add column line text,
  add column description text not null default '',
  add constraint billing_item_period_check
    check (num_nulls(period_from, period_to) in (0, 2) and (period_from is null or period_to > period_from)),
  -- rows that are there already get theirs in the next file
  add constraint billing_item_whole_check check (num_nulls(account_id, tax_class, line) = 0) not valid;

-- The program before does not say to whom and for what.
create function billing_item_of_before() returns trigger language plpgsql as $$ begin
  new.account_id := coalesce(new.account_id, 'acct-' || new.subscriber_id);
  new.tax_class := coalesce(new.tax_class, 'standard');
  new.line := case new.type when 'overage' then 'overage:data' else 'top-up:' || new.key end;
  return new; end $$;
create trigger billing_item_completed before insert on billing_item
  for each row when (new.line is null and new.type in ('overage', 'topup')) execute function billing_item_of_before();

create index billing_item_cycle on billing_item (subscriber_id, cycle_start, line);
create index billing_item_account on billing_item (account_id, seq desc);
create index billing_item_created on billing_item (created_at, seq);

-- The billing cycles of each service; totals of the closed ones are in closed_cycle.
create table cycle (
  subscriber_no bigint not null,
  start_at timestamptz not null,
  end_at timestamptz not null check (end_at > start_at),
  status text not null default 'open' check (status in ('open', 'closing', 'closed')),
  -- fees in advance are itemised
  advance_at timestamptz,
  closed_at timestamptz,
  -- what the slot metered and who had what differ: see the reconciliation report
  terms_differ boolean not null default false,
  primary key (subscriber_no, start_at),
  constraint cycles_do_not_overlap exclude using gist
    (int8range(subscriber_no, subscriber_no, '[]') with =, tstzrange(start_at, end_at) with &&)
);
create index cycle_unclosed on cycle (end_at) where status <> 'closed';
