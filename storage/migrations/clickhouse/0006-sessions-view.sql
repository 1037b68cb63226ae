CREATE OR REPLACE VIEW sessions AS
SELECT
  subscriber_id,
  session_id,
  nas_id,
  service_name,
  started_at,
  ended_at,
  dateDiff('second', started_at, ended_at) AS duration_seconds,
  down_bytes,
  up_bytes,
  down_bytes + up_bytes AS total_bytes,
  terminate_cause
FROM session FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Closed sessions, one row each. Open sessions are not in here.'
