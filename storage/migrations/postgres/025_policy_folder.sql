-- Every content that was ever taken from a policies folder. Processes whose folders differ (a deployment under way) would
-- undo each other if only the last one were known.
create table policy_folder_taken (
  -- a policy id, or provider.json
  subject text not null,
  version text not null,
  taken_at timestamptz not null default clock_timestamp(),
  primary key (subject, version)
);
insert into policy_folder_taken (subject, version)
  select policy_id, folder_version from policy where folder_version is not null
  union select policy_id, version from policy_version where source = 'folder'
  union select 'provider.json', folder_version from provider_settings where folder_version is not null
  union select 'provider.json', version from provider_settings_version where source = 'folder';
