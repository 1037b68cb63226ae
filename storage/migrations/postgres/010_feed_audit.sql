-- How the records of a feed are read.
create table feed (
  feed_id text primary key,
  profile jsonb not null,
  updated_at timestamptz not null default clock_timestamp()
);

-- Layout in which slots are written; one row, never lowered.
create table fold_version (
  single boolean primary key default true check (single),
  version integer not null check (version > 0),
  updated_at timestamptz not null default clock_timestamp()
);

-- Who changed what and when, written in the transaction of the change. Opaque ids only: no names, no addresses of
-- subscribers, no secrets.
create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  -- null = not known
  who text,
  action text not null,
  -- what was changed: an id of the kind that the action names
  subject text not null,
  content json not null
);
create index audit_subject on audit (subject, id desc);

create function audit_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'audit rows are neither changed nor deleted';
end
$$;
create trigger audit_append_only before update or delete on audit
  for each row execute function audit_is_append_only();
