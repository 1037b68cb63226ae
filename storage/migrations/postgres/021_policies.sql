-- The life of a policy version. Every version ever given to Weir stays for ever (actions name the version that decided
-- them); a version that is not in force is a draft.
alter table policy_version
  -- who gave it first, and by which way; null = before this was kept
  add column author text,
  add column source text check (source in ('folder', 'api', 'cli')),
  add column comment text not null default '';

-- What came into force, and what went: the heads after each change.
create table policy_change (
  seq bigint generated always as identity primary key,
  policy_id text not null,
  kind text not null check (kind in ('publish', 'rollback', 'withdraw')),
  base text,
  candidate text,
  at timestamptz not null default clock_timestamp(),
  author text,
  source text not null check (source in ('folder', 'api', 'cli')),
  comment text not null default ''
);
create index policy_change_policy on policy_change (policy_id, seq desc);

-- `version` is the base (mode enforce or off); a version in mode shadow or percent stands beside it.
alter table policy
  add column candidate text,
  -- version that the folder's file had when it was last taken: an unchanged file does not undo what was published since
  add column folder_version text,
  -- changes by which they came into force
  add column base_change bigint,
  add column candidate_change bigint,
  add foreign key (policy_id, candidate) references policy_version (policy_id, version);

update policy set candidate = policy.version, version = null
from policy_version v
where v.policy_id = policy.policy_id and v.version = policy.version
  and v.content -> 'file' ->> 'mode' in ('shadow', 'percent');
insert into policy_change (policy_id, kind, base, candidate, at, source)
select policy_id, 'publish', version, candidate, updated_at, 'folder' from policy
where version is not null or candidate is not null;
update policy set
  base_change = case when policy.version is not null then c.seq end,
  candidate_change = case when policy.candidate is not null then c.seq end
from policy_change c where c.policy_id = policy.policy_id;

-- Settings of the provider, as policies: every version stays, one is in force.
create table provider_settings_version (
  version text primary key,
  content jsonb not null,
  author text,
  source text not null check (source in ('folder', 'api', 'cli')),
  comment text not null default '',
  created_at timestamptz not null default clock_timestamp()
);
create table provider_settings (
  single boolean primary key default true check (single),
  version text references provider_settings_version (version),
  folder_version text,
  author text,
  source text,
  comment text not null default '',
  updated_at timestamptz not null default clock_timestamp()
);

-- What each worker runs, partition by partition; rewritten every 30 s, rows that are old say nothing.
create table policy_report (
  slot_group text not null,
  topic text not null,
  reporter text not null,
  partition integer not null,
  position bigint not null,
  -- policy id -> {base, candidate}: versions
  in_force json not null,
  reported_at timestamptz not null default clock_timestamp(),
  primary key (slot_group, topic, reporter, partition)
);
alter table policy_report set (fillfactor = 50);

-- What each process that reads a policies folder found in it at its last look.
create table policy_folder_report (
  reporter text primary key,
  content json not null,
  reported_at timestamptz not null default clock_timestamp()
);
alter table policy_folder_report set (fillfactor = 50);
