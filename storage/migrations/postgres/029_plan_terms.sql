-- What plans cost. A version is never changed; a new one has a date from which it holds.

create table plan (
  plan_id text collate "C" primary key,
  name text not null default '',
  archived_at timestamptz,
  revision bigint not null default 1,
  created_at timestamptz not null default clock_timestamp()
);
insert into plan (plan_id) select distinct plan_id from plan_version;
-- Versions come from the program before too, which does not know of plans.
create function plan_of_version() returns trigger language plpgsql as $$ begin
  insert into plan (plan_id) values (new.plan_id) on conflict do nothing;
  return null; end $$;
create trigger plan_version_has_plan after insert on plan_version for each row execute function plan_of_version();

-- content stays what the fold gets; terms are the commercial part (schemas/tariff.ts PlanTerms).
alter table plan_version
  add column terms jsonb,
  -- null = at once, for all, as before issue 6
  add column effective_from timestamptz,
  add column author text;
create unique index plan_version_effective on plan_version (plan_id, effective_from) where effective_from is not null;

create function plan_version_is_immutable() returns trigger language plpgsql as $$ begin
  if old.content is distinct from new.content or (old.terms is not null and old.terms is distinct from new.terms)
    or old.effective_from is distinct from new.effective_from then
    raise exception 'a version of a plan is never changed' using errcode = 'check_violation'; end if;
  return new; end $$;
create trigger plan_version_immutable before update on plan_version
  for each row execute function plan_version_is_immutable();

-- content: schemas/tariff.ts AddOnTerms
create table add_on_version (
  add_on_id text collate "C",
  version integer check (version > 0),
  content jsonb not null,
  effective_from timestamptz not null,
  author text,
  created_at timestamptz not null default clock_timestamp(),
  primary key (add_on_id, version),
  unique (add_on_id, effective_from)
);
