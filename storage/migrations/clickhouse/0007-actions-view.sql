CREATE OR REPLACE VIEW actions AS
SELECT
  action_id,
  subscriber_id,
  kind,
  policy_id,
  policy_version,
  rule,
  cycle_start,
  ordinal,
  down_bps,
  up_bps,
  state,
  detail,
  attempts,
  decided_at,
  log_append_at,
  created_at,
  updated_at,
  explanation
FROM action FINAL
COMMENT 'Actions with their latest state, one row each.'
