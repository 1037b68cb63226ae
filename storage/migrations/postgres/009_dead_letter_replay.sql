-- NAS of a letter as far as its bytes could be read, and when its replay was asked for.
alter table dead_letter add column nas_id text, add column replayed_at timestamptz;
-- pages newest first
create index dead_letter_appended on dead_letter (topic, appended_at desc, partition desc, "offset" desc);

-- A replayed record may hold what jsonb refuses (\u0000, lone surrogates); the ordinary log takes it, so must this.
alter table control_outbox alter column control type json;
