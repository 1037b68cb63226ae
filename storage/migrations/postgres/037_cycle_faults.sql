-- Who pays a cycle, and cycles whose items could not be made.
-- A cycle whose items could not be made waits for a job. What it says of itself is kept apart from its status: cycles that
-- merely ended wait for their close in the same one.
alter table cycle
  -- when it was tried last, server's clock
  add column failed_at timestamptz,
  add column fault text,
  -- the account that paid it, once the subscriber has left that; null = the subscriber's account
  add column account_id text collate "C";
create index cycle_failed on cycle (failed_at) where failed_at is not null;
create index cycle_terms_differ on cycle (end_at) where terms_differ;

-- A version takes the place of one from the same instant, at the same prices: so metering is mended in cycles that run.
drop index plan_version_effective;
