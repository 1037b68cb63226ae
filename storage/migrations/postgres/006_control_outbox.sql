-- Controls on their way into the log. xid is the writer's transaction: the relay reads below the oldest running
-- transaction in (xid, id) order, which sees late commits; an order by id or time would skip them.
create table control_outbox (
  id bigint generated always as identity,
  xid xid8 not null default pg_current_xact_id(),
  control jsonb not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (xid, id)
);

create table relay_cursor (
  name text primary key,
  -- last relayed row
  xid xid8 not null default '0',
  row_id bigint not null default 0,
  -- number given to it
  n bigint not null default 0,
  -- random per leadership: a leader that lost its connection cannot move the cursor any more
  leader text,
  updated_at timestamptz not null default clock_timestamp()
);
