-- subscriber.profile is derived from the rows of 027 and 028 by one function, and written by one other. What writes profiles
-- as a whole (a directory, the program before) is taken apart into rows by a third.

-- What is kept for a cycle is kept for as long as one of 31 days: of those 027 allows 366.
alter table account add constraint account_cycle_is_short check (cycle_days <= 31) not valid;
alter table account_cycle_change add constraint changed_cycle_is_short check (cycle_days <= 31) not valid;

-- Lists are in byte order, and beginnings of names are looked for, whatever the database's collation is.
create index subscriber_by_bytes on subscriber (subscriber_id collate "C");
drop index credential_name;
create index credential_name on credential (user_name collate "C");
drop index subscriber_external;
create unique index subscriber_external on subscriber (external_id collate "C") where external_id is not null;
-- Where copies of what a person is called are found when they are forgotten.
create index import_line_subscriber on import_line ((content ->> 'subscriberId'), import_id);
-- By hash: a key may be longer than a b-tree takes (2,704 bytes).
create index dead_letter_key on dead_letter using hash (key);
create index idempotency_subscriber on idempotency ((body -> 'value' ->> 'subscriberId'));
-- What people look for among items: those of a state or kind that few are of, the last made first.
drop index invoice_delivery_state;
create index invoice_delivery_state on invoice_delivery (state, seq) where state <> 'delivered';
create index billing_item_type on billing_item (type, seq);
create index billing_item_seq on billing_item (seq);
-- Nobody said this currency: it follows WEIR_DEFAULT_CURRENCY until something is charged or priced in it.
alter table account add column currency_assumed boolean not null default false;
create index account_currency on account (currency, currency_assumed);
create index hold_subscriber on hold (subscriber_no);
create index add_on_subscriber on add_on_assignment (subscriber_no);
create index pool_member_subscriber on pool_member (subscriber_no);

-- Functions of one expression are 'stable' where something in them is: declared better than that they are called one by one,
-- which doubled what a profile costs.
create function weir_ms(t timestamptz) returns bigint language sql stable parallel safe as
  $$ select case when isfinite(t) then (extract(epoch from t) * 1000)::bigint end $$;
create function weir_time(ms jsonb) returns timestamptz language sql immutable parallel safe as
  $$ select case when jsonb_typeof(ms) = 'number' then to_timestamp((ms #>> '{}')::numeric::float8 / 1000) end $$;
create function weir_optional(name text, value jsonb) returns jsonb language sql stable parallel safe as
  $$ select case when value is null then '{}'::jsonb else jsonb_build_object(name, value) end $$;
create function weir_cycle(kind text, anchor_day int, weekday int, days int, from_date date) returns jsonb
  language sql stable parallel safe as $$
  select case kind when 'month' then jsonb_build_object('kind', kind, 'anchorDay', anchor_day)
    when 'week' then jsonb_build_object('kind', kind, 'weekday', weekday)
    else jsonb_build_object('kind', kind, 'days', days, 'from', from_date::text) end $$;

-- Top-ups of a directory have an id of their own within a profile alone: stored as <subscriber>/<kind>/<id>.
create function weir_top_up_id(top_up_id text, source text, subscriber_no bigint, kind text) returns text
  language sql immutable parallel safe as $$
  select case when source = 'directory' then substr(top_up_id, length(subscriber_no::text) + length(kind) + 3) else top_up_id end $$;

-- Everything that the fold is told of these subscribers. What ended 120 days before as_of is left out: cycles
-- that were open then began 62 days before it at most. Boosts are left out as they end.
-- Here and below every row of a table is asked for by its key: planned otherwise, a plan that was made while tables were small
-- reads all of them when they are not (4 M comparisons a chunk of 2,000, seen).
create function weir_profiles(ids text[]) returns table (subscriber_id text, profile jsonb, place bigint, row_id tid) language sql stable as $$
select s.subscriber_id, case when s.as_of is not null and a.cycle_kind = 'month' and members.dated is not true
      and num_nonnulls(s.opening_carry_until, tops.boosts, tops.free, adds.v, changes.v) = 0 then said.v
    else case when s.as_of is null then said.v - 'asOfMs' else said.v end
      || weir_optional('boosts', tops.boosts) || weir_optional('unlimited', tops.free) || weir_optional('addOns', adds.v)
      || weir_optional('carryOverUntilMs', to_jsonb(weir_ms(s.opening_carry_until)))
      || weir_optional('poolMemberships', case when members.dated then members.v end)
      || weir_optional('cycle', case when a.cycle_kind <> 'month' then
           weir_cycle(a.cycle_kind, a.anchor_day, a.anchor_weekday, a.cycle_days, a.cycle_from) end)
      || weir_optional('cycleChanges', changes.v) end, g.place, s.ctid
from unnest(ids) with ordinality as g (id, place) join subscriber s on s.subscriber_id = g.id join account a on a.account_id = s.account_id
cross join lateral (select coalesce(s.as_of - interval '120 days', '-infinity') as kept, coalesce(s.as_of, 'infinity') as seen) t
left join lateral (
  select jsonb_agg(jsonb_build_object('planId', plan_id, 'fromMs', weir_ms(from_at), 'toMs', weir_ms(to_at))
      order by from_at) as v
  from assignment x where x.subscriber_no = s.subscriber_no and coalesce(to_at, 'infinity') > kept) plans on true
left join lateral (
  select jsonb_agg(jsonb_build_object('id', id, 'bytes', bytes, 'fromMs', weir_ms(from_at), 'expiresMs', weir_ms(ends))
      order by ends, from_at, id collate "C") filter (where kind = 'bytes') as bytes,
    jsonb_agg(jsonb_build_object('id', id, 'downBps', down_bps, 'upBps', up_bps, 'fromMs', weir_ms(from_at),
      'expiresMs', weir_ms(ends)) order by ends, from_at, id collate "C")
      filter (where kind = 'boost' and (seen = 'infinity' or ends > seen)) as boosts,
    jsonb_agg(jsonb_build_object('id', id, 'fromMs', weir_ms(from_at), 'toMs', weir_ms(ends))
      order by ends, from_at, id collate "C") filter (where kind = 'unlimited') as free
  from (select weir_top_up_id(x.top_up_id, x.source, x.subscriber_no, x.kind) as id, x.kind, x.bytes, x.down_bps, x.up_bps,
      x.from_at, least(x.expires_at, x.cancelled_at) as ends
    from top_up x where x.subscriber_no = s.subscriber_no) x
  where ends > kept and ends > from_at) tops on true
left join lateral (
  select jsonb_agg(jsonb_build_object('kind', kind, 'fromMs', weir_ms(from_at), 'toMs', weir_ms(to_at))
      order by from_at, kind) as v
  from hold x where x.subscriber_no = s.subscriber_no and coalesce(to_at, 'infinity') > kept) holds on true
left join lateral (
  select min(pool_id) filter (where from_at <= seen and (seen = 'infinity' and to_at is null or coalesce(to_at, 'infinity') > seen))
      as now_in,
    bool_or(from_at > seen or to_at is not null) as dated,
    jsonb_agg(jsonb_build_object('poolId', pool_id, 'fromMs', weir_ms(from_at), 'toMs', weir_ms(to_at)) order by from_at) as v
  from pool_member x where x.subscriber_no = s.subscriber_no and coalesce(to_at, 'infinity') > kept) members on true
left join lateral (
  select jsonb_agg(jsonb_build_object('id', add_on_id, 'fromMs', weir_ms(from_at), 'toMs', weir_ms(to_at),
      'capBytes', (v.content ->> 'capBytes')::bigint, 'prorated', (v.content ->> 'prorated')::boolean)
      order by from_at, add_on_id) as v
  from add_on_assignment x
    join lateral (select content from add_on_version w where w.add_on_id = x.add_on_id and w.effective_from <= x.from_at
      order by effective_from desc limit 1) v on (v.content ->> 'capBytes')::bigint > 0
  where x.subscriber_no = s.subscriber_no and coalesce(to_at, 'infinity') > kept) adds on true
left join lateral (
  select jsonb_agg(jsonb_build_object('fromMs', weir_ms(c.from_at), 'cycle',
      weir_cycle(c.cycle_kind, c.anchor_day, c.anchor_weekday, c.cycle_days, c.cycle_from)) order by c.from_at) as v
  from account_cycle_change c where c.account_id = s.account_id) changes on true
left join lateral (
  select user_name from credential x where x.subscriber_no = s.subscriber_no
    and from_at <= seen and (seen = 'infinity' and to_at is null or coalesce(to_at, 'infinity') > seen)
  order by from_at desc, user_name collate "C" limit 1) names on true
cross join lateral (select jsonb_build_object(
    'subscriberId', s.subscriber_id, 'userName', coalesce(names.user_name, ''), 'segment', s.segment,
    'tags', to_jsonb(s.tags), 'zone', s.zone, 'anchorDay', coalesce(a.anchor_day, 1),
    'assignments', coalesce(plans.v, '[]'), 'topUps', coalesce(tops.bytes, '[]'),
    'carryOverBytes', s.opening_carry_bytes, 'holds', coalesce(holds.v, '[]'), 'poolId', members.now_in,
    'billingStatus', a.billing_status, 'overageConsent', s.overage_consent, 'asOfMs', weir_ms(s.as_of)) as v offset 0) said $$;

-- Writes what changed and a control for each, in the order of the ids, none of which is named twice. The only writer of
-- subscriber.profile. Returns how many changed.
create function weir_refresh_profiles(ids text[]) returns integer language plpgsql
  set enable_seqscan = off set enable_mergejoin = off set enable_hashjoin = off set jit = off as $$
declare told integer;
begin
  perform set_config('weir.derived', 'on', true);
  perform from subscriber where subscriber_id = any (ids) order by subscriber_no for no key update;
  with changed as (
    update subscriber x set profile = d.profile, updated_at = clock_timestamp()
    from weir_profiles(ids) d where x.ctid = d.row_id and (x.profile - 'asOfMs') is distinct from (d.profile - 'asOfMs')
    returning x.profile, d.place)
  insert into control_outbox (control)
  select json_build_object('kind', 'subscriber-profile', 'profile', profile) from changed order by place;
  get diagnostics told = row_count;
  return told;
end $$;

-- The first currency that something of these plans is charged in.
create function weir_currency(plans jsonb) returns text language sql stable as $$
  select coalesce(v.terms ->> 'currency', v.content -> 'overage' ->> 'currency')
  from jsonb_array_elements(plans) with ordinality as p (item, place)
    join plan_version v on v.plan_id = p.item ->> 'planId'
  where coalesce(v.terms ->> 'currency', v.content -> 'overage' ->> 'currency') ~ '^[A-Z]{3}$'
  order by place desc, version desc limit 1 $$;

-- Array of SubscriberProfile, each subscriber once -> rows. Rows of source 'directory' are replaced; others stay, and what a
-- directory says of their time is left out, as what it says of the time after a termination. A top-up that was charged for
-- (by the program before, which kept it in the profile alone) is of source 'policy'.
create function weir_absorb_profiles(items jsonb, default_currency text) returns void language plpgsql
  set enable_seqscan = off set enable_mergejoin = off set enable_hashjoin = off set jit = off as $$
declare nos bigint[]; docs jsonb[]; own record;
begin
  perform set_config('weir.derived', 'on', true);
  perform from subscriber where subscriber_id in (select i ->> 'subscriberId' from jsonb_array_elements(items) i)
    order by subscriber_no for no key update;
  insert into account (account_id, currency, currency_assumed, anchor_day, billing_status)
    select 'acct-' || (i ->> 'subscriberId'), coalesce(priced, default_currency), priced is null,
      coalesce((i ->> 'anchorDay')::smallint, 1), coalesce(i ->> 'billingStatus', 'current')
    from jsonb_array_elements(items) i cross join lateral (select weir_currency(i -> 'assignments') as priced offset 0) c
    where (select x.account_id from subscriber x where x.subscriber_id = i ->> 'subscriberId') is null
    on conflict (account_id) do nothing;
  insert into subscriber as x (subscriber_id, profile, account_id, segment, tags, zone, overage_consent, opening_carry_bytes,
      opening_carry_until)
    select i ->> 'subscriberId', '{}', 'acct-' || (i ->> 'subscriberId'), coalesce(i ->> 'segment', ''),
      array(select jsonb_array_elements_text(i -> 'tags')), coalesce(i ->> 'zone', 'UTC'),
      coalesce((i ->> 'overageConsent')::boolean, false), coalesce((i ->> 'carryOverBytes')::bigint, 0),
      weir_time(i -> 'carryOverUntilMs')
    from jsonb_array_elements(items) i
    on conflict (subscriber_id) do update set account_id = coalesce(x.account_id, excluded.account_id),
      segment = excluded.segment, tags = excluded.tags, zone = excluded.zone, overage_consent = excluded.overage_consent,
      opening_carry_bytes = excluded.opening_carry_bytes, opening_carry_until = excluded.opening_carry_until,
      revision = x.revision + 1
    where (x.account_id, x.segment, x.tags, x.zone, x.overage_consent, x.opening_carry_bytes, x.opening_carry_until)
      is distinct from (coalesce(x.account_id, excluded.account_id), excluded.segment, excluded.tags, excluded.zone,
       excluded.overage_consent, excluded.opening_carry_bytes, excluded.opening_carry_until);
  -- An account with one service follows the directory's anchor and status; a shared one is changed by its own API.
  for own in
    select x.* from jsonb_array_elements(items) i cross join lateral (
      select a.account_id, coalesce((i ->> 'anchorDay')::smallint, 1) as anchor_day, coalesce(i ->> 'billingStatus', 'current') as status
      from account a join subscriber s using (account_id)
      where a.account_id = 'acct-' || (i ->> 'subscriberId') and s.subscriber_id = i ->> 'subscriberId' and a.cycle_kind = 'month'
        and (a.anchor_day, a.billing_status) is distinct from
          (coalesce((i ->> 'anchorDay')::smallint, 1), coalesce(i ->> 'billingStatus', 'current')) offset 0) x
  loop
    update account set anchor_day = own.anchor_day, billing_status = own.status, revision = revision + 1,
      updated_at = clock_timestamp() where account_id = own.account_id;
  end loop;
  select array_agg((select subscriber_no from subscriber x where x.subscriber_id = i ->> 'subscriberId')), array_agg(i)
    into nos, docs from jsonb_array_elements(items) i;

  delete from credential where subscriber_no = any (nos) and not exclusive;
  insert into credential (subscriber_no, user_name, from_at)
    select no, item ->> 'userName', 'epoch' from unnest(nos, docs) as d (no, item)
    where item ->> 'userName' <> ''
      and (select count(*) from credential c where c.subscriber_no = no and c.to_at is null) = 0;

  delete from assignment where subscriber_no = any (nos) and source = 'directory';
  insert into assignment (subscriber_no, plan_id, from_at, to_at, source)
    select no, plan_id, lower(part), upper(part), 'directory'
    from unnest(nos, docs) as d (no, item) cross join lateral (
      select p ->> 'planId' as plan_id, tstzrange(from_at, least(to_at, lead(from_at) over (order by from_at))) as span
      from (select p, weir_time(p -> 'fromMs') as from_at, weir_time(p -> 'toMs') as to_at
        from jsonb_array_elements(item -> 'assignments') p) p
      where to_at is null or to_at > from_at) given
    left join lateral (
      select range_agg(r) as spans from (
        select tstzrange(from_at, to_at) as r from assignment o where o.subscriber_no = no
        union all select tstzrange(terminated_at, null) from subscriber x
          where x.subscriber_no = no and terminated_at is not null) o) taken on true
    cross join lateral unnest(case when spans is null then tstzmultirange(span) else tstzmultirange(span) - spans end) part;

  delete from top_up where subscriber_no = any (nos) and source = 'directory';
  insert into top_up (top_up_id, subscriber_no, kind, bytes, down_bps, up_bps, from_at, expires_at, source)
    select case when charged then p ->> 'id' else no || '/' || kind || '/' || (p ->> 'id') end, no, kind,
      (p ->> 'bytes')::bigint, (p ->> 'downBps')::bigint, (p ->> 'upBps')::bigint,
      weir_time(p -> 'fromMs'), weir_time(p -> ends), case when charged then 'policy' else 'directory' end
    from unnest(nos, docs) as d (no, item) cross join lateral (
      select 'bytes' as kind, 'expiresMs' as ends, p from jsonb_array_elements(item -> 'topUps') p
      union all select 'boost', 'expiresMs', p from jsonb_array_elements(item -> 'boosts') p
      union all select 'unlimited', 'toMs', p from jsonb_array_elements(item -> 'unlimited') p) given
    cross join lateral (select kind = 'bytes' and exists (select from billing_item b where b.key = p ->> 'id') as charged) c
    where weir_time(p -> ends) > weir_time(p -> 'fromMs') and coalesce((p ->> 'bytes')::bigint, 1) > 0
      and coalesce((p ->> 'downBps')::bigint, 1) > 0 and coalesce((p ->> 'upBps')::bigint, 1) > 0
      and (select count(*) from top_up o where o.top_up_id = p ->> 'id') = 0
    on conflict (top_up_id) do nothing;

  delete from hold where subscriber_no = any (nos) and source = 'directory';
  insert into hold (subscriber_no, kind, from_at, to_at, source)
    select no, kind, lower(part), upper(part), 'directory'
    from unnest(nos, docs) as d (no, item) cross join lateral (
      select p ->> 'kind' as kind, tstzrange(from_at, least(to_at, lead(from_at) over (partition by p ->> 'kind' order by from_at)))
          as span
      from (select p, weir_time(p -> 'fromMs') as from_at, weir_time(p -> 'toMs') as to_at
        from jsonb_array_elements(item -> 'holds') p) p
      where to_at is null or to_at > from_at) given
    left join lateral (select range_agg(tstzrange(from_at, to_at)) as spans from hold o
      where o.subscriber_no = no and o.kind = given.kind) taken on true
    cross join lateral unnest(case when spans is null then tstzmultirange(span) else tstzmultirange(span) - spans end) part;

  delete from pool_member where source = 'directory' and subscriber_no = any (array(
    select no from unnest(nos, docs) as d (no, item) where (select count(*) from pool_member m
      where m.subscriber_no = no and m.source = 'directory' and m.pool_id is distinct from item ->> 'poolId') > 0));
  insert into pool_member (subscriber_no, pool_id, from_at, to_at, source)
    select no, item ->> 'poolId', lower(part), upper(part), 'directory'
    from unnest(nos, docs) as d (no, item)
    left join lateral (
      select range_agg(r) as spans from (
        select tstzrange(from_at, to_at) as r from pool_member o where o.subscriber_no = no
        union all select tstzrange(terminated_at, null) from subscriber x
          where x.subscriber_no = no and terminated_at is not null) o) taken on true
    cross join lateral unnest(case when spans is null then tstzmultirange(tstzrange('epoch', null))
      else tstzmultirange(tstzrange('epoch', null)) - spans end) part
    where item ->> 'poolId' is not null;
end $$;

-- What a directory says of subscribers: those of whom it says what is so already are left alone. Returns how many changed.
create function weir_put_profiles(items jsonb, default_currency text) returns integer language plpgsql
  set enable_seqscan = off set enable_mergejoin = off set enable_hashjoin = off set jit = off as $$
declare news jsonb;
begin
  select jsonb_agg(i order by place) into news from jsonb_array_elements(items) with ordinality as g (i, place)
    where (select x.account_id is not null and x.profile = i from subscriber x where x.subscriber_id = i ->> 'subscriberId')
      is not true;
  if news is null then return 0; end if;
  perform weir_absorb_profiles(news, default_currency);
  return weir_refresh_profiles(array(select i ->> 'subscriberId' from jsonb_array_elements(news) i));
end $$;

-- Profiles that the program before writes: it makes their controls itself.
create function subscriber_absorb() returns trigger language plpgsql set jit = off as $$
declare news jsonb;
begin
  if tg_op = 'INSERT' then
    select jsonb_agg(profile || jsonb_build_object('subscriberId', subscriber_id)) into news from written;
  else
    -- No join: nothing is known of such tables, and each row would be compared with each.
    select jsonb_agg(profiles[2] || jsonb_build_object('subscriberId', subscriber_id)) into news from (
      select subscriber_id, array_agg(profile order by is_new) as profiles from (
        select subscriber_id, profile, false as is_new from overwritten
        union all select subscriber_id, profile, true from written) both_of
      group by subscriber_id) each where profiles[1] is distinct from profiles[2];
  end if;
  if news is null then return null; end if;
  perform weir_absorb_profiles(news, 'EUR');
  -- The next statement of the same transaction has to come here too.
  perform set_config('weir.derived', 'off', true);
  return null;
end $$;
create trigger subscriber_absorbed_new after insert on subscriber referencing new table as written
  for each statement when (coalesce(current_setting('weir.derived', true), '') <> 'on') execute function subscriber_absorb();
create trigger subscriber_absorbed_changed after update on subscriber referencing old table as overwritten new table as written
  for each statement when (coalesce(current_setting('weir.derived', true), '') <> 'on') execute function subscriber_absorb();

-- A user name that begins or ends at a date is told when it does: nothing else in a profile needs to be told again.
create function weir_refresh_dated(after_at timestamptz, now_at timestamptz) returns integer language plpgsql as $$
declare due text[];
begin
  select array_agg(distinct x.subscriber_id) into due from credential c join subscriber x using (subscriber_no)
    where x.as_of is not null and (c.from_at > after_at and c.from_at <= now_at or c.to_at > after_at and c.to_at <= now_at);
  if due is null then return 0; end if;
  perform from subscriber where subscriber_id = any (due) order by subscriber_no for no key update;
  update subscriber set as_of = greatest(as_of, now_at) where subscriber_id = any (due);
  return weir_refresh_profiles(due);
end $$;
create index credential_begins on credential (from_at) where from_at > 'epoch';
create index credential_ends on credential (to_at) where to_at is not null;

-- Array of PoolProfile: stores what is said of pools, and a control for each that changed. Their top-ups are those of 028; a
-- directory's are replaced by what it says, what others bought stays. Returns the profiles that changed.
create function weir_put_pools(items jsonb, from_directory boolean) returns setof jsonb language plpgsql as $$
begin
  insert into pool (pool_id, profile) select i ->> 'poolId', '{}' from jsonb_array_elements(items) i on conflict do nothing;
  if from_directory then
    delete from top_up where source = 'directory' and pool_id in (select i ->> 'poolId' from jsonb_array_elements(items) i);
    insert into top_up (top_up_id, pool_id, kind, bytes, from_at, expires_at, source)
      select 'pool/' || (i ->> 'poolId') || '/' || (p ->> 'id'), i ->> 'poolId', 'bytes', (p ->> 'bytes')::bigint,
        weir_time(p -> 'fromMs'), weir_time(p -> 'expiresMs'), 'directory'
      from jsonb_array_elements(items) i cross join lateral jsonb_array_elements(i -> 'topUps') p
      where weir_time(p -> 'expiresMs') > weir_time(p -> 'fromMs') and (p ->> 'bytes')::bigint > 0
        and not exists (select from top_up o where o.top_up_id = p ->> 'id')
      on conflict (top_up_id) do nothing;
  end if;
  return query with derived as (
    select p.pool_id, (i - 'topUps') || weir_optional('topUps', t.v) as profile, place
    from jsonb_array_elements(items) with ordinality as g (i, place) join pool p on p.pool_id = i ->> 'poolId'
    left join lateral (
      select jsonb_agg(jsonb_build_object('id', id, 'bytes', bytes, 'fromMs', weir_ms(from_at), 'expiresMs', weir_ms(ends))
          order by ends, from_at, id collate "C") as v
      from (select case when source = 'directory' then substr(top_up_id, length('pool/' || x.pool_id) + 2) else top_up_id end as id,
          bytes, from_at, least(expires_at, cancelled_at) as ends, max(from_at) over () - interval '120 days' as kept
        from top_up x where x.pool_id = p.pool_id) x
      where ends > from_at and ends > kept) t on true),
  changed as (
    update pool p set profile = d.profile, updated_at = clock_timestamp() from derived d
    where p.pool_id = d.pool_id and p.profile is distinct from d.profile
    returning p.profile, d.place),
  told as (
    insert into control_outbox (control)
    select json_build_object('kind', 'pool-profile', 'pool', profile) from changed order by place)
  select profile from changed order by place;
end $$;

-- A plan is charged in the account's currency, or not at all. By statement: a row at a time would double the cost of an import.
create function assignment_in_currency() returns trigger language plpgsql set enable_seqscan = off set jit = off as $$ begin
  if exists (select from plan_version v where v.terms is not null and v.plan_id in (select plan_id from written))
    and exists (select from written w
      where (select a.currency from subscriber s join account a using (account_id) where s.subscriber_no = w.subscriber_no)
        <> (select v.terms ->> 'currency' from plan_version v where v.plan_id = w.plan_id and v.terms is not null limit 1)) then
    raise exception 'a plan of another currency than the account''s' using errcode = 'check_violation'; end if;
  return null; end $$;
create trigger assignment_currency_new after insert on assignment referencing new table as written
  for each statement execute function assignment_in_currency();
create trigger assignment_currency_changed after update on assignment referencing new table as written
  for each statement execute function assignment_in_currency();
