const MS = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`;

const VERSION = `v.content, ${MS('v.published_at')} as stored_ms, v.author, v.source, v.comment`;

/** $1 policy id, $2 version, $3 content, $4 author, $5 source, $6 comment. A row where it was not known. */
export const ADD_VERSION = `
  insert into policy_version (policy_id, version, content, author, source, comment)
  values ($1, $2, $3::jsonb, $4, $5, $6)
  on conflict (policy_id, version) do nothing
  returning version`;

/** $1 policy id, $2 version, $3 content -> a row where it is stored with other content. */
export const OTHER_CONTENT = `
  select version from policy_version where policy_id = $1 and version = $2 and content <> $3::jsonb`;

/** $1 policy ids. */
export const HEADS = `select policy_id, version as base, candidate, folder_version from policy where policy_id = any($1::text[])`;

/**
 * $1 policy id, $2 kind, $3 base, $4 candidate, $5 author, $6 source, $7 comment, $8 control, $9 what the audit is told.
 * History, heads, audit and the control for the log, in one statement.
 */
export const CHANGE = `
  with changed as (
    insert into policy_change (policy_id, kind, base, candidate, author, source, comment)
    values ($1, $2, $3, $4, $5, $6, $7)
    returning seq, policy_id, base, candidate, at
  ), headed as (
    insert into policy (policy_id, version, candidate, base_change, candidate_change)
    select policy_id, base, candidate, case when base is not null then seq end, case when candidate is not null then seq end
    from changed
    on conflict (policy_id) do update set
      version = excluded.version,
      candidate = excluded.candidate,
      base_change = case when policy.version is distinct from excluded.version then excluded.base_change else policy.base_change end,
      candidate_change = case when policy.candidate is distinct from excluded.candidate
        then excluded.candidate_change else policy.candidate_change end,
      updated_at = clock_timestamp()
  ), audited as (
    insert into audit (who, action, subject, content) values ($5, 'policy-' || $2, $1, $9::json)
  ), sent as (
    insert into control_outbox (control) values ($8::json)
  )
  select ${MS('at')} as at_ms from changed`;

/** $1 who, $2 action, $3 subject, $4 content. */
export const AUDIT = `insert into audit (who, action, subject, content) values ($1, $2, $3, $4::json)`;

/**
 * $1 subjects (policy ids, provider.json), $2 their versions, $3 subjects that were seen to change. Subjects to be taken from
 * a folder: what never was, and what changed to another content than the last one.
 */
export const UNTAKEN = `
  select given.subject from unnest($1::text[], $2::text[]) as given (subject, version)
  left join policy_folder_taken taken using (subject, version)
  left join policy p on p.policy_id = given.subject
  left join provider_settings s on given.subject = 'provider.json'
  where taken.subject is null or (given.subject = any($3::text[])
    and coalesce(p.folder_version, s.folder_version) is distinct from given.version)`;

/** $1 policy id, $2 version. */
export const FOLDER_TAKEN = `
  with noted as (
    insert into policy_folder_taken (subject, version) values ($1, $2) on conflict do nothing
  )
  insert into policy (policy_id, folder_version) values ($1, $2)
  on conflict (policy_id) do update set folder_version = excluded.folder_version
  where policy.folder_version is distinct from excluded.folder_version`;

const CHANGE_COLUMNS = (name: string): string => `
  json_build_object('policyId', ${name}.policy_id, 'kind', ${name}.kind, 'base', ${name}.base, 'candidate', ${name}.candidate,
    'atMs', floor(${MS(`${name}.at`)}), 'by', ${name}.author, 'source', ${name}.source, 'comment', ${name}.comment)`;

const STORED = (name: string): string => `
  json_build_object('content', ${name}.content, 'storedMs', floor(${MS(`${name}.published_at`)}), 'by', ${name}.author,
    'source', ${name}.source, 'comment', ${name}.comment)`;

/** $1 policy id, null = all. */
export const HEADS_IN_FULL = `
  select newest.policy_id, p.folder_version, ${STORED('newest')} as newest,
    case when b.version is not null then ${STORED('b')} end as base,
    case when b.version is not null then ${CHANGE_COLUMNS('bc')} end as base_change,
    case when c.version is not null then ${STORED('c')} end as candidate,
    case when c.version is not null then ${CHANGE_COLUMNS('cc')} end as candidate_change
  from (
    select distinct on (policy_id) * from policy_version
    where $1::text is null or policy_id = $1
    order by policy_id, published_at desc, version
  ) newest
  left join policy p on p.policy_id = newest.policy_id
  left join policy_version b on b.policy_id = p.policy_id and b.version = p.version
  left join policy_change bc on bc.seq = p.base_change
  left join policy_version c on c.policy_id = p.policy_id and c.version = p.candidate
  left join policy_change cc on cc.seq = p.candidate_change
  order by newest.policy_id collate "C"`;

/** $1 policy id, $2 limit. */
export const VERSIONS = `
  select ${VERSION} from policy_version v where policy_id = $1 order by published_at desc, version limit $2`;

/** $1 policy id, $2 version. */
export const ONE_VERSION = `select ${VERSION} from policy_version v where policy_id = $1 and version = $2`;

/** $1 policy id, $2 version. */
export const IN_OTHER_MODES = `
  select other.version from policy_version this
  join policy_version other on other.policy_id = this.policy_id
    and (other.content -> 'file') - 'mode' - 'percent' = (this.content -> 'file') - 'mode' - 'percent'
  where this.policy_id = $1 and this.version = $2 order by other.published_at`;

/** $1 policy id, $2 limit. */
export const CHANGES = `
  select ${CHANGE_COLUMNS('h')} as change from policy_change h where policy_id = $1 order by seq desc limit $2`;

export const SETTINGS_HEAD = `select version from provider_settings`;

/** $1 version, $2 content, $3 author, $4 source, $5 comment. */
export const ADD_SETTINGS = `
  insert into provider_settings_version (version, content, author, source, comment) values ($1, $2::jsonb, $3, $4, $5)
  on conflict (version) do nothing`;

/** $1 version, $2 author, $3 source, $4 comment, $5 control, $6 what the audit is told. */
export const CHANGE_SETTINGS = `
  with headed as (
    insert into provider_settings (version, author, source, comment) values ($1, $2, $3, $4)
    on conflict (single) do update set version = excluded.version, author = excluded.author, source = excluded.source,
      comment = excluded.comment, updated_at = clock_timestamp()
  ), audited as (
    insert into audit (who, action, subject, content) values ($2, 'provider-settings', $1, $6::json)
  )
  insert into control_outbox (control) values ($5::json)`;

/** $1 version. */
export const SETTINGS_FOLDER_TAKEN = `
  with noted as (
    insert into policy_folder_taken (subject, version) values ('provider.json', $1) on conflict do nothing
  )
  insert into provider_settings (folder_version) values ($1)
  on conflict (single) do update set folder_version = excluded.folder_version
  where provider_settings.folder_version is distinct from excluded.folder_version`;

export const SETTINGS = `
  select version, v.content, h.author, h.source, h.comment, ${MS('h.updated_at')} as published_ms
  from provider_settings h join provider_settings_version v using (version)`;
